# Networks of driver "ebpf": routed by programs of the kernel, by the same definitions as bridges.

. "$support/netpolicy.sh"

setup_file() {
    load_busybox
    gantry network create -d ebpf pol >/dev/null
    cable_to_world
}
fetch() { curl -sS -m 3 -o /dev/null -w '%{http_code}' "$@" || true; }
# Where a container's network is: what leads to it on the host.
device() { ip -o route get "$(address "$1")" | sed 's/.* dev \([^ ]*\) .*/\1/'; }

test_containers_talk_and_know_names() {
    server web ''
    server db ''
    reaches db "$(address web)" 80
    reaches db "$(address6 web)" 80
    reaches web "$(address db)" 81
    inside db 'nslookup -type=a web.pol.ctr' | grep -q "$(address web)"
    inside db 'nslookup -type=aaaa web' | grep -q "$(address6 web)"
    inside db 'ping -c 1 -W 2 web' >/dev/null
    # The host reaches it, and it the host.
    assert_eq 200 "$(fetch "http://$(address web)/hostname")"
    assert_eq 200 "$(fetch "http://[$(address6 web)]/hostname")"
    inside web "ping -c 1 -W 2 $(ip -4 -o addr show "$(device web)" | awk '{sub("/.*", "", $4); print $4}')" >/dev/null
    # No bridge is there, and no neighbour has to be asked for.
    assert_eq '' "$(ip -br link show type bridge)"
    inside web 'ip neigh' | grep -q PERMANENT
    end web db
}

test_published_ports() {
    server shop '' 'ports = ["8080:80"]'
    local address
    for address in 127.0.0.1 192.0.2.1 '[2001:db8::1]'; do assert_eq 200 "$(fetch "http://$address:8080/hostname")" "$address"; done
    for address in 192.0.2.1 '[2001:db8::1]'; do
        assert_eq 200 "$(ip netns exec world curl -sS -m 3 -o /dev/null -w '%{http_code}' "http://$address:8080/hostname")" "$address"
    done
    # From a neighbour too, and from itself.
    client near ''
    reaches near 192.0.2.1 8080
    reaches shop 192.0.2.1 8080
    # What is not published is not reached from outside.
    ip -n world route add "$(address shop)" via 192.0.2.1
    ! ip netns exec world curl -sS -m 1 -o /dev/null "http://$(address shop)/hostname" 2>/dev/null || fail 'reached without a published port'
    end near shop
    ! curl -sS -m 1 -o /dev/null http://192.0.2.1:8080/ 2>/dev/null || fail 'the port is open after the stop'
}

# Clients on the host that name its loopback are connected to the container itself: nothing is translated per packet.
test_the_hosts_own_clients() {
    define echo 'command = ["sh", "-c", "httpd -p 80 -h /etc; trap exit TERM; sleep 3600 & wait"]
ports = ["8080:80", "127.0.0.1:8053:53/udp", "8053:80"]
[[networks]]
name = "pol"'
    systemctl start ctr@echo
    nsenter -t "$(main_pid echo)" -n python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", 53))
while True: s.sendto(*s.recvfrom(100))
' &
    local server=$!
    # Without the firewall's table there is no other way.
    nft delete table inet gantry
    assert_eq 200 "$(fetch http://127.0.0.1:8080/hostname)"
    assert_eq 200 "$(fetch http://127.9.9.9:8080/hostname)"
    assert_eq 200 "$(fetch 'http://[::1]:8080/hostname')"
    assert_eq 000 "$(fetch http://127.0.0.1:8081/hostname 2>/dev/null)"
    # A namespace that is not the host's has a loopback of its own.
    assert_eq 000 "$(ip netns exec world curl -sS -m 1 -o /dev/null -w '%{http_code}' http://127.0.0.1:8080/ 2>/dev/null || true)"
    # What programs ask the kernel is what they said; connected or not, and as IPv4 on a socket of IPv6.
    python3 - <<'P'
import socket
def check(got, want): assert got == want, (got, want)
for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"), (socket.AF_INET6, "::ffff:127.0.0.1")):
    with socket.create_connection((address, 8080), timeout=3) as s: check(s.getpeername()[:2], (address, 8080))
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    s.settimeout(3)
    s.connect(("127.0.0.1", 8053))
    s.send(b"connected")
    check(s.recvfrom(20), (b"connected", ("127.0.0.1", 8053)))
    check(s.getpeername(), ("127.0.0.1", 8053))
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    s.settimeout(3)
    s.sendto(b"not connected", ("127.0.0.1", 8053))
    check(s.recvfrom(20), (b"not connected", ("127.0.0.1", 8053)))
P
    kill $server
    end echo
    assert_eq 000 "$(fetch http://127.0.0.1:8080/hostname 2>/dev/null)"
}

