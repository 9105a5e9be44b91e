# limit: 120
# The programs of network policies on the VM's kernel, which is another one than the bed's: they load, are attached, and decide.

. "$support/netpolicy.sh"

setup_file() {
    load_busybox
    gantry network create pol >/dev/null
    world_outside
}

test_the_programs_decide_on_this_kernel() {
    server web ''
    client guest 'egress = ["web:80/tcp"]
listen = ["8080/tcp"]'
    reaches guest "$(address web)" 80
    reaches guest "$(address6 web)" 80
    assert_contains "$(page guest "$(address web)" 81)" 'Operation not permitted'
    assert_contains "$(inside guest 'httpd -p 8081 -h /etc' 2>&1 || true)" 'Operation not permitted'
    assert_match "$(gantry net flows --denied guest)" 'guest +egress +web +81/tcp +denied'
    end guest web
    [ ! -e /sys/fs/bpf/gantry/ctr/guest ] || fail 'a link is left'
}

# Packets by BPF_PROG_RUN: what the rules say on this kernel.
test_a_table_of_packets() {
    client asked 'egress = ["10.0.0.0/8:80/tcp", "10.1.0.0/16:443/tcp", "10.1.2.3", "192.0.2.0/24:8000-8010/udp", "[2001:db8::/32]/icmp", "world:53"]
ingress = ["network:pol:80/tcp"]'
    local direction peer verdict
    while read -r direction peer verdict; do
        assert_match "$(gantry network policy test asked "$direction" "$peer" || true)" "$verdict" "$direction $peer"
    done <<'T'
egress 10.9.9.9:80/tcp allowed by rule 1
egress 10.9.9.9:443/tcp denied, other ports
egress 10.1.9.9:443/tcp allowed by rule 2
egress 10.1.9.9:80/tcp allowed by rule 1
egress 10.1.2.3:9999/udp allowed by rule 3
egress 10.1.2.3/icmp allowed by rule 3
egress 192.0.2.7:8010/udp allowed by rule 4
egress 192.0.2.7:8011/udp denied, other ports
egress [2001:db8::1]/icmp allowed by rule 5
egress [2001:db8::1]:80/tcp denied, other ports
egress 203.0.113.1:53/udp allowed by rule 6
egress 203.0.113.1:80/tcp denied, other ports
egress 169.254.169.254:53/tcp denied, no rule
ingress 10.9.9.9:80/tcp denied, no rule
T
    end asked
}

test_names_and_guards_on_this_kernel() {
    speaker named 'egress = ["dns:api.example.com:80/tcp"]'
    refused named 198.51.100.7 80
    assert_contains "$(fetch named api.example.com)" answered
    reaches named 198.51.100.7 80
    refused named 198.51.100.8 80
    end named
    gantry run -d --name liar --cap-add net_admin busybox payload sleep >/dev/null
    gantry exec liar ip addr add 10.99.0.7/32 dev eth0
    local gateway
    gateway=$(gantry network inspect -f '{{(index .IPAM.Config 0).Gateway}}' bridge)
    gantry exec liar ping -c 1 -W 2 "$gateway" >/dev/null
    ip route add 10.99.0.7/32 dev gantry0
    gantry exec liar ping -c 1 -W 1 -I 10.99.0.7 "$gateway" >/dev/null && fail 'a false address leaves the container'
    gantry rm -f liar >/dev/null
}
