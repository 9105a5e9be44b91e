#!/bin/bash
# ./dev bench pull: an image of 200 MB in ten layers from a registry on loopback, pulled and unpacked.
# options: --peers
set -euo pipefail
. /src/tests/bench/lib.sh
rounds=${GANTRY_BENCH_ROUNDS:-3}

# Layers as real ones are: many small files and some large ones, data that compresses to about half.
make_layers() {
    python3 - <<'P'
import os, random
random.seed(1)
words = [bytes(random.getrandbits(8) for _ in range(random.randrange(2, 12))) for _ in range(4000)]
def data(size):
    out, n = [], 0
    while n < size:
        piece = random.choice(words) if random.random() < 0.8 else random.randbytes(24)
        out.append(piece); n += len(piece)
    return b"".join(out)[:size]
pool = data(8 << 20)
for layer in range(10):
    left = 20 << 20
    while left > 0:
        size = min(left, random.choice([700, 3000, 9000, 30000, 200000, 2000000]))
        folder = f"/var/tmp/layers/{layer}/usr/d{random.randrange(40)}"
        os.makedirs(folder, exist_ok=True)
        at = random.randrange(len(pool) - size)
        with open(f"{folder}/f{left}", "wb") as f:
            f.write(pool[at:at + size]); f.write(os.urandom(size // 8))
        left -= size + size // 8
P
}

registry_start
make_layers
cp /bin/busybox /var/tmp/layers/0/sh
oci_image /var/tmp/image '{"Cmd":["/sh"]}' /var/tmp/layers/{0..9}
push /var/tmp/image big
mkdir -p /etc/containers
printf '[[registry]]\nlocation = "%s"\ninsecure = true\n' "$registry" >/etc/containers/registries.conf
echo '{"default":[{"type":"insecureAcceptAnything"}]}' >/etc/containers/policy.json

versions
printf 'image: %s compressed, %s unpacked\n' "$(du -sh --apparent-size /var/tmp/image | cut -f1)" "$(du -sh --apparent-size /var/tmp/layers | cut -f1)"
ours='' theirs=''
for _ in $(seq "$rounds"); do
    timed gantry pull -q "$registry/big"; ours+="$took "
    gantry rmi "$registry/big" >/dev/null
    timed podman pull -q --tls-verify=false "$registry/big"; theirs+="$took "
    podman rmi "$registry/big" >/dev/null
done
heading "pull and unpack, median of $rounds" podman
line '200 MB, ten layers' "$(tr ' ' '\n' <<<"$ours" | grep . | median)" "$(tr ' ' '\n' <<<"$theirs" | grep . | median)" 0.5
echo
[ "$missed" = 0 ] && echo "all lines passed" || echo "$missed lines missed"
[ "$missed" = 0 ]
