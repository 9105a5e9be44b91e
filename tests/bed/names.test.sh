# Containers find each other by name: resolvers of networks, one dnsmasq each, fed by the launcher.
# limit: 120

setup_file() {
    load_busybox
    mkdir -p /run/upstream
    # What the host's resolver is: the one of tests, on an address of the host that is not its loopback.
    ip link add up0 type bridge && ip addr add 192.0.2.53/24 dev up0 && ip link set up0 up
    printf 'nameserver 192.0.2.53\nsearch corp.example\n' >/etc/resolv.conf
    systemd-run --quiet --unit=upstream /usr/sbin/dnsmasq --conf-file=/dev/null --keep-in-foreground --pid-file= --bind-interfaces \
        --listen-address=192.0.2.53 --no-hosts --no-resolv --address=/#/ --address=/outside.example/198.51.100.7 \
        --address=/web.corp.example/198.51.100.8 --address=/api.example.com/198.51.100.9 --log-queries --user=nobody
}

inside() { gantry exec "$1" sh -c "$2"; }
address() { inside "$1" "ip -$3 -o addr show $2 scope global" | awk '{sub("/.*", "", $4); print $4; exit}'; }
ask() { inside "$1" "timeout 5 nslookup -type=${3:-a} $2 2>&1" | awk '/^Name:/ {on = 1} on && /^Address/ {sub("^Address[^:]*: *", ""); print}' | sort; }
reverse() { inside "$1" "timeout 5 nslookup $2 2>&1" | sed -n 's/.*name = //p'; }
# By the C library, as programs do: search list, /etc/hosts and all.
finds() { inside "$1" "ping -4 -c 1 -W 2 $2 2>&1" | sed -n 's/^PING [^ ]* (\([^)]*\)).*/\1/p'; }
gateway() { gantry network inspect -f '{{(index .IPAM.Config 0).Gateway}}' "$1"; }

test_containers_find_each_other_by_name_alias_and_host_name() {
    gantry network create blue >/dev/null
    gantry run -d --name web --network blue --hostname front busybox payload sleep >/dev/null
    gantry run -d --name db_1 --network blue --network-alias database busybox payload sleep >/dev/null
    local web db id
    web=$(address web eth0 4) db=$(address db_1 eth0 4)
    id=$(gantry inspect -f '{{.Id}}' db_1)
    for name in db_1 database db_1.ctr db_1.blue.ctr database.blue.ctr; do
        assert_eq "$db" "$(ask web "$name")" "$name"
        assert_eq "$db" "$(finds web "$name")" "$name"
    done
    assert_eq "$db" "$(finds web "${id:0:12}")"
    # The search domain of the host has a "web" as well.
    assert_eq "$web" "$(finds db_1 web)"
    assert_eq "$web" "$(finds db_1 front)"
    assert_eq "$(address db_1 eth0 6)" "$(ask web db_1 aaaa)" 'IPv6'
    assert_eq db_1.blue.ctr "$(reverse web "$db")"
    assert_eq db_1.blue.ctr "$(reverse web "$(address db_1 eth0 6)")"
    assert_eq '' "$(ask web nobody.blue.ctr)"
    assert_eq "nameserver $(gateway blue)
search blue.ctr corp.example" "$(inside web 'cat /etc/resolv.conf')"
    gantry rm -f web db_1 >/dev/null
    gantry network rm blue >/dev/null
}

test_all_else_goes_to_the_hosts_resolvers() {
    gantry run -d --name out busybox payload sleep >/dev/null
    assert_eq 198.51.100.7 "$(ask out outside.example)"
    assert_eq 198.51.100.8 "$(ask out web.corp.example)"
    # Resolvers on the host's loopback are reached too: as systemd-resolved's stub is.
    systemd-run --quiet --unit=stub /usr/sbin/dnsmasq --conf-file=/dev/null --keep-in-foreground --pid-file= --bind-interfaces \
        --listen-address=127.0.0.53 --except-interface=lo --no-hosts --no-resolv --address=/stubbed.example/198.51.100.10 --user=nobody
    printf 'nameserver 127.0.0.53\noptions edns0 trust-ad\nsearch corp.example\n' >/etc/resolv.conf.new
    mv /etc/resolv.conf.new /etc/resolv.conf
    sleep 0.3
    assert_eq 198.51.100.10 "$(ask out stubbed.example)"
    gantry run -d --name out2 busybox payload sleep >/dev/null
    assert_eq 198.51.100.10 "$(ask out2 stubbed.example)"
    assert_contains "$(inside out2 'cat /etc/resolv.conf')" 'options edns0 trust-ad'
    printf 'nameserver 192.0.2.53\nsearch corp.example\n' >/etc/resolv.conf.new
    mv /etc/resolv.conf.new /etc/resolv.conf
    systemctl stop stub
    gantry rm -f out out2 >/dev/null
}