# outside ADDRESS:PORT [SECONDS [FLAG...]]: what a client outside gets
outside() { ip netns exec world curl -sS -m "${2:-3}" -o /dev/null -w '%{http_code}' "${@:3}" "http://$1/hostname" 2>/dev/null || true; }
is_served() { [ "$(outside "$@")" = 200 ]; }
# admin_drops PORT...: a rule of the administrator's own
admin_drops() {
    nft "add table inet admin; add chain inet admin input { type filter hook input priority 0; policy accept; }"
    nft "add rule inet admin input tcp dport { $* } drop"
}
# What the firewall's table could do is not what is seen.
without_translation() { nft 'flush chain inet gantry publish_one; flush chain inet gantry publish_any'; }

# Clients outside are translated by programs, once the host's firewall has let them in; the table's own translation is not needed.
test_clients_outside_are_translated_by_programs() {
    define shop 'command = ["sh", "-c", "httpd -p 80 -h /etc; nc -l -p 7000 -e netstat -tn & trap exit TERM; sleep 3600 & wait"]
ports = ["8080:80", "192.0.2.1:8081:80", "8000:7000", { publish = "8082:80", bypass_firewall = true }]
[[networks]]
name = "pol"'
    systemctl start ctr@shop
    without_translation
    local where from
    for where in 192.0.2.1:8080 '[2001:db8::1]:8080' 192.0.2.1:8081 192.0.2.1:8082 '[2001:db8::1]:8082'; do
        eventually 5 is_served "$where"
    done
    assert_eq 000 "$(outside '[2001:db8::1]:8081' 1)" 'published on another address'
    assert_contains "$(ip netns exec world timeout 3 nc 192.0.2.1 8000 </dev/null)" 192.0.2.2
    # An administrator's rule keeps a port closed, not one that bypasses it, and also to the port of a client who was let in before.
    from=$(ip netns exec world python3 -c 'import socket; s = socket.socket(); s.bind(("", 0)); print(s.getsockname()[1])')
    reset_after_a_request "$from"
    admin_drops 8080, 8082
    for where in 192.0.2.1:8080 '[2001:db8::1]:8080'; do assert_eq 000 "$(outside "$where" 1)" "$where"; done
    assert_eq 000 "$(outside 192.0.2.1:8080 1 --local-port "$from")" 'by what is known of its last connection'
    assert_eq 200 "$(outside 192.0.2.1:8082)"
    gantry port --check --from 192.0.2.2 --format '{{.HostPort}} {{.State}} {{.Decision}}' shop >/tmp/check || true
    assert_contains "$(cat /tmp/check)" '8080 closed table inet admin, chain input: tcp dport { 8080, 8082 } drop'
    assert_contains "$(cat /tmp/check)" '8082 open nothing is in its way'
    nft delete table inet admin
    gantry port --check --from 192.0.2.2 --format '{{.HostPort}} {{.State}}' shop >/tmp/check
    assert_contains "$(cat /tmp/check)" '8080 open'
    assert_eq '' "$(nsenter -n -t "$(main_pid shop)" ss -Htn state syn-recv)" 'what a check sends gets nowhere'
    # Ports that come and go while it runs.
    gantry port --runtime --add 8083:80 shop >/dev/null
    assert_eq 200 "$(outside 192.0.2.1:8083)"
    gantry port --runtime --rm 8083:80 shop >/dev/null
    assert_eq 000 "$(outside 192.0.2.1:8083 1)"
    end shop
    assert_eq 000 "$(outside 192.0.2.1:8082 1)"
    gantry network reload pol >/dev/null
}
# From a port of its own choice, closed by a reset, which leaves the port free for the next.
reset_after_a_request() {  # PORT
    ip netns exec world python3 - "$1" <<'P'
import socket, struct, sys
with socket.socket() as s:
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.settimeout(3)
    s.bind(("", int(sys.argv[1])))
    s.connect(("192.0.2.1", 8080))
    s.sendall(b"GET /hostname HTTP/1.0\r\n\r\n")
    assert b"200 OK" in s.recv(4000)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
P
}

