# limit: 200
# A machine container where cgroup controllers are there: it divides what it was given and cannot take more.

. "$support/machine.sh"

setup_file() { load_machine; }

test_it_manages_its_own_cgroup_and_keeps_its_limits() {
    define managed 'image = "machine"
[limits]
memory = "300M"
pids = 200'
    systemctl start ctr@managed
    booted managed 150
    local group
    group=/sys/fs/cgroup$(show ctr@managed ControlGroup)
    assert_contains "$(cat "$group/cgroup.subtree_control")" memory
    gantry exec managed systemctl set-property --runtime speaker.service MemoryMax=50M
    assert_eq 52428800 "$(cat "$group/system.slice/speaker.service/memory.max")"
    # The kernel says no (nsdelegate), also to root in there.
    assert_fails gantry exec managed sh -c 'echo max >/sys/fs/cgroup/memory.max'
    assert_fails gantry exec managed sh -c 'echo max >/sys/fs/cgroup/pids.max'
    assert_eq $'314572800\n200' "$(cat "$group/memory.max" "$group/pids.max")"
    assert_contains "$(gantry top managed)" systemd-journal
    local started=$SECONDS
    systemctl stop ctr@managed
    [ $((SECONDS - started)) -le 60 ] || fail "stopping took $((SECONDS - started)) s"
    assert_eq success "$(show ctr@managed Result)"
}