test_an_alias_of_several_is_all_of_them_in_turn() {
    gantry network create pool >/dev/null
    local i first='' expected=''
    for i in 1 2 3; do gantry run -d --name p$i --network pool --network-alias api.example.com --network-alias worker busybox payload sleep >/dev/null; done
    expected=$(for i in 1 2 3; do address p$i eth0 4; done | sort)
    assert_eq "$expected" "$(ask p1 worker)"
    assert_eq "$expected" "$(ask p1 worker.pool.ctr)"
    assert_eq "$expected" "$(ask p1 api.example.com)" 'an alias wins over the world'
    first=$(for i in {1..12}; do inside p1 'nslookup -type=a worker.pool.ctr' | awk '/^Name:/ {on = 1} on && /^Address/ {print $NF; exit}'; done | sort -u | wc -l)
    assert_eq 3 "$first" 'each was first once'
    gantry stop -t 1 p2 >/dev/null
    expected=$(for i in 1 3; do address p$i eth0 4; done | sort)
    assert_eq "$expected" "$(ask p1 worker)"
    # Other networks are not concerned.
    gantry run -d --name other busybox payload sleep >/dev/null
    assert_eq 198.51.100.9 "$(ask other api.example.com)"
    assert_eq '' "$(ask other worker)"
    gantry rm -f p1 p2 p3 other >/dev/null
    gantry network rm pool >/dev/null
    assert_status 1 gantry check - <<<$'image = "busybox"\n[[networks]]\nname = "bridge"\naliases = ["not a name"]'
}

test_networks_have_names_of_their_own() {
    gantry network create left >/dev/null
    gantry network create right >/dev/null
    gantry run -d --name ldb --network left --network-alias db busybox payload sleep >/dev/null
    gantry run -d --name rdb --network right --network-alias db busybox payload sleep >/dev/null
    gantry run -d --name rx --network right --network-alias cache busybox payload sleep >/dev/null
    gantry run -d --name le --network left busybox payload sleep >/dev/null
    gantry run -d --name ri --network right busybox payload sleep >/dev/null
    gantry run -d --name both --network left --network right busybox payload sleep >/dev/null
    assert_eq "$(address ldb eth0 4)" "$(ask le db)"
    assert_eq "$(address rdb eth0 4)" "$(ask ri db)"
    assert_eq '' "$(ask le cache)"
    # A container on both finds the names of both, those of the first one first.
    assert_eq "$(address ldb eth0 4)" "$(finds both db)"
    assert_eq "$(address rx eth0 4)" "$(finds both cache)"
    assert_eq "$(address rdb eth0 4)" "$(finds both db.right.ctr)"
    # Another network's resolver does not answer.
    ! inside le "timeout 2 nslookup -type=a db $(gateway right)" || fail 'answered across networks'
    gantry rm -f ldb rdb rx le ri both >/dev/null
    gantry network rm left right >/dev/null
}

