#!/bin/bash
# ./dev bench start: how long starts take, against plain units, podman and docker.io.
# options: --peers
set -euo pipefail
. /src/tests/bench/lib.sh
rounds=${GANTRY_BENCH_ROUNDS:-25}
many=${GANTRY_BENCH_MANY:-200}

prepare() {
    own_disk
    registry_start
    busybox_image
    push /tmp/busybox-image busybox
    gantry pull -q "$registry/busybox"
    mkdir -p /run/systemd/system /etc/gantry/containers /etc/containers
    printf '[[registry]]\nlocation = "%s"\ninsecure = true\n' "$registry" >/etc/containers/registries.conf
    [ -e /etc/containers/policy.json ] || echo '{"default":[{"type":"insecureAcceptAnything"}]}' >/etc/containers/policy.json
    printf '[containers]\npids_limit = 0\n' >/etc/containers/containers.conf  # the bed has no pids controller
    podman pull -q --tls-verify=false "$registry/busybox" >/dev/null
    systemctl start containerd docker
    docker pull -q "$registry/busybox" >/dev/null
    install -m 755 "$PAYLOAD" /usr/local/bin/payload
    # crun is podman's faster runtime, but needs a right (CAP_SYS_RESOURCE) that a bed does not have on every machine.
    podman=(podman)
    podman run --rm "$registry/busybox" true 2>/dev/null || podman=(podman --runtime runc)
    local i
    printf '[Service]\nType=exec\nExecStart=/usr/local/bin/payload sleep\nKillMode=mixed\nSlice=plain.slice\n' >/run/systemd/system/plain@.service
    for i in $(seq "$many"); do
        printf 'image = "%s/busybox"\ncommand = ["/bin/payload", "sleep"]\nnetwork = "none"\n' "$registry" >"/etc/gantry/containers/none$i.toml"
        printf 'image = "%s/busybox"\ncommand = ["/bin/payload", "sleep"]\n' "$registry" >"/etc/gantry/containers/net$i.toml"
    done
    systemctl daemon-reload
}

# start_each UNIT-PREFIX...: one systemctl start of each in turn, round by round, so that what else the machine does hits all alike;
# each round another name, stopped outside the measured time. Times go to /tmp/took.PREFIX. Each finds the machine at rest: moving a
# process into its cgroup waits for a grace period of the kernel (10 ms here) unless the last move was a moment ago
# (kernel/rcu/sync.c), so that without the pause it would depend on its predecessor whether a start pays for it.
start_each() {
    local i prefix
    for i in $(seq "$rounds"); do
        for prefix; do
            sleep 0.2
            timed systemctl start "$prefix$i.service"
            echo "$took" >>"/tmp/took.$prefix"
            systemctl kill -s KILL "$prefix$i.service"
            systemctl stop "$prefix$i.service"
            systemctl reset-failed "$prefix$i.service" 2>/dev/null || true
        done
    done
}
# run_each NAME...: the functions run_NAME in turn.
run_each() {
    local i name
    for i in $(seq "$rounds"); do
        for name; do
            timed "run_$name"
            echo "$took" >>"/tmp/took.$name"
        done
    done
}
of() { median <"/tmp/took.$1"; }  # the median of what was measured under that name
run_gantry() { gantry run --rm "$registry/busybox" true; }
run_podman() { "${podman[@]}" run --rm "$registry/busybox" true; }
run_docker() { docker run --rm "$registry/busybox" true; }
start_many() {  # UNIT-PREFIX
    local units
    units=$(seq -f "$1%g.service" "$many")
    # shellcheck disable=SC2086
    timed systemctl start $units
    echo "$took"
}
stop_many() {  # UNIT-PREFIX
    systemctl stop "$1*.service"
    systemctl reset-failed 2>/dev/null || true
    sleep 2  # what the kernel cleans up behind them (network namespaces, cgroups) is not the next one's
}
# start_many_each UNIT-PREFIX...: in turn, so that the median of each is of the same minutes. The last stays up.
start_many_each() {
    local round prefix last=''
    for round in 1 2 3; do
        for prefix; do
            [ -z "$last" ] || stop_many "$last"
            start_many "$prefix" >>"/tmp/took.many.$prefix"
            last=$prefix
        done
    done
}

prepare
start_each plain@ ctr@none ctr@net  # warm caches for all
rm -f /tmp/took.*

versions
start_each plain@ ctr@none ctr@net
heading "systemctl start, median of $rounds" 'plain unit'
line 'one container, no network' "$(of ctr@none)" "$(of plain@)" 1.3
line 'one container, bridge network' "$(of ctr@net)" "$(of plain@)" 2

run_each gantry podman docker
heading "run --rm IMAGE true, median of $rounds" 'peer'
line "gantry run against ${podman[*]} run" "$(of gantry)" "$(of podman)" 0.25
line 'gantry run against docker run' "$(of gantry)" "$(of docker)" 0.167

start_many_each plain@ ctr@none ctr@net
heading "$many by one systemctl start, time of one, median of 3" 'plain unit'
line 'no network' $(($(of many.ctr@none) / many)) $(($(of many.plain@) / many)) 2
line 'bridge network' $(($(of many.ctr@net) / many)) $(($(of many.plain@) / many)) 2
running=$(systemctl list-units --plain --no-legend --state=running 'ctr@net*' | wc -l)
statement 'of them running' "$running" "$([ "$running" = "$many" ] && echo yes || echo no)"
# gantryd leaves when idle, gantry-log three seconds after the last thing it was asked for.
for _ in $(seq 60); do pgrep '^gantry' >/dev/null || break; sleep 1; done
ours=$(pgrep -c '^gantry' || true)
statement 'processes of Gantry while they run' "$ours" "$([ "$ours" = 0 ] && echo yes || echo no)"
stop_many ctr@net

echo
[ "$missed" = 0 ] && echo "all lines passed" || echo "$missed lines missed"
[ "$missed" = 0 ]
