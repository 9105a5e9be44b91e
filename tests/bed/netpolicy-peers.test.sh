# Peers of network policies that are not containers: DNS names, the host, networks, the world; and another build's programs.
# limit: 120

. "$support/netpolicy.sh"

setup_file() {
    load_busybox
    gantry network create pol >/dev/null
    world_outside
}
test_a_dns_name_is_followed_by_the_answers_that_the_container_gets() {
    speaker d1 'egress = ["dns:api.example.com:80/tcp", "dns:*.wild.example.com", "dns:www.example.com:81/tcp"]'
    refused d1 198.51.100.7 80
    # The first connection after the first question.
    assert_contains "$(fetch d1 api.example.com)" answered
    reaches d1 198.51.100.7 80
    refused d1 198.51.100.7 81
    reaches d1 2001:db8:51::7 80
    refused d1 198.51.100.8 80
    assert_contains "$(fetch d1 www.example.com:81)" answered
    refused d1 198.51.100.8 80
    assert_contains "$(fetch d1 A.Wild.example.com)" answered
    reaches d1 198.51.100.8 81
    assert_match "$(gantry network policy show d1)" '1 dns:api.example.com:80/tcp \(198.51.100.7, 2001:db8:51::7\)|1 dns:api.example.com:80/tcp \(2001:db8:51::7, 198.51.100.7\)'
    assert_contains "$(gantry network policy test d1 egress 198.51.100.7:80/tcp)" "allowed by rule 1 'dns:api.example.com:80/tcp'"
    # Over a change, and not without its rule.
    gantry network policy set --egress dns:api.example.com:80/tcp --egress 192.0.2.9 d1 2>/dev/null
    reaches d1 198.51.100.7 80
    refused d1 198.51.100.8 80
    gantry network policy set --egress 192.0.2.9 d1 2>/dev/null
    refused d1 198.51.100.7 80
    end d1
}

test_answers_over_tcp_are_followed_as_well() {
    speaker d10 'egress = ["dns:api.example.com:80/tcp", "dns:*.wild.example.com:80/tcp"]'
    # Both questions (A, AAAA) in one connection.
    for name in api.example.com a.wild.example.com; do
        assert_contains "$(inside d10 "RES_OPTIONS=use-vc python3 -c 'import sys, urllib.request as r; print(r.urlopen(sys.argv[1], timeout=3).read())' \
            http://$name/hostname" 2>&1 | tail -n 3)" answered
    done
    assert_match "$(gantry network policy show d10)" '1 dns:api.example.com:80/tcp \(.*2001:db8:51::7'
    reaches d10 198.51.100.8 80
    end d10
}

# What stands in the middle of a message may look like another, wherever segments begin.
test_a_stream_of_answers_is_read_from_its_beginning() {
    cat >/tmp/stream.py <<'P'
import socket, struct, time
question = b"\x03api\x07example\x03com\0\0\x01\0\x01"
def message(address, flags=0x8180):
    body = struct.pack("!6H", 7, flags, 1, 1, 0, 0) + question + b"\xc0\x0c\0\1\0\1\0\0\1\0\0\4" + socket.inet_aton(address)
    return struct.pack("!H", len(body)) + body
lie, other = message("198.51.100.8"), b"\0\7\x81\x80\0\1\0\1\0\0\0\0\4evil\3org\0\0\x10\0\1"
outer = struct.pack("!H", len(other) + 100 + len(lie)) + other + bytes(100)
streams = [
    [outer, lie, message("198.51.100.7")],  # a lie at the beginning of a segment, then the truth
    [b"\0", lie[1:]],                       # a length in two pieces: not read
    [struct.pack("!H", 5) + b"short" + lie],
]
server = socket.create_server(("192.0.2.54", 53))
print("ready", flush=True)
for stream in streams:
    peer, _ = server.accept()
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for piece in stream: peer.sendall(piece); time.sleep(0.2)
    peer.close()
P
    ip addr add 192.0.2.54/24 dev up0
    python3 /tmp/stream.py >/tmp/stream &
    eventually 5 grep -q ready /tmp/stream
    define d11 'command = ["payload", "sleep"]
dns = ["192.0.2.54"]
[network.policy]
egress = ["dns:api.example.com"]
[[networks]]
name = "pol"'
    systemctl start ctr@d11
    # Its name server itself, and not by the network's resolver that asks it.
    printf 'nameserver 192.0.2.54\n' >/run/gantry/ctr/d11/resolv.conf
    gantry network policy set d11
    hear() {
        as d11 python3 -c '
import socket
s = socket.create_connection(("192.0.2.54", 53), 3)
while s.recv(4096): pass'
    }
    hear
    refused d11 198.51.100.8 80
    reaches d11 198.51.100.7 80
    hear
    refused d11 198.51.100.8 80
    hear
    reaches d11 198.51.100.8 80
    wait
    ip addr del 192.0.2.54/24 dev up0
    end d11
}

test_a_dns_name_leads_to_nothing_of_the_host() {
    server web ''
    echo "address=/web.example.com/$(address web)" >>/run/names.conf
    systemctl restart upstream
    sleep 0.3
    speaker d2 'egress = ["dns:*.example.com"]'
    for name in rebind metadata web; do assert_contains "$(fetch d2 $name.example.com)" 'Operation not permitted'; done
    assert_lacks "$(gantry network policy show d2)" "$(address web)"
    refused d2 "$(address web)" 80
    assert_match "$(gantry network policy test d2 egress 169.254.169.254:80/tcp || true)" denied
    assert_match "$(gantry network policy test d2 egress 192.0.2.53:80/tcp || true)" denied
    # What is allowed by itself is reached by name too.
    gantry network policy set --egress 'dns:*.example.com' --egress web d2 2>/dev/null
    reaches d2 web.example.com 80
    end d2 web
}