test_an_internal_network_asks_nobody() {
    gantry network create --internal closed >/dev/null
    gantry run -d --name in1 --network closed busybox payload sleep >/dev/null
    gantry run -d --name in2 --network closed busybox payload sleep >/dev/null
    assert_eq "$(address in2 eth0 4)" "$(finds in1 in2)"
    assert_eq '' "$(ask in1 outside.example)"
    assert_eq '' "$(ask in1 secret.outside.example)"
    journalctl --sync
    assert_lacks "$(journalctl -q -u upstream -o cat)" secret.outside
    # With a way out by another network, that one's resolver is asked.
    gantry run -d --name in3 --network closed --network bridge busybox payload sleep >/dev/null
    assert_eq 198.51.100.7 "$(ask in3 outside.example)"
    assert_eq "$(address in2 eth0 4)" "$(finds in3 in2)"
    gantry rm -f in1 in2 in3 >/dev/null
    gantry network rm closed >/dev/null
    # Another network of that name has another resolver.
    gantry network create closed >/dev/null
    gantry run -d --name in4 --network closed busybox payload sleep >/dev/null
    assert_eq 198.51.100.7 "$(ask in4 outside.example)"
    gantry rm -f in4 >/dev/null
    gantry network rm closed >/dev/null
}

test_names_go_with_the_container() {
    local before
    gantry run --rm busybox true
    before=$(host_picture)
    gantry run -d --name watcher busybox payload sleep >/dev/null
    gantry run -d --name brief busybox payload sleep >/dev/null
    [ -n "$(ask watcher brief)" ] || fail 'not known'
    gantry stop -t 1 brief >/dev/null
    assert_eq '' "$(ask watcher brief)"
    assert_eq '' "$(ask watcher brief.bridge.ctr)"
    gantry start brief >/dev/null
    assert_eq "$(address brief eth0 4)" "$(ask watcher brief)"
    kill -9 "$(main_pid brief)"
    eventually 5 unit_is ctr@brief failed
    assert_eq '' "$(ask watcher brief)"
    # A start that fails leaves none.
    assert_status 127 gantry run --name broken busybox nosuchcommand
    assert_eq '' "$(ask watcher broken)"
    # What nobody removed is found.
    printf '# gateways 10.88.0.1\n10.88.99.99 ghost\n' >/run/gantry/dns/hosts/bridge/ghost
    assert_contains "$(gantry system check 2>&1 || true)" "knows the name of 'ghost'"
    gantry system check --repair >/dev/null || true
    assert_eq '' "$(ask watcher ghost)"
    gantry rm -f watcher brief broken >/dev/null
    systemctl reset-failed
    assert_picture "$before"
    assert_eq 'no problems found' "$(gantry system check)"
}

test_killed_resolvers_come_back() {
    gantry run -d --name k1 busybox payload sleep >/dev/null
    gantry run -d --name k2 busybox payload sleep >/dev/null
    local k2 pid
    k2=$(address k2 eth0 4)
    known() { [ "$(ask k1 k2)" = "$k2" ]; }
    known
    for pid in $(systemctl show -P MainPID gantry-dns) $(cat "/sys/fs/cgroup/system.slice/gantry-dns.service/cgroup.procs"); do
        kill -9 "$pid" 2>/dev/null || true
        eventually 10 known
    done
    unit_is gantry-dns active
    gantry rm -f k1 k2 >/dev/null
}

test_connect_and_disconnect_change_names() {
    gantry network create first >/dev/null
    gantry network create second >/dev/null
    gantry run -d --name mover --network first busybox payload sleep >/dev/null
    gantry run -d --name peer --network second busybox payload sleep >/dev/null
    gantry network connect --alias moved second mover
    eventually 5 bash -c '[ -n "$(gantry exec peer nslookup -type=a moved.second.ctr | grep Name)" ]'
    assert_eq "$(address mover eth1 4)" "$(finds peer moved)"
    assert_eq "$(address peer eth0 4)" "$(finds mover peer)"
    gantry network disconnect first mover
    assert_eq "$(address peer eth0 4)" "$(finds mover peer)"
    gantry network disconnect second mover
    assert_eq '' "$(ask peer moved)"
    gantry rm -f mover peer >/dev/null
    gantry network rm first second >/dev/null
}

