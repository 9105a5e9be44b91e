# Programs of the host find containers by name: libnss_gantry.

setup_file() {
    load_busybox
    sed -i 's/^hosts:.*/hosts: files gantry dns/' /etc/nsswitch.conf
    : >/etc/resolv.conf
    # getent asks for addresses of families that the host has (AI_ADDRCONFIG).
    ip link add up0 type bridge && ip addr add 192.0.2.1/24 dev up0 && ip -6 addr add fd00:2::1/64 nodad dev up0 && ip link set up0 up
}
address() { gantry exec "$1" sh -c "ip -$2 -o addr show eth${3:-0} scope global" | awk '{sub("/.*", "", $4); print $4; exit}'; }
hosts() { getent "$1" "$2" | awk '{print $1}' | sort -u | tr '\n' ' '; }

test_a_containers_name_both_families() {
    gantry network create blue >/dev/null
    gantry run -d --name web.1 --network blue --network-alias front --hostname face busybox sleep 1000 >/dev/null
    local v4 v6
    v4=$(address web.1 4) v6=$(address web.1 6)
    for name in web.1.ctr WEB.1.ctr web.1.ctr. web.1.blue.ctr front.blue.ctr face.blue.ctr; do
        assert_eq "$v4 " "$(hosts ahostsv4 $name)" $name
        assert_eq "$v6 " "$(hosts ahostsv6 $name)" $name
        assert_eq 2 "$(getent ahosts $name | awk '{print $1}' | sort -u | wc -l)" $name
    done
    assert_eq "$v4 " "$(python3 -c 'import socket; print(socket.gethostbyname("web.1.ctr"), end=" ")')"
    assert_eq web.1.blue.ctr "$(getent hosts "$v4" | awk '{print $2}')"
    assert_eq web.1.blue.ctr "$(getent hosts "$v6" | awk '{print $2}')"
    # Whoever asks.
    assert_eq "$v4 " "$(setpriv --reuid=nobody --clear-groups getent ahostsv4 web.1.ctr | awk '{print $1}' | sort -u | tr '\n' ' ')"
    for name in web.ctr front.ctr web.1 ctr .ctr web.1.red.ctr xweb.1.ctr; do assert_eq '' "$(hosts ahosts $name)" "$name"; done
    assert_fails getent hosts 192.0.2.77
    gantry rm -f web.1 >/dev/null
    assert_eq '' "$(hosts ahosts web.1.ctr)"
    gantry network rm blue >/dev/null
}

test_an_alias_of_several_and_a_container_on_two_networks() {
    gantry network create blue >/dev/null
    gantry network create red >/dev/null
    for i in 1 2 3; do gantry run -d --name app-$i --network blue --network-alias app busybox sleep 1000 >/dev/null; done
    gantry network connect red app-1
    assert_eq 3 "$(hosts ahostsv4 app.blue.ctr | wc -w)"
    assert_eq 2 "$(hosts ahostsv4 app-1.ctr | wc -w)"
    assert_eq "$(address app-1 4 1) " "$(hosts ahostsv4 app-1.red.ctr)"
    gantry rm -f app-1 app-2 app-3 >/dev/null
    gantry network rm blue red >/dev/null
}

test_nothing_there_and_nonsense_there() {
    assert_eq '' "$(hosts ahosts web.ctr)"
    mkdir -p /run/gantry/dns/all
    printf 'nonsense web.ctr\n10.0.0.7\n\n10.0.0.8 %s web.blue.ctr web.ctr\n' "$(head -c 400 /dev/zero | tr '\0' a)" >/run/gantry/dns/all/blue@web
    head -c 200000 /dev/urandom >/run/gantry/dns/all/blue@noise
    mkdir /run/gantry/dns/all/blue@folder
    mkfifo /run/gantry/dns/all/blue@fifo
    ln -s /etc/passwd /run/gantry/dns/all/blue@link
    assert_eq '10.0.0.8 ' "$(hosts ahostsv4 web.ctr)"
    for name in noise folder fifo link; do assert_eq '' "$(timeout 5 getent ahosts $name.ctr)"; done
    assert_fails timeout 5 getent hosts 10.0.0.99
    rm -r /run/gantry/dns/all/blue@*
}

test_many_addresses_need_a_larger_buffer() {
    for i in $(seq 1 40); do printf '10.1.0.%s big.blue.ctr big.ctr\nfd00::%s big.blue.ctr big.ctr\n' "$i" "$i" >/run/gantry/dns/all/blue@big; done
    for i in $(seq 1 60); do printf '10.1.0.%s big.blue.ctr big.ctr\n' "$i"; done >/run/gantry/dns/all/blue@big
    assert_eq 60 "$(hosts ahostsv4 big.ctr | wc -w)"
    rm /run/gantry/dns/all/blue@big
}