test_answers_of_the_containers_own_servers_are_not_believed() {
    client d3 'egress = ["dns:api.example.com"]'
    # A resolver of its own making, which names whoever it likes.
    cat >/tmp/liar.py <<'P'
import socket, sys
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); server.bind(("127.0.0.1", 53))
asker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
question = b"\x03api\x07example\x03com\0\0\x01\0\x01"
asker.sendto(b"\0\7\1\0\0\1\0\0\0\0\0\0" + question, ("127.0.0.1", 53))
_, peer = server.recvfrom(512)
server.sendto(b"\0\7\x81\x80\0\1\0\1\0\0\0\0" + question + b"\xc0\x0c\0\1\0\1\0\0\1\0\0\4" + socket.inet_aton("198.51.100.8"), peer)
asker.recv(512)
try: socket.create_connection(("198.51.100.8", 80), 2); print("reached")
except OSError as e: print(e.strerror)
P
    assert_eq 'Operation not permitted' "$(as d3 python3 /tmp/liar.py)"
    end d3
}

test_the_hosts_addresses_are_followed() {
    systemd-run --quiet --unit=hosted -p WorkingDirectory=/run/outside python3 -m http.server --bind 0.0.0.0 8090
    client d4 'egress = ["host:8090"]'
    client d5 'egress = ["world"]'
    reaches d5 198.51.100.7 80
    refused d4 198.51.100.9 8090
    ip addr add 198.51.100.9/24 dev out0
    eventually 5 allowed d4 198.51.100.9:8090/tcp
    reaches d4 198.51.100.9 8090
    refused d5 198.51.100.9 8090
    ip addr del 198.51.100.9/24 dev out0
    eventually 5 denied d4 198.51.100.9:8090/tcp
    eventually 5 allowed d5 198.51.100.9:8090/tcp
    ! systemctl is-failed --quiet gantry-policy.socket gantry-policy.service || fail 'the units failed'
    end d4 d5
    systemctl stop hosted
}
allowed() { gantry network policy test "$1" egress "$2" >/dev/null; }
denied() { ! allowed "$@"; }

test_networks_that_come_and_go_are_not_the_world() {
    client d6 'egress = ["world", "network:later:80"]' 2>/dev/null && fail 'a network that is not there'
    rm -f /etc/gantry/containers/d6.toml
    client d6 'egress = ["world"]'
    gantry network create --subnet 198.51.200.0/24 later >/dev/null
    denied d6 198.51.200.9:80/tcp || fail 'a container would be the world'
    gantry network policy set --egress network:later:80 d6 2>/dev/null
    allowed d6 198.51.200.9:80/tcp
    gantry network rm later >/dev/null
    denied d6 198.51.200.9:80/tcp
    gantry network create --subnet 198.51.201.0/24 later >/dev/null
    allowed d6 198.51.201.9:80/tcp
    end d6
    gantry network rm later >/dev/null
}

test_a_policy_follows_a_live_connect() {
    server web ''
    gantry network create side >/dev/null
    gantry run -d --name mover --network side busybox sh -c 'httpd -p 80 -h /etc; sleep 3600' >/dev/null
    client d7 'egress = ["mover:80"]'
    gantry network connect pol mover
    reaches d7 "$(gantry inspect -f '{{(index .NetworkSettings.Networks "pol").IPAddress}}' mover)" 80
    local address
    address=$(gantry inspect -f '{{(index .NetworkSettings.Networks "pol").IPAddress}}' mover)
    gantry network disconnect pol mover
    assert_lacks "$(cat /run/gantry/policy/d7)" "$address"
    gantry rm -f mover >/dev/null
    end d7 web
    gantry network rm side >/dev/null
}

# An upgraded engine finds containers under the programs of the one before.
test_another_builds_programs_are_replaced_while_the_container_runs() {
    server web ''
    client d8 'egress = ["web:80/tcp"]'
    local pins
    pins=$(echo /sys/fs/bpf/gantry/policy-*)
    mkdir /sys/fs/bpf/gantry/policy-0123456789ab
    sed -i 's/^build .*/build 0123456789ab/' /run/gantry/policy/d8
    assert_lacks "$(gantry system check || true)" 'not enforced'
    gantry network policy set --egress web:81/tcp d8 2>/dev/null
    refused d8 "$(address web)" 80
    reaches d8 "$(address web)" 81
    [ ! -e /sys/fs/bpf/gantry/policy-0123456789ab ] || fail 'the programs of the build before are left'
    assert_match "$(cat /run/gantry/policy/d8)" "build ${pins##*-}"
    end d8 web
}

test_the_hosts_loopback_and_metadata_are_as_the_policy_says() {
    systemd-run --quiet --unit=looped -p WorkingDirectory=/run/outside python3 -m http.server --bind 127.0.0.1 8091
    ip addr add 169.254.169.254/32 dev out0
    define d9 'command = ["payload", "sleep"]
[network]
mode = "host"
[network.policy]
egress = ["world"]'
    systemctl start ctr@d9
    refused d9 127.0.0.1 8091
    gantry network policy set --egress host:8091 d9 2>/dev/null
    reaches d9 127.0.0.1 8091
    client d10 'egress = ["world", "host"]'
    denied d10 169.254.1.1:80/tcp
    gantry network policy set --egress 169.254.169.254:80 d10 2>/dev/null
    allowed d10 169.254.169.254:80/tcp
    denied d10 169.254.169.254:81/tcp
    end d9 d10
    ip addr del 169.254.169.254/32 dev out0
    systemctl stop looped
}
