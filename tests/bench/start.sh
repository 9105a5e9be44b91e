#!/bin/bash
# ./dev bench start: how long starts take, against plain units, podman and docker.io.
# options: --peers
set -euo pipefail
. /src/tests/bench/lib.sh
rounds=${GANTRY_BENCH_ROUNDS:-15}
many=${GANTRY_BENCH_MANY:-200}

prepare() {
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

# start_one UNIT-PREFIX: median time of one systemctl start; each round another name, stopped outside the measured time.
start_one() {
    local i
    for i in $(seq "$rounds"); do
        timed systemctl start "$1$i.service"
        echo "$took"
        systemctl kill -s KILL "$1$i.service"
        systemctl stop "$1$i.service"
        systemctl reset-failed "$1$i.service" 2>/dev/null || true
    done | median
}
run_one() {
    local i
    for i in $(seq "$rounds"); do
        timed "$@"
        echo "$took"
    done | median
}
start_many() {  # UNIT-PREFIX
    local units
    units=$(seq -f "$1%g.service" "$many")
    # shellcheck disable=SC2086
    timed systemctl start $units
    echo "$took"
}
stop_many() { systemctl stop "$1*.service"; systemctl reset-failed 2>/dev/null || true; }

prepare
start_one plain@ >/dev/null  # warm caches for all
start_one ctr@none >/dev/null
start_one ctr@net >/dev/null

versions
plain=$(start_one plain@) none=$(start_one ctr@none) net=$(start_one ctr@net)
heading "systemctl start, median of $rounds" 'plain unit'
line 'one container, no network' "$none" "$plain" 1.3
line 'one container, bridge network' "$net" "$plain" 2

gantry_run=$(run_one gantry run --rm "$registry/busybox" true)
podman_run=$(run_one "${podman[@]}" run --rm "$registry/busybox" true)
docker_run=$(run_one docker run --rm "$registry/busybox" true)
heading "run --rm IMAGE true, median of $rounds" 'peer'
line "gantry run against ${podman[*]} run" "$gantry_run" "$podman_run" 0.25
line 'gantry run against docker run' "$gantry_run" "$docker_run" 0.167

plain=$(start_many plain@); stop_many plain@
none=$(start_many ctr@none); stop_many ctr@none
net=$(start_many ctr@net)
heading "$many by one systemctl start, time of one" 'plain unit'
line 'no network' $((none / many)) $((plain / many)) 2
line 'bridge network' $((net / many)) $((plain / many)) 2
running=$(systemctl list-units --plain --no-legend --state=running 'ctr@net*' | wc -l)
statement 'of them running' "$running" "$([ "$running" = "$many" ] && echo yes || echo no)"
# gantryd may be there for a moment after "gantry run": it leaves when idle.
for _ in $(seq 60); do pgrep -x gantryd >/dev/null || break; sleep 1; done
ours=$(pgrep -c '^gantry' || true)
statement 'processes of Gantry while they run' "$ours" "$([ "$ours" = 0 ] && echo yes || echo no)"
stop_many ctr@net

echo
[ "$missed" = 0 ] && echo "all lines passed" || echo "$missed lines missed"
[ "$missed" = 0 ]
