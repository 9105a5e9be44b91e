# A container says who it is, or nothing: frames by packet sockets from inside of its namespace, and who hears them.

setup_file() {
    load_busybox
    gantry network create wire >/dev/null
    cat >/usr/local/bin/say <<'P'
# say WHAT MAC IP4 IP6 GATEWAY: one broadcast frame of that kind on eth0, with a mark in its payload.
import socket, struct, sys
what, mac, ip4, ip6, gateway = sys.argv[1:]
mac = bytes.fromhex(mac.replace(":", "")); ip4 = socket.inet_aton(ip4); ip6 = socket.inet_pton(socket.AF_INET6, ip6)
gateway = socket.inet_aton(gateway)
other = b"\x02\x67\x01\x02\x03\x04"; other4 = gateway[:3] + b"\xfa"; other6 = ip6[:14] + b"\xff\xfa"
mark = b"mark:" + what.encode()
def csum(data):
    if len(data) % 2: data += b"\0"
    s = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while s >> 16: s = (s & 0xffff) + (s >> 16)
    return ~s & 0xffff
def v4(source):
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28 + len(mark), 0, 0, 64, 17, 0, source, b"\xff" * 4)
    return head[:10] + struct.pack("!H", csum(head)) + head[12:] + struct.pack("!HHHH", 9, 9, 8 + len(mark), 0) + mark
def v6(source, next_header, payload):
    return struct.pack("!IHBB", 0x60000000, len(payload), next_header, 255) + source + socket.inet_pton(socket.AF_INET6, "ff02::1") + payload
def arp(sender_mac, sender): return struct.pack("!HHBBH", 1, 0x800, 6, 4, 2) + sender_mac + sender + b"\xff" * 6 + sender + mark
# The mark in an option for experiments (RFC 4727).
def nd(kind, rest): return v6(ip6, 58, bytes([kind]) + b"\0\0\0\x20\0\0\0" + rest + b"\xfd\2" + mark.ljust(14, b"\0"))
eth = lambda kind, payload, source=mac: b"\xff" * 6 + source + struct.pack("!H", kind) + payload
frame = {
    "own4": lambda: eth(0x800, v4(ip4)),
    "own6": lambda: eth(0x86dd, v6(ip6, 59, mark)),
    "ownarp": lambda: eth(0x806, arp(mac, ip4)),
    "ownna": lambda: eth(0x86dd, nd(136, ip6 + b"\2\1" + mac)),
    "mac": lambda: eth(0x800, v4(ip4), other),
    "ip4": lambda: eth(0x800, v4(other4)),
    "ip6": lambda: eth(0x86dd, v6(other6, 59, mark)),
    "arpgateway": lambda: eth(0x806, arp(mac, gateway)),
    "arpmac": lambda: eth(0x806, arp(other, ip4)),
    "na": lambda: eth(0x86dd, nd(136, other6 + b"\2\1" + mac)),
    "ra": lambda: eth(0x86dd, v6(ip6, 58, bytes([134]) + b"\0" * 15 + mark)),
    "vlan": lambda: eth(0x8100, b"\0\7\x08\0" + v4(ip4)),
    "bridge": lambda: eth(0x88cc, mark + b"\0" * 40),
}[what]()
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind(("eth0", 0)); s.send(frame)
P
    cat >/usr/local/bin/hear <<'P'
# Prints the marks of frames that come in by eth0, until it is ended.
import re, socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)); s.bind(("eth0", 3))
print("ready", flush=True)
while True:
    found = re.search(rb"mark:([a-z0-9]+)", s.recv(2048))
    if found: print(found[1].decode(), flush=True)
P
}
pair() {
    gantry run -d --name talker --network wire --cap-add net_admin busybox payload sleep >/dev/null
    gantry run -d --name hearer --network wire busybox payload sleep >/dev/null
}
of() { gantry inspect -f "{{(index .NetworkSettings.Networks \"wire\").$2}}" "$1"; }
say() {
    nsenter -t "$(main_pid talker)" -n python3 /usr/local/bin/say "$1" "$(of talker MacAddress)" "$(of talker IPAddress)" \
        "$(of talker GlobalIPv6Address)" "$(of talker Gateway)"
}
heard() {  # WHAT...: what the other container hears of these
    nsenter -t "$(main_pid hearer)" -n python3 /usr/local/bin/hear >/tmp/heard &
    local listener=$! what
    eventually 5 grep -q ready /tmp/heard
    for what; do say "$what"; done
    say own4
    eventually 5 grep -q own4 /tmp/heard
    kill $listener
    grep -v ready /tmp/heard | sort -u | tr '\n' ' '
}

test_its_own_frames_are_heard() {
    pair
    assert_eq 'own4 own6 ownarp ownna ' "$(heard own6 ownarp ownna)"
    gantry exec talker ping -c 1 -W 2 "$(of hearer IPAddress)" >/dev/null
    gantry exec talker ping -6 -c 1 -W 2 "$(of hearer GlobalIPv6Address)" >/dev/null
    gantry exec hearer ping -c 1 -W 2 "$(of talker IPAddress)" >/dev/null
    gantry rm -f talker hearer >/dev/null
}

test_nobody_speaks_in_anothers_name() {
    pair
    assert_eq 'own4 ' "$(heard mac ip4 ip6 arpgateway arpmac na ra vlan bridge)"
    gantry rm -f talker hearer >/dev/null
}

test_a_container_that_gave_itself_another_address_is_not_heard() {
    pair
    local pid address
    pid=$(main_pid talker) address=$(of hearer IPAddress)
    nsenter -t "$pid" -n ip addr add 10.99.0.7/32 dev eth0
    nsenter -t "$pid" -n ping -c 1 -W 1 -I 10.99.0.7 "$address" >/dev/null && fail 'a stranger is heard'
    nsenter -t "$pid" -n ping -c 1 -W 2 "$address" >/dev/null
    gantry rm -f talker hearer >/dev/null
}

test_pins_that_are_gone_change_nothing() {
    pair
    rm -r /sys/fs/bpf/gantry/guard-*
    assert_eq 'own4 ' "$(heard ip4 mac)"
    gantry restart -t 1 hearer >/dev/null
    gantry restart -t 1 talker >/dev/null
    assert_eq 'own4 ' "$(heard ip4 mac)"
    gantry rm -f talker hearer >/dev/null
}

# Routers and hosts of more addresses: a network can be left without. What is not heard above is heard here.
test_a_network_may_be_left_unguarded() {
    gantry network rm wire >/dev/null
    gantry network create -o guard=false wire >/dev/null
    pair
    assert_eq 'arpgateway arpmac bridge ip4 ip6 mac na own4 ra vlan ' "$(heard mac ip4 ip6 arpgateway arpmac na ra vlan bridge)"
    gantry rm -f talker hearer >/dev/null
    assert_fails gantry network create -o guard=maybe wrong
}
