# The virtual machine itself, and the limits that only it can show.

test_systemd_runs_and_is_pid_1() {
    assert_eq systemd "$(cat /proc/1/comm)"
    local state
    state=$(systemctl is-system-running || true)
    [ "$state" = running ] || [ "$state" = starting ] || fail "state '$state': $(systemctl --failed --plain --no-legend)"
}

test_controllers_are_there() {
    local controller
    for controller in cpu cpuset memory io pids; do
        assert_contains " $(cat /sys/fs/cgroup/cgroup.controllers) " " $controller "
    done
}

test_memory_limit_kills() {
    systemd-run --wait --quiet --unit=eater -p MemoryMax=32M -p MemorySwapMax=0 "$PAYLOAD" eat 200 && fail 'lived' || true
    assert_eq oom-kill "$(journalctl -q -o json UNIT=eater.service | jq -r 'select(.UNIT_RESULT) | .UNIT_RESULT' | tail -n 1)"
}

test_kernel_has_what_drivers_need() {
    modprobe -a overlay veth bridge br_netfilter nf_tables btrfs
    ip link add v0 type veth peer name v1
    ip link delete v0
    ip link add n0 type netkit
    ip link delete n0
    [ -r /sys/kernel/btf/vmlinux ] || fail 'no BTF'
}
