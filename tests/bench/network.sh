#!/bin/bash
# ./dev bench network: what a policy of 1000 rules costs, in throughput, round trips, connections and starts.
# options: --peers
set -euo pipefail
. /src/tests/bench/lib.sh
rounds=${GANTRY_BENCH_ROUNDS:-7}

# Programs of the bed inside of containers.
host=(-v /usr:/usr:ro -v /usr/lib:/lib:ro -v /usr/lib64:/lib64:ro)

cat >/usr/local/bin/rr <<'P'
# Answers a byte with a byte on port 7; or counts down round trips ("trips") or connections ("connects") to an address.
import socket, sys
if sys.argv[1] == "serve":
    import threading
    def answer(peer):
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while (data := peer.recv(1)): peer.sendall(data)
        peer.close()
    listener = socket.create_server(("", 7), backlog=4096)
    while True: threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()
what, address, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
if what == "trips":
    s = socket.create_connection((address, 7))
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for _ in range(count): s.sendall(b"x"); s.recv(1)
else:
    for _ in range(count): socket.create_connection((address, 7)).close()
P

prepare() {
    own_disk
    load_busybox
    gantry run -d --name server "${host[@]}" busybox sh -c 'iperf3 -s -D; exec python3 /usr/local/bin/rr serve' >/dev/null
    gantry run -d --name free "${host[@]}" busybox sleep 100000 >/dev/null
    address=$(gantry inspect -f '{{.NetworkSettings.Networks.bridge.IPAddress}}' server)
    eventually 10 gantry exec free python3 /usr/local/bin/rr trips "$address" 1
    rules=$(for i in $(seq 0 998); do printf '"10.%s.%s.0/24:%s/tcp", ' $((100 + i / 250)) $((i % 250)) $((1000 + i)); done)
    local name
    for name in ruled startruled startfree; do
        {
            printf 'image = "busybox"\ncommand = ["sleep", "100000"]\nvolumes = ["/usr:/usr:ro", "/usr/lib:/lib:ro", "/usr/lib64:/lib64:ro"]\n'
            [ $name = startfree ] || printf '[network.policy]\negress = [%s"server"]\ningress = ["server"]\n' "$rules"
        } >/etc/gantry/containers/$name.toml
    done
    systemctl daemon-reload
    systemctl start ctr@ruled
}
# inside CONTAINER COMMAND...: its time is that of the command, which says so itself: entering a container is not what is measured.
inside() {
    local name=$1 start
    shift
    gantry exec "$name" sh -c 's=$(cut -d" " -f1 /proc/uptime); '"$*"' >/dev/null || exit 1; e=$(cut -d" " -f1 /proc/uptime); echo "$s $e"' |
        awk '{printf "%d\n", ($2 - $1) * 1000000}' >>"/tmp/took.$name"
}
compare() {  # WHAT LIMIT COMMAND
    local what=$1 limit=$2
    shift 2
    rm -f /tmp/took.free /tmp/took.ruled
    for _ in $(seq "$rounds"); do
        inside free "$*"
        inside ruled "$*"
    done
    line "$what" "$(median </tmp/took.ruled)" "$(median </tmp/took.free)" "$limit"
}

prepare
versions
heading "with a policy of 1000 rules, median of $rounds" 'without'
compare '16 GB between two containers (iperf3)' 1.03 iperf3 -c "$address" -n 16G
compare '40,000 round trips of one byte' 1.03 python3 /usr/local/bin/rr trips "$address" 40000
compare '3000 connections' 1.1 python3 /usr/local/bin/rr connects "$address" 3000
rm -f /tmp/took.startruled /tmp/took.startfree
for _ in $(seq "$rounds"); do
    for name in startfree startruled; do
        sleep 0.2
        timed systemctl start "ctr@$name"
        echo "$took" >>"/tmp/took.$name"
        systemctl kill -s KILL "ctr@$name"
        systemctl stop "ctr@$name" 2>/dev/null || true
        systemctl reset-failed "ctr@$name" 2>/dev/null || true
    done
done
line 'systemctl start' "$(median </tmp/took.startruled)" "$(median </tmp/took.startfree)" 1.5
echo
[ "$missed" = 0 ] && echo "all lines passed" || echo "$missed lines missed"
[ "$missed" = 0 ]
