# [network.policy]: what a container may talk to, enforced on its cgroup.

. "$support/netpolicy.sh"

setup_file() {
    load_busybox
    gantry network create pol >/dev/null
}

test_only_what_egress_says_gets_out() {
    servers
    client c1 'egress = ["web:80/tcp"]'
    reaches c1 "$(address web)" 80
    refused c1 "$(address web)" 81
    refused c1 "$(address db)" 80
    reaches c1 "$(address6 web)" 80
    refused c1 "$(address6 db)" 80
    # At once, and as what it is.
    assert_contains "$(page c1 "$(address db)" 80)" 'Operation not permitted'
    assert_contains "$(page c1 127.0.0.1 1)" 'refused'
    assert_contains "$(page c1 0.0.0.0 1)" 'refused'
    end c1 web db
}

test_names_are_found_under_a_policy() {
    servers
    client c12 'egress = ["web:80/tcp"]
ingress = []'
    assert_contains "$(inside c12 'nslookup web.pol.ctr')" "$(address web)"
    assert_lacks "$(said c12)" 'no resolver'
    end c12 web db
}

test_only_what_ingress_says_gets_in() {
    servers
    server shut '' "[network.policy]
ingress = [\"label:tier=front:80\", \"host:81\"]"
    reaches web "$(address shut)" 80
    refused db "$(address shut)" 80
    refused web "$(address shut)" 81
    curl -sS -m 2 -o /dev/null "http://$(address shut):81/hostname"
    ! curl -sS -m 1 -o /dev/null "http://$(address shut):80/hostname" 2>/dev/null || fail 'the host reaches port 80'
    end shut web db
}

test_names_are_followed_as_containers_come_and_go() {
    client c2 'egress = ["late-*:80"]'
    server late-1 ''
    reaches c2 "$(address late-1)" 80
    local old
    old=$(address late-1)
    end late-1
    assert_lacks "$(cat /run/gantry/policy/c2)" "$old"
    end c2
}

test_listen() {
    define c3 'command = ["payload", "sleep"]
[network.policy]
listen = ["8080/tcp", "9000-9010/udp"]
[[networks]]
name = "pol"'
    systemctl start ctr@c3
    inside c3 'httpd -p 8080 -h /etc'
    assert_contains "$(inside c3 'httpd -p 8081 -h /etc' 2>&1 || true)" 'Operation not permitted'
    end c3
}

test_host_networking_has_a_policy_too() {
    servers
    define c4 'command = ["payload", "sleep"]
[network]
mode = "host"
[network.policy]
egress = ["network:pol:80"]'
    systemctl start ctr@c4
    reaches c4 "$(address web)" 80
    refused c4 "$(address web)" 81
    end c4 web db
}

test_what_is_not_enforced_does_not_start() {
    define c5 'command = ["payload", "sleep"]
[network.policy]
egress = ["network:nosuch"]'
    assert_fails systemctl start ctr@c5
    assert_contains "$(said c5)$(journalctl -q --no-pager -o cat -u ctr@c5)" "nosuch"
    define c5 'command = ["payload", "sleep"]
[network.policy]
egress = []
[security]
cap_add = ["net_admin"]'
    assert_fails systemctl start ctr@c5
    assert_contains "$(said c5)" 'get around'
    # However it is written: a packet socket is none of the cgroup's.
    sed -i 's/net_admin/net_raw/' /etc/gantry/containers/c5.toml
    systemctl daemon-reload
    systemctl start ctr@c5
    assert_eq 0 "$((0x$(inside c5 "awk '/^CapEff/ {print \$2}' /proc/1/status") >> 13 & 1))" 'CAP_NET_RAW'
    systemctl stop ctr@c5
    rm /etc/gantry/containers/c5.toml
    assert_status 1 gantry check <(printf 'image = "busybox"\n[network.policy]\negress = ["10.0.0.1/8"]\n')
    assert_contains "$output" 'bits of the host are set'
}

test_a_change_is_live_and_drops_no_connection() {
    servers
    client c7 'egress = ["web:80/tcp"]'
    # The request is sent two seconds after the connection was made.
    inside c7 "(sleep 2; printf 'GET /hostname HTTP/1.0\\r\\n\\r\\n') | nc -w 5 $(address web) 80" >/tmp/slow 2>&1 &
    local slow=$!
    sleep 1
    assert_contains "$(gantry network policy set --egress db:80 c7 2>&1)" 'until the next start'
    refused c7 "$(address web)" 80
    reaches c7 "$(address db)" 80
    wait $slow
    assert_contains "$(cat /tmp/slow)" '200 OK'
    assert_contains "$(gantry network policy show c7)" '1 db:80'
    gantry network policy set c7
    reaches c7 "$(address web)" 80
    assert_fails gantry network policy set --egress 'nonsense:x' c7
    reaches c7 "$(address web)" 80
    end c7 web db
}

test_what_the_maps_say() {
    servers
    client c8 'egress = ["web:80/tcp", "192.0.2.0/24/icmp"]
ingress = []'
    assert_contains "$(gantry network policy test c8 egress web:80/tcp)" "allowed by rule 1 'web:80/tcp'"
    assert_status 1 gantry network policy test c8 egress web:81/tcp
    assert_contains "$output" 'denied, other ports'
    assert_status 1 gantry network policy test c8 egress db:80/tcp
    assert_contains "$output" 'denied, no rule'
    assert_status 1 gantry network policy test c8 ingress db:80/tcp
    assert_status 1 gantry network policy test c8 egress 192.0.2.7:80/tcp
    gantry network policy test c8 egress 192.0.2.7/icmp >/dev/null
    reaches c8 "$(address web)" 80
    refused c8 "$(address db)" 80
    assert_match "$(gantry net flows c8)" 'c8 +egress +web +80/tcp +allowed .* web:80/tcp'
    assert_match "$(gantry net flows --denied c8)" 'c8 +egress +db +80/tcp +denied .*no rule for this peer'
    assert_eq true "$(gantry network policy show --format json c8 | jq '.Ingress == [] and .Egress[0].Rule == "web:80/tcp"')"
    end c8 web db
}

test_what_somebody_removed_is_found_and_put_back() {
    servers
    client c11 'egress = ["web:80/tcp"]'
    rm /sys/fs/bpf/gantry/ctr/c11/policy_egress /sys/fs/bpf/gantry/ctr/c11/policy_connect4
    reaches c11 "$(address db)" 80
    assert_status 1 gantry system check
    assert_contains "$output" "container 'c11': its network policy is not enforced"
    gantry system check --repair >/dev/null
    refused c11 "$(address db)" 80
    reaches c11 "$(address web)" 80
    # A start that was killed in the middle, and a policy that nobody has.
    cp /run/gantry/policy/c11 /run/gantry/policy/gone
    sed -i 's/^owner .*/owner 5/; s/^policy .*/policy 5/' /run/gantry/policy/gone
    ln -s gone /run/gantry/policy/.numbers/5
    ln -s lost /run/gantry/policy/.numbers/6
    assert_status 1 gantry system check
    gantry system check --repair >/dev/null
    assert_eq 'no problems found' "$(gantry system check)"
    refused c11 "$(address db)" 80
    end c11 web db
}

test_the_same_on_the_bus() {
    servers
    client c10 'egress = ["web:80/tcp"]'
    local object=/io/gantry1/container/c10
    on() { busctl call io.gantry1 $object io.gantry1.Container "$@"; }
    assert_contains "$(on GetNetworkPolicy)" '1 "egress" 1 "web:80/tcp" '
    assert_contains "$(on TestNetworkPolicy ss egress web:80/tcp)" "\"$(address web)\" true \"web:80/tcp\""
    assert_eq 'b true' "$(on SetNetworkPolicy asasas 1 db:80/tcp 0 1 none)"
    refused c10 "$(address web)" 80
    reaches c10 "$(address db)" 80
    assert_contains "$(on ListFlows)" '"egress" "web" "tcp" 80 false "no rule for this peer"'
    assert_contains "$(on ListFlows)" '"egress" "db" "tcp" 80 true "db:80/tcp"'
    assert_fails on SetNetworkPolicy asasas 1 'a b' 0 0
    assert_contains "$output" 'neither an address'
    end c10 web db
}

test_a_policy_of_the_command_line_lasts() {
    gantry run -d --name c9 --network pol busybox payload sleep >/dev/null
    assert_status 1 gantry network policy show c9
    gantry stop -t 1 c9 >/dev/null
    printf '\n[network.policy]\negress = []\n' >>/var/lib/gantry/containers/c9.toml
    gantry start c9 >/dev/null
    gantry network policy set --egress 192.0.2.1 --ingress none c9
    gantry restart -t 1 c9 >/dev/null
    assert_contains "$(gantry network policy show c9)" '1 192.0.2.1'
    gantry rm -f c9 >/dev/null
    [ ! -e /run/gantry/policy/c9 ] || fail 'its policy is left'
}

test_nothing_is_left() {
    client c6 'egress = ["web", "world:443"]
ingress = []'
    [ -e /sys/fs/bpf/gantry/ctr/c6/policy_egress ] || fail 'no link is pinned'
    kill -9 "$(main_pid c6)"
    eventually 5 unit_is ctr@c6 failed
    end c6
    [ ! -e /sys/fs/bpf/gantry/ctr/c6 ] || fail 'a link is left'
    [ ! -e /run/gantry/policy/c6 ] || fail 'its policy is left'
    assert_eq '' "$(find /run/gantry/policy ! -type d ! -name .lock)"
}
