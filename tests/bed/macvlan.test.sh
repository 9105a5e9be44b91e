# Networks of driver "macvlan": containers as hosts of a link that the host is on.

setup_file() {
    load_busybox
    ip netns add world
    ip link add uplink type veth peer name cable netns world
    ip addr add 192.0.2.1/24 dev uplink
    ip link set uplink up
    ip -n world addr add 192.0.2.2/24 dev cable
    ip -n world link set cable up
}
inside() { gantry exec "$1" sh -c "$2"; }
address() { gantry inspect -f '{{.NetworkSettings.Networks.lan.IPAddress}}' "$1"; }

test_containers_are_hosts_of_the_link() {
    gantry run --rm busybox true  # the default network and its table are there
    local before
    before=$(host_picture)
    gantry network create -d macvlan -o parent=uplink --subnet 192.0.2.0/24 --gateway 192.0.2.2 --ip-range 192.0.2.128/25 lan >/dev/null
    gantry run -d --name one --network lan busybox sh -c 'httpd -p 80 -h /etc; trap exit TERM; sleep 3600 & wait' >/dev/null
    gantry run -d --name two --network lan busybox payload sleep >/dev/null
    assert_match "$(address one)" '^192\.0\.2\.'
    inside two "ping -c 1 -W 2 $(address one)" >/dev/null
    inside two 'ping -c 1 -W 2 192.0.2.2' >/dev/null
    assert_eq 200 "$(ip netns exec world curl -sS -m 3 -o /dev/null -w '%{http_code}' "http://$(address one)/hostname")"
    # The same address after a restart, in a namespace that is new.
    local kept
    kept=$(address one)
    gantry restart -t 1 one >/dev/null
    assert_eq "$kept" "$(address one)"
    # One that has a network already comes while it runs, and leaves.
    gantry run -d --name guest busybox payload sleep >/dev/null
    gantry network connect lan guest
    inside guest "ping -c 1 -W 2 $(address one)" >/dev/null
    gantry network disconnect lan guest
    assert_lacks "$(inside guest 'ip -4 -o addr')" 192.0.2.
    gantry rm -f guest >/dev/null
    gantry rm -f one two >/dev/null
    gantry network rm lan >/dev/null
    assert_picture "$before"
    assert_eq 'no problems found' "$(gantry system check)"
}

test_what_it_cannot_do_is_said() {
    assert_status 1 gantry network create -d macvlan --subnet 192.0.2.0/24 lan
    assert_contains "$output" "option 'parent' is missing"
    assert_status 1 gantry network create -d macvlan -o parent=uplink lan
    assert_contains "$output" 'needs the subnet of the link'
    gantry network create -d macvlan -o parent=uplink --subnet 192.0.2.0/24 --gateway 192.0.2.2 lan >/dev/null
    define ported 'command = ["true"]
ports = ["8080:80"]
[[networks]]
name = "lan"'
    ! systemctl start ctr@ported 2>/dev/null || fail 'it started'
    assert_contains "$(said ported)" "driver 'macvlan' publishes no ports"
    rm /etc/gantry/containers/ported.toml
    gantry network rm lan >/dev/null
}
