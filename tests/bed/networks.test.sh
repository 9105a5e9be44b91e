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
