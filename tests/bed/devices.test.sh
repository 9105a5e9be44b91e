# Devices: what is given can be used with the rights that were given, everything else is refused by the kernel.

setup_file() {
    load_busybox
    # A disk of the test's own; loop devices are there and differ in number from everything that is allowed.
    truncate -s 4M /var/tmp/disk
    echo 'written on the host' | dd of=/var/tmp/disk conv=notrunc status=none
    losetup --find --show /var/tmp/disk >/run/test-loop
}
# in_container SHELL-LINE [DEFINITION]: its output
in_container() {
    local name=dev$RANDOM
    define "$name" "command = [\"sh\", \"-c\", '''$1''']
${2:-}"
    systemctl start "ctr@$name" || true
    eventually 5 bash -c "systemctl show -P ActiveState ctr@$name | grep -qx -e inactive -e failed"
    said "$name" | grep -v "ctr@$name"
}

test_a_device_that_is_not_given_is_refused() {
    local loop number
    loop=$(cat /run/test-loop)
    number=${loop#/dev/loop}
    # mknod works, as in Docker; using it does not (cgroup's device program: EPERM).
    assert_match "$(in_container "mknod /l b 7 $number && echo made; head -c 7 /l")" "made.*/l.*not permitted"
}

test_device_with_all_rights() {
    local loop
    loop=$(cat /run/test-loop)
    assert_match "$(in_container "head -c 19 $loop; echo; printf X | dd of=$loop bs=1 seek=100 && echo could write" "devices = [\"$loop\"]")" \
        'written on the host.*could write'
    assert_eq X "$(dd if="$loop" bs=1 skip=100 count=1 status=none)"
}

test_device_read_only_under_another_name() {
    local loop text
    loop=$(cat /run/test-loop)
    text=$(in_container "head -c 19 /dev/data; echo; ls /dev/loop* 2>&1; printf X >/dev/data || echo no write" "devices = [\"$loop:/dev/data:r\"]")
    assert_contains "$text" 'written on the host'
    assert_contains "$text" 'no write'
    assert_contains "$text" 'No such file'
}

test_flags_of_run() {
    local loop
    loop=$(cat /run/test-loop)
    assert_eq 'written on the host' "$(gantry run --rm --network none --device "$loop:/dev/data:r" busybox head -c 19 /dev/data)"
    assert_fails gantry run --rm --network none --device "$loop:/dev/data:r" busybox sh -c 'echo X >/dev/data'
    assert_contains "$output" 'not permitted'
    assert_fails gantry run --rm --network none --device /dev/no-such-device busybox true
    assert_contains "$output" "/dev/no-such-device"
    assert_fails gantry run --rm --network none --device /etc/passwd busybox true
    assert_contains "$output" 'below /dev'
}

test_cgroup_rule_opens_a_class() {
    local loop number
    loop=$(cat /run/test-loop)
    number=${loop#/dev/loop}
    assert_contains "$(in_container "mknod /l b 7 $number; head -c 19 /l" 'device_cgroup_rules = ["b 7:* r"]')" 'written on the host'
    assert_match "$(in_container "mknod /l b 7 $number; echo X >/l" 'device_cgroup_rules = ["b 7:* r"]')" 'not permitted'
}

test_a_folder_passes_its_devices() {
    mkdir -p /dev/testfolder
    cp -a /dev/null /dev/testfolder/one
    mknod -m 666 /dev/testfolder/two c 1 5
    assert_eq '8' "$(in_container 'echo x >/dev/testfolder/one && head -c 8 /dev/testfolder/two | wc -c' 'devices = ["/dev/testfolder"]')"
    rm -r /dev/testfolder
}

test_with_a_user_namespace() {
    local text
    text=$(in_container 'exec 3<>/dev/fuse && echo opened; ls -l /dev/other; head -c 1 /dev/loop0' 'devices = ["/dev/fuse", "/dev/zero:/dev/other"]
[namespaces]
user = "private"')
    assert_contains "$text" opened
    assert_match "$text" 'crw-rw-rw- .* 1, +5 .*/dev/other'
    assert_contains "$text" '/dev/loop0: No such file'
}

test_privileged_has_all() {
    local loop
    loop=$(cat /run/test-loop)
    assert_contains "$(in_container "head -c 19 $loop" $'[security]\nprivileged = true')" 'written on the host'
}