test_own_servers_are_asked_for_all_that_is_no_name() {
    ip addr add 192.0.2.54/24 dev up0
    systemd-run --quiet --unit=second /usr/sbin/dnsmasq --conf-file=/dev/null --keep-in-foreground --pid-file= --bind-interfaces \
        --listen-address=192.0.2.54 --no-hosts --no-resolv --address=/#/ --address=/outside.example/198.51.100.54 --user=nobody
    gantry network create pair >/dev/null
    gantry run -d --name seer --network pair busybox payload sleep >/dev/null
    gantry run -d --name own --network pair --dns 192.0.2.54 busybox payload sleep >/dev/null
    gantry run -d --name same --network pair --dns 192.0.2.54 busybox payload sleep >/dev/null
    gantry run -d --name other --network pair --dns 192.0.2.99 --dns 192.0.2.53 busybox payload sleep >/dev/null
    local name own
    own=$(address own eth0 4)
    assert_eq "nameserver $(gateway pair)
search pair.ctr corp.example" "$(inside own 'cat /etc/resolv.conf')"
    for name in own same; do assert_eq 198.51.100.54 "$(ask $name outside.example)" $name; done
    for name in seer other; do assert_eq 198.51.100.7 "$(ask $name outside.example)" $name; done
    for name in own same seer other; do assert_eq "$own" "$(finds $name own)" $name; done
    assert_eq seer.pair.ctr "$(reverse own "$(address seer eth0 4)")"
    assert_eq 2 "$(pgrep -fc -- '--server=')" 'one resolver for each set of servers'
    # By IPv6 as well.
    assert_eq 198.51.100.54 "$(inside own "timeout 5 nslookup -type=a outside.example $(gantry network inspect -f '{{(index .IPAM.Config 1).Gateway}}' pair)" | awk '/^Address/ {print $NF}' | tail -n 1)"
    kill -9 "$(pgrep -f -- '--server=192.0.2.54')"
    eventually 10 bash -c '[ -n "$(gantry exec own nslookup -type=a outside.example | grep 100.54)" ]'
    # What is somebody's own stays with it: its loopback, and a network without a way out.
    gantry run -d --name self --network pair --dns 127.0.0.1 busybox payload sleep >/dev/null
    assert_contains "$(inside self 'cat /etc/resolv.conf')" 'nameserver 127.0.0.1'
    gantry network create --internal shut >/dev/null
    gantry run -d --name shut --network shut --dns 192.0.2.54 busybox payload sleep >/dev/null
    assert_eq '' "$(ask shut outside.example)"
    assert_eq "$(address shut eth0 4)" "$(finds shut shut)"
    # On another network it asks them too, and over a flush after a reload; meanwhile the host's.
    gantry network create third >/dev/null
    gantry network connect third own
    gantry network disconnect pair own
    assert_eq 198.51.100.54 "$(ask own outside.example)"
    nft flush ruleset
    assert_eq 198.51.100.7 "$(ask own outside.example)"
    gantry network reload >/dev/null
    assert_eq 198.51.100.54 "$(ask own outside.example)"
    gantry run -d --name joined --network container:own busybox payload sleep >/dev/null
    assert_eq 198.51.100.54 "$(ask joined outside.example)"
    # An element says whose it is, and goes with it.
    assert_contains "$(nft list map inet gantry resolver4)" third/own
    gantry rm -f joined own same other self shut seer >/dev/null
    assert_lacks "$(nft list map inet gantry resolver4)" comment
    gantry network rm pair third shut >/dev/null
    assert_eq '' "$(compgen -G '/run/gantry/dns/servers/8*' || true)" 'ports are free again'
    systemctl stop second
    ip addr del 192.0.2.54/24 dev up0
}

test_fifty_at_once_know_each_other() {
    local i names=() expected
    gantry network create crowd >/dev/null
    for i in {1..50}; do
        names+=("c$i")
        # Its own name is known before its process is.
        cat >"/etc/gantry/containers/c$i.toml" <<D
image = "busybox"
command = ["sh", "-c", "echo own \$(nslookup -type=a c$i.crowd.ctr | grep -c ^Name:); exec payload sleep"]
[[networks]]
name = "crowd"
aliases = ["member"]
D
    done
    systemctl daemon-reload
    systemctl start "${names[@]/#/ctr@}"
    expected=$(for i in {1..50}; do address "c$i" eth0 4; done | sort)
    for i in 1 23 50; do
        assert_eq "$expected" "$(inside "c$i" 'for i in $(seq 1 50); do nslookup -type=a c$i; done 2>&1' | awk '/^Name:/ {getline; print $NF}' | sort)"
    done
    # More than a UDP answer holds: over TCP, as resolver libraries do.
    assert_eq 50 "$(gantry exec c1 ping -4 -c 1 -W 2 member >/dev/null && grep -l . /run/gantry/dns/hosts/crowd/c* | wc -l)"
    for i in 1 23 50; do eventually 10 bash -c "journalctl -q -o cat -u ctr@c$i | grep -x 'own 1'"; done
    assert_eq '' "$(journalctl -q -o cat -u 'ctr@c*' | grep 'no resolver' || true)"
    gantry run -d --name judge --network crowd busybox payload sleep >/dev/null
    systemctl stop "${names[@]/#/ctr@}"
    assert_eq '' "$(ask judge c7.crowd.ctr)"
    gantry rm -f judge >/dev/null
    rm /etc/gantry/containers/c{1..50}.toml
    systemctl daemon-reload
    gantry system check --repair >/dev/null || true
    gantry network rm crowd >/dev/null
}

