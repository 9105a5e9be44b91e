#!/bin/bash
# ./dev bench network: what a policy of 1000 rules costs, in throughput, round trips, connections and starts; then ./dev bench datapath and scale.
# options: --peers
set -euo pipefail
. /src/tests/bench/lib.sh
rounds=${GANTRY_BENCH_ROUNDS:-7}

# Programs of the bed inside of containers.
host=(-v /usr:/usr:ro -v /usr/lib:/lib:ro -v /usr/lib64:/lib64:ro)

cat >/usr/local/bin/rr <<'P'
# Answers a byte with a byte on port 7 ("serve"); or does round trips ("trips") or connections ("connects") with an address, or runs a
# command ("run"), and says how many microseconds that took: entering a container and starting Python are not what is measured.
import socket, subprocess, sys, time
what = sys.argv[1]
def connect():
    s = socket.create_connection((sys.argv[2], 7))
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s
if what == "serve":
    import threading
    def answer(peer):
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while (data := peer.recv(1)): peer.sendall(data)
        peer.close()
    listener = socket.create_server(("", 7), backlog=4096)
    while True: threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()
s = connect() if what == "trips" else None
start = time.perf_counter_ns()
if what == "trips":
    for _ in range(int(sys.argv[3])): s.sendall(b"x"); s.recv(1)
elif what == "connects":
    for _ in range(int(sys.argv[3])): connect().close()
else: subprocess.run(sys.argv[2:], check=True, stdout=subprocess.DEVNULL)
print((time.perf_counter_ns() - start) // 1000)
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
# Of many short runs in turns the best of each: on a machine with few processors it is the scheduler that decides whether a byte's
# round takes 20 µs or 60, in runs of either.
compare() {  # WHAT LIMIT ARGUMENT...
    local what=$1 limit=$2 name
    shift 2
    rm -f /tmp/took.free /tmp/took.ruled
    for _ in $(seq $((3 * rounds))); do
        for name in free ruled; do gantry exec "$name" python3 /usr/local/bin/rr "$@" >>"/tmp/took.$name"; done
    done
    line "$what" "$(sort -n /tmp/took.ruled | head -n 1)" "$(sort -n /tmp/took.free | head -n 1)" "$limit"
}

prepare
versions
heading "with a policy of 1000 rules, best of $((3 * rounds))" 'without'
compare '4 GB between two containers (iperf3)' 1.03 run iperf3 -c "$address" -n 4G
compare '10,000 round trips of one byte' 1.03 trips "$address" 10000
compare '1000 connections' 1.1 connects "$address" 1000
heading "its start, median of $rounds" 'without'
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
bash /src/tests/bench/datapath.sh || missed=$((missed + 1))
bash /src/tests/bench/scale.sh || missed=$((missed + 1))
echo
[ "$missed" = 0 ] && echo "all lines passed" || echo "$missed lines missed"
[ "$missed" = 0 ]
