# limit: 120
# SCTP through published ports, with real sockets: the VM's kernel has them, that of many test machines has not.

setup_file() {
    modprobe sctp
    load_busybox
    cable_to_world
    ip route add default via 192.0.2.2 && ip -6 route add default via 2001:db8::2
}

# Tells clients their address.
cat >/tmp/sctp-server.py <<'P'
import socket
server = socket.socket(socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_SCTP)
server.bind(("::", 9899))
server.listen(16)
while True:
    client, address = server.accept()
    client.sendall((address[0].removeprefix("::ffff:") + "\n").encode())
    client.close()
P
who() { ip netns exec world ncat --sctp -w 5 --recv-only "$1" "$2" 2>/dev/null || true; }

test_sctp_comes_in_as_the_firewall_says() {
    define s1 'command = ["payload", "sleep"]
network = "bridge"
ports = ["9900:9899/sctp", { publish = "9901:9899/sctp", bypass_firewall = true }]'
    systemctl start ctr@s1
    systemd-run --quiet --unit=sctp-server -p NetworkNamespacePath="/proc/$(main_pid s1)/ns/net" python3 /tmp/sctp-server.py
    eventually 20 nsenter -n -t "$(main_pid s1)" grep -q ' 9899 ' /proc/net/sctp/eps
    local port
    for port in 9900 9901; do
        assert_eq 192.0.2.2 "$(who 192.0.2.1 $port)" "$port"
        assert_eq 2001:db8::2 "$(who 2001:db8::1 $port)" "$port by IPv6"
    done
    nft 'add table inet own; add chain inet own input { type filter hook input priority 0; policy drop; }
        add rule inet own input meta l4proto icmpv6 accept; add rule inet own input ct state established,related accept'
    assert_eq '' "$(who 192.0.2.1 9900)" 'closed by the firewall'
    assert_eq 192.0.2.2 "$(who 192.0.2.1 9901)"
    nft add rule inet own input sctp dport 9900 accept
    assert_eq 192.0.2.2 "$(who 192.0.2.1 9900)"
    assert_eq 2001:db8::2 "$(who 2001:db8::1 9900)"
    assert_match "$(gantry port --check --format '{{.HostPort}}/{{.Protocol}} {{.Destination}} {{.State}} {{.Decision}}' s1)" \
        '9900/sctp 192.0.2.1 open table inet own, chain input: sctp dport 9900 accept'
    gantry port --runtime --rm 9900:9899/sctp s1
    assert_eq '' "$(who 192.0.2.1 9900)" 'taken back'
    nft delete table inet own
    systemctl stop sctp-server ctr@s1
}