test_resolvers_leave_with_the_last_name() {
    mkdir -p /run/systemd/system/gantry-dns.service.d
    printf '[Service]\nExecStart=\nExecStart=/usr/libexec/gantry/gantry-dns 1\n' >/run/systemd/system/gantry-dns.service.d/idle.conf
    systemctl daemon-reload
    systemctl restart gantry-dns.service
    gantry network create short >/dev/null
    gantry run -d --name long busybox payload sleep >/dev/null
    gantry run --rm --network short busybox true
    gantry run --rm --network bridge --dns 192.0.2.53 busybox true
    [ -h /run/gantry/dns/servers/811 ] || fail 'no port for its servers'
    eventually 10 bash -c '! [ -h /run/gantry/dns/servers/811 ]'
    # One network's goes, the other's stays.
    eventually 10 bash -c '! [ -e /run/gantry/dns/hosts/short ]'
    eventually 5 bash -c '! pgrep -f hosts/shor[t]'
    [ -n "$(ask long long.bridge.ctr)" ] || fail 'it does not answer any more'
    gantry run --rm --network short busybox nslookup -type=a long.bridge.ctr | grep -q ^Name
    gantry rm -f long >/dev/null
    eventually 10 unit_is gantry-dns.service inactive
    assert_eq '' "$(pgrep -f dnsmasq.*gantry || true)"
    gantry run --rm --name again busybox nslookup -type=a again.bridge.ctr | grep -q ^Name
    gantry network rm short >/dev/null
    rm /run/systemd/system/gantry-dns.service.d/idle.conf
    systemctl daemon-reload
}

test_a_firewall_in_the_way_is_told() {
    gantry network create walled >/dev/null
    gantry run --rm --network walled busybox true
    nft 'table inet wall { chain input { type filter hook input priority 10; policy accept; iifname "gtr-*" ip daddr != 192.0.2.53 udp dport 53 drop; }; }'
    gantry run -d --name walled --network walled busybox payload sleep >/dev/null
    assert_eq $'nameserver 192.0.2.53\nsearch corp.example' "$(inside walled 'cat /etc/resolv.conf')"
    assert_eq 198.51.100.7 "$(ask walled outside.example)"
    assert_contains "$(said walled)" 'a firewall of the host is in the way'
    nft delete table inet wall
    gantry restart -t 1 walled >/dev/null
    assert_eq "$(address walled eth0 4)" "$(ask walled walled.walled.ctr)"
    gantry rm -f walled >/dev/null
    gantry network rm walled >/dev/null
}

test_without_dnsmasq_all_is_as_before() {
    systemctl stop gantry-dns.path gantry-dns.service
    rm -rf /run/gantry/dns
    gantry run -d --name plain busybox payload sleep >/dev/null
    assert_eq $'nameserver 192.0.2.53\nsearch corp.example' "$(inside plain 'cat /etc/resolv.conf')"
    assert_eq 198.51.100.7 "$(ask plain outside.example)"
    [ ! -e /run/gantry/dns ] || fail 'names were written'
    # It comes without a restart of anything.
    systemctl start gantry-dns.path
    gantry run -d --name named busybox payload sleep >/dev/null
    assert_eq "$(address named eth0 4)" "$(finds named named.bridge.ctr)"
    gantry rm -f plain named >/dev/null
}
