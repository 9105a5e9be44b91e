# Published ports: the host's firewall, an outside world behind a cable.
# limit: 120

setup_file() {
    load_busybox
    cable_to_world
    ip route add default via 192.0.2.2 && ip -6 route add default via 2001:db8::2
}

world() { ip netns exec world "$@"; }
# A server in the container's network: TCP port 80 tells clients their address, UDP port 53 sends back what it gets.
cat >/tmp/server.py <<'P'
import socket, threading
def tcp(server):
    while True:
        client, address = server.accept()
        client.sendall((address[0].removeprefix("::ffff:") + "\n").encode())
        client.close()
server = socket.create_server(("::", 80), family=socket.AF_INET6, dualstack_ipv6=True)
threading.Thread(target=tcp, args=(server,), daemon=True).start()
udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
udp.bind(("::", 53))
while True:
    data, address = udp.recvfrom(65536)
    udp.sendto(data, address)
P
# serve NAME [LINES]: a container with that server.
serve() {
    define "$1" "command = [\"payload\", \"sleep\"]
network = \"bridge\"
${2:-}"
    systemctl start "ctr@$1"
    attend "$1"
}
attend() {
    systemd-run --quiet --unit="server-$1" -p NetworkNamespacePath="/proc/$(main_pid "$1")/ns/net" python3 /tmp/server.py
    eventually 5 nsenter -n -t "$(main_pid "$1")" sh -c 'ss -Hltn sport = 80 | grep -q .'
}
unserve() {
    systemctl stop "server-$1" "ctr@$1"
    rm -f "/etc/gantry/containers/$1.toml"
}
# who ADDRESS PORT: what the server says; nothing where nobody answers.
who() { world ncat -w 2 --recv-only "$1" "$2" 2>/dev/null || true; }
closed() { assert_eq '' "$(who "$1" "$2")" "$1 port $2 is closed"; }

# The rule sets as the two front ends write them, to the chains and jumps that matter here (ufw 0.36 by iptables-nft, firewalld 1.3).
ufw_like() {
    nft -f - <<'N'
table ip filter {
    chain ufw-user-input { tcp dport 22 accept; }
    chain ufw-before-input { iifname "lo" accept; ct state related,established accept; ct state invalid drop; jump ufw-user-input; }
    chain ufw-skip-to-policy-input { drop; }
    chain INPUT { type filter hook input priority filter; policy drop; jump ufw-before-input; }
    chain FORWARD { type filter hook forward priority filter; policy accept; }
    chain OUTPUT { type filter hook output priority filter; policy accept; }
}
table ip6 filter {
    chain ufw6-user-input { tcp dport 22 accept; }
    chain ufw6-before-input { iifname "lo" accept; ct state related,established accept; meta l4proto ipv6-icmp accept; jump ufw6-user-input; }
    chain INPUT { type filter hook input priority filter; policy drop; jump ufw6-before-input; }
}
N
    sysctl -qw net.ipv4.conf.all.rp_filter=1  # /etc/ufw/sysctl.conf
}
firewalld_like() {
    nft -f - <<'N'
table inet firewalld {
    chain mangle_PREROUTING { type filter hook prerouting priority mangle + 10; policy accept; jump rpfilter; }
    chain rpfilter { icmpv6 type { nd-router-advert, nd-neighbor-solicit } accept; meta nfproto ipv6 fib saddr . mark . iif oif missing drop; }
    chain filter_INPUT {
        type filter hook input priority filter + 10; policy accept;
        ct state { established, related } accept
        ct status dnat accept
        iifname "lo" accept
        ct state invalid drop
        jump filter_IN_public
        reject with icmpx admin-prohibited
    }
    chain filter_IN_public { jump filter_IN_public_allow; }
    chain filter_IN_public_allow { tcp dport 22 ct state new,untracked accept; meta l4proto { icmp, ipv6-icmp } accept; }
}
N
}

