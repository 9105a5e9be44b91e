#!/bin/bash
# ./dev bench datapath (and a part of ./dev bench network): the data path of network driver ebpf, against docker's bridge and two plain
# namespaces joined by a veth pair.
# options: --peers
set -euo pipefail
. /src/tests/bench/lib.sh
rounds=${GANTRY_BENCH_ROUNDS:-7}
flow=(python3 /src/tests/bench/flow.py)
# Programs of the bed inside of containers.
host=(-v /usr:/usr:ro -v /usr/lib:/lib:ro -v /usr/lib64:/lib64:ro -v /src:/src:ro)
serve='iperf3 -s -D; exec python3 /src/tests/bench/flow.py serve 7'

docker_up() {  # USERLAND-PROXY
    printf '{"userland-proxy": %s}\n' "$1" >/etc/docker/daemon.json
    systemctl restart docker
    docker rm -f server client >/dev/null 2>&1 || true
    docker run -d --name server "${host[@]}" -p 9007:7 -p 9201:5201 "$image" sh -c "$serve" >/dev/null
    docker run -d --name client "${host[@]}" "$image" sleep 100000 >/dev/null
    docker=$(docker inspect -f '{{.NetworkSettings.IPAddress}}' server)
    eventually 10 "${flow[@]}" trips "$docker" 7 1
}
prepare() {
    [ -e /run/bench-disk ] || own_disk
    registry_start
    busybox_image
    push /tmp/busybox-image busybox
    image=$registry/busybox
    gantry pull -q "$image" >/dev/null
    mkdir -p /etc/docker
    systemctl start containerd docker
    docker pull -q "$image" >/dev/null
    docker_up true
    gantry network create -d ebpf fast >/dev/null
    gantry run -d --name fastserver --network fast "${host[@]}" -p 8007:7 -p 8201:5201 "$image" sh -c "$serve" >/dev/null
    gantry run -d --name fastclient --network fast "${host[@]}" "$image" sleep 100000 >/dev/null
    ebpf=$(gantry inspect -f '{{.NetworkSettings.Networks.fast.IPAddress}}' fastserver)
    eventually 10 "${flow[@]}" trips "$ebpf" 7 1
    ip netns add one
    ip netns add two
    ip link add eth0 netns one type veth peer name eth0 netns two
    ip link add plain type veth peer name host netns two
    local at
    for at in one:eth0:172.30.0.1 two:eth0:172.30.0.2 two:host:172.31.0.2; do
        IFS=: read -r name device address <<<"$at"
        ip -n "$name" addr add "$address/24" dev "$device"
        ip -n "$name" link set "$device" up
        ip -n "$name" link set lo up
    done
    ip addr add 172.31.0.1/24 dev plain
    ip link set plain up
    ip netns exec two iperf3 -s -D
    ip netns exec two "${flow[@]}" serve 7 &
    # The same programs in the containers' namespaces: beside a plain pair, where no cgroup counts and no filter judges system calls.
    bare_ebpf server iperf3 -s -D -p 5202
    bare_ebpf server "${flow[@]}" serve 17 &
    eventually 10 ip netns exec one "${flow[@]}" trips 172.30.0.2 7 1
    eventually 10 "${flow[@]}" trips "$ebpf" 17 1
}
in_ebpf() { gantry exec fastclient "$@"; }
in_docker() { docker exec client "$@"; }
in_plain() { ip netns exec one "$@"; }
on_host() { "$@"; }
in_outer() { ip netns exec outer "$@"; }
bare_ebpf() { nsenter -t "$(main_pid "fast$1")" -n "${@:2}"; }

