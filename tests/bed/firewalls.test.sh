# The firewalls of the field as Debian has them: what they keep closed is closed, what they open is open, names and the way out work, and
# a reload of theirs leaves us working.
# options: --peers
# limit: 240

setup_file() {
    load_busybox
    cable_to_world
    ip route add default via 192.0.2.2 && ip -6 route add default via 2001:db8::2
    systemd-run --quiet --unit=world -p NetworkNamespacePath=/run/netns/world python3 -c "
import socket
s = socket.create_server(('::', 80), family=socket.AF_INET6, dualstack_ipv6=True)
while True:
    c, a = s.accept(); c.sendall(b'world'); c.close()"
}

# Containers do not outlive a test.
start_containers() {
    gantry rm -f web friend late there >/dev/null 2>&1 || true
    gantry run -d --name web -p 8080:80 -p published=8081,target=80,bypass_firewall=true --stop-signal KILL busybox nc -ll -p 80 -e echo hello >/dev/null
    gantry run -d --name friend busybox payload sleep >/dev/null
}

world() { ip netns exec world "$@"; }
page() { world ncat -w 2 --recv-only "$1" "$2" </dev/null 2>/dev/null || true; }
both() {  # EXPECTED PORT
    assert_eq "$1" "$(page 192.0.2.1 "$2")" "port $2"
    assert_eq "$1" "$(page 2001:db8::1 "$2")" "port $2 by IPv6"
}
# Names, other containers, the way out, and what is published for those inside.
inside_works() {
    local name=${1:-friend}
    assert_match "$(gantry exec "$name" nslookup -type=a web.bridge.ctr 2>&1)" 'Address: *10\.88\.'
    gantry exec "$name" ping -c 1 -W 2 web >/dev/null || fail "$name does not reach web"
    assert_eq world "$(gantry exec "$name" nc -w 2 192.0.2.2 80 </dev/null)" "$name and the world"
    assert_eq hello "$(gantry exec "$name" nc -w 2 192.0.2.1 8080 </dev/null)" "$name and a published port"
    assert_eq hello "$(ncat -w 2 --recv-only 127.0.0.1 8080 </dev/null)" 'the host and a published port'
}
state() { gantry port --check --format '{{.HostPort}} {{.Destination}} {{.State}} {{.Decision}}' web 2>/dev/null | sed -n "s/^$1 192.0.2.1 //p"; }

test_ufw() {
    start_containers
    both hello 8080
    ufw allow 22/tcp >/dev/null
    ufw --force enable >/dev/null
    # It loads its tables in no service's name: the next start or a reload by hand makes the way through them.
    gantry network reload >/dev/null
    both '' 8080
    both hello 8081
    inside_works
    assert_match "$(state 8080)" '^closed table ip filter, chain (INPUT: policy drop|ufw-)'
    ufw allow 8080/tcp >/dev/null
    both hello 8080
    assert_match "$(state 8080)" '^open table ip filter, chain ufw-user-input: tcp dport 8080'
    ufw prepend deny from 192.0.2.2 >/dev/null
    assert_eq '' "$(page 192.0.2.1 8080)" 'one client is denied'
    assert_eq hello "$(page 2001:db8::1 8080)" 'the other not'
    ufw --force delete deny from 192.0.2.2 >/dev/null
    # What is forbidden on purpose stays so: ours come behind.
    ufw prepend deny from 2001:db8::2 >/dev/null
    ufw route deny in on gantry0 to 192.0.2.2 >/dev/null
    assert_eq '' "$(gantry exec friend nc -w 1 192.0.2.2 80 </dev/null || true)"
    ufw route delete deny in on gantry0 to 192.0.2.2 >/dev/null
    ufw --force delete deny from 2001:db8::2 >/dev/null
    # A container that starts under it, and one with name servers of its own; iptables can read what we wrote.
    gantry run -d --name late --dns 192.0.2.99 busybox payload sleep >/dev/null
    inside_works late
    assert_lacks "$(said late)" 'no resolver'
    assert_contains "$(iptables -S FORWARD)" '-A FORWARD -i gantry0 -m comment'
    assert_contains "$(iptables -S INPUT)" '--dport 53'
    # Its reload, its restart.
    ufw reload >/dev/null
    both hello 8080
    inside_works
    inside_works late
    systemctl restart ufw
    both hello 8080
    inside_works
    inside_works late
    # A network's rules go with it.
    gantry network create brief >/dev/null
    gantry run --rm --network brief busybox true
    local bridge
    bridge=$(sed 's/ .*//' /run/gantry/net/brief/.network)
    assert_contains "$(iptables -S)" "$bridge"
    gantry network rm brief >/dev/null
    assert_lacks "$(iptables -S)" "$bridge"
    gantry rm -f late >/dev/null
    ufw --force reset >/dev/null
    systemctl stop ufw gantry-firewall@ufw
    nft flush ruleset
    gantry network reload >/dev/null
}

