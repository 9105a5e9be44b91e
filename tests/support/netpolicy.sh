# Servers and clients on the network "pol", for tests of network policies in bed and VM.

# A container that answers on ports 80 and 81 of both families, and UDP 53.
server() {  # NAME LABELS [MORE]
    define "$1" "command = [\"sh\", \"-c\", \"httpd -p 80 -h /etc; httpd -p 81 -h /etc; trap exit TERM; sleep 3600 & wait\"]
${3:-}
[labels]
$2
[[networks]]
name = \"pol\""
    systemctl start "ctr@$1"
}
# Two of them, told apart by a label.
servers() {
    server web 'tier = "front"'
    server db 'tier = "back"'
}
client() {  # NAME POLICY
    define "$1" "command = [\"payload\", \"sleep\"]
[network.policy]
$2
[[networks]]
name = \"pol\""
    systemctl start "ctr@$1"
}
# The same with the host's programs inside: the busybox of the test image knows no getaddrinfo(3).
speaker() {  # NAME POLICY
    define "$1" "command = [\"payload\", \"sleep\"]
volumes = [\"/usr:/usr:ro\", \"/usr/lib:/lib:ro\", \"/usr/lib64:/lib64:ro\"]
[network.policy]
$2
[[networks]]
name = \"pol\""
    systemctl start "ctr@$1"
}
# By name, in one go: what a speaker gets from there, or the error.
fetch() { inside "$1" "python3 -c 'import sys, urllib.request as r; print(r.urlopen(sys.argv[1], timeout=3).read().decode())' http://$2/hostname" 2>&1 | tail -n 3; }
# A program of the host as one of the container's: in its cgroup and its network.
as() {  # NAME COMMAND...
    nsenter -t "$(main_pid "$1")" -n sh -c 'echo $$ >"/sys/fs/cgroup/ctr.slice/ctr@$0.service/cgroup.procs"; exec "$@"' "$@"
}
inside() { gantry exec "$1" sh -c "$2"; }
address() { gantry inspect -f '{{(index .NetworkSettings.Networks "pol").IPAddress}}' "$1"; }
address6() { gantry inspect -f '{{(index .NetworkSettings.Networks "pol").GlobalIPv6Address}}' "$1"; }
# What CONTAINER gets from there, or the error.
page() { inside "$1" "printf 'GET /hostname HTTP/1.0\r\n\r\n' | nc -w 2 $2 $3" 2>&1 || true; }
reaches() { assert_contains "$(page "$@")" '200 OK'; }
refused() { assert_lacks "$(page "$@")" '200 OK'; }
end() { for name; do systemctl stop "ctr@$name"; rm "/etc/gantry/containers/$name.toml"; done; }

# A world behind a router: two servers, on two ports each, and a resolver that has more names than servers.
world_outside() {
    ip netns add outside
    ip link add out0 type veth peer name eth0 netns outside
    ip addr add 198.51.100.1/24 dev out0
    ip addr add 2001:db8:51::1/64 dev out0 nodad
    ip link set out0 up
    ip -n outside addr add 198.51.100.7/24 dev eth0
    ip -n outside addr add 198.51.100.8/24 dev eth0
    ip -n outside addr add 2001:db8:51::7/64 dev eth0 nodad
    ip -n outside link set eth0 up
    ip -n outside route add default via 198.51.100.1
    ip -n outside route add default via 2001:db8:51::1
    mkdir -p /run/outside && echo 'answered' >/run/outside/hostname
    for port in 80 81; do
        systemd-run --quiet --unit=outside-$port -p NetworkNamespacePath=/run/netns/outside -p WorkingDirectory=/run/outside \
            python3 -m http.server --bind :: $port
    done
    ip link add up0 type bridge && ip addr add 192.0.2.53/24 dev up0 && ip link set up0 up
    printf 'nameserver 192.0.2.53\n' >/etc/resolv.conf
    outside_names >/run/names.conf
    systemd-run --quiet --unit=upstream /usr/sbin/dnsmasq --conf-file=/run/names.conf --keep-in-foreground --pid-file= --bind-interfaces \
        --listen-address=192.0.2.53 --no-hosts --no-resolv --user=nobody
}
outside_names() {
    echo 'address=/api.example.com/198.51.100.7
address=/api.example.com/2001:db8:51::7
address=/a.wild.example.com/198.51.100.8
host-record=edge.example.net,198.51.100.8
cname=www.example.com,edge.example.net
address=/rebind.example.com/192.0.2.53
address=/metadata.example.com/169.254.169.254'
}