# Of many short runs in turns the best of each: the scheduler of a machine with few processors is in runs of all alike.
# turns COUNT NAME 'COMMAND'...: best times of all are in $best[NAME].
declare -A best
turns() {
    local count=$1 name
    shift
    local -a pairs=("$@")
    for ((i = 0; i < ${#pairs[@]}; i += 2)); do rm -f "/tmp/took.${pairs[i]}"; done
    for _ in $(seq "$count"); do
        for ((i = 0; i < ${#pairs[@]}; i += 2)); do
            # shellcheck disable=SC2086  # a command and its words
            ${pairs[i + 1]} >>"/tmp/took.${pairs[i]}"
        done
    done
    for ((i = 0; i < ${#pairs[@]}; i += 2)); do best[${pairs[i]}]=$(sort -n "/tmp/took.${pairs[i]}" | head -n 1); done
}
# against WHAT LIMIT OURS ADDRESS-PORT OTHERS ADDRESS-PORT VERB: @ in it stands for address and port.
against() {
    local what=$1 limit=$2 ours=$3 our_address=$4 theirs=$5 their_address=$6 command=$7
    turns $((2 * rounds)) ebpf "$ours ${flow[*]} ${command//@/$our_address}" others "$theirs ${flow[*]} ${command//@/$their_address}"
    line "$what" "${best[ebpf]}" "${best[others]}" "$limit"
}

# What `systemctl start` takes on a network, less what it takes on none: medians.
started() {  # NAME
    local name
    rm -f /tmp/took.start-*
    for _ in $(seq $((3 * rounds))); do
        for name in none bridge ebpf; do
            sleep 0.1
            timed systemctl start "ctr@start-$name"
            echo "$took" >>"/tmp/took.start-$name"
            systemctl kill -s KILL "ctr@start-$name"
            systemctl stop "ctr@start-$name" 2>/dev/null || true
            systemctl reset-failed "ctr@start-$name" 2>/dev/null || true
        done
    done
    for name in none bridge ebpf; do best[$name]=$(median <"/tmp/took.start-$name"); done
}
by_hand() {
    ip link add hand type veth peer name eth0 netns hand
    ip addr add 172.29.0.1/24 dev hand
    ip link set hand up
    ip -n hand addr add 172.29.0.2/24 dev eth0
    ip -n hand link set eth0 up
    ip -n hand route add default via 172.29.0.1
}

data_path() {
    prepare
    versions
    heading "driver ebpf, best of $((2 * rounds))" 'others'
    local many='run iperf3 -n 2G -c @' few='trips @ 5000'
    against 'containers, 2 GB (iperf3): docker' 0.83 in_ebpf "$ebpf -p 5201" in_docker "$docker -p 5201" "$many"
    against 'containers, 5000 round trips: docker' 0.83 in_ebpf "$ebpf 7" in_docker "$docker 7" "$few"
    against 'host to container, 2 GB: docker' 0.83 on_host "$ebpf -p 5201" on_host "$docker -p 5201" "$many"
    against 'host to container, 5000 round trips: docker' 0.83 on_host "$ebpf 7" on_host "$docker 7" "$few"
    against 'namespaces, 2 GB: plain pair' 1.11 'bare_ebpf client' "$ebpf -p 5202" in_plain '172.30.0.2 -p 5201' "$many"
    against 'namespaces, 5000 round trips: plain pair' 1.11 'bare_ebpf client' "$ebpf 17" in_plain '172.30.0.2 7' "$few"
    against 'host to namespace, 2 GB: plain pair' 1.11 on_host "$ebpf -p 5202" on_host '172.31.0.2 -p 5201' "$many"
    against 'host to namespace, 5000 round trips: plain pair' 1.11 on_host "$ebpf 17" on_host '172.31.0.2 7' "$few"
    turns $((2 * rounds)) ebpf "${flow[*]} connects 127.0.0.1 8007 500" docker "${flow[*]} connects 127.0.0.1 9007 500"
    line "500 connections to a published port: docker's proxy" "${best[ebpf]}" "${best[docker]}" 0.67
    docker_up false
    turns $((2 * rounds)) ebpf "${flow[*]} connects 127.0.0.1 8007 500" docker "${flow[*]} connects 127.0.0.1 9007 500"
    line '500 connections to a published port: docker without it' "${best[ebpf]}" "${best[docker]}" 0.91
    # From another host, as far as the published port can tell: behind an interface of its own.
    ip netns add outer
    ip link add uplink type veth peer name cable netns outer
    ip addr add 192.0.2.1/24 dev uplink
    ip link set uplink up
    ip -n outer addr add 192.0.2.2/24 dev cable
    ip -n outer link set cable up
    gantry network reload fast >/dev/null
    eventually 10 in_outer "${flow[@]}" trips 192.0.2.1 8007 1
    against 'published port, 2 GB from outside: docker' 0.91 in_outer '192.0.2.1 -p 8201' in_outer '192.0.2.1 -p 9201' "$many"
    against 'published port, 5000 round trips from outside: docker' 0.91 in_outer '192.0.2.1 8007' in_outer '192.0.2.1 9007' "$few"
    against 'published port, 500 connections from outside: docker' 0.91 in_outer '192.0.2.1 8007' in_outer '192.0.2.1 9007' 'connects @ 500'
    docker rm -f server client >/dev/null

    local name
    for name in none bridge ebpf; do
        printf 'image = "%s"\ncommand = ["sleep", "100000"]\nnetwork = "%s"\n' "$image" "${name/ebpf/fast}" >"/etc/gantry/containers/start-$name.toml"
    done
    systemctl daemon-reload
    started
    rm -f /tmp/took.hand
    for _ in $(seq $((3 * rounds))); do
        ip netns add hand
        timed by_hand
        echo "$took" >>/tmp/took.hand
        ip netns del hand
        ip link del hand 2>/dev/null || true
    done
    local hand
    hand=$(median </tmp/took.hand)
    heading "start cost of a network, medians of $((3 * rounds))" 'by hand'
    local cost limit
    for name in bridge:8000 ebpf:5000; do
        limit=${name#*:} name=${name%:*}
        cost=$((best[$name] > best[none] ? best[$name] - best[none] : 1))
        line "$name: start with it, less start without" "$cost" "$hand" "$(awk -v l="$limit" -v h="$hand" 'BEGIN {printf "%.2f", l / h}')"
    done
}

data_path
echo
[ "$missed" = 0 ] && echo "all lines passed" || echo "$missed lines missed"
[ "$missed" = 0 ]
