# What a container sees of files: layers, binds and their propagation, tmpfs and its options, the size of the writable layer.

setup_file() { load_busybox; }

# in_container NAME SHELL-LINE [DEFINITION]: its output, once it has ended
in_container() {
    define "$1" "command = [\"sh\", \"-c\", '''$2''']
${3:-}"
    systemctl start "ctr@$1" || true
    eventually 5 bash -c "[ \"\$(systemctl show -P ActiveState ctr@$1)\" != active ]"
    said "$1"
}
# A folder of its own that is a shared mount, as the whole of a host that systemd started is.
shared_folder() {
    mkdir -p "$1"
    mount -t tmpfs test "$1"
    mount --make-shared "$1"
}

test_layers_are_applied_in_order() {
    local l=/tmp/order
    mkdir -p $l/{1,2,3,4}/d $l/1/gone $l/1/opaque $l/3/opaque
    for i in 1 2 3; do echo $i >$l/$i/d/file; echo $i >$l/$i/d/only$i; done
    echo old >$l/1/gone/a; echo old >$l/1/opaque/a
    : >$l/2/.wh.gone; : >$l/3/d/.wh.only2; : >$l/3/opaque/.wh..wh..opq; echo new >$l/3/opaque/b
    echo again >$l/4/d/only2  # what an earlier layer deleted can come back
    busybox_layers
    oci_image /tmp/order-image "$busybox_config" "${busybox_layers[@]}" $l/1 $l/2 $l/3 $l/4
    gantry load -i /tmp/order-image
    gantry tag localhost/order-image order
    local text
    text=$(gantry run --rm --network none order sh -c 'cat /d/file /d/only1 /d/only2 /d/only3; ls /opaque; [ -e /gone ] || echo deleted')
    assert_eq $'3\n1\nagain\n3\nb\ndeleted' "$text"
}

test_rslave_sees_what_the_host_mounts_later() {
    shared_folder /srv/slave
    define slave "command = [\"payload\", \"sleep\"]
volumes = [\"/srv/slave:/data:rslave\"]
[security]
cap_add = [\"SYS_ADMIN\"]"
    systemctl start ctr@slave
    mkdir /srv/slave/later
    mount -t tmpfs later /srv/slave/later
    : >/srv/slave/later/seen
    gantry exec slave test -e /data/later/seen
    # The other way round nothing comes out.
    gantry exec slave sh -c 'mkdir /data/inside && mount -t tmpfs inside /data/inside'
    assert_lacks "$(cat /proc/mounts)" /srv/slave/inside
    umount /srv/slave/later
    assert_lacks "$(gantry exec slave cat /proc/mounts)" /data/later
    systemctl stop ctr@slave
    umount -R /srv/slave
}

test_rshared_goes_both_ways() {
    shared_folder /srv/shared
    define shared "command = [\"payload\", \"sleep\"]
volumes = [\"/srv/shared:/data:rshared\"]
[security]
cap_add = [\"SYS_ADMIN\"]"
    systemctl start ctr@shared
    mkdir /srv/shared/later
    mount -t tmpfs later /srv/shared/later
    assert_contains "$(gantry exec shared cat /proc/mounts)" /data/later
    gantry exec shared sh -c 'mkdir /data/inside && mount -t tmpfs inside /data/inside && touch /data/inside/seen'
    [ -e /srv/shared/inside/seen ] || fail 'the host does not see what the container mounted'
    systemctl stop ctr@shared
    umount -R /srv/shared
}

test_rprivate_keeps_apart() {
    shared_folder /srv/private
    mkdir /srv/private/before /srv/private/later
    mount -t tmpfs before /srv/private/before
    define private "command = [\"payload\", \"sleep\"]
volumes = [\"/srv/private:/data\"]"
    systemctl start ctr@private
    mount -t tmpfs later /srv/private/later
    assert_contains "$(gantry exec private cat /proc/mounts)" /data/before
    assert_lacks "$(gantry exec private cat /proc/mounts)" /data/later
    # Nor does it keep the host from unmounting.
    umount /srv/private/later /srv/private/before
    systemctl stop ctr@private
    umount -R /srv/private
}

test_propagation_needs_a_mount_that_has_it() {
    mkdir -p /srv/alone
    mount -t tmpfs alone /srv/alone
    mount --make-private /srv/alone
    local kind
    for kind in rshared rslave; do
        define "alone-$kind" "command = [\"true\"]
volumes = [\"/srv/alone:/data:$kind\"]"
        assert_fails systemctl start "ctr@alone-$kind"
        assert_match "$(said "alone-$kind")" "'/srv/alone'.*is not a shared"
    done
    umount /srv/alone
}

test_tmpfs_options() {
    local text
    text=$(in_container tmp 'grep " /t" /proc/mounts; stat -c "%n %a %u" /t1 /t2; head -c 2000000 /dev/zero >/t1/x || echo full
cp /bin/busybox /t2/true; /t2/true && echo executed; touch /t3/x' \
        'tmpfs = ["/t1:size=1m,mode=0750,uid=1000", "/t2:exec,size=8m", "/t3:ro"]')
    assert_match "$text" ' /t1 tmpfs [^ ]*nosuid,nodev,noexec[^ ]*size=1024k'
    assert_contains "$text" '/t1 750 1000'
    assert_contains "$text" '/t2 1777 0'
    assert_contains "$text" full
    assert_contains "$text" executed
    assert_contains "$text" "/t3/x: Read-only file system"
    assert_contains "$(gantry run --rm --network none --tmpfs /t:size=2m,mode=700 busybox sh -c 'grep " /t " /proc/mounts')" size=2048k
}

test_tmpfs_takes_the_images_files() {
    assert_eq 'hello from the image' "$(gantry run --rm --network none --tmpfs /srv:tmpcopyup busybox cat /srv/index.html)"
}

test_a_volume_on_etc_keeps_the_engines_files() {
    gantry run --rm --network none -v etc:/etc busybox true
    assert_match "$(gantry run --rm --network none --hostname inside -v etc:/etc busybox cat /etc/hostname /etc/passwd)" $'^inside\nroot:'
    gantry volume rm etc
}

# Where there is one it is kept: tests/vm/limits.test.sh.
test_storage_size_without_a_project_quota_is_refused() {
    define sized 'command = ["true"]
[storage]
size = "10m"'
    assert_fails systemctl start ctr@sized
    assert_eq 125 "$(show ctr@sized ExecMainStatus)"
    assert_match "$(said sized | grep 'start container')" 'quota'
    assert_fails gantry run --rm --network none --storage-opt size=10m busybox true
    assert_match "$output" 'quota'
}
