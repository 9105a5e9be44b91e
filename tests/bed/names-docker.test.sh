# Names, hosts, resolv.conf and host names beside docker's, flag by flag: what both engines write and what their containers find.
# options: --peers
# limit: 180

setup_file() {
    load_busybox
    # What the host asks, and what containers are told to ask: the second has other answers.
    ip link add up0 type bridge && ip addr add 192.0.2.53/24 dev up0 && ip addr add 192.0.2.54/24 dev up0 && ip link set up0 up
    printf 'nameserver 192.0.2.53\nsearch corp.example\noptions edns0\n' >/etc/resolv.conf
    local end
    for end in 53 54; do
        systemd-run --quiet --unit=upstream$end /usr/sbin/dnsmasq --conf-file=/dev/null --keep-in-foreground --pid-file= --bind-interfaces \
            --listen-address=192.0.2.$end --no-hosts --no-resolv --address=/#/ --address=/outside.example/198.51.100.$end \
            --address=/db.corp.example/198.51.100.1 --log-queries --user=nobody
    done
    systemctl start docker
    eventually 30 docker version
    gantry save busybox | docker load >/dev/null
    local engine
    for engine in docker gantry; do
        $engine network create blue >/dev/null
        $engine create --name db --network blue --network-alias store busybox sleep 1000 >/dev/null
    done
}
# Containers do not outlive a test.
start_db() { docker start db >/dev/null && gantry start db >/dev/null; }

# picture ENGINE FLAG...: the files of a container, its names for itself, and what it finds, with addresses and ids made equal.
picture() {
    local engine=$1 own gateway
    shift
    "$engine" rm -f probe >/dev/null 2>&1 || true
    "$engine" run -d --name probe "$@" busybox sleep 1000 >/dev/null
    own=$("$engine" exec probe ip -4 -o addr show eth0 2>/dev/null | awk '{sub("/.*", "", $4); print $4}' || true)
    gateway=$("$engine" exec probe ip route 2>/dev/null | awk '$1 == "default" {print $3}' || true)
    {
        echo "hosts:"
        # Ours have IPv6 too, and a name where there is no network; fe00:: and fe00::0 are one address.
        "$engine" exec probe cat /etc/hosts | sed 's/^\(fe00\|ff00\)::0\t/\1::\t/' | grep -v -e '^fd00:6761:' -e '^127\.0\.1\.1' | tr '\t' ' '
        echo "resolver:"
        "$engine" exec probe cat /etc/resolv.conf | sed -n 's/ndots:0//; s/ blue\.ctr//; s/ bridge\.ctr//; s/ *$//; /^\(search\|options\) /p' | sort
        echo "names: $("$engine" exec probe sh -c 'cat /etc/hostname; hostname; dnsdomainname; echo $HOSTNAME' 2>&1 | grep -v -i lookup | tr '\n' ' ')"
        # Side by side: where nobody answers each takes its time.
        "$engine" exec probe sh -c 'for name; do ping -4 -c 1 -W 1 "$name" >"/tmp/$name" 2>&1 & done; wait
            for name; do echo "$name: $(sed -n "s/^PING [^ ]* (\([^)]*\)).*/\1/p" "/tmp/$name")"; done' sh \
            db store db.blue store.blue outside.example nobody
    } | sed -e "s/^${own:-none} /OWN /" -e "s/$("$engine" inspect -f '{{.Id}}' probe | cut -c 1-12)/ID/g" -e "s/^${gateway:-none} /GATEWAY /" \
        -e 's/^172\.17\.0\.1 /GATEWAY /' -e "s/: $("$engine" inspect -f '{{.NetworkSettings.Networks.blue.IPAddress}}' db)\$/: DB/"
    "$engine" rm -f probe >/dev/null
}
same() { assert_eq "$(picture docker "$@")" "$(picture gantry "$@")" "$*"; }

test_a_networks_files_and_answers_are_dockers() {
    start_db
    same --network blue
    assert_contains "$(picture gantry --network blue)" 'store.blue: DB'
    same --network blue --hostname web.example.com
    same --network blue --hostname web --domainname example.com
    same --network blue --domainname example.com
    same --network blue --add-host x:1.2.3.4 --add-host y:host-gateway --add-host z:fd00::1
}

test_given_servers_are_asked_and_names_stay_known() {
    start_db
    same --network blue --dns 192.0.2.54
    local seen
    seen=$(picture gantry --network blue --dns 192.0.2.54)
    assert_contains "$seen" 'db: DB'
    assert_contains "$seen" 'outside.example: 198.51.100.54'
    # The first that answers, in their order; search domains and options beside it.
    same --network blue --dns 192.0.2.99 --dns 192.0.2.54 --dns-search corp.example --dns-search . --dns-option timeout:4
    same --network blue --dns-search foo.example --dns-search bar.example --dns-option ndots:3 --dns-option debug
    same --network blue --dns-search .
}

test_without_a_network_of_its_own() {
    start_db
    same --network none
    same --network none --hostname foo
    same --network none --dns 192.0.2.54 --dns-search foo.example
    same --network host --dns 192.0.2.54
    assert_contains "$(picture gantry --network host --add-host x:1.2.3.4)" '1.2.3.4 x'
    local engine
    for engine in docker gantry; do
        $engine run -d --name base --network blue --hostname basehost --add-host q:9.9.9.9 --dns 192.0.2.54 busybox sleep 1000 >/dev/null
    done
    same --network container:base
    assert_contains "$(picture gantry --network container:base)" '9.9.9.9 q'
    # What comes later reaches both.
    gantry network create red >/dev/null
    gantry run -d --name joined --network container:base busybox sleep 1000 >/dev/null
    gantry network connect red base
    assert_eq "$(gantry exec base cat /etc/resolv.conf)" "$(gantry exec joined cat /etc/resolv.conf)"
    assert_contains "$(gantry exec joined cat /etc/resolv.conf)" red.ctr
    for engine in docker gantry; do $engine rm -f base joined >/dev/null 2>&1 || true; done
    gantry network rm red >/dev/null
}

test_what_is_no_address_or_name_is_refused_by_both() {
    start_db
    local engine
    for engine in docker gantry; do
        assert_fails $engine create --dns nosuch busybox true
        assert_fails $engine create --dns-search 'a b' busybox true
        assert_fails $engine create --add-host ab:1.2.3 busybox true
        assert_fails $engine create --add-host ab busybox true
        assert_fails $engine create --network container:db --dns 1.2.3.4 busybox true
        assert_fails $engine create --network container:db --hostname a busybox true
        assert_fails $engine create --network container:db --add-host a:1.2.3.4 busybox true
    done
}
