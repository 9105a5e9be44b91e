# The bed itself: is it the host that the other tests take it for?

test_systemd_is_pid_1_and_runs() {
    assert_eq systemd "$(cat /proc/1/comm)"
    local state
    state=$(systemctl is-system-running || true)
    [ "$state" = running ] || fail "state '$state', failed units: $(systemctl --failed --plain --no-legend)"
}

test_bus_answers() {
    busctl call org.freedesktop.DBus /org/freedesktop/DBus org.freedesktop.DBus GetId
    busctl get-property org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager Version
}

test_cgroup_is_v2_and_ours_alone() {
    assert_eq cgroup2fs "$(stat -f -c %T /sys/fs/cgroup)"
    assert_eq 0::/init.scope "$(grep ^0:: /proc/1/cgroup)"
    [ -d /sys/fs/cgroup/system.slice ] || fail 'units have no cgroup here'
}

test_network_is_ours_alone() {
    assert_eq lo "$(ip -br link | awk '{print $1}' | head -n 1)"
    ping -c 1 -W 2 127.0.0.1
}

test_data_folder_takes_overlay_uppers() {
    local dir=/var/lib/gantry/probe
    mkdir -p $dir/{lower,upper,work,mnt}
    mount -t overlay overlay -o "lowerdir=$dir/lower,upperdir=$dir/upper,workdir=$dir/work" $dir/mnt
    umount $dir/mnt
    rm -r $dir
}

test_kernel_has_what_drivers_need() {
    ip link add v0 type veth peer name v1
    ip link add b0 type bridge
    ip link delete v0
    ip link delete b0
    nft add table inet probe
    nft delete table inet probe
    [ -d /sys/fs/bpf ] || fail 'no bpffs'
    [ -r /sys/kernel/btf/vmlinux ] || fail 'no BTF'
}

test_journal_keeps_what_units_say() {
    systemd-run --quiet --wait --unit=say sh -c 'echo to-out; echo to-err >&2'
    eventually 5 sh -c 'journalctl -q -u say -o cat | grep -q to-err'
    assert_contains "$(journalctl -q -u say -o cat)" to-out
}

test_registry_takes_an_image() {
    registry_start
    busybox_image
    push /tmp/busybox-image busybox:oci oci
    push /tmp/busybox-image busybox:docker v2s2
    assert_eq 3 "$(skopeo inspect --tls-verify=false "docker://$registry/busybox:docker" | jq '.Layers | length')"
    assert_contains "$(skopeo inspect --raw --tls-verify=false "docker://$registry/busybox:oci")" vnd.oci.image.manifest
}

test_tree_is_there_read_only() {
    [ -x /src/dev ] || fail 'no tree at /src'
    assert_fails touch /src/probe
}
