# Services: one address that leads to one of several containers, chosen at connect(2).
# limit: 240

. "$support/services.sh"

setup_file() {
    load_busybox
    gantry network create bri >/dev/null
    gantry network create -d ebpf ebp >/dev/null
    service_programs
}

both_families_and_protocols() {  # NETWORK
    local four six said
    backend "a-$1" "$1" 3
    backend "b-$1" "$1" 1
    client "c-$1" "$1"
    client "o-$1" other
    read -r four six <<<"$(addresses "$1")"
    # It is nobody's address, and the name's.
    assert_eq '' "$(ip -o addr | grep -F " $four/" || true)"
    assert_contains "$(inside "c-$1" 'nslookup -type=a web')" "$four"
    assert_contains "$(inside "c-$1" "nslookup -type=aaaa web.$1.ctr")" "$six"
    assert_contains "$(inside "c-$1" "nslookup $four")" "web.$1.ctr"
    assert_lacks "$(inside "c-$1" 'nslookup -type=a web')" "$(address "a-$1" "$1")"
    for to in $four $six; do
        # The host, and a container, whose own address the backend sees.
        spread "$(ask "$to" 200)" "a-$1" 75 200
        said=$(from "c-$1" "$to" 100)
        spread "$said" "a-$1" 75 100
        [[ $to == *:* ]] || assert_contains "$said" "from $(address "c-$1" "$1")"
        spread "$(ask "$to" 200 udp)" "a-$1" 75 200
        spread "$(ask "$to" 100 udp-connected)" "a-$1" 75 100
        spread "$(from "c-$1" "$to" 100 udp)" "a-$1" 75 100
    done
    # A backend itself is a client like any other; who is on another network is none.
    assert_contains "$(from "a-$1" "$four" 20)" 'failed 0'
    assert_match "$(from "o-$1" "$four" 1)" 'failed 1'
    assert_eq "web a-$1,b-$1" "$(gantry network inspect "$1" | jq -r '.[0].Services | to_entries[] | .key + " " + ([.value.Members[].Container] | join(","))')"
    assert_match "$(gantry network services "$1")" "$1 +web +$four, $six +2/2 +a-$1 \\(3\\), b-$1 \\(1\\)"
    end "a-$1"
    assert_eq 30 "$(times "$(ask "$four" 30)" "b-$1")"
    end "b-$1" "c-$1" "o-$1"
    assert_eq '' "$(services)"
    assert_eq '' "$(find /run/gantry/services -type f ! -name '.*')"
    tidy
}
test_on_a_bridge() { gantry network create other >/dev/null; both_families_and_protocols bri; gantry network rm other >/dev/null; }
test_with_driver_ebpf() { gantry network create other >/dev/null; both_families_and_protocols ebp; gantry network rm other >/dev/null; }

member_is() { assert_eq "$2" "$(services | jq -r --arg name "$1" '.Members[] | select(.Container == $name) | .State')"; }
serves() { [ "$(services | jq -r --arg name "$1" '.Members[] | select(.Container == $name) | .State')" = "$2" ]; }

test_only_healthy_containers_get_connections() {
    local health='[health]
command = "test -e /well"
interval = "200ms"
retries = 1' vip
    backend fit bri 1
    backend frail bri 1 "$health"
    vip=$(addresses bri | cut -d' ' -f1)
    member_is frail waiting
    assert_eq 20 "$(times "$(ask "$vip" 20)" fit)"
    inside frail 'touch /well'
    eventually 10 serves frail serving
    spread "$(ask "$vip" 200)" frail 50 200
    # A connection that is there goes on when its container turns unhealthy.
    inside frail 'touch /hold'
    gantry stop fit >/dev/null
    coproc KEEP { ask "$vip" 1 keep; }
    read -r who <&"${KEEP[0]}"
    assert_eq frail "$who"
    gantry start fit >/dev/null
    eventually 10 listens fit
    inside frail 'rm /well'
    eventually 10 serves frail waiting
    assert_eq 20 "$(times "$(ask "$vip" 20)" fit)"
    echo >&"${KEEP[1]}"
    read -r state <&"${KEEP[0]}"
    assert_eq open "$state"
    # Nobody is left: at once, and as if nobody listened.
    gantry stop fit >/dev/null
    assert_contains "$(ask "$vip" 3)" 'failed 3 [Errno 111] Connection refused'
    end frail
    rm /etc/gantry/containers/fit.toml
}

