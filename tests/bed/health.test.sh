# Health checks: what timer, probe and unit make of each other.
# limit: 60

setup_file() { load_busybox; }

health_is() { [ "$(jq -r .Status "/run/gantry/ctr/$1/health.json")" = "$2" ]; }

test_good_probes_are_healthy_and_silent() {
    gantry run -d --name good --health-cmd 'echo fine' --health-interval 200ms busybox sleep 1000
    eventually 20 health_is good healthy
    eventually 20 sh -c '[ $(jq ".Log | length" /run/gantry/ctr/good/health.json) -ge 3 ]'
    assert_eq fine "$(jq -r '.Log[0].Output' /run/gantry/ctr/good/health.json)"
    assert_eq '' "$(journalctl -q -u ctr-health@good.service -o cat)"
    gantry stop -t 1 good
    eventually 5 unit_is ctr-health@good.timer inactive
    gantry rm good
}

test_bad_probes_make_it_unhealthy_and_can_restart_it() {
    mkdir -p /etc/gantry/containers
    cat >/etc/gantry/containers/sick.toml <<'T'
image = "busybox"
command = ["sleep", "1000"]
stop_timeout = 1
[health]
command = "exit 3"
interval = "200ms"
retries = 2
on_unhealthy = "restart"
T
    systemctl daemon-reload
    systemctl start ctr@sick
    local first
    first=$(show ctr@sick MainPID)
    eventually 30 sh -c "[ \$(systemctl show -P MainPID ctr@sick) != $first ]"
    assert_contains "$(journalctl -q -u ctr-health@sick.service -o cat)" 'is unhealthy'
    systemctl stop ctr@sick || true
}

test_ready_waits_for_the_first_good_probe() {
    mkdir -p /etc/gantry/containers
    cat >/etc/gantry/containers/slow.toml <<'T'
image = "busybox"
command = ["sh", "-c", "sleep 2; touch /ok; sleep 1000"]
ready = "healthy"
stop_timeout = 1
[health]
command = "test -f /ok"
interval = "300ms"
start_period = "10s"
T
    systemctl daemon-reload
    local started=$EPOCHREALTIME
    systemctl start ctr@slow
    [ "$(awk -v a="$started" -v b="$EPOCHREALTIME" 'BEGIN {print (b - a > 1.9)}')" = 1 ] || fail 'it was ready before its probe was good'
    assert_eq active "$(show ctr@slow ActiveState)"
    systemctl stop ctr@slow || true
}

test_a_probe_that_hangs_is_ended() {
    gantry run -d --name hangs --health-cmd 'sleep 1000' --health-interval 200ms --health-timeout 300ms --health-retries 1 busybox sleep 1000
    eventually 20 health_is hangs unhealthy
    assert_eq -1 "$(jq '.Log[0].ExitCode' /run/gantry/ctr/hangs/health.json)"
    gantry rm -f hangs
}
