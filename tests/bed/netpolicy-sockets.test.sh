# [network.policy], socket by socket: what is remembered of connections and flows, over changes of the policy; sockets from elsewhere.
# limit: 90

. "$support/netpolicy.sh"

setup_file() {
    load_busybox
    gantry network create pol >/dev/null
}

test_datagrams_are_judged_anew_when_the_policy_changes() {
    servers
    client c13 'egress = ["web:80", "db:53/udp"]'
    # One socket over the change.
    as c13 python3 -c '
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(3):
    sys.stdin.readline()
    try: s.sendto(b"x", (sys.argv[1], 53)); print("sent", flush=True)
    except PermissionError: print("denied", flush=True)
' "$(address db)" < <(echo; sleep 0.5; echo; sleep 2; echo) >/tmp/datagrams &
    local sender=$!
    sleep 1.5
    assert_match "$(gantry net flows c13)" 'c13 +egress +db +53/udp +allowed'
    gantry network policy set --egress web:80 c13 2>/dev/null
    wait $sender
    assert_eq 'sent sent denied' "$(xargs </tmp/datagrams)"
    end c13 web db
}

# A socket remembers the flow that it had last: that one alone, and under the policy that allowed it.
test_a_long_flow_of_datagrams_opens_no_other_way() {
    servers
    client c16 'egress = ["db:5300/udp", "web:5301/udp"]
ingress = []'
    as db python3 -c '
import socket
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.bind(("::", 5300))
while True: s.sendto(*s.recvfrom(64))
' &
    local echo=$! talker
    cat >/tmp/talk.py <<'P'
import socket, sys
db, web, db6 = sys.argv[1:]
def attempt(sock, what, peer):
    try: sock.sendto(b"x", peer); sock.recv(64); print(what, "answered", flush=True)
    except PermissionError: print(what, "denied", flush=True)
    except TimeoutError: print(what, "silence", flush=True)
four, six = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
for s, peer in (four, (db, 5300)), (six, (db6, 5300)):
    s.settimeout(2)
    for _ in range(50): s.sendto(b"x", peer); s.recv(64)
attempt(four, "same", (db, 5300))
attempt(four, "port", (db, 5301))
attempt(four, "peer", (web, 5300))
attempt(six, "six", (db6, 5300))
attempt(six, "mapped", ("::ffff:" + db, 5301))
print("now", flush=True)
sys.stdin.readline()
for s, peer in (four, (db, 5300)), (six, (db6, 5300)): attempt(s, "changed", peer)
P
    mkfifo /tmp/talk.in
    as c16 python3 /tmp/talk.py "$(address db)" "$(address web)" "$(address6 db)" </tmp/talk.in >/tmp/talk &
    talker=$!
    exec 8>/tmp/talk.in
    eventually 20 grep -q now /tmp/talk
    gantry network policy set --egress web:5301/udp c16 2>/dev/null
    echo >&8
    wait $talker
    exec 8>&-
    kill $echo
    assert_eq 'same answered port denied peer denied six answered mapped denied now changed denied changed denied' \
        "$(xargs </tmp/talk)"
    end c16 web db
}

# The table of flows is everybody's, and full one day. Connections are not in it; of datagrams answers are let in again when the container
# has sent again.
test_a_full_table_of_flows_cuts_no_connection() {
    servers
    client c17 'egress = ["db"]
ingress = []'
    as db python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("", 5300))
c = socket.create_server(("", 5302))
k, _ = c.accept()
_, peer = s.recvfrom(64)
k.recv(1); s.sendto(b"late", peer); k.sendall(b"tcp")
_, peer = s.recvfrom(64)
s.sendto(b"again", peer)
' &
    local peer=$!
    sleep 0.5
    assert_eq 'tcp, silence, again' "$(as c17 python3 -c '
import socket, sys
to = sys.argv[1]
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(1)
c = socket.create_connection((to, 5302))
s.sendto(b"x", (to, 5300))
for _ in range(2):
    flood = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for port in range(6000, 65536): flood.sendto(b"", (to, port))
