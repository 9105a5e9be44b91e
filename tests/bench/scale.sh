#!/bin/bash
# ./dev bench scale: 1500 containers on one network, all answering each other; 1000 starts at once, with names and without.
# options: --peers
# shellcheck disable=SC2046  # names of units without spaces
set -euo pipefail
. /src/tests/bench/lib.sh
many=${GANTRY_BENCH_SCALE:-1500}
burst=${GANTRY_BENCH_BURST:-1000}

cat >/usr/local/bin/conduct <<'P'
# conduct HOW SECONDS: tells all of /run/mesh/peers to ask each other, and adds up what they say. Prints
# "SECONDS REPORTS OWN-NAMES NEXT-NAMES ANSWERED ASKED".
import select, socket, sys, time
how, limit = sys.argv[1], float(sys.argv[2])
peers = [line.split()[0] for line in open("/run/mesh/peers")]
fd = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
fd.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
reports, start, again = {}, time.monotonic(), 0.0
while len(reports) < len(peers) and time.monotonic() < start + limit:
    if time.monotonic() > again:
        again = time.monotonic() + 15
        for number, peer in enumerate(peers):
            if number not in reports: fd.sendto(f"go {how}".encode(), (peer, 7000))
    while select.select([fd], [], [], 0.2)[0]:
        words = fd.recv(1500).split()
        reports[int(words[1])] = [int(word) for word in words[2:]]
sums = [sum(column) for column in zip(*reports.values())] or [0] * 4
print(f"{time.monotonic() - start:.0f}", len(reports), *sums)
P

definitions() {  # COUNT
    local i
    rm -f /etc/gantry/containers/m*.toml
    for i in $(seq 0 $(($1 - 1))); do
        printf 'image = "busybox"\ncommand = ["/mesh", "%s"]\nnetwork = "crowd"\nvolumes = ["/src/build/mesh:/mesh:ro", "/run/mesh:/run/mesh:ro"]\nstop_signal = "KILL"\n' \
            "$i" >"/etc/gantry/containers/m$i.toml"
    done
    systemctl daemon-reload
}
units() { seq -f 'ctr@m%.0f.service' 0 $(($1 - 1)); }
up() { systemctl is-active $(units "$1") | grep -cx active || true; }
stop_all() {
    systemctl kill -s KILL 'ctr@m*' 2>/dev/null || true  # some are gone when it comes to them
    systemctl stop 'ctr@m*' || true
    systemctl reset-failed 'ctr@m*' 2>/dev/null || true
}
peers() {  # COUNT: the addresses are the leases' names
    local address name
    for address in /var/lib/gantry/network/leases/crowd/addresses/*.*; do
        name=$(readlink "$address")
        echo "${name#m} ${address##*/} $name.crowd.ctr"
    done | sort -n | head -n "$1" | cut -d' ' -f2- >/run/mesh/peers
}

mesh() {  # WHAT HOW SECONDS
    local seconds reports own next answered asked
    read -r seconds reports own next answered asked < <(python3 /usr/local/bin/conduct "$2" "$3")
    statement "$1: answers within ${seconds} s" "$answered" "$([ "$reports" = "$many" ] && [ "$answered" = "$asked" ] && echo yes || echo no)"
    [ "$2" != all ] || return 0
    statement 'of them knew their own name at their first instruction' "$own" "$([ "$own" = "$many" ] && echo yes || echo no)"
    statement 'of them found the next one by its name' "$next" "$([ "$next" = "$many" ] && echo yes || echo no)"
}

prepare() {
    own_disk
    load_busybox
    mkdir -p /run/mesh
    gantry network create crowd >/dev/null
}
together() {  # DRIVER HOW
    gantry network rm crowd >/dev/null
    gantry network create -d "$1" crowd >/dev/null
    timed systemctl start $(units "$many")
    local running
    running=$(up "$many")
    statement "started at once in $(ms "$took")" "$running" "$([ "$running" = "$many" ] && echo yes || echo no)"
    peers "$many"
    if [ "$2" = next ]; then mesh 'each asks the next one' next 400
    else mesh 'each asks 1, 2, 4, ... 1024 further' ring 400; fi
}

prepare
versions
definitions $((many > burst ? many : burst))
# On one link each needs a neighbour entry for each that it talks to, in a table that all namespaces share and that only the host itself
# can make larger. The engine does, but no bed can: where the kernel's 1024 entries are all there is, a part of the containers is what fits.
all=$many how=ring
[ "$(cat /proc/sys/net/ipv4/neigh/default/gc_thresh3 2>/dev/null || echo 0)" -ge 32768 ] || how=next many=$((all < 250 ? all : 250))
heading "$many containers on one network, driver bridge" ''
together bridge $how
many=$all
stop_all
heading "$many containers on one network, driver ebpf" ''
together ebpf ring
mesh 'each asks each other one' all 400
stop_all
heading "$burst starts at once, with names, best of 3" 'without'
gantry network rm crowd >/dev/null
gantry network create crowd >/dev/null
# In turns, the best of each: what else the machine does hits either. The network is there already, and its resolver.
for round in 1 2 3; do
    for names in with without; do
        systemctl start gantry-dns.path
        [ $names = with ] || { systemctl stop gantry-dns.path gantry-dns.service; rm -rf /run/gantry/dns; }
        systemctl start ctr@m0
        timed systemctl start $(units "$burst")
        echo "$took" >>"/tmp/took.$names"
        stop_all
    done
done
waited=$(journalctl -q -o cat -u 'ctr@m*' | grep -c 'no resolver' || true)
named=$(sort -n /tmp/took.with | head -n 1) took=$(sort -n /tmp/took.without | head -n 1)
line 'systemctl start' "$named" "$took" 1.25
statement 'of them waited in vain for a resolver' "$waited" "$([ "$waited" = 0 ] && echo yes || echo no)"
stop_all
echo
[ "$missed" = 0 ] && echo "all lines passed" || echo "$missed lines missed"
[ "$missed" = 0 ]
