# options: --peers
# limit: 120
# What skopeo, umoci and podman write is loaded, and what save writes is loaded by them: with the same layers and the same image id.

setup_file() {
    busybox_image
    skopeo copy --quiet --insecure-policy oci:/tmp/busybox-image:latest docker-archive:/tmp/docker.tar:example.test/made/docker:1
    skopeo copy --quiet --insecure-policy oci:/tmp/busybox-image:latest oci-archive:/tmp/oci.tar:example.test/made/oci:1
    skopeo copy --quiet --insecure-policy oci:/tmp/busybox-image:latest oci:/var/tmp/layout:example.test/made/layout:1
    id=$(jq -r '.config.digest' "/tmp/busybox-image/blobs/sha256/$(jq -r '.manifests[0].digest' /tmp/busybox-image/index.json | cut -d: -f2)")
    echo "$id" >/tmp/id
}
works() {  # IMAGE
    assert_eq 'hello from the image' "$(gantry run --rm --network none "$1" cat /srv/index.html)"
    assert_eq 'no problems found' "$(gantry system check --deep 2>&1)"
}
podman_works() { podman --cgroup-manager cgroupfs run --rm --network none --cgroups disabled "$1" cat /srv/index.html; }

test_what_skopeo_writes() {
    local kind source
    for kind in docker oci layout; do
        source=/tmp/$kind.tar
        [ $kind != layout ] || source=/var/tmp/layout
        fresh
        assert_contains "$(gantry load -q -i $source)" "example.test/made/$kind:1"
        assert_eq "$(cat /tmp/id)" "$(gantry image inspect --format '{{.Id}}' example.test/made/$kind:1)"
        works example.test/made/$kind:1
    done
    fresh
    assert_contains "$(gzip -c /tmp/docker.tar | gantry load -q)" example.test/made/docker:1
    assert_contains "$(zstd -q -c /tmp/oci.tar | gantry load -q)" example.test/made/oci:1
}

test_what_umoci_writes() {
    fresh
    cp -a /tmp/busybox-image /var/tmp/umoci
    mkdir /var/tmp/bundle
    umoci unpack --image /var/tmp/umoci:latest /var/tmp/bundle/x
    echo changed >/var/tmp/bundle/x/rootfs/srv/more
    rm /var/tmp/bundle/x/rootfs/etc/os-release
    umoci repack --image /var/tmp/umoci:v2 /var/tmp/bundle/x
    umoci config --image /var/tmp/umoci:v2 --config.env A=b
    gantry load -q -i /var/tmp/umoci >/tmp/loaded
    grep -qx 'Loaded image: localhost/umoci:latest' /tmp/loaded || fail "$(cat /tmp/loaded)"
    grep -qx 'Loaded image: localhost/umoci:v2' /tmp/loaded || fail "$(cat /tmp/loaded)"
    assert_eq $'changed\nb\ngone' "$(gantry run --rm --network none localhost/umoci:v2 sh -c 'cat /srv/more; echo $A; [ -e /etc/os-release ] || echo gone')"
    works localhost/umoci:latest
}

test_what_podman_writes() {
    podman load -q -i /tmp/docker.tar
    local format
    for format in docker-archive oci-archive; do
        podman save -q --format $format -o /tmp/podman-$format.tar example.test/made/docker:1
        fresh
        assert_contains "$(gantry load -q </tmp/podman-$format.tar)" example.test/made/docker:1
        works example.test/made/docker:1
    done
    podman save -q --format oci-dir -o /var/tmp/podman-dir example.test/made/docker:1
    fresh
    gantry load -q -i /var/tmp/podman-dir
    works "$(gantry images -q)"
    podman rmi -af >/dev/null
}

test_what_save_writes() {
    fresh
    gantry load -q -i /tmp/oci.tar
    local format
    for format in docker-archive oci-archive; do
        gantry save --format $format -o /tmp/saved.tar example.test/made/oci:1
        podman load -q -i /tmp/saved.tar
        assert_eq 'hello from the image' "$(podman_works example.test/made/oci:1)"
        assert_eq "$(cat /tmp/id)" "sha256:$(podman image inspect --format '{{.Id}}' example.test/made/oci:1 | sed 's/^sha256://')"
        podman rmi -af >/dev/null
        skopeo inspect --config "$format:/tmp/saved.tar" >/dev/null
        rm /tmp/saved.tar
    done
    gantry save --format oci-dir -o /var/tmp/saved example.test/made/oci:1
    umoci unpack --image /var/tmp/saved:example.test/made/oci:1 /var/tmp/unpacked
    assert_eq 'hello from the image' "$(cat /var/tmp/unpacked/rootfs/srv/index.html)"
    skopeo copy --quiet --insecure-policy oci:/var/tmp/saved:example.test/made/oci:1 docker-archive:/tmp/again.tar:a/b:c
    gantry save example.test/made/oci:1 | skopeo inspect --config docker-archive:/dev/stdin >/dev/null || {
        gantry save example.test/made/oci:1 >/tmp/piped.tar
        skopeo inspect --config docker-archive:/tmp/piped.tar >/dev/null
    }
}
