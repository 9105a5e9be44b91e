# Series of containers for Prometheus: gantry-metrics.socket.

setup_file() {
    load_busybox
    systemctl start gantry-metrics.socket
    # Prometheus' own grammar of a line.
    cat >/usr/local/bin/check-exposition <<'P'
import re, sys
label = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*"'
sample = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(\{%s(?:,%s)*\})? (-?[0-9.]+(?:e[+-]?[0-9]+)?)$' % (label, label))
kinds, seen, last, done = {}, set(), None, set()
for line in sys.stdin.read().splitlines():
    if m := re.match(r'# HELP (\S+) (.+)$', line): assert m[1] not in kinds, line
    elif m := re.match(r'# TYPE (\S+) (counter|gauge)$', line):
        assert m[1] not in kinds, line
        kinds[m[1]] = m[2]
    else:
        m = sample.match(line)
        assert m, line
        assert m[1] in kinds, line
        assert (m[1], m[2]) not in seen, "twice: " + line
        seen.add((m[1], m[2]))
        if last and last != m[1]: done.add(last)
        assert m[1] not in done, "not together: " + line
        last = m[1]
print(len(seen))
P
}
scrape() { curl -sSf http://127.0.0.1:9323/metrics; }
value() { scrape | grep -F "$1" | head -n 1 | sed 's/.* //'; }  # SERIES

test_series_of_a_container() {
    gantry run -d --name web busybox nc -ll -p 80 -e head -c 100000 /dev/zero >/dev/null
    eventually 5 gantry exec web sh -c 'netstat -ltn | grep -q :80'
    local ip
    ip=$(gantry inspect -f '{{.NetworkSettings.Networks.bridge.IPAddress}}' web)
    gantry run -d --name client busybox sh -c "nc $ip 80 </dev/null >/dev/null; i=0; while [ \$i -lt 200000 ]; do i=\$((i+1)); done; sleep 1000" >/dev/null
    sleep 1
    scrape >/tmp/series
    [ "$(python3 /usr/local/bin/check-exposition </tmp/series)" -gt 50 ]
    assert_contains "$(cat /tmp/series)" 'gantry_containers 2'
    assert_contains "$(cat /tmp/series)" 'gantry_insight_up 1'
    assert_match "$(grep '^gantry_container_info{name="web"' /tmp/series)" 'id="[0-9a-f]{64}",image="[^"]*busybox[^"]*",image_id="sha256:[0-9a-f]{64}"} 1$'
    assert_match "$(value 'gantry_container_cpu_seconds_total{name="client",mode="user"}')" '^0\.[0-9]*[1-9]'
    [ "$(value 'gantry_container_processes{name="web"}')" -ge 1 ]
    [ "$(value 'gantry_container_network_receive_bytes_total{name="client",interface="eth0"}')" -gt 100000 ]
    local peer='{name="client",direction="egress",peer="web",port="80",protocol="tcp"}'
    assert_eq 1 "$(value "gantry_container_peer_connections_total$peer")"
    [ "$(value "gantry_container_peer_received_bytes_total$peer")" -ge 100000 ]
    assert_eq 1 "$(value 'gantry_container_peer_connections_total{name="web",direction="ingress",peer="client",port="80",protocol="tcp"}')"
    gantry rm -f web client >/dev/null
    assert_contains "$(scrape)" 'gantry_containers 0'
}

test_addresses_of_the_world_are_one_series() {
    gantry run -d --name loud busybox sh -c 'for i in $(seq 1 150); do nc -w 1 10.88.0.1 $i </dev/null; done 2>/dev/null; sleep 1000' >/dev/null
    eventually 20 bash -c 'curl -sSf http://127.0.0.1:9323/metrics | grep -q "gantry_container_peer_failed_total.name=.loud.,direction=.egress.,peer=.others"'
    [ "$(scrape | grep -c '^gantry_container_peer_failed_total{name="loud"')" -le 103 ]
    scrape | python3 /usr/local/bin/check-exposition
    gantry rm -f loud >/dev/null
}

test_refusals_are_counted() {
    cat >/etc/gantry/containers/ruled.toml <<'T'
image = "busybox"
command = ["sleep", "1000"]
[network.policy]
egress = []
T
    gantry start ruled >/dev/null
    gantry exec ruled sh -c 'nc 192.0.2.1 443 </dev/null' || true
    [ "$(value 'gantry_container_denied_total{name="ruled",direction="egress",reason="no rule for this peer"}')" -ge 1 ]
    gantry stop -t 0 ruled >/dev/null
    rm /etc/gantry/containers/ruled.toml
}

test_it_speaks_http() {
    assert_contains "$(curl -s http://127.0.0.1:9323/)" '/metrics'
    assert_eq 404 "$(curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:9323/other)"
    assert_eq 405 "$(curl -s -o /dev/null -w '%{http_code}' -d x http://127.0.0.1:9323/metrics)"
    assert_contains "$(curl -sI http://127.0.0.1:9323/metrics)" 'text/plain; version=0.0.4'
    assert_eq 200 "$(curl -gs -o /dev/null -w '%{http_code}' 'http://[::1]:9323/metrics?x=y')"
    exec 3<>/dev/tcp/127.0.0.1/9323
    printf 'nonsense\r\n\r\n' >&3
    assert_contains "$(cat <&3)" 'HTTP/1.1 400'
    exec 3<>/dev/tcp/127.0.0.1/9323
    head -c 100000 /dev/zero | tr '\0' 'a' >&3 2>/dev/null || true
    assert_contains "$(cat <&3)" '400'
}

test_no_process_between_two_scrapes() {
    scrape >/dev/null
    eventually 5 bash -c '! pgrep -x gantry-metrics'
    assert_eq active "$(show gantry-metrics.socket ActiveState)"
    # Not a line in the journal for each.
    assert_eq '' "$(journalctl -q -t gantry-metrics -o cat)"
    # A failed unit would stay.
    assert_eq 0 "$(systemctl list-units --failed --plain --no-legend 'gantry-metrics*' | wc -l)"
}

test_a_silent_client_is_let_go() {
    exec 3<>/dev/tcp/127.0.0.1/9323
    eventually 3 pgrep -x gantry-metrics
    eventually 8 bash -c '! pgrep -x gantry-metrics'
    assert_eq 0 "$(systemctl list-units --failed --plain --no-legend 'gantry-metrics*' | wc -l)"
}
