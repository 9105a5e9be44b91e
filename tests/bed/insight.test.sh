# What containers talk to, counted in the kernel: net flows, net top.

setup_file() {
    load_busybox
}
server() {  # NAME
    gantry run -d --name "$1" busybox nc -ll -p 80 -e head -c 100000 /dev/zero >/dev/null
    eventually 5 gantry exec "$1" sh -c 'netstat -ltn | grep -q :80'
}
address() { gantry inspect -f '{{.NetworkSettings.Networks.bridge.IPAddress}}' "$1"; }
flow() {  # CONTAINER PEER PORT FIELD
    gantry net flows --format json "$1" | jq -r --arg peer "$2" --arg port "$3" ".$4"' as $v | select(.Peer == $peer and .Port == $port) | $v'
}
flow_is() { [ "$(flow "$1" "$2" "$3" "$4")" = "$5" ]; }  # CONTAINER PEER PORT FIELD VALUE

test_both_sides_of_a_connection_are_counted() {
    server web
    gantry run -d --name client busybox sleep 1000 >/dev/null
    local ip
    ip=$(address web)
    for _ in 1 2; do
        assert_eq 100000 "$(gantry exec client sh -c "nc $ip 80 </dev/null | wc -c")"
        eventually 5 gantry exec web sh -c 'netstat -ltn | grep -q :80'
    done
    eventually 5 flow_is client web 80/tcp Count 2
    eventually 5 flow_is web client 80/tcp Count 2
    assert_eq egress "$(flow client web 80/tcp Direction)"
    assert_eq ingress "$(flow web client 80/tcp Direction)"
    eventually 5 flow_is client web 80/tcp Open 0
    assert_eq 200kB "$(flow client web 80/tcp Received)"
    assert_eq 200kB "$(flow web client 80/tcp Sent)"
    assert_match "$(flow client web 80/tcp Latency)" '^[0-9.]+ms$'
    # Refused; nobody is there.
    gantry exec client sh -c "nc $ip 81 </dev/null" || true
    eventually 5 flow_is client web 81/tcp Failed 1
    assert_eq 0 "$(flow client web 81/tcp Count)"
    gantry rm -f web client >/dev/null
}

test_an_open_connection_counts_before_its_end() {
    gantry run -d --name web busybox nc -ll -p 80 -e sh -c 'head -c 50000 /dev/zero; sleep 1000' >/dev/null
    eventually 5 gantry exec web sh -c 'netstat -ltn | grep -q :80'
    gantry run -d --name slow busybox sh -c "sleep 1000 | nc $(address web) 80 >/dev/null" >/dev/null
    eventually 5 flow_is slow web 80/tcp Open 1
    eventually 5 flow_is slow web 80/tcp Received 50kB
    eventually 5 flow_is web slow 80/tcp Sent 50kB
    assert_eq 1 "$(flow web slow 80/tcp Open)"
    gantry rm -f web slow >/dev/null
}

test_datagrams_and_icmp() {
    server web
    gantry run -d --name client busybox sleep 1000 >/dev/null
    gantry exec client ping -c 3 "$(address web)" >/dev/null
    gantry exec client nslookup web >/dev/null
    assert_eq 1 "$(flow client web icmp Count)"
    assert_eq 6 "$(flow client web icmp Packets)"
    [ "$(flow client 10.88.0.1 53/udp Count)" -ge 1 ]
    gantry rm -f web client >/dev/null
}

test_a_container_on_the_hosts_network() {
    server web
    gantry run --name hosty --network host -d busybox sh -c "nc $(address web) 80 </dev/null >/dev/null; sleep 1000" >/dev/null
    eventually 5 flow_is hosty web 80/tcp Count 1
    gantry rm -f web hosty >/dev/null
}

test_ipv6() {
    server web
    gantry run -d --name client busybox sleep 1000 >/dev/null
    local ip
    ip=$(gantry inspect -f '{{.NetworkSettings.Networks.bridge.GlobalIPv6Address}}' web)
    gantry exec client sh -c "nc $ip 80 </dev/null >/dev/null"
    eventually 5 flow_is client web 80/tcp Count 1
    eventually 5 flow_is web client 80/tcp Count 1
    gantry rm -f web client >/dev/null
}

