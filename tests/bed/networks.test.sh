# Networks from the command line: containers come and go, also while they run.

setup_file() { load_busybox; }

inside() { gantry exec "$1" sh -c "$2"; }
address() { inside "$1" "ip -4 -o addr show $2 2>/dev/null || true" | awk '{sub("/.*", "", $4); print $4}'; }

test_containers_of_a_network_reach_each_other_and_no_other() {
    gantry network create left >/dev/null
    gantry network create right >/dev/null
    local name
    for name in l1 l2; do gantry run -d --name "x$name" --network left busybox payload sleep >/dev/null; done
    gantry run -d --name xr1 --network right busybox payload sleep >/dev/null
    inside xl1 "ping -c 1 -W 2 $(address xl2 eth0)" >/dev/null
    ! inside xl1 "ping -c 1 -W 1 $(address xr1 eth0)" >/dev/null || fail 'networks are not isolated'
    gantry rm -f xl1 xl2 xr1 >/dev/null
    gantry network rm left right >/dev/null
}

test_a_running_container_is_connected_and_disconnected() {
    local before
    before=$(host_picture)
    gantry network create first >/dev/null
    gantry network create second >/dev/null
    gantry run -d --name mover --network first busybox payload sleep >/dev/null
    gantry run -d --name peer --network second busybox payload sleep >/dev/null
    gantry network connect second mover
    inside mover "ping -c 1 -W 2 $(address peer eth0)" >/dev/null
    assert_contains "$(gantry inspect -f '{{json .NetworkSettings.Networks}}' mover)" '"second"'
    gantry network disconnect second mover
    assert_eq '' "$(address mover eth1)" 'its interface is gone'
    ! inside mover "ping -c 1 -W 1 $(address peer eth0)" >/dev/null || fail 'it still reaches the network'
    assert_lacks "$(gantry inspect -f '{{json .NetworkSettings.Networks}}' mover)" '"second"'
    assert_status 1 gantry network disconnect second mover
    assert_contains "$output" 'not connected'
    # What was said lasts over a restart; the last network may go too.
    gantry restart -t 1 mover >/dev/null
    assert_eq '' "$(address mover eth1)"
    gantry network disconnect first mover
    assert_eq '' "$(address mover eth0)"
    gantry rm -f mover peer >/dev/null
    gantry network rm first second >/dev/null
    assert_picture "$before"
    assert_eq 'no problems found' "$(gantry system check)"
}

test_a_hand_written_definition_is_not_changed() {
    gantry network create other >/dev/null
    define byhand 'command = ["payload", "sleep"]
network = "bridge"'
    systemctl start ctr@byhand
    assert_status 1 gantry network disconnect bridge byhand
    assert_contains "$output" 'edit that file'
    inside byhand 'ip -4 -o addr show eth0' >/dev/null
    systemctl stop ctr@byhand
    rm /etc/gantry/containers/byhand.toml
    gantry network rm other >/dev/null
}

test_addresses_come_from_the_configured_pools() {
    cp /etc/gantry/gantry.toml /tmp/gantry.toml
    printf '[network]\naddress_pools = [{ base = "10.99.0.0/16", size = 24 }, { base = "fd00:99::/48", size = 64 }]\n' >/etc/gantry/gantry.toml
    gantry network create pooled >/dev/null
    gantry network create pooled2 >/dev/null
    cp /tmp/gantry.toml /etc/gantry/gantry.toml
    assert_eq '10.99.0.0/24 fd00:99::/64' "$(gantry network inspect -f '{{range .IPAM.Config}}{{.Subnet}} {{end}}' pooled | sed 's/ *$//')"
    assert_eq '10.99.1.0/24 fd00:99:0:1::/64' "$(gantry network inspect -f '{{range .IPAM.Config}}{{.Subnet}} {{end}}' pooled2 | sed 's/ *$//')"
    assert_lacks "$(cat /var/lib/gantry/networks/pooled.toml)" pool:
    gantry run -d --name swimmer --network pooled busybox payload sleep >/dev/null
    assert_match "$(address swimmer eth0)" '^10\.99\.0\.'
    gantry rm -f swimmer >/dev/null
    gantry network rm pooled pooled2 >/dev/null
}