# Interfaces that come later and what the maps have lost: the table translates until a start or a reload, and open connections go on.
test_where_no_program_is_the_table_translates() {
    define late 'command = ["sh", "-c", "exec httpd -f -p 80 -h /etc"]
ports = ["8080:80"]
[[networks]]
name = "pol"'
    systemctl start ctr@late
    ip netns add other
    ip link add hotplug type veth peer name eth0 netns other
    ip addr add 203.0.113.1/24 dev hotplug
    ip link set hotplug up
    ip -n other addr add 203.0.113.2/24 dev eth0
    ip -n other link set eth0 up
    eventually 5 is_served 192.0.2.1:8080
    local from
    for from in world:192.0.2.1 other:203.0.113.1; do
        python3 - "${from%:*}" "${from#*:}" <<'P'
import os, socket, subprocess, sys
home = os.open("/proc/self/ns/net", os.O_RDONLY)
def enter(descriptor):
    import ctypes
    assert ctypes.CDLL(None, use_errno=True).setns(descriptor, 0) == 0
enter(os.open("/run/netns/" + sys.argv[1], os.O_RDONLY))
s = socket.create_connection((sys.argv[2], 8080), timeout=5)
enter(home)
s.sendall(b"GET /host")
subprocess.run("rm -r /sys/fs/bpf/gantry/route-*; gantry network reload pol", shell=True, check=True)
s.sendall(b"name HTTP/1.0\r\n\r\n")
got = s.recv(4000)
assert b"200 OK" in got, got
P
    done
    without_translation
    assert_eq 200 "$(ip netns exec other curl -sS -m 3 -o /dev/null -w '%{http_code}' http://203.0.113.1:8080/hostname)"
    end late
    ip netns del other
    gantry network reload pol >/dev/null
}

# Answers that are too large for the way to the client: the container hears of it, from the host and from a router behind it.
test_the_way_to_a_client_is_narrow() {
    ip netns add far
    ip -n world link add narrow mtu 1300 type veth peer name eth0 netns far
    ip -n world addr add 198.51.100.1/24 dev narrow
    ip -n world addr add 2001:db8:1::1/64 dev narrow nodad
    ip -n world link set narrow up
    ip -n far addr add 198.51.100.2/24 dev eth0
    ip -n far addr add 2001:db8:1::2/64 dev eth0 nodad
    ip -n far link set eth0 up  # takes 1500, so that it does not ask for less itself
    ip -n far route add default via 198.51.100.1
    ip -n far route add default via 2001:db8:1::1
    ip netns exec world sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
    ip route add 198.51.100.0/24 via 192.0.2.2
    ip route add 2001:db8:1::/64 via 2001:db8::2
    define wide 'command = ["sh", "-c", "mkdir /tmp/w; head -c 3000000 /dev/zero >/tmp/w/much; exec httpd -f -p 80 -h /tmp/w"]
ports = ["8080:80"]
[[networks]]
name = "pol"'
    systemctl start ctr@wide
    without_translation
    local address round
    for round in router host; do
        for address in 192.0.2.1 '[2001:db8::1]'; do
            eventually 5 ip netns exec far curl -sS -m 5 -o /tmp/much "http://$address:8080/much"
            assert_eq 3000000 "$(stat -c %s /tmp/much)" "$round $address"
        done
        # Now the first hop is the narrow one.
        ip link set uplink mtu 1290
        gantry exec wide ip route flush cache
    done
    end wide
    ip link set uplink mtu 1500
    ip route del 198.51.100.0/24
    ip route del 2001:db8:1::/64
    ip netns del far
    ip -n world link del narrow 2>/dev/null || true
    gantry network reload pol >/dev/null
}

test_the_client_is_seen_and_the_world_reached() {
    define seer 'command = ["sh", "-c", "nc -l -p 7000 -e sh -c \"netstat -tn >/tmp/seen; cat /tmp/seen\" & trap exit TERM; sleep 3600 & wait"]
ports = ["7000"]
[[networks]]
name = "pol"'
    systemctl start ctr@seer
    local port
    port=$(gantry port seer 7000 | sed -n '1s/.*://p')
    assert_contains "$(ip netns exec world timeout 3 nc 192.0.2.1 "$port" </dev/null)" 192.0.2.2
    end seer
    client walker ''
    ip netns exec world timeout 20 python3 -c '
import socket
for family, name in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
    with socket.socket(family, socket.SOCK_STREAM) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6: server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        server.bind((name, 7001)); server.listen()
        print("ready", flush=True)
        print(server.accept()[1][0], flush=True)
' >/tmp/peers &
    local server=$!
    eventually 5 grep -q ready /tmp/peers
    inside walker 'nc -w 2 192.0.2.2 7001 </dev/null' || true
    eventually 5 eval '[ "$(grep -c ready /tmp/peers)" = 2 ]'
    inside walker 'nc -w 2 2001:db8::2 7001 </dev/null' || true
    wait $server
    assert_eq '192.0.2.1 2001:db8::1' "$(grep -v ready /tmp/peers | xargs)"
    end walker
}