test_an_open_host_has_open_ports_and_sees_clients() {
    serve p1 'ports = ["8080:80"]'
    assert_eq 192.0.2.2 "$(who 192.0.2.1 8080)"
    assert_eq 2001:db8::2 "$(who 2001:db8::1 8080)"
    unserve p1
    closed 192.0.2.1 8080
}

test_a_table_that_somebody_deleted_comes_back_for_both_families() {
    serve first 'ports = ["8071:80"]'
    # Connection tracking's hooks go and come with it, and so does their order among those of the tables that stay.
    nft delete table inet gantry
    serve second 'ports = ["8072:80"]'
    local port
    for port in 8071 8072; do
        assert_eq 192.0.2.2 "$(who 192.0.2.1 $port)" $port
        assert_eq 2001:db8::2 "$(who 2001:db8::1 $port)" $port
    done
    unserve first
    unserve second
}

test_ufw_keeps_closed_what_it_did_not_open() {
    serve p2 'ports = ["8080:80", { publish = "8081:80", bypass_firewall = true }]'
    ufw_like
    for host in 192.0.2.1 2001:db8::1; do
        closed "$host" 8080
        assert_match "$(who "$host" 8081)" ':?2$' 'it bypasses the firewall'
    done
    # Containers of this host and the host itself are no outsiders.
    assert_eq 10.88.0.1 "$(ncat -w 2 --recv-only 192.0.2.1 8080)"
    assert_match "$(gantry exec p2 nc -w 2 192.0.2.1 8080)" '^10\.88\.'
    # ufw allow 8080/tcp
    nft add rule ip filter ufw-user-input tcp dport 8080 accept
    nft add rule ip6 filter ufw6-user-input tcp dport 8080 accept
    assert_eq 192.0.2.2 "$(who 192.0.2.1 8080)"
    assert_eq 2001:db8::2 "$(who 2001:db8::1 8080)"
    nft delete table ip filter && nft delete table ip6 filter
    sysctl -qw net.ipv4.conf.all.rp_filter=0
    unserve p2
}

test_firewalld_rejects_what_it_did_not_open() {
    serve p3 'ports = ["8080:80"]'
    firewalld_like
    assert_contains "$(world ncat -w 2 --recv-only 192.0.2.1 8080 2>&1)" 'No route to host'
    closed 2001:db8::1 8080
    # firewall-cmd --add-port=8080/tcp
    nft add rule inet firewalld filter_IN_public_allow tcp dport 8080 ct state new,untracked accept
    assert_eq 192.0.2.2 "$(who 192.0.2.1 8080)"
    assert_eq 2001:db8::2 "$(who 2001:db8::1 8080)"
    # firewalld --reload: its table comes anew, ours is not touched; a connection that is there goes on.
    nft delete table inet firewalld
    firewalld_like
    closed 192.0.2.1 8080
    nft delete table inet firewalld
    unserve p3
}

test_datagrams_of_any_size() {
    serve p4 'ports = ["5353:53/udp"]'
    nft 'add table inet own; add chain inet own input { type filter hook input priority 0; policy drop; }
        add rule inet own input meta l4proto icmpv6 accept; add rule inet own input udp dport 5353 accept'
    cat >/tmp/ask.py <<'P'
import socket, sys
host, size = sys.argv[1], int(sys.argv[2])
client = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
client.settimeout(2)
client.sendto(b"x" * size, (host, 5353))
try:
    print(len(client.recvfrom(65536)[0]))
except OSError:
    print("nothing")
P
    # Large ones come in fragments, which are put together before the first chain sees them.
    local size host
    for host in 192.0.2.1 2001:db8::1; do
        for size in 1 1400 9000 60000; do assert_eq "$size" "$(world python3 /tmp/ask.py "$host" "$size")" "$host $size"; done
    done
    nft flush chain inet own input
    assert_eq nothing "$(world python3 /tmp/ask.py 192.0.2.1 10)"
    nft delete table inet own
    unserve p4
}

