#!/bin/bash
# ./dev bench registry: eight clients at once fetch the same image, 200 MB in ten layers, from our registry and from docker-registry.
# The clients are curl, three connections each, so that serving is what is measured and not hashing and unpacking, which cost every
# client of either registry the same. Both serve plain HTTP on loopback, from files that are in the page cache.
# options: --peers
set -euo pipefail
. /src/tests/bench/lib.sh
rounds=${GANTRY_BENCH_ROUNDS:-7}
theirs_at=127.0.0.1:5001 ours_at=127.0.0.1:5000

# What does not compress: ten layers of one file each.
make_image() {
    local layer
    for layer in {0..9}; do
        mkdir -p /var/tmp/layers/$layer
        head -c 20000000 /dev/urandom >/var/tmp/layers/$layer/data$layer
    done
    oci_image /var/tmp/image '{"Cmd":["/sh"]}' /var/tmp/layers/{0..9}
}
# pull_like_a_client REGISTRY: manifest, then configuration and layers
pull_like_a_client() {
    local manifest
    manifest=$(curl -sf -H 'Accept: application/vnd.oci.image.manifest.v1+json' "http://$1/v2/big/manifests/latest")
    jq -r --arg at "http://$1/v2/big/blobs/" '.config.digest, .layers[].digest | "url = \"" + $at + . + "\"\noutput = /dev/null"' <<<"$manifest" |
        curl -f --no-progress-meter --parallel --parallel-max 3 --config -
}
eight() {
    local pids=() pid
    for _ in {1..8}; do
        pull_like_a_client "$1" &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do wait "$pid"; done
}
peak() { awk '/^VmHWM/ {print $2}' "/proc/$(systemctl show -P MainPID "$1")/status"; }  # UNIT: kB
processor() { awk '{print ($14 + $15) * 10000}' "/proc/$(systemctl show -P MainPID "$1")/stat"; }  # UNIT: microseconds

make_image
registry=$theirs_at
registry_start
push /var/tmp/image big
registry=$ours_at
gantry registry enable >/dev/null
push /var/tmp/image big
# Memory is that of serving: both start anew after the push.
systemctl restart docker-registry.service
systemctl stop gantry-registry.service
eventually 20 curl -sf -o /dev/null "http://$theirs_at/v2/"

versions
ours='' theirs=''
eight $ours_at
eight $theirs_at
ours_before=$(processor gantry-registry.service) theirs_before=$(processor docker-registry.service)
for _ in $(seq "$rounds"); do
    timed eight $ours_at; ours+="$took "
    timed eight $theirs_at; theirs+="$took "
done
heading "8 pulls at once of 200 MB, median of $rounds" docker-registry
line 'time' "$(tr ' ' '\n' <<<"$ours" | grep . | median)" "$(tr ' ' '\n' <<<"$theirs" | grep . | median)" 0.8
line 'processor time of the server, all rounds' $(($(processor gantry-registry.service) - ours_before)) \
    $(($(processor docker-registry.service) - theirs_before)) 0.8
ours_peak=$(peak gantry-registry.service) theirs_peak=$(peak docker-registry.service)
statement "memory, at most half of docker-registry's $theirs_peak kB" "$ours_peak kB" "$([ $((ours_peak * 2)) -le "$theirs_peak" ] && echo yes || echo no)"
echo
[ "$missed" = 0 ] && echo "all lines passed" || echo "$missed lines missed"
[ "$missed" = 0 ]
