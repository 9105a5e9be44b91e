# What breaks in networks, and what must be true then.
# options: --peers
# limit: 180

setup_file() { load_busybox; }

inside() { gantry exec "$1" sh -c "$2"; }
address() { inside "$1" "ip -4 -o addr show eth0 2>/dev/null || true" | awk '{sub("/.*", "", $4); print $4}'; }
reaches() { inside "$1" "ping -c 1 -W 1 $2" >/dev/null 2>&1; }
serve() { gantry run -d --name "$@" busybox nc -ll -p 80 -e echo hello >/dev/null; }
page() { timeout 3 nc -w 2 "$1" "$2" </dev/null 2>/dev/null; }

test_an_exhausted_pool_is_told_and_nothing_is_left() {
    local i before
    gantry network create --subnet 10.99.0.0/29 small >/dev/null
    for i in 1 2 3 4 5; do gantry run -d --name s$i --network small busybox sleep 1000 >/dev/null; done
    before=$(host_picture)
    assert_fails gantry run -d --name s6 --network small busybox sleep 1000
    assert_contains "$output" 'small'
    assert_match "$output" 'no free address|no address is free'
    gantry rm -f s6 >/dev/null
    assert_eq "$before" "$(host_picture)"
    # A lease is kept over a stop and free after a removal.
    gantry stop -t 0 s1 >/dev/null
    assert_fails gantry run -d --name s6 --network small busybox sleep 1000
    gantry rm -f s6 s1 >/dev/null
    gantry run -d --name s7 --network small busybox sleep 1000 >/dev/null
    gantry rm -f s2 s3 s4 s5 s7 >/dev/null
    gantry network rm small >/dev/null
}

test_overlapping_subnets_are_refused() {
    gantry network create --subnet 10.98.0.0/16 wide >/dev/null
    assert_fails gantry network create --subnet 10.98.7.0/24 narrow
    assert_contains "$output" '10.98.7.0/24'
    assert_contains "$output" 'wide'
    ip link add over0 type bridge && ip addr add 10.97.0.1/16 dev over0 && ip link set over0 up
    assert_fails gantry network create --subnet 10.97.3.0/24 narrow
    assert_contains "$output" '10.97.3.0/24'
    assert_fails gantry network inspect narrow
    ip link del over0
    gantry network rm wide >/dev/null
}

test_a_deleted_bridge_is_put_back() {
    serve web -p 8080:80
    gantry run -d --name client busybox sleep 1000 >/dev/null
    local ip
    ip=$(address web)
    reaches client "$ip"
    ip link del gantry0
    ! reaches client "$ip" || fail 'a bridge that is gone still forwards'
    gantry network reload bridge
    eventually 5 reaches client "$ip"
    assert_eq hello "$(page 127.0.0.1 8080)"
    # The next start does it as well.
    ip link del gantry0
    gantry run -d --name third busybox sleep 1000 >/dev/null
    reaches third "$(ip -4 -o addr show gantry0 | awk '{sub("/.*", "", $4); print $4}')"
    gantry network reload bridge
    eventually 5 reaches third "$ip"
    gantry rm -f web client third >/dev/null
}

test_a_flushed_ruleset_is_put_back() {
    serve web -p 8080:80
    eventually 5 page 127.0.0.1 8080
    nft flush ruleset
    [ -z "$(page 127.0.0.1 8080)" ] || fail 'a published port without rules'
    gantry network reload bridge
    assert_eq hello "$(page 127.0.0.1 8080)"
    nft flush ruleset
    gantry run --rm busybox true
    assert_eq hello "$(page 127.0.0.1 8080)"
    gantry rm -f web >/dev/null
}

test_fifty_connects_and_disconnects_at_once() {
    gantry network create extra >/dev/null
    gantry run -d --name mover busybox sleep 1000 >/dev/null
    gantry run -d --name rock --network extra busybox sleep 1000 >/dev/null
    local i before pids=()
    before=$(host_picture)
    for i in $(seq 50); do
        local verb=connect
        [ $((i % 2)) = 1 ] || verb=disconnect
        { gantry network $verb extra mover || true; } >/tmp/change.$i 2>&1 &
        pids+=($!)
    done
    for i in "${pids[@]}"; do wait "$i"; done
    # Each was done or refused with one line.
    for i in $(seq 50); do [ "$(wc -l </tmp/change.$i)" -le 1 ] || fail "$(cat /tmp/change.$i)"; done
    gantry network disconnect extra mover >/dev/null 2>&1 || true
    assert_eq "$before" "$(host_picture)"
    assert_eq 'no problems found' "$(gantry system check)"
    gantry network connect extra mover
    reaches mover "$(address rock)"
    gantry rm -f mover rock >/dev/null
    gantry network rm extra >/dev/null
}

test_docker_beside_us() {
    serve before -p 8081:80
    systemctl start docker
    eventually 30 docker version
    serve after -p 8082:80
    gantry run -d --name client busybox sleep 1000 >/dev/null
    local name
    for name in before after; do
        reaches client "$(address $name)"
        assert_eq hello "$(page "$(address $name)" 80)"
    done
    assert_eq hello "$(page 127.0.0.1 8081)"
    assert_eq hello "$(page 127.0.0.1 8082)"
    gantry save busybox | docker load >/dev/null
    docker run -d --name theirs -p 8083:80 busybox nc -ll -p 80 -e echo docker >/dev/null
    eventually 5 page 127.0.0.1 8083
    assert_eq docker "$(page 127.0.0.1 8083)"
    # A port that docker has is one that is taken.
    assert_fails gantry run -d --name late -p 8083:80 busybox sleep 1000
    assert_contains "$output" '8083'
    gantry rm -f late >/dev/null 2>&1 || true
    docker rm -f theirs >/dev/null
    systemctl stop docker docker.socket
    assert_eq hello "$(page 127.0.0.1 8081)"
    reaches client "$(address before)"
    gantry rm -f before after client >/dev/null
}