test_it_is_told_as_it_happens() {
    server web
    gantry run -d --name client busybox sleep 1000 >/dev/null
    local watcher other
    gantry net flows -f >/tmp/events &
    watcher=$!
    gantry net flows -f --format '{{.Container}} {{.Event}} {{.Port}}' client >/tmp/events.client &
    other=$!
    eventually 5 test -e /run/gantry/insight/1
    sleep 0.2
    gantry exec client sh -c "nc $(address web) 80 </dev/null >/dev/null"
    gantry exec client sh -c "nc $(address web) 99 </dev/null" || true
    eventually 5 grep -q 'client egress web 80/tcp closed, sent .*, received 100kB' /tmp/events
    eventually 5 grep -q 'web ingress client 80/tcp opened' /tmp/events
    eventually 5 grep -q 'client egress web 80/tcp opened, answered after' /tmp/events
    eventually 5 grep -q 'client egress web 99/tcp failed' /tmp/events
    eventually 5 grep -q 'client failed 99/tcp' /tmp/events.client
    ! grep -q '^web' /tmp/events.client || fail "another container's: $(cat /tmp/events.client)"
    kill -INT $watcher $other
    wait $watcher
    wait $other
    gantry rm -f web client >/dev/null
}

test_refusals_too() {
    server web
    cat >/etc/gantry/containers/ruled.toml <<'T'
image = "busybox"
command = ["sleep", "1000"]
[network.policy]
egress = ["web:80/tcp"]
T
    gantry start ruled >/dev/null
    gantry net flows -f --denied >/tmp/events &
    local watcher=$!
    sleep 0.5
    gantry exec ruled sh -c "nc 192.0.2.1 443 </dev/null" || true
    gantry exec ruled sh -c "nc $(address web) 80 </dev/null >/dev/null"
    eventually 5 grep -q 'ruled egress 192.0.2.1 443/tcp denied: no rule for this peer' /tmp/events
    kill -INT $watcher
    wait $watcher
    assert_eq 1 "$(wc -l </tmp/events)"
    eventually 5 flow_is ruled web 80/tcp Why web:80/tcp
    gantry stop -t 0 ruled >/dev/null
    rm /etc/gantry/containers/ruled.toml
    gantry rm -f web >/dev/null
}

test_top_shows_rates() {
    gantry run -d --name sink busybox nc -ll -p 80 -e sh -c 'cat >/dev/null' >/dev/null
    eventually 5 gantry exec sink sh -c 'netstat -ltn | grep -q :80'
    gantry run -d --name source busybox sh -c "while true; do head -c 50000 /dev/zero; sleep 0.1; done | nc $(address sink) 80" >/dev/null
    eventually 5 flow_is source sink 80/tcp Open 1
    local line
    line=$(gantry net top --no-stream --format json source | jq -c 'select(.Port == "80/tcp")')
    assert_eq 'source sink 80/tcp 1' "$(jq -r '"\(.Container) \(.Peer) \(.Port) \(.Open)"' <<<"$line")"
    assert_match "$(jq -r .Sent <<<"$line")" '^[0-9.]+(kB|MB)$'
    assert_eq █ "$(jq -r .Plot <<<"$line" | tr -d ' ')"
    assert_contains "$(gantry net top --no-stream | head -n 2)" 'sink'
    # On a terminal it draws, and q ends it.
    assert_eq 0 "$(script -qec 'stty rows 24 cols 120; gantry net top -d 100ms' /tmp/screen <<<q >/dev/null; echo $?)"
    assert_fails gantry net top -d 1ms
    gantry rm -f sink source >/dev/null
}

test_no_process_and_no_cost_of_a_start() {
    eventually 5 unit_is gantry-insight active
    assert_eq 0 "$(show gantry-insight MainPID)"
    local before after
    before=$(ls /sys/fs/bpf/gantry/insight-* | wc -l)
    gantry run -d --name one busybox sleep 1000 >/dev/null
    after=$(ls /sys/fs/bpf/gantry/insight-* | wc -l)
    assert_eq "$before" "$after"
    gantry rm -f one >/dev/null
}

test_without_the_counters_it_says_so() {
    gantry run -d --name one busybox sleep 1000 >/dev/null
    systemctl stop gantry-insight
    assert_fails gantry net flows
    assert_contains "$output" 'systemctl restart gantry-insight'
    assert_eq '' "$(ls -d /sys/fs/bpf/gantry/insight-* 2>/dev/null)"
    assert_fails gantry net flows -f
    gantry exec one ping -c 1 127.0.0.1 >/dev/null
    systemctl start gantry-insight
    gantry net flows >/dev/null
    gantry rm -f one >/dev/null
}

