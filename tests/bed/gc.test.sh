# limit: 180
# The collector of images on a small disk: what goes, in which order, and what never does.

# disk SIZE: /var/lib/gantry is a file system of that size until the test ends
disk() {
    truncate -s "$1" /var/tmp/small
    mkfs.ext4 -q -F -m 0 -N 4000 /var/tmp/small
    mount -o loop /var/tmp/small /var/lib/gantry
    trap 'umount -l /var/lib/gantry; rm -f /etc/gantry/gantry.toml /etc/gantry/containers/*.toml /usr/lib/gantry/containers/*.toml' EXIT
}
settings() { printf '[gc]\nminimum_age = "1h"\n%s\n' "${1:-}" >/etc/gantry/gantry.toml; }
# image NAME HOURS: one of its own of 3 MB that does not compress, last used so many hours ago
image() {
    rm -rf "/tmp/tree"
    mkdir -p /tmp/tree
    head -c 3M /dev/urandom >"/tmp/tree/file"
    oci_image "/tmp/$1" '{"Cmd":["/x"]}' /tmp/tree
    tar -C "/tmp/$1" -cf /tmp/image.tar .
    gantry tag "$(gantry load -q -i /tmp/image.tar | sed 's/.*: //')" "$1"
    aged "$1" "$2"
}
aged() { touch -d "$2 hours ago" "/var/lib/gantry/images/blobs/sha256/$(manifest_of "$1")"; }
manifest_of() {
    jq -r --arg id "$(gantry image inspect --format '{{.Id}}' "$1")" '.manifests[] | select(any(.annotations[]; . == $id)) | .digest' /var/lib/gantry/images/index.json | cut -d: -f2
}
here() { gantry image inspect "$1" >/dev/null 2>&1; }
gone() { ! here "$1"; }
used() { df --output=pcent /var/lib/gantry | tail -1 | tr -dc 0-9; }

test_order_thresholds_and_what_is_needed() {
    disk 64M
    settings
    local name
    # About 6 MB each, packed and unpacked.
    image oldest 50
    image older 40
    image defined 90
    image hidden 80
    image young 0
    assert_eq 'Total reclaimed space: 0B' "$(gantry system gc)"
    here oldest || fail 'something went below the threshold'

    printf 'image = "defined"\n' >/etc/gantry/containers/one.toml
    mkdir -p /usr/lib/gantry/containers
    printf 'image = "hidden"\n' >/usr/lib/gantry/containers/one.toml
    while [ "$(used)" -lt 88 ]; do head -c 1M /dev/urandom >>/var/lib/gantry/filler; done
    output=$(gantry system gc --dry-run)
    assert_contains "$output" 'would delete image sha256:'
    assert_contains "$output" oldest
    assert_contains "$(gantry system gc --dry-run --format json | head -1 | jq -r '.Name')" oldest
    here oldest || fail 'a dry run removed something'
    output=$(gantry system gc)
    assert_contains "$output" 'deleted image'
    gone oldest || fail 'the longest unused is still here'
    here older || fail 'more went than needed'
    [ "$(used)" -le 80 ] || fail "$(used) % are used"
    assert_eq 'Total reclaimed space: 0B' "$(gantry system gc)"
    sound --deep

    while [ "$(used)" -lt 95 ]; do head -c 1M /dev/urandom >>/var/lib/gantry/filler; done
    assert_status 1 gantry system gc
    assert_contains "$output" 'more should go, but all that is left is in use or was of use too recently'
    gone older || fail 'an unused image is still here'
    for name in defined hidden young; do here $name || fail "$name is gone"; done
    sound --deep

    # A definition that cannot be read may name any.
    aged young 30
    echo 'image = ' >/etc/gantry/containers/broken.toml
    assert_status 1 gantry system gc
    assert_contains "$output" 'nothing is removed, because a definition cannot be read'
    assert_contains "$output" /etc/gantry/containers/broken.toml
    here young || fail 'an image went all the same'
    rm /etc/gantry/containers/broken.toml

    # A transfer holds what it has, named or not.
    exec 7</var/lib/gantry/images/.transfer
    flock -s 7
    assert_contains "$(gantry system gc 2>&1)" 'nothing more is removed now'
    here young || fail 'an image went during a transfer'
    exec 7<&-

    # By its unit, with all that this one forbids; the timer is there and off.
    assert_eq disabled "$(systemctl is-enabled gantry-gc.timer || true)"
    systemctl start gantry-gc.service || true  # where the disk stays too full, it fails
    gone young || fail "the unit did not remove it: $(journalctl -u gantry-gc.service -o cat | tail -5)"
    for name in defined hidden; do here $name || fail "$name is gone"; done
    sound --deep
    rm /var/lib/gantry/filler
    systemctl enable --now gantry-gc.timer
    unit_is gantry-gc.timer active || fail 'the timer does not run'
    systemctl disable --now gantry-gc.timer
}

test_last_use() {
    disk 64M
    settings
    load_busybox
    aged busybox 50
    gantry create --name user --network none busybox true >/dev/null
    gantry rm user >/dev/null
    local age
    age=$(($(date +%s) - $(stat -c %Y "/var/lib/gantry/images/blobs/sha256/$(manifest_of busybox)")))
    [ $age -lt 60 ] || fail "removing its last container left the image unused for $age s"
}

test_settings_that_are_wrong() {
    printf '[gc]\nhigh_percent = 50\n' >/etc/gantry/gantry.toml
    assert_status 1 gantry system gc
    assert_contains "$output" 'low_percent (80) is not below high_percent (50)'
    printf '[gc]\nhigh = 50\n' >/etc/gantry/gantry.toml
    assert_status 1 gantry system gc
    assert_contains "$output" "key 'high' is not known in 'gc'"
    rm /etc/gantry/gantry.toml
}

test_build_cache_first() {
    disk 64M
    settings
    load_busybox
    mkdir -p /tmp/context
    printf 'FROM busybox\nRUN head -c 3000000 /dev/urandom >/big\n' >/tmp/context/Dockerfile
    gantry build -q --network none -t built /tmp/context >/dev/null
    gantry rmi built >/dev/null
    # What only the cache has is the cache's, and the images' no more.
    gantry system df --format json >/tmp/df
    [[ $(jq -r 'select(.Type == "Build Cache") | .Size' /tmp/df) == 3* ]] || fail "$(cat /tmp/df)"
    [[ $(jq -r 'select(.Type == "Images") | .Size' /tmp/df) != 4* ]] || fail "$(cat /tmp/df)"
    find /var/lib/gantry/images/roots/build -name '*.json' -exec touch -d '10 hours ago' {} +
    aged busybox 60
    while [ "$(used)" -lt 86 ]; do head -c 1M /dev/urandom >>/var/lib/gantry/filler; done
    output=$(gantry system gc)
    assert_contains "$output" 'deleted build cache'
    assert_lacks "$output" 'deleted image'
    here busybox || fail 'an image went before the cache'
    sound --deep
}