test_a_start_that_fails_behind_the_network_leaves_nothing() {
    gantry run --rm busybox true  # the network and its table are there
    gantry system check --repair >/dev/null || true  # leases of definitions that other tests removed
    local before
    before=$(host_picture)
    define nocommand 'command = ["nosuchcommand"]
network = "bridge"
ports = ["8097:80"]'
    systemctl start ctr@nocommand 2>/dev/null && fail 'it started'
    assert_eq $'127\nexit-code' "$(show ctr@nocommand ExecMainStatus; show ctr@nocommand Result)"
    assert_contains "$(said nocommand)" "execute 'nosuchcommand'"
    assert_status 127 gantry run --rm -p 8097:80 busybox nosuchcommand
    systemctl reset-failed
    rm /etc/gantry/containers/nocommand.toml
    systemctl daemon-reload
    gantry system check --repair >/dev/null || true
    assert_picture "$before"
}

test_a_connection_has_the_name_the_address_and_the_rate_that_it_is_given() {
    gantry network create wired >/dev/null
    gantry network create fast --subnet 10.77.0.0/24 >/dev/null
    gantry run -d --name surfer --network wired busybox payload sleep >/dev/null
    gantry network connect --interface back0 --ip 10.77.0.9 --mac-address 02:00:00:00:77:09 --rate-up 8mbit --rate-down 16mbit fast surfer
    assert_eq 10.77.0.9 "$(address surfer back0)"
    assert_contains "$(inside surfer 'ip link show back0')" '02:00:00:00:77:09'
    local pid veth file=/var/lib/gantry/containers/surfer.toml
    pid=$(main_pid surfer)
    veth=$(grep -l 'gantry fast/surfer' /sys/class/net/*/ifalias | cut -d/ -f5)
    assert_match "$(nsenter -n -t "$pid" tc qdisc show dev back0)" 'tbf 1: root .*rate 8Mbit'
    assert_contains "$(tc qdisc show dev "$veth")" 'rate 16Mbit'
    assert_contains "$(cat $file)" 'rate_up = "8mbit"'
    # The rate is held: two megabytes at 8 Mbit/s are two seconds.
    ncat -l -p 9001 >/dev/null &
    local start=$EPOCHREALTIME spent
    head -c 2000000 /dev/zero | nsenter -n -t "$pid" ncat --send-only 10.77.0.1 9001
    wait %% 2>/dev/null || true
    spent=$(awk -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN {print b - a}')
    awk -v s="$spent" 'BEGIN {exit !(s > 1.5)}' || fail "2 MB went out in $spent s"
    # The same after a restart, and the way out moves to the network that is to have it.
    gantry stop -t 1 surfer >/dev/null
    gantry network disconnect fast surfer
    gantry network connect --interface back0 --ip 10.77.0.9 --default-route fast surfer
    gantry start surfer >/dev/null
    assert_contains "$(inside surfer 'ip route show default')" 'via 10.77.0.1 dev back0'
    # From one that runs too.
    gantry network connect --default-route bridge surfer
    assert_match "$(inside surfer 'ip route show default')" '^default via [0-9.]+ dev eth1'
    assert_eq 1 "$(grep -c default_route $file)"
    gantry rm -f surfer >/dev/null
    gantry network rm wired fast >/dev/null
}

test_an_interface_that_went_makes_room_for_the_next() {
    gantry network create n1 >/dev/null
    gantry network create n2 >/dev/null
    gantry network create n3 >/dev/null
    gantry run -d --name shifter --network n1 busybox payload sleep >/dev/null
    gantry network connect n2 shifter
    gantry network disconnect n1 shifter
    gantry network connect n3 shifter
    assert_match "$(address shifter eth0)" '^10\.' 'the free name is taken'
    assert_match "$(address shifter eth1)" '^10\.'
    gantry rm -f shifter >/dev/null
    gantry network rm n1 n2 n3 >/dev/null
}

test_many_changes_at_once_lose_none() {
    local n
    gantry run -d --name busy busybox payload sleep >/dev/null
    for n in {1..12}; do gantry network create --subnet "10.66.$n.0/24" "many$n" >/dev/null; done
    for n in {1..12}; do gantry network connect "many$n" busy & done
    wait
    assert_eq 13 "$(grep -c '^name = ' /var/lib/gantry/containers/busy.toml)"
    assert_eq 13 "$(inside busy 'ls /sys/class/net' | grep -c eth)"
    for n in {1..12}; do gantry network disconnect "many$n" busy & done
    wait
    assert_eq 1 "$(grep -c '^name = ' /var/lib/gantry/containers/busy.toml)"
    assert_eq 1 "$(inside busy 'ls /sys/class/net' | grep -c eth)"
    gantry rm -f busy >/dev/null
    for n in {1..12}; do gantry network rm "many$n" >/dev/null; done
    assert_eq 'no problems found' "$(gantry system check)"
}