# TCP hands down more at once than an IP packet can say: whatever the way out, it arrives as it was.
test_much_goes_in_all_directions() {
    define bulk 'command = ["payload", "sleep"]
ports = ["8077:77"]
[[networks]]
name = "pol"'
    define sink 'command = ["sleep", "3600"]
volumes = ["/usr:/usr:ro", "/usr/lib:/lib:ro", "/usr/lib64:/lib64:ro", "/tmp:/tmp:ro"]
[network.policy]
egress = ["bulk:77"]
ingress = ["bulk:77"]
[[networks]]
name = "pol"'
    systemctl start ctr@bulk ctr@sink
    cat >/tmp/bulk.py <<'P'
import hashlib, socket, subprocess, sys
def digest(receive):
    h = hashlib.sha256()
    while data := receive(1 << 16): h.update(data)
    return h.hexdigest()
if sys.argv[1] == "serve":  # sends 40 MB that it then hears the digest of
    with socket.create_server(("::", 77), family=socket.AF_INET6, dualstack_ipv6=True) as listener:
        print("ready", flush=True)
        while True:
            peer = listener.accept()[0]
            said = digest(peer.recv)
            peer.sendall(said.encode())
            peer.close()
data = bytes(range(251)) * 160000
with socket.create_connection((sys.argv[2], int(sys.argv[3])), timeout=10) as s:
    s.sendall(data)
    s.shutdown(socket.SHUT_WR)
    got = s.recv(100).decode()
assert got == hashlib.sha256(data).hexdigest(), got
P
    local name where address server=()
    for name in bulk sink; do
        nsenter -t "$(main_pid $name)" -n python3 /tmp/bulk.py serve >"/tmp/$name.out" &
        server+=($!)
    done
    ip netns exec world python3 /tmp/bulk.py serve >/tmp/world.out &
    server+=($!)
    for name in bulk sink world; do eventually 5 grep -q ready "/tmp/$name.out"; done
    for address in "$(address sink)" "$(address6 sink)" 192.0.2.2 2001:db8::2; do
        nsenter -t "$(main_pid bulk)" -n python3 /tmp/bulk.py send "$address" 77
    done
    for address in "$(address bulk)" "$(address6 bulk)"; do
        python3 /tmp/bulk.py send "$address" 77
        # Under a policy.
        gantry exec sink python3 /tmp/bulk.py send "$address" 77
    done
    for address in 192.0.2.1 2001:db8::1; do ip netns exec world python3 /tmp/bulk.py send $address 8077; done
    python3 /tmp/bulk.py send 127.0.0.1 8077
    kill "${server[@]}"
    end bulk sink
}

test_nobody_takes_anothers_address() {
    server victim ''
    define liar 'command = ["payload", "sleep"]
security.cap_add = ["NET_ADMIN", "NET_RAW"]
[[networks]]
name = "pol"'
    systemctl start ctr@liar
    inside liar "ping -c 1 -W 2 $(address victim)" >/dev/null
    inside liar 'ip addr add 10.255.1.1/32 dev eth0; ip addr add fd99::1/128 dev eth0 2>/dev/null || true'
    ! inside liar "ping -c 1 -W 1 -I 10.255.1.1 $(address victim)" >/dev/null || fail 'another source got through'
    local before
    before=$(inside victim "awk '/^Icmp: [0-9]/ {print \$2}' /proc/net/snmp")
    inside liar "ping -c 2 -W 1 -I 10.255.1.1 $(address victim)" >/dev/null || true
    inside liar "arping -c 2 -w 2 -I eth0 -s $(address victim) $(address liar)" >/dev/null 2>&1 || true
    assert_eq "$before" "$(inside victim "awk '/^Icmp: [0-9]/ {print \$2}' /proc/net/snmp")" 'what arrived'
    inside victim "ping -c 1 -W 2 $(address liar)" >/dev/null
    end liar victim
}

test_networks_are_apart() {
    gantry network create -d ebpf other >/dev/null
    gantry network create -d ebpf --internal inner >/dev/null
    server web ''
    gantry run -d --name stranger --network other busybox payload sleep >/dev/null
    gantry run -d --name bridged busybox payload sleep >/dev/null
    gantry run -d --name monk --network inner busybox payload sleep >/dev/null
    gantry run -d --name nun --network inner busybox payload sleep >/dev/null
    local name
    for name in stranger bridged monk; do
        ! inside $name "ping -c 1 -W 1 $(address web)" >/dev/null 2>&1 || fail "$name reaches another network"
        ! inside $name "ping -c 1 -W 1 $(address6 web)" >/dev/null 2>&1 || fail "$name reaches another network (v6)"
    done
    inside monk 'ping -c 1 -W 2 nun' >/dev/null
    ! inside monk 'ping -c 1 -W 1 192.0.2.2' >/dev/null 2>&1 || fail 'an internal network has a way out'
    gantry rm -f stranger bridged monk nun >/dev/null
    end web
    gantry network rm other inner >/dev/null
}