test_firewalld() {
    start_containers
    systemctl start firewalld
    assert_contains "$(firewall-cmd --get-active-zones)" gantry
    both '' 8080
    both hello 8081
    inside_works
    firewall-cmd --quiet --add-port=8080/tcp
    both hello 8080
    # What the host serves is not open to containers by itself.
    systemd-run --quiet --unit=local python3 -m http.server 8999
    eventually 5 curl -sfo /dev/null http://127.0.0.1:8999/
    assert_fails gantry exec friend nc -w 2 10.88.0.1 8999 </dev/null
    firewall-cmd --quiet --zone=gantry --add-port=8999/tcp
    gantry exec friend nc -w 2 10.88.0.1 8999 </dev/null >/dev/null
    systemctl stop local
    # What was opened for now is closed again.
    firewall-cmd --quiet --reload
    both '' 8080
    inside_works
    firewall-cmd --quiet --permanent --add-port=8080/tcp
    firewall-cmd --quiet --reload
    both hello 8080
    gantry run -d --name late --dns 192.0.2.99 busybox payload sleep >/dev/null
    inside_works late
    assert_lacks "$(said late)" 'no resolver'
    systemctl restart firewalld
    both hello 8080
    inside_works
    inside_works late
    gantry rm -f late >/dev/null
    systemctl stop firewalld
    both hello 8080
    inside_works
}

test_nftables_service() {
    start_containers
    cat >/etc/nftables.conf <<'N'
#!/usr/sbin/nft -f
flush ruleset
table inet filter {
    chain input {
        type filter hook input priority filter; policy drop;
        ct state established,related accept
        iifname { "lo", "gantry0" } accept
        meta l4proto icmpv6 accept
        include "/etc/nftables.open*"
    }
}
N
    systemctl start nftables
    both '' 8080
    both hello 8081
    inside_works
    echo 'tcp dport 8080 accept' >/etc/nftables.open
    systemctl reload nftables
    both hello 8080
    inside_works
    # All rules are flushed by its restart and its reload; ours come back without anybody's doing.
    systemctl restart nftables
    both hello 8080
    inside_works
    # By hand they come back with the next start, or a reload.
    nft flush ruleset
    assert_eq '' "$(page 192.0.2.1 8080)"
    gantry run --rm busybox true
    both hello 8080
    inside_works
    nft flush ruleset
    gantry network reload >/dev/null
    both hello 8080
    systemctl stop nftables
    gantry network reload >/dev/null
    rm /etc/nftables.open
}

test_docker() {
    # It sets the policy where it is docker that switches forwarding on.
    sysctl -qw net.ipv4.ip_forward=0
    systemctl start docker
    start_containers
    eventually 30 docker version
    # It forwards nothing that it does not know; we are let through by rules of our own.
    assert_match "$(iptables -S FORWARD)" '-P FORWARD DROP'
    both hello 8080
    inside_works
    gantry save busybox | docker load >/dev/null
    docker run -d --name theirs -p 8083:80 busybox nc -ll -p 80 -e echo docker >/dev/null
    eventually 5 bash -c '[ "$(ncat -w 2 --recv-only 127.0.0.1 8083 </dev/null)" = docker ]'
    assert_eq docker "$(page 192.0.2.1 8083)"
    # A network that is made under it, with a bridge of its own.
    gantry network create beside >/dev/null
    gantry run -d --name there --network beside -p 8084:80 --stop-signal KILL busybox nc -ll -p 80 -e echo there >/dev/null
    assert_eq there "$(page 192.0.2.1 8084)"
    assert_eq world "$(gantry exec there nc -w 2 192.0.2.2 80 </dev/null)"
    systemctl restart docker
    eventually 30 docker version
    both hello 8080
    inside_works
    assert_eq there "$(page 192.0.2.1 8084)"
    assert_eq 1 "$(iptables -S FORWARD | grep -c -- '-i gantry0 ')" 'once'
    docker rm -f theirs >/dev/null
    gantry rm -f there >/dev/null
    gantry network rm beside >/dev/null
    systemctl stop docker docker.socket
    both hello 8080
    inside_works
}