test_defaults_of_the_engine() {
    cp /etc/gantry/gantry.toml /tmp/gantry.toml
    printf '[network]\ndefault_bind_address = "127.0.0.1"\nbypass_firewall = true\n' >/etc/gantry/gantry.toml
    serve p5 'ports = ["8080:80", "192.0.2.1:8081:80", { publish = "192.0.2.1:8082:80", bypass_firewall = false }]'
    assert_contains "$(gantry port p5)" '80/tcp -> 127.0.0.1:8080'
    closed 192.0.2.1 8080
    ufw_like
    assert_eq 192.0.2.2 "$(who 192.0.2.1 8081)"
    closed 192.0.2.1 8082
    cp /tmp/gantry.toml /etc/gantry/gantry.toml
    nft delete table ip filter && nft delete table ip6 filter
    sysctl -qw net.ipv4.conf.all.rp_filter=0
    unserve p5
}

test_the_long_form_of_publish_is_understood_and_kept() {
    gantry create --name p6 -p published=8080,target=80,protocol=tcp,bypass_firewall=true -p 8081:81 busybox true >/dev/null
    assert_contains "$(cat /var/lib/gantry/containers/p6.toml)" '{ publish = "8080:80/tcp", bypass_firewall = true }, "8081:81/tcp"'
    gantry rm p6 >/dev/null
    assert_status 1 gantry create -p target=80,color=red busybox true
    assert_contains "$output" "'color' is none of"
}

test_ports_come_and_go_while_the_container_runs() {
    gantry run -d --name p7 -p 8080:80 busybox payload sleep >/dev/null
    attend p7
    local pid
    pid=$(main_pid p7)
    assert_eq '80/tcp -> :8090' "$(gantry port --add 8090:80 p7)"
    assert_eq 192.0.2.2 "$(who 192.0.2.1 8090)"
    assert_match "$(gantry port --add 53/udp --add 8091-8093:80-82 p7)" '^53/udp -> :[0-9]+
80/tcp -> :8091
81/tcp -> :8092
82/tcp -> :8093$'
    assert_contains "$(gantry port p7)" '80/tcp -> 0.0.0.0:8091'
    assert_contains "$(cat /var/lib/gantry/containers/p7.toml)" '"8091-8093:80-82/tcp"'
    # A part of a range, one by its host's port, all of a port of the container.
    gantry port --rm 81 --rm 8090:80 p7
    assert_contains "$(cat /var/lib/gantry/containers/p7.toml)" '"8091:80/tcp", "8093:82/tcp"'
    closed 192.0.2.1 8090
    assert_eq 192.0.2.2 "$(who 192.0.2.1 8091)"
    # What is taken or was never there changes nothing.
    assert_status 1 gantry port --add 8094:80 --add 8080:80 p7
    closed 192.0.2.1 8094
    assert_status 1 gantry port --rm 8091:80 --rm 9999 p7
    assert_contains "$output" "port '9999/tcp' is not published"
    assert_eq 192.0.2.2 "$(who 192.0.2.1 8091)"
    # For this run only.
    gantry port --add 8095:80 --runtime p7 >/dev/null
    assert_eq 192.0.2.2 "$(who 192.0.2.1 8095)"
    assert_lacks "$(cat /var/lib/gantry/containers/p7.toml)" 8095
    assert_eq "$pid" "$(main_pid p7)" 'it was not restarted'
    systemctl stop server-p7
    gantry restart -t 1 p7 >/dev/null
    attend p7
    closed 192.0.2.1 8095
    assert_eq 192.0.2.2 "$(who 2001:db8::1 8091 | sed s/2001:db8::2/192.0.2.2/)"
    # By the bus, and on a container that does not run.
    local object=/io/gantry1/container/p7
    assert_eq 'a(ssqq) 1 "tcp" "" 8096 80' "$(busctl call io.gantry1 $object io.gantry1.Container AddPorts asb 1 8096:80 false)"
    assert_contains "$(busctl get-property io.gantry1 $object io.gantry1.Container Ports)" '"tcp" "" 8096 80'
    busctl call io.gantry1 $object io.gantry1.Container RemovePorts asb 1 8096:80 false
    closed 192.0.2.1 8096
    systemctl stop server-p7
    gantry stop -t 1 p7 >/dev/null
    gantry port --add 8097:80 p7
    assert_contains "$(cat /var/lib/gantry/containers/p7.toml)" '8097:80/tcp'
    assert_status 1 gantry port --add 8098:80 --runtime p7
    gantry rm p7 >/dev/null
    assert_eq '' "$(nft list map inet gantry any4 | grep comment || true)"
}