test_backends_stop_and_start_and_nobody_is_refused() {
    local health='[health]
command = "grep -q :0050 /proc/net/tcp6"
interval = "200ms"' vip load
    backend one bri 1 "$health"
    backend two bri 1 "$health"
    eventually 10 serves one serving
    eventually 10 serves two serving
    vip=$(addresses bri | cut -d' ' -f1)
    ask "$vip" 8s >/tmp/load &
    load=$!
    for name in one two one; do
        sleep 0.3
        systemctl restart "ctr@$name"
        eventually 10 serves "$name" serving
    done
    wait $load
    assert_contains "$(cat /tmp/load)" 'failed 0'
    (($(times "$(cat /tmp/load)" one) > 50 && $(times "$(cat /tmp/load)" two) > 50)) || fail "$(cat /tmp/load)"
    end one two
}

test_ready_is_what_the_container_says() {
    define said "command = [\"sh\", \"-c\", \"while [ ! -e /ready ]; do sleep 0.1; done; exec payload ready sleep\"]
ready = \"notify\"
[[networks]]
name = \"bri\"
service = \"web\""
    systemctl start --no-block ctr@said
    eventually 10 serves said waiting
    gantry exec said touch /ready
    eventually 10 serves said serving
    systemctl stop ctr@said
    rm /etc/gantry/containers/said.toml
}

test_policies_and_flows_know_who_was_chosen() {
    backend left bri 1 '[labels]
tier = "front"'
    backend right bri 1 '[labels]
tier = "front"'
    client guest bri '[network.policy]
egress = ["label:tier=front:80/tcp"]'
    client stranger bri '[network.policy]
egress = ["192.0.2.1"]'
    local vip
    vip=$(addresses bri | cut -d' ' -f1)
    spread "$(from guest "$vip" 60)" left 50 60
    assert_contains "$(from stranger "$vip" 2)" 'failed 2 [Errno 1] Operation not permitted'
    assert_match "$(gantry net flows guest)" 'guest +egress +left +80/tcp +allowed'
    assert_match "$(gantry net flows guest)" 'guest +egress +right +80/tcp +allowed'
    assert_match "$(gantry net flows --denied stranger)" 'stranger +egress +web +80/tcp +denied'
    assert_match "$(gantry net flows left)" 'left +ingress +guest +80/tcp'
    # A member that comes later is allowed too.
    backend late bri 8 '[labels]
tier = "front"'
    spread "$(from guest "$vip" 60)" late 80 60
    end left right guest stranger late
}

test_what_is_gone_comes_back() {
    backend stay bri 1
    local vip
    vip=$(addresses bri | cut -d' ' -f1)
    client peer bri
    rm -r /sys/fs/bpf/gantry/service-*
    assert_lacks "$(from peer "$vip" 1)" 'failed 0'
    gantry network reload bri >/dev/null
    assert_contains "$(ask "$vip" 10)" 'failed 0'
    assert_contains "$(from peer "$vip" 10)" 'failed 0'
    # What a crash of all leaves is found and taken away.
    mkdir -p /run/gantry/services/bri/lost
    sed 's/^service.*/service 10.88.255.9/' /run/gantry/services/bri/web/stay.member >/run/gantry/services/bri/lost/gone.member
    assert_status 1 gantry system check
    assert_contains "$output" "service 'lost' has container 'gone', which is not running"
    gantry system check --repair >/dev/null
    [ ! -e /run/gantry/services/bri/lost ] || fail 'its folder is left'
    # The address stays the service's while a definition names it, and no container gets it.
    end peer
    systemctl stop ctr@stay
    tidy
    systemctl start ctr@stay
    assert_eq "$vip" "$(addresses bri | cut -d' ' -f1)"
    kill -9 "$(main_pid stay)"
    eventually 5 unit_is ctr@stay failed
    assert_eq '' "$(services)"
    systemctl reset-failed ctr@stay
    rm /etc/gantry/containers/stay.toml
    gantry system check --repair >/dev/null
    assert_eq '' "$(find /var/lib/gantry/network -lname 'service:*')"
}

