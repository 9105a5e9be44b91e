# limit: 240
# SIGKILL for gantry-launch at each step of a start: the start fails, the next one heals whatever was left.

setup_file() {
    load_busybox
}

# A drop-in that runs the launcher under strace. -D keeps the launcher itself the unit's process and systemd's child.
traced() {  # NAME STRACE-OPTION...
    local name=$1
    shift
    mkdir -p "/run/systemd/system/ctr@$name.service.d"
    {
        printf '[Unit]\nStartLimitIntervalSec=0\n[Service]\nExecStart=\nExecStart=/usr/bin/strace -D -qq %s %s %%i\n' "$*" "$launcher"
    } >"/run/systemd/system/ctr@$name.service.d/90-strace.conf"
    systemctl daemon-reload
}
untraced() {
    rm "/run/systemd/system/ctr@$1.service.d/90-strace.conf"
    systemctl daemon-reload
}

kill_at_each_step() {  # NAME STEPS
    local name=$1 steps=$2 before total calls at call when survived=0 findings
    launcher=$(systemctl cat ctr@.service | sed -n 's/^ExecStart=\([^ ]*\).*/\1/p')
    start_and_stop "$name"  # warm: what is made once for all containers is there
    before=$(host_picture)
    traced "$name" -o /tmp/trace
    start_and_stop "$name"
    sed -n 's/^\([a-z_0-9]*\)(.*/\1/p' /tmp/trace >/tmp/calls
    total=$(wc -l </tmp/calls)
    [ "$total" -gt 100 ] || fail "only $total system calls of the launcher were seen"
    calls=$(grep -n -m 1 -E '^(openat|execve)$' /tmp/calls | cut -d: -f1)
    for ((at = calls + 20; at < total; at += (total / steps) + 1)); do
        call=$(sed -n "${at}p" /tmp/calls)
        when=$(head -n "$at" /tmp/calls | grep -cx "$call")
        traced "$name" -o /dev/null -e "trace=$call" -e "inject=$call:signal=KILL:when=$when"
        if systemctl start "ctr@$name" 2>/dev/null; then survived=$((survived + 1)); fi
        untraced "$name"
        systemctl stop "ctr@$name"
        systemctl reset-failed "ctr@$name" 2>/dev/null || true
        start_and_stop "$name" || fail "after a kill at call $at of $total ($call, number $when) it does not start: $(said "$name" | tail -n 3)"
        echo "killed at call $at of $total ($call, number $when)"
        assert_picture "$before"
    done
    findings=$(gantry system check 2>&1) || fail "gantry system check: $findings"
    echo "survived $survived"
}

test_launcher_without_network() {
    define killed 'command = ["payload", "sleep"]
stop_signal = "SIGKILL"'
    kill_at_each_step killed 25
}

test_launcher_with_bridge_network() {
    define bridged 'command = ["payload", "sleep"]
stop_signal = "SIGKILL"
network = "default"
ports = ["8099:80"]'
    kill_at_each_step bridged 25
}

# The reaper too: what it did not come to is left for the next start.
test_reaper_killed_at_each_step() {
    define reaped 'command = ["payload", "sleep"]
stop_signal = "SIGKILL"
network = "default"
ports = ["8094:80"]'
    local before total at call when findings
    launcher=$(systemctl cat ctr@.service | sed -n 's/^ExecStart=\([^ ]*\).*/\1/p')
    start_and_stop reaped
    before=$(host_picture)
    reaping() {  # STRACE-OPTION...
        mkdir -p /run/systemd/system/ctr@reaped.service.d
        printf '[Service]\nExecStopPost=\nExecStopPost=/usr/bin/strace -D -qq %s %s --reap %%i\n' "$*" "$launcher" \
            >/run/systemd/system/ctr@reaped.service.d/90-strace.conf
        systemctl daemon-reload
    }
    reaping -o /tmp/trace
    start_and_stop reaped
    sed -n 's/^\([a-z_0-9]*\)(.*/\1/p' /tmp/trace >/tmp/calls
    total=$(wc -l </tmp/calls)
    [ "$total" -gt 50 ] || fail "only $total system calls of the reaper were seen"
    for ((at = 20; at < total; at += (total / 25) + 1)); do
        call=$(sed -n "${at}p" /tmp/calls)
        when=$(head -n "$at" /tmp/calls | grep -cx "$call")
        reaping -o /dev/null -e "trace=$call" -e "inject=$call:signal=KILL:when=$when"
        systemctl start ctr@reaped
        systemctl stop ctr@reaped || true
        untraced reaped
        systemctl reset-failed ctr@reaped 2>/dev/null || true
        start_and_stop reaped || fail "after a kill at call $at of $total ($call, number $when) it does not start: $(said reaped | tail -n 3)"
        echo "killed at call $at of $total ($call, number $when)"
        assert_picture "$before"
    done
    findings=$(gantry system check 2>&1) || fail "gantry system check: $findings"
}

test_gantryd_killed_harms_nothing() {
    define steady 'command = ["payload", "sleep"]'
    systemctl start ctr@steady
    local pid
    pid=$(main_pid steady)
    busctl call io.gantry1 /io/gantry1 org.freedesktop.DBus.Peer Ping
    kill -KILL "$(systemctl show -P MainPID gantryd.service)"
    assert_eq "$pid" "$(main_pid steady)"
    eventually 10 busctl call io.gantry1 /io/gantry1 org.freedesktop.DBus.Peer Ping  # the bus starts it again
    systemctl stop ctr@steady
    assert_eq 'no problems found' "$(gantry system check 2>&1)"
}

test_container_killed_with_a_full_cgroup() {
    define crowd 'command = ["payload", "fork", "fork", "fork", "--", "sleep"]'
    local before
    before=$(host_picture)
    systemctl start ctr@crowd
    kill -KILL "$(main_pid crowd)"
    eventually 5 unit_is ctr@crowd failed
    systemctl reset-failed ctr@crowd
    eventually 5 bash -c '! pgrep -x payload'
    assert_picture "$before"
}
