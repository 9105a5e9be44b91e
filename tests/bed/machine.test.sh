# Machine containers: an image whose command is systemd boots as one, is entered, logs to its unit's journal and shuts down.
# limit: 120

. "$support/machine.sh"

setup_file() {
    load_busybox
    load_machine
    [ "$(gantry image inspect -f '{{index .Config.Cmd 0}}' machine)" = /sbin/init ]
}

stops_cleanly() {  # NAME
    local started=$SECONDS
    systemctl stop "ctr@$1"
    [ $((SECONDS - started)) -le 15 ] || fail "stopping took $((SECONDS - started)) s"
    assert_eq $'inactive\nsuccess' "$(show "ctr@$1" ActiveState; show "ctr@$1" Result)"
}

test_systemd_boots_logs_and_shuts_down() {
    define boot 'image = "machine"'
    local before
    before=$(host_picture)
    assert_eq $'37\n1min 30s' "$(show ctr@boot KillSignal; show ctr@boot TimeoutStopUSec)"
    systemctl start ctr@boot
    booted boot
    assert_eq systemd "$(cat "/proc/$(main_pid boot)/comm")"
    assert_eq 1 "$(awk '/^PPid:/ {print $2}' "/proc/$(main_pid boot)/status")" 'its parent'
    assert_contains "$(gantry exec boot systemd-detect-virt)" container
    assert_eq "$(gantry inspect -f '{{.Id}}' boot | cut -c 1-32)" "$(gantry exec boot cat /etc/machine-id)" 'its machine id'
    assert_eq gantry "$(gantry exec boot cat /run/host/container-manager)"
    # What it logs is the unit's, with the sender's own name and priority.
    eventually 10 bash -c 'journalctl -q -o cat -u ctr@boot | grep -qx "the service speaks"'
    gantry exec boot logger -t tester -p user.warning 'a line of syslog'
    eventually 10 bash -c 'journalctl -q -o cat -u ctr@boot | grep -qx "a line of syslog"'
    assert_eq $'tester\n4' "$(field boot 'a line of syslog' SYSLOG_IDENTIFIER; field boot 'a line of syslog' PRIORITY)"
    stops_cleanly boot
    assert_contains "$(said boot)" 'Reached target'
    systemctl reset-failed
    assert_picture "$before"
}

test_it_is_no_weaker_than_others() {
    define weak 'image = "machine"'
    systemctl start ctr@weak
    booted weak
    local status
    status=$(cat "/proc/$(main_pid weak)/status")
    assert_match "$status" 'CapBnd:.00000000a80425fb'
    assert_match "$status" 'Seccomp:.2'
    assert_fails gantry exec weak touch /sys/kernel/x
    assert_fails gantry exec weak sh -c 'echo 1 >/proc/sys/kernel/sysrq'
    assert_fails gantry exec weak mount -t tmpfs tmpfs /mnt
    assert_contains "$(gantry exec weak cat /proc/self/cgroup)" '0::/init.scope'
    gantry exec weak mkdir /sys/fs/cgroup/own.slice
    [ -d "/sys/fs/cgroup$(show ctr@weak ControlGroup)/own.slice" ] || fail 'its cgroup is not below its own'
    # An ordinary container still has a read-only cgroup, and its image's /run and /tmp.
    define plain 'command = ["payload", "sleep"]'
    systemctl start ctr@plain
    assert_fails gantry exec plain mkdir /sys/fs/cgroup/x
    assert_lacks "$(gantry exec plain cat /proc/mounts)" ' /run '
    assert_eq 15 "$(show ctr@plain KillSignal)"
    systemctl stop ctr@plain
    stops_cleanly weak
}

test_with_a_user_namespace() {
    define mapped 'image = "machine"
[namespaces]
user = "private"'
    systemctl start ctr@mapped
    booted mapped
    assert_match "$(awk '/^Uid:/ {print $2}' "/proc/$(main_pid mapped)/status")" '^[0-9]{6,}$'
    eventually 10 bash -c 'journalctl -q -o cat -u ctr@mapped | grep -qx "the service speaks"'
    stops_cleanly mapped
}

test_the_unit_is_active_when_it_has_booted() {
    define whole 'image = "machine"
ready = "notify"'
    systemctl start ctr@whole
    assert_match "$(gantry exec whole systemctl is-system-running || true)" '^(running|degraded)$'
    stops_cleanly whole
}

test_poweroff_inside_ends_the_unit() {
    define off 'image = "machine"'
    systemctl start ctr@off
    booted off
    gantry exec off systemctl poweroff
    eventually 20 unit_is ctr@off inactive
    assert_eq success "$(show ctr@off Result)"
}

test_a_terminal_is_its_console() {
    define console 'image = "machine"
tty = true'
    systemctl start ctr@console
    booted console
    eventually 10 bash -c 'journalctl -q -o cat CONTAINER_NAME=console | grep -q "Reached target"'
    gantry exec console test -c /dev/console
    stops_cleanly console
}

test_the_key_forces_and_forbids() {
    define forced 'machine = true
command = ["sh", "-c", "echo $container_uuid; grep -c \" /run tmpfs\" /proc/mounts; sleep 100"]'
    assert_eq 37 "$(show ctr@forced KillSignal)"
    systemctl start ctr@forced
    eventually 5 bash -c 'journalctl -q -o cat -u ctr@forced | grep -qx 1'
    assert_match "$(said forced)" '[0-9a-f]{32}'
    systemctl kill -s KILL ctr@forced
    define forbidden 'image = "machine"
machine = false
command = ["/sbin/init"]'
    assert_eq 15 "$(show ctr@forbidden KillSignal)"
    printf 'image = "busybox"\nmachine = true\ninit = true\n' >/etc/gantry/containers/both.toml
    assert_fails gantry check /etc/gantry/containers/both.toml
    assert_contains "$output" "cannot be combined with 'init'"
    rm /etc/gantry/containers/both.toml
    gantry create --name flag --systemd always busybox true
    assert_contains "$(cat /var/lib/gantry/containers/flag.toml)" 'machine = true'
    gantry rm flag
}
