# options: --peers
# limit: 240
# Images that push wrote, read by podman and docker.

setup_file() {
    busybox_image
    registry_start
    load_busybox
    mkdir -p /etc/containers/registries.conf.d
    printf '[[registry]]\nlocation = "%s"\ninsecure = true\n' $registry >/etc/containers/registries.conf.d/bed.conf
}
podman_says() { podman --cgroup-manager cgroupfs run --rm --network none --cgroups disabled "$1" cat /srv/index.html; }

test_podman_reads_each_format() {
    local format
    for format in gzip zstd zstd:chunked; do
        gantry tag busybox $registry/peers/${format/:/-}:1
        gantry push -q --compression $format $registry/peers/${format/:/-}:1
        podman rmi -af >/dev/null 2>&1 || true
        podman pull -q $registry/peers/${format/:/-}:1
        assert_eq 'hello from the image' "$(podman_says $registry/peers/${format/:/-}:1)"
    done
}

# By the table of contents, whole files and pieces of them are fetched, and what is there is taken from disk.
test_podman_fetches_parts_of_chunked_layers() {
    cat >/etc/containers/storage.conf <<C
[storage]
driver = "overlay"
runroot = "/run/containers/storage"
graphroot = "/var/lib/containers/storage"
[storage.options]
pull_options = {enable_partial_images = "true", use_hard_links = "false", ostree_repos = ""}
C
    cp -a /tmp/busybox-image /var/tmp/parts
    umoci unpack --image /var/tmp/parts:latest /var/tmp/bundle
    mkdir /var/tmp/bundle/rootfs/opt
    head -c 3000000 /dev/urandom >/var/tmp/bundle/rootfs/opt/big
    local tag
    for tag in v1 v2; do
        echo $tag >/var/tmp/bundle/rootfs/opt/small
        umoci repack --image /var/tmp/parts:$tag /var/tmp/bundle
    done
    gantry load -q -i /var/tmp/parts
    podman rmi -af >/dev/null 2>&1 || true
    for tag in v1 v2; do
        gantry tag localhost/parts:$tag $registry/peers/parts:$tag
        gantry push -q --compression zstd:chunked $registry/peers/parts:$tag
        podman --log-level=debug pull $registry/peers/parts:$tag 2>/tmp/podman.log || { tail -n 5 /tmp/podman.log; return 1; }
        assert_contains "$(cat /tmp/podman.log)" 'Retrieved partial blob'
        assert_lacks "$(cat /tmp/podman.log)" 'Failed to retrieve partial blob'
        output=$(podman --cgroup-manager cgroupfs run --rm --network none --cgroups disabled $registry/peers/parts:$tag sh -c 'cat /opt/small; sha256sum </opt/big')
        assert_eq "$tag"$'\n'"$(sha256sum </var/tmp/bundle/rootfs/opt/big)" "$output"
    done
    rm /etc/containers/storage.conf
}

test_docker_reads_gzip() {
    gantry tag busybox $registry/peers/docker:1
    gantry push -q $registry/peers/docker:1
    systemctl start docker.service
    docker pull -q $registry/peers/docker:1
    id=$(gantry image inspect --format '{{.Id}}' busybox)
    assert_eq "$id" "$(docker image inspect --format '{{.Id}}' $registry/peers/docker:1)"
    systemctl stop docker.service docker.socket
}