test_a_launcher_that_is_killed_leaves_nothing() {
    local launcher before
    backend killed bri 1
    systemctl stop ctr@killed
    before=$(host_picture)
    launcher=$(systemctl cat ctr@.service | sed -n 's/^ExecStart=\([^ ]*\).*/\1/p')
    mkdir -p /run/systemd/system/ctr@killed.service.d
    # In the middle of joining: the member's file is written by a rename, the name's is another.
    for when in 1 2 3 4; do
        printf '[Service]\nExecStart=\nExecStart=/usr/bin/strace -D -qq -o /dev/null -e trace=rename -e inject=rename:signal=KILL:when=%s+ -P /run/gantry/services/bri/web/killed.member -P /run/gantry/dns/all/bri@service:web %s %%i\n' \
            "$when" "$launcher" >/run/systemd/system/ctr@killed.service.d/90-strace.conf
        systemctl daemon-reload
        systemctl start ctr@killed 2>/dev/null || true
        systemctl stop ctr@killed
        systemctl reset-failed ctr@killed 2>/dev/null || true
        assert_eq '' "$(services)" "after a kill at rename $when"
        assert_picture "$before"
    done
    rm /run/systemd/system/ctr@killed.service.d/90-strace.conf
    systemctl daemon-reload
    systemctl start ctr@killed
    end killed
}

test_the_command_line_and_the_bus() {
    gantry run -d --name api-1 --network name=bri,service=api,service-weight=5 busybox payload sleep >/dev/null
    gantry run -d --name api-2 --network bri busybox payload sleep >/dev/null
    gantry network create late >/dev/null
    gantry network connect --service api --service-weight 2 late api-2
    assert_eq 'api api-1 5
api api-2 2' "$(services | jq -r '.Name + " " + (.Members[] | .Container + " " + (.Weight | tostring))' | sort)"
    assert_match "$(busctl call io.gantry1 /io/gantry1/network/late io.gantry1.Network ListServices)" '1 "api" 2 "[0-9.]+" "[0-9a-f:]+" 1 "api-2" 2 "serving" 2'
    # A weight changes at once, to none as well.
    gantry network update --service-weight 0 late api-2
    assert_eq 0 "$(services late | jq -r '.Members[].Weight')"
    assert_match "$(ask "$(addresses late | cut -d' ' -f1)" 1)" 'failed 1 .*refused'
    gantry network disconnect late api-2
    assert_eq api-1 "$(services | jq -r '.Members[].Container')"
    assert_fails gantry run -d --name wrong --network name=bri,service=wrong busybox payload sleep
    assert_contains "$output" "service 'wrong' on network 'bri' has the container's own name"
    gantry rm -f wrong >/dev/null 2>&1 || true
    assert_fails gantry run -d --name wrong --network name=bri,service=xyz,alias=xyz busybox payload sleep
    assert_contains "$output" "'xyz' is a service and an alias"
    assert_fails gantry run -d --name wrong --network name=bri,service=xyz,service-weight=1001 busybox payload sleep
    gantry rm -f api-1 api-2 >/dev/null
    gantry network rm late >/dev/null
    assert_eq '' "$(find /var/lib/gantry/network -lname 'service:api')"
    tidy
}
