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

test_docker_reads_gzip() {
    gantry tag busybox $registry/peers/docker:1
    gantry push -q $registry/peers/docker:1
    systemctl start docker.service
    docker pull -q $registry/peers/docker:1
    id=$(gantry image inspect --format '{{.Id}}' busybox)
    assert_eq "$id" "$(docker image inspect --format '{{.Id}}' $registry/peers/docker:1)"
    systemctl stop docker.service docker.socket
}