c.sendall(b"x"); print(c.recv(3).decode(), end=", ")
try: print(s.recv(64).decode(), end=", ")
except TimeoutError: print("silence", end=", ")
s.sendto(b"x", (to, 5300)); print(s.recv(64).decode())
' "$(address db)")"
    wait $peer
    end c17 web db
}

# What is established stays so, from its first moment on and whoever opened it.
test_a_connection_that_came_in_goes_on_over_a_change() {
    servers
    client c18 'ingress = ["web:90/tcp"]
egress = []'
    as c18 python3 -c '
import socket
l = socket.create_server(("::", 90), family=socket.AF_INET6, dualstack_ipv6=True)
print("ready", flush=True)
for k in [l.accept()[0] for _ in range(2)]: k.sendall(k.recv(64)); k.close()
l.settimeout(3)
try: print("somebody", l.accept())
except TimeoutError: print("nobody")
' >/tmp/listener &
    local listener=$! talker
    eventually 5 grep -q ready /tmp/listener
    mkfifo /tmp/came.in
    as web python3 -c '
import socket, sys
all = [socket.create_connection((to, 90), 3) for to in sys.argv[1:]]
print("there", flush=True)
sys.stdin.readline()
for s in all: s.sendall(b"on"); print(s.recv(64).decode(), flush=True)
try: socket.create_connection((sys.argv[1], 90), 1); print("another", flush=True)
except TimeoutError: print("no more", flush=True)
' "$(address c18)" "$(address6 c18)" </tmp/came.in >/tmp/came &
    talker=$!
    exec 8>/tmp/came.in
    eventually 5 grep -q there /tmp/came
    gantry network policy set --ingress none c18 2>/dev/null
    echo >&8
    wait $talker
    exec 8>&-
    wait $listener
    assert_eq 'there on on no more' "$(xargs </tmp/came)"
    assert_eq 'ready nobody' "$(xargs </tmp/listener)"
    end c18 web db
}

# What follows on an allowed connection is not read again; but what its socket can be made to do is.
test_an_allowed_socket_opens_no_other_way() {
    servers
    client c14 'egress = ["web:80/tcp"]'
    cat >/tmp/bend.py <<'P'
import ctypes, os, socket, struct, sys
web, db = sys.argv[1:]
libc = ctypes.CDLL(None, use_errno=True)
def attempt(sock, what, address):
    done = libc.connect(sock.fileno(), address, 16) == 0
    print(what, "passed" if done else os.strerror(ctypes.get_errno()))
def sockaddr(text): return struct.pack("=H", socket.AF_INET) + struct.pack("!H", 80) + socket.inet_aton(text) + bytes(8)
s = socket.create_connection((web, 80), 2)
s.send(b"GET /hostname HTTP/1.0\r\n")
# A loose source route (RFC 791): packets go to another host first. The kernel does not tell who writes what became of them.
s.setsockopt(socket.IPPROTO_IP, 4, bytes([1, 131, 7, 4]) + socket.inet_aton(db))  # IP_OPTIONS
s.send(b"A: b\r\n")
# Disconnected (AF_UNSPEC), and to another peer with the same socket.
s = socket.create_connection((web, 80), 2)
s.send(b"GET /hostname HTTP/1.0\r\n")
s.settimeout(None)
attempt(s, "apart", bytes(16))
attempt(s, "other", sockaddr(db))
attempt(s, "same", sockaddr(web))
P
    as c14 python3 /tmp/bend.py "$(address web)" "$(address db)" >/tmp/bend
    assert_eq 'apart passed other Operation not permitted same passed' "$(xargs </tmp/bend)"
    assert_match "$(gantry net flows --denied c14)" 'egress +web .*malformed'
    end c14 web db
}

