# Namespaces: of the container's own, the host's, or another container's.

setup_file() { load_busybox; }

ns() { readlink "/proc/$(main_pid "$1")/ns/$2"; }  # CONTAINER KIND
# in_host KIND: the host's
in_host() { readlink "/proc/1/ns/$1"; }
start() { define "$1" "command = [\"payload\", \"sleep\"]
$2"; systemctl start "ctr@$1"; }

test_each_has_its_own() {
    start own ''
    local kind
    for kind in pid mnt uts ipc cgroup net; do
        [ "$(ns own $kind)" != "$(in_host $kind)" ] || fail "$kind is the host's"
    done
    assert_eq "$(in_host user)" "$(ns own user)" 'user namespace'
    systemctl stop ctr@own
}

test_host_for_each() {
    start hosts 'network = "host"
[namespaces]
pid = "host"
ipc = "host"
uts = "host"
cgroup = "host"'
    local kind
    for kind in pid uts ipc cgroup net; do assert_eq "$(in_host $kind)" "$(ns hosts $kind)" "$kind"; done
    [ "$(ns hosts mnt)" != "$(in_host mnt)" ] || fail 'mnt is the host'"'"'s'
    assert_eq systemd "$(gantry exec hosts cat /proc/1/comm)"
    assert_eq "$(hostname)" "$(gantry exec hosts hostname)"
    : >/dev/shm/of-the-host
    gantry exec hosts test -e /dev/shm/of-the-host
    rm /dev/shm/of-the-host
    assert_contains "$(gantry exec hosts cat /proc/self/cgroup)" 'ctr.slice/'
    # Writing to the host's cgroups is not part of seeing them.
    assert_fails gantry exec hosts mkdir /sys/fs/cgroup/x
    # PID 1 of no namespace: what is left of it is killed by systemd.
    systemctl stop ctr@hosts
    assert_eq '' "$(pgrep -x payload || true)"
}

test_host_pid_leaves_no_process() {
    define left 'command = ["payload", "fork", "sleep"]
[namespaces]
pid = "host"'
    systemctl start ctr@left
    eventually 5 bash -c '[ "$(pgrep -cx payload)" = 2 ]'
    systemctl stop ctr@left
    assert_eq '' "$(pgrep -x payload || true)"
}

test_another_containers() {
    start first 'hostname = "one"'
    define second 'network = "container:first"
command = ["payload", "sleep"]
[namespaces]
pid = "container:first"
ipc = "container:first"'
    systemctl start ctr@second
    local kind
    for kind in pid ipc net; do assert_eq "$(ns first $kind)" "$(ns second $kind)" "$kind"; done
    for kind in mnt uts cgroup; do [ "$(ns first $kind)" != "$(ns second $kind)" ] || fail "$kind is shared"; done
    # The unit's main process is still a child of PID 1, and the other's processes are seen.
    assert_eq 1 "$(awk '/^PPid:/ {print $2}' "/proc/$(main_pid second)/status")"
    assert_eq payload "$(gantry exec second cat /proc/1/comm)"
    gantry exec first sh -c ': >/dev/shm/shared'
    gantry exec second test -e /dev/shm/shared
    gantry exec first nc -l -p 7000 -e echo over loopback >/dev/null 2>&1 &
    eventually 5 bash -c 'gantry exec second nc 127.0.0.1 7000 </dev/null | grep -q "over loopback"'
    # It cannot outlive the one it joined, and its end is noticed by systemd.
    systemctl stop ctr@first
    eventually 5 unit_is ctr@second inactive
}

test_joining_one_that_does_not_run_starts_it() {
    define base 'command = ["payload", "sleep"]'
    define joins 'network = "container:base"
command = ["payload", "sleep"]'
    systemctl start ctr@joins
    unit_is ctr@base active
    assert_eq "$(ns base net)" "$(ns joins net)"
    systemctl stop ctr@base
}

test_joining_one_in_another_slice() {
    mkdir -p /etc/systemd/system/ctr@elsewhere.service.d
    printf '[Service]\nSlice=machine.slice\n' >/etc/systemd/system/ctr@elsewhere.service.d/50-slice.conf
    define elsewhere 'command = ["payload", "sleep"]'
    define visitor 'network = "container:elsewhere"
command = ["payload", "sleep"]'
    systemctl start ctr@visitor
    assert_contains "$(show ctr@elsewhere ControlGroup)" machine.slice
    assert_eq "$(ns elsewhere net)" "$(ns visitor net)"
    systemctl stop ctr@elsewhere
}

test_joining_one_that_does_not_exist_fails() {
    define lonely 'network = "container:nobody"
command = ["payload", "sleep"]'
    assert_fails systemctl start ctr@lonely
}

test_flags_of_run() {
    gantry run -d --name target --network none busybox payload sleep
    assert_contains "$(gantry run --rm --network container:target --pid container:target --ipc container:target busybox cat /proc/1/comm)" payload
    assert_eq systemd "$(gantry run --rm --network none --pid host busybox cat /proc/1/comm)"
    assert_eq "$(hostname)" "$(gantry run --rm --network none --uts host busybox hostname)"
    gantry rm -f target
}

test_user_namespace() {
    start mapped '[namespaces]
user = "private"'
    [ "$(ns mapped user)" != "$(in_host user)" ] || fail 'user is the host'"'"'s'
    assert_match "$(awk '/^Uid:/ {print $2}' "/proc/$(main_pid mapped)/status")" '^[0-9]{6,}$'
    assert_eq '0 0' "$(gantry exec mapped stat -c '%u %g' /bin/busybox)"
    gantry exec mapped sh -c ': >/new && chown 1000 /new'
    systemctl stop ctr@mapped
}
