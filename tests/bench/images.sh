#!/bin/bash
# ./dev bench images: building and pushing, against docker, buildah and podman.
# options: --peers --mirror
set -euo pipefail
. /src/tests/bench/lib.sh
rounds=${GANTRY_BENCH_ROUNDS:-3}

own_disk
mirror_start
registry_start
systemctl start containerd docker
mkdir -p /etc/containers
printf '[[registry]]\nlocation = "%s"\ninsecure = true\n' "$registry" >/etc/containers/registries.conf
echo '{"default":[{"type":"insecureAcceptAnything"}]}' >/etc/containers/policy.json
docker import -c 'CMD ["bash"]' /srv/mirror/base.tar debian >/dev/null
podman import -q -c 'CMD ["bash"]' /srv/mirror/base.tar docker.io/library/debian:latest >/dev/null

# --- build: packages from a local repository, then 5000 files -----------------------------------------------------------------------

mkdir -p /var/tmp/context
python3 - <<'P'
import os, random
random.seed(2)
for n in range(5000):
    folder = f"/var/tmp/context/app/d{n % 70}"
    os.makedirs(folder, exist_ok=True)
    with open(f"{folder}/f{n}", "wb") as f: f.write(random.randbytes(random.choice([200, 1500, 6000, 30000])))
P
cat >/var/tmp/context/Dockerfile <<'D'
FROM debian
RUN apt-get update && apt-get install -y --no-install-recommends nginx-light && rm -rf /var/lib/apt/lists/*
COPY app /usr/share/app
CMD ["nginx"]
D
host=(--network host --add-host mirror.test:127.0.0.1)
with_gantry() { gantry build -q "${host[@]}" -t built /var/tmp/context; }
with_docker() { DOCKER_BUILDKIT=$buildkit docker build -q --no-cache "${host[@]}" -t built /var/tmp/context; }
with_buildah() { buildah build -q --isolation chroot --no-cache "${host[@]}" -t built /var/tmp/context; }
forget() {
    gantry rmi -f built >/dev/null 2>&1 || true
    gantry builder prune -af >/dev/null
    docker rmi -f built >/dev/null 2>&1 || true
    buildah rmi -f built >/dev/null 2>&1 || true
}

versions
echo "buildah $(buildah --version | awk '{print $3}'), docker's classic builder and BuildKit as docker.io has them"
ours='' classic='' kit='' buildah='' cached=''
for _ in $(seq "$rounds"); do
    forget
    timed with_gantry; ours+="$took "
    sleep 3  # files that have just changed are read again
    gantry build -q "${host[@]}" -t built /var/tmp/context >/dev/null
    for _ in 1 2 3; do timed with_gantry; cached+="$took "; done
    buildkit=0; timed with_docker; classic+="$took "
    buildkit=1; timed with_docker; kit+="$took "
    timed with_buildah; buildah+="$took "
done
of() { tr ' ' '\n' <<<"$1" | grep . | median; }
heading "build, cold, median of $rounds" peer
line 'apt-get install, 5000 files: docker build (classic)' "$(of "$ours")" "$(of "$classic")" 0.8
line 'apt-get install, 5000 files: docker build (BuildKit)' "$(of "$ours")" "$(of "$kit")" 0.8
line 'apt-get install, 5000 files: buildah build' "$(of "$ours")" "$(of "$buildah")" 0.8
statement 'build, all cached: at most 50 ms' "$(ms "$(of "$cached")")" "$([ "$(of "$cached")" -le 50000 ] && echo yes || echo no)"

# --- push: 200 MB in ten layers ------------------------------------------------------------------------------------------------------

make_layers
cp /bin/busybox /var/tmp/layers/0/sh
oci_image /var/tmp/image '{"Cmd":["/sh"]}' /var/tmp/layers/{0..9}
tar -C /var/tmp/image -cf /var/tmp/image.tar .
gantry tag "$(gantry load -q -i /var/tmp/image.tar | sed 's/.*: //')" big >/dev/null
podman pull -q oci:/var/tmp/image:latest >/dev/null
podman tag "$(podman images -q | head -n 1)" big
rm -r /var/tmp/layers /var/tmp/image.tar
ours='' theirs='' again=''
for round in $(seq "$rounds"); do
    gantry tag big "$registry/ours$round:1"
    timed gantry push -q "$registry/ours$round:1"; ours+="$took "
    timed gantry push -q "$registry/ours$round:1"; again+="$took "
    systemctl stop docker-registry
    rm -rf /var/lib/docker-registry/*
    registry_start
    timed podman push -q --tls-verify=false big "$registry/theirs$round:1"; theirs+="$took "
    systemctl stop docker-registry
    rm -rf /var/lib/docker-registry/*
    registry_start
done
heading "push, median of $rounds" podman
line '200 MB, ten layers' "$(of "$ours")" "$(of "$theirs")" 0.7
statement 'push again, nothing new: at most 100 ms' "$(ms "$(of "$again")")" "$([ "$(of "$again")" -le 100000 ] && echo yes || echo no)"

echo
[ "$missed" = 0 ] && echo "all lines passed" || echo "$missed lines missed"
[ "$missed" = 0 ]