# Sockets that PID 1 made are under the policy too, with the container's ports and the host's peers.
test_the_sockets_of_its_socket_unit_are_under_the_policy() {
    servers
    cat >/tmp/greet.py <<'P'
import socket
tcp, udp = socket.socket(fileno=3), socket.socket(fileno=4)
udp.settimeout(0)
while True:
    peer, _ = tcp.accept()
    try:
        where = udp.recv(64).decode()
        try: udp.sendto(b"x", (where, 80)); said = "sent"
        except PermissionError: said = "denied"
    except BlockingIOError: said = "hello"
    peer.sendall(said.encode()); peer.close()
P
    define c19 'command = ["python3", "/tmp/greet.py"]
volumes = ["/usr:/usr:ro", "/usr/lib:/lib:ro", "/usr/lib64:/lib64:ro", "/tmp/greet.py:/tmp/greet.py:ro"]
ports = [{ publish = "8080:80", socket = true }, { publish = "8053:53/udp", socket = true }]
[network.policy]
ingress = ["web:80/tcp", "host:53/udp"]
egress = []'
    systemctl start ctr@c19
    local gateway
    gateway=$(nsenter -t "$(main_pid web)" -n ip route show default | awk '{print $3}')
    greets() {
        as "$1" python3 -c '
import socket, sys
try: print(socket.create_connection((sys.argv[1], 8080), 2).recv(64).decode())
except TimeoutError: print("silence")' "$gateway"
    }
    assert_eq hello "$(greets web)"
    assert_eq silence "$(greets db)"
    # The container's loopback is its own; these sockets have the host's.
    ! ncat -w 1 --recv-only 127.0.0.1 8080 2>/dev/null || fail 'the host reaches port 80'
    assert_match "$(gantry net flows --denied c19)" 'c19 +ingress +db +8080/tcp +denied .*no rule'
    # What it sends by them.
    echo -n "::ffff:$(address db)" | ncat -u -w 1 127.0.0.1 8053
    assert_eq denied "$(greets web)"
    # Live, and for nobody twice.
    gantry network policy set --ingress db:80/tcp --ingress host:80/tcp c19 2>/dev/null
    assert_eq hello "$(greets db)"
    assert_eq silence "$(greets web)"
    assert_eq hello "$(ncat -w 2 --recv-only 127.0.0.1 8080)"
    rm /sys/fs/bpf/gantry/ctr/c19@socket/policy_ingress
    assert_status 1 gantry system check
    assert_contains "$output" "container 'c19': its network policy is not enforced"
    gantry system check --repair >/dev/null
    assert_eq silence "$(greets web)"
    systemctl stop ctr@c19
    [ ! -e /sys/fs/bpf/gantry/ctr/c19@socket ] || fail 'links of its sockets are left'
    systemctl stop ctr@c19.socket
    rm /etc/gantry/containers/c19.toml
    end web db
}

# Ping sockets (net.ipv4.ping_group_range) need no CAP_NET_RAW, and are sockets of the container's as all others.
test_ping_is_judged() {
    servers
    speaker c20 'egress = ["web/icmp"]'
    cat >/tmp/ping.py <<'P'
import socket, struct, sys
def ping(peer):
    six = ":" in peer
    s = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM, 58 if six else 1); s.settimeout(2)
    try: s.sendto(struct.pack("!BBHHH", 128 if six else 8, 0, 0, 0, 1), (peer, 0)); s.recv(64); return "answered"
    except OSError as e: return e.strerror or "silence"
print(*map(ping, sys.argv[1:]))
P
    as c20 python3 /tmp/ping.py "$(address web)" "$(address db)" "$(address6 web)" "$(address6 db)" >/tmp/pings
    # Of IPv6 the kernel does not tell who sends.
    assert_eq 'answered Operation not permitted answered silence' "$(xargs </tmp/pings)"
    # As nobody, in the container itself, without any capability.
    assert_eq '0	2147483647' "$(inside c20 'cat /proc/sys/net/ipv4/ping_group_range')"
    end c20 web db
}
