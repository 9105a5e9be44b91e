#!/bin/bash
# ./dev bench pull: an image of 200 MB in ten layers from a registry on loopback, pulled and unpacked.
# options: --peers
set -euo pipefail
. /src/tests/bench/lib.sh
rounds=${GANTRY_BENCH_ROUNDS:-3}

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