test_an_administrators_definition_changes_at_run_time_only() {
    serve p8
    assert_status 1 gantry port --add 8080:80 p8
    assert_contains "$output" 'edit that file'
    closed 192.0.2.1 8080
    gantry port --runtime --add 8080:80 p8 >/dev/null
    assert_eq 192.0.2.2 "$(who 192.0.2.1 8080)"
    # From the container itself too, and over a flush of the whole ruleset.
    assert_match "$(gantry exec p8 nc -w 2 192.0.2.1 8080)" '^10\.88\.'
    nft flush ruleset
    gantry network reload bridge >/dev/null
    assert_eq 192.0.2.2 "$(who 192.0.2.1 8080)"
    gantry port --runtime --rm 8080:80 p8
    closed 192.0.2.1 8080
    unserve p8
}

# state PORT [FLAG...]: "open" or "closed" and what decided, as `port --check` tells it of IPv4
state() { gantry port --check --format '{{.HostPort}} {{.Destination}} {{.State}} {{.Decision}}' "${@:2}" "$name" | sed -n "s/^$1 192.0.2.1 //p"; }

test_a_check_tells_which_rule_decides() {
    local name=p9
    serve p9 'ports = ["8080:80", "5353:53/udp", { publish = "8081:80", bypass_firewall = true }, "127.0.0.1:8082:80"]'
    assert_eq 'open nothing is in its way' "$(state 8080)"
    ufw_like
    assert_eq 'closed table ip filter, chain INPUT: policy drop' "$(state 8080)"
    assert_eq 'closed table ip filter, chain INPUT: policy drop' "$(state 5353)"
    assert_contains "$(state 8081)" open
    assert_status 1 gantry port --check p9
    assert_contains "$output" '2001:db8::1'
    nft add rule ip filter ufw-user-input tcp dport 8080 accept
    assert_eq 'open table ip filter, chain ufw-user-input: tcp dport 8080 accept' "$(state 8080)"
    # The world is refused and one host is not.
    nft insert rule ip filter ufw-user-input ip saddr != 192.0.2.0/24 tcp dport 8080 counter reject
    assert_match "$(state 8080)" '^closed table ip filter, chain ufw-user-input: ip saddr != 192.0.2.0/24 tcp dport 8080 counter .*reject'
    assert_match "$(state 8080 --from 192.0.2.2)" '^open '
    # A forward policy that does not know the bridge, as docker sets it.
    nft 'add table ip other; add chain ip other FORWARD { type filter hook forward priority 0; policy drop; }'
    assert_eq 'closed table ip other, chain FORWARD: policy drop' "$(state 8081)"
    nft delete table ip other
    assert_contains "$(gantry port --check --format '{{.HostPort}} {{.Decision}}' p9)" "8082 its address is the host's loopback"
    nft delete table ip filter && nft delete table ip6 filter
    # Nothing of it is left, the container heard nothing, and nobody outside.
    assert_lacks "$(nft list tables)" gantry_check
    assert_eq '' "$(nsenter -n -t "$(main_pid p9)" ss -Htn state syn-recv)"
    sysctl -qw net.ipv4.conf.all.rp_filter=0
    nft flush ruleset
    assert_match "$(state 8080)" '^closed (nothing translates it|the packet left no trace)'
    gantry network reload bridge >/dev/null
    assert_status 1 gantry port --check p9 99
    assert_contains "$output" "no public port '99'"
    assert_contains "$(busctl call io.gantry1 /io/gantry1/container/p9 io.gantry1.Container CheckPorts s '')" '"tcp" 8080 80 "203.0.113.1" "192.0.2.1" "uplink" true'
    unserve p9
}
