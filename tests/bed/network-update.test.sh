# Rates, the default route and published ports of a container that runs.
# limit: 120

setup_file() {
    load_busybox
    ip link add up0 type dummy 2>/dev/null || ip link add up0 type bridge
    ip addr add 192.0.2.1/24 dev up0
    ip addr add 2001:db8::1/64 dev up0 nodad
    ip link set up0 up
}
inside() { gantry exec "$1" sh -c "$2"; }
way_out() { inside "$1" "ip -$2 route get $3" | sed -n 's/.* dev \([^ ]*\) .*/\1/p'; }
leads_to() {  # NAME INTERFACE
    assert_eq "$2" "$(way_out "$1" 4 192.0.2.1)"
    assert_eq "$2" "$(way_out "$1" 6 2001:db8::1)"
    inside "$1" 'ping -c 1 -W 2 192.0.2.1' >/dev/null
    inside "$1" 'ping -6 -c 1 -W 2 2001:db8::1' >/dev/null
}
gateway() { gantry network inspect -f '{{(index .IPAM.Config 0).Gateway}}' "$1"; }
page() { curl -sS -m 3 -o /dev/null -w '%{http_code}' "$1" 2>&1 || true; }

moves() {  # DRIVER
    gantry network create -d "$1" "near-$1" >/dev/null
    gantry network create -d "$1" "far-$1" >/dev/null
    gantry run -d --name mover --network "near-$1" --network "far-$1" -p 8080:80 busybox sh -c 'httpd -p 80 -h /etc; exec payload sleep' >/dev/null
    leads_to mover eth0
    assert_eq 200 "$(page http://192.0.2.1:8080/hostname)"
    gantry network update --default-route "far-$1" mover
    leads_to mover eth1
    # Both networks are reached, each by its own interface.
    inside mover "ping -c 1 -W 2 $(gateway "near-$1")" >/dev/null
    inside mover "ping -c 1 -W 2 $(gateway "far-$1")" >/dev/null
    # The ports are the other address's, once.
    assert_eq 200 "$(page http://192.0.2.1:8080/hostname)"
    assert_eq 200 "$(page 'http://[2001:db8::1]:8080/hostname')"
    assert_eq '0.0.0.0:8080' "$(gantry port mover 80 | head -n 1)"
    # So it is after a restart.
    gantry restart -t 1 mover >/dev/null
    leads_to mover eth1
    # The one that has it goes: the way out leads over the other again.
    gantry network disconnect "far-$1" mover
    leads_to mover eth0
    # One that comes takes it.
    gantry network connect --default-route "far-$1" mover
    leads_to mover eth1
    gantry rm -f mover >/dev/null
    gantry network rm "near-$1" "far-$1" >/dev/null
    assert_eq 'no problems found' "$(gantry system check)"
}
test_the_way_out_moves_on_bridges() { moves bridge; }
test_the_way_out_moves_with_driver_ebpf() { moves ebpf; }

test_rates_change() {
    gantry run -d --name runner --network bridge busybox payload sleep >/dev/null
    local pid veth file=/var/lib/gantry/containers/runner.toml
    pid=$(main_pid runner)
    veth=$(grep -l 'gantry bridge/runner' /sys/class/net/*/ifalias | cut -d/ -f5)
    up() { nsenter -n -t "$pid" tc qdisc show dev eth0; }
    assert_lacks "$(up)" tbf
    gantry network update --rate-up 8mbit --rate-down 16mbit bridge runner
    assert_match "$(up)" 'tbf 1: root .*rate 8Mbit'
    assert_contains "$(tc qdisc show dev "$veth")" 'rate 16Mbit'
    gantry network update --rate-up 4mbit bridge runner
    assert_match "$(up)" 'tbf 1: root .*rate 4Mbit'
    assert_contains "$(tc qdisc show dev "$veth")" 'rate 16Mbit'
    assert_contains "$(cat $file)" 'rate_up = "4mbit"'
    gantry network update --rate-up none --rate-down none bridge runner
    assert_lacks "$(up)$(tc qdisc show dev "$veth")" tbf
    assert_lacks "$(cat $file)" rate_
    busctl call io.gantry1 /io/gantry1/container/runner io.gantry1.Container UpdateConnection 'sa{ss}' bridge 1 rate_up 2mbit
    assert_match "$(up)" 'tbf 1: root .*rate 2Mbit'
    gantry rm -f runner >/dev/null
}

test_what_cannot_be_is_refused_and_changes_nothing() {
    gantry run -d --name keeper --network bridge busybox payload sleep >/dev/null
    gantry network create apart --internal >/dev/null
    gantry network connect apart keeper
    local before
    before=$(cat /var/lib/gantry/containers/keeper.toml)
    assert_status 1 gantry network update --default-route apart keeper
    assert_contains "$output" "network 'apart' is internal"
    assert_status 1 gantry network update --service-weight 2 bridge keeper
    assert_contains "$output" 'behind no service'
    assert_fails gantry network update bridge keeper
    assert_contains "$output" 'nothing is to be changed'
    assert_fails gantry network update --rate-up 5 bridge keeper
    assert_fails gantry network update --rate-up 5mbit nowhere keeper
    assert_eq "$before" "$(cat /var/lib/gantry/containers/keeper.toml)"
    gantry rm -f keeper >/dev/null
    gantry network rm apart >/dev/null
}