test_a_watcher_that_was_killed_leaves_room() {
    local pids=() i
    for i in $(seq 8); do
        gantry net flows -f >/dev/null &
        pids+=($!)
    done
    eventually 5 test -e /run/gantry/insight/7
    sleep 0.3
    assert_fails gantry net flows -f
    assert_contains "$output" 'watching connections already'
    kill -KILL "${pids[@]}"
    wait "${pids[@]}" 2>/dev/null || true
    timeout -s INT 1 gantry net flows -f || [ $? = 124 ]
}

test_the_same_on_the_bus() {
    server web
    gantry run -d --name client busybox sh -c "nc $(address web) 80 </dev/null >/dev/null; sleep 1000" >/dev/null
    eventually 5 flow_is client web 80/tcp Count 1
    assert_contains "$(busctl call io.gantry1 /io/gantry1/container/client io.gantry1.Container ListFlows)" '"egress" "web" "tcp" 80 true ""'
    gantry rm -f web client >/dev/null
}

# ruled NAME: a container that may talk to nobody.
ruled() {
    printf 'image = "busybox"\ncommand = ["sleep", "1000"]\n[network.policy]\negress = []\n' >"/etc/gantry/containers/$1.toml"
    gantry start "$1" >/dev/null
}
unruled() {
    gantry stop -t 0 "$1" >/dev/null
    rm "/etc/gantry/containers/$1.toml"
}
told() { journalctl -q -u "ctr@$1" -o cat | grep 'network policy:'; }  # CONTAINER

test_denials_are_told_to_the_journal_at_a_bounded_rate() {
    ruled loud
    eventually 5 unit_is gantry-denials.timer active
    gantry exec loud sh -c 'for i in $(seq 1 30); do nc -w 1 192.0.2.1 $i </dev/null; done' 2>/dev/null || true
    systemctl start gantry-denials
    eventually 15 eval 'told loud | grep -q "more kinds of denials: gantry net flows --denied loud"'
    assert_contains "$(told loud)" 'network policy: egress to 192.0.2.1 30/tcp denied: no rule for this peer (1 times so far)'
    assert_eq 11 "$(told loud | wc -l)"
    # Once: what was told is not told again.
    systemctl start gantry-denials
    assert_eq 11 "$(told loud | wc -l)"
    assert_eq 'egress tcp 192.0.2.1' "$(journalctl -q -u ctr@loud -o json GANTRY_PORT=30 | jq -r '"\(.GANTRY_DIRECTION) \(.GANTRY_PROTOCOL) \(.GANTRY_PEER)"')"
    # It is not the container's own output, and nothing else is said about a look.
    assert_eq '' "$(gantry logs loud 2>&1)"
    assert_eq "" "$(journalctl -q _PID=1 UNIT=gantry-denials.service -o cat)"
    unruled loud
    systemctl start gantry-denials
    eventually 5 unit_is gantry-denials.timer inactive
    eventually 5 unit_is gantry-denials.path active
    # The next one is noticed.
    ruled again
    eventually 5 unit_is gantry-denials.timer active
    unruled again
}

test_a_short_life_is_told_too() {
    ruled short
    systemctl start gantry-denials
    gantry exec short sh -c 'nc -w 1 192.0.2.9 99 </dev/null' 2>/dev/null || true
    unruled short
    assert_eq 1 "$(told short | grep -c 'egress to 192.0.2.9 99/tcp denied: no rule for this peer')"
}

test_denials_are_signals() {
    ruled quiet
    python3 /src/tests/support/bus-client.py --listen --subscribe >/tmp/signals &
    local listener=$!
    eventually 10 grep -q listening /tmp/signals
    sleep 1.5 # the first look only gives what to count from
    gantry exec quiet sh -c 'nc -w 1 192.0.2.7 77 </dev/null' 2>/dev/null || true
    eventually 5 grep -qF '["FlowDenied", "egress", "192.0.2.7", "tcp", 77, "no rule for this peer", 1]' /tmp/signals
    kill $listener
    unruled quiet
}