test_a_network_of_ipv6_alone() {
    gantry network create -d ebpf --subnet fd00:abcd::/64 six >/dev/null
    gantry run -d --name s1 --network six -p 8086:80 busybox sh -c 'httpd -f -p 80 -h /etc' >/dev/null
    gantry run -d --name s2 --network six busybox payload sleep >/dev/null
    inside s2 'ping -c 1 -W 2 s1.six.ctr' >/dev/null
    eventually 5 gantry exec s1 sh -c 'netstat -ltn | grep -q :80'
    assert_eq '' "$(inside s2 'ip -4 -o addr show eth0')"
    assert_eq 200 "$(ip netns exec world curl -sS -m 3 -o /dev/null -w '%{http_code}' 'http://[2001:db8::1]:8086/hostname')"
    gantry rm -f s1 s2 >/dev/null
    gantry network rm six >/dev/null
}

test_one_line_changes_the_driver() {
    gantry network create swap >/dev/null
    gantry run -d --name w1 --network swap busybox payload sleep >/dev/null
    gantry run -d --name w2 --network swap busybox payload sleep >/dev/null
    local before
    before=$(gantry inspect -f '{{.NetworkSettings.Networks.swap.IPAddress}}' w1)
    sed -i 's/^driver = "bridge"/driver = "ebpf"/' /var/lib/gantry/networks/swap.toml
    grep -q '"ebpf"' /var/lib/gantry/networks/swap.toml
    # Not under the feet of those who run.
    gantry stop -t 1 w2 >/dev/null
    assert_status 1 gantry start w2
    assert_contains "$(said w2)" "container 'w1' is on network 'swap' by driver 'bridge'"
    gantry stop -t 1 w1 >/dev/null
    gantry start w1 w2 >/dev/null
    assert_eq "$before" "$(gantry inspect -f '{{.NetworkSettings.Networks.swap.IPAddress}}' w1)"
    inside w2 'ping -c 1 -W 2 w1' >/dev/null
    inside w1 'ip neigh' | grep -q PERMANENT
    gantry stop -t 1 w1 w2 >/dev/null
    sed -i 's/^driver = "ebpf"/driver = "bridge"/' /var/lib/gantry/networks/swap.toml
    gantry start w1 w2 >/dev/null
    inside w2 'ping -c 1 -W 2 w1' >/dev/null
    gantry rm -f w1 w2 >/dev/null
    gantry network rm swap >/dev/null
}

test_a_policy_holds_here_too() {
    server web ''
    client ruled 'egress = ["web:80/tcp"]'
    reaches ruled "$(address web)" 80
    reaches ruled "$(address6 web)" 80
    refused ruled "$(address web)" 81
    refused ruled 192.0.2.2 80
    end ruled web
}

test_what_is_gone_comes_back() {
    server web ''
    server db ''
    rm -r /sys/fs/bpf/gantry/route-*
    server late ''
    reaches late "$(address web)" 80
    reaches db "$(address web)" 80
    reaches web "$(address late)" 80
    assert_eq 200 "$(fetch "http://$(address web)/hostname")"
    ip link del "$(device web)"
    ! curl -sS -m 1 -o /dev/null "http://$(address web)/hostname" 2>/dev/null || fail 'the interface is not in use'
    gantry network reload pol >/dev/null
    inside db "ping -c 1 -W 2 $(address6 web)" >/dev/null
    assert_eq 200 "$(fetch "http://$(address web)/hostname")"
    end web db late
}

test_a_stop_leaves_nothing() {
    server first ''  # the network and its table are there
    end first
    gantry system check --repair >/dev/null || true
    local before
    before=$(host_picture)
    gantry network create -d ebpf brief >/dev/null
    gantry run -d --name b1 --network brief -p 8090:80 busybox payload sleep >/dev/null
    gantry run -d --name b2 --network brief busybox payload sleep >/dev/null
    systemctl kill -s KILL ctr@b2
    gantry rm -f b1 b2 >/dev/null
    gantry network rm brief >/dev/null
    assert_picture "$before"
    assert_eq 'no problems found' "$(gantry system check)"
}
