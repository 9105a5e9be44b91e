# What a test file of tests/bed or tests/vm may use. Runs inside the bed or VM, as root, with -eEu -o pipefail: a command that fails
# ends the test. Each function test_* runs in a bash of its own, in the order of the file.

fail() {
    printf 'FAILED: %s\n' "$*" >&2
    exit 1
}
skip() {  # REASON
    printf '%s\n' "$*" >"$SKIP_FILE"
    exit 0
}
assert_eq() {  # EXPECTED GOT [WHAT]
    [ "$1" = "$2" ] || fail "${3:-value}: expected '$1', got '$2'"
}
assert_contains() {  # TEXT PART
    [[ $1 == *"$2"* ]] || fail "no '$2' in: $1"
}
assert_lacks() {  # TEXT PART
    [[ $1 != *"$2"* ]] || fail "unexpected '$2' in: $1"
}
assert_match() {  # TEXT REGEX
    [[ $1 =~ $2 ]] || fail "no match of '$2' in: $1"
}
# assert_status N COMMAND...: COMMAND ends with this status; its output is in $output afterwards.
assert_status() {
    local expected=$1 status=0
    shift
    output=$("$@" 2>&1) || status=$?
    [ "$status" = "$expected" ] || fail "'$*': expected status $expected, got $status: $output"
}
# assert_fails COMMAND...: any status but 0; and one that tells an error, not a crash.
assert_fails() {
    local status=0
    output=$("$@" 2>&1) || status=$?
    [ "$status" != 0 ] || fail "'$*' succeeded: $output"
    [ "$status" -lt 128 ] || fail "'$*' died (status $status): $output"
}
# eventually SECONDS COMMAND...: repeats COMMAND until it succeeds.
eventually() {
    local deadline=$((${EPOCHREALTIME/[.,]/} + $1 * 1000000))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "${EPOCHREALTIME/[.,]/}" -lt $deadline ] || fail "never came true: $*"
        sleep 0.05
    done
}
unit_is() { [ "$(systemctl show -P ActiveState "$1")" = "$2" ]; }  # UNIT STATE
show() { systemctl show -P "$2" "$1"; }                             # UNIT PROPERTY

# --- images -------------------------------------------------------------------------------------------------------------------------

# oci_image LAYOUT CONFIG-JSON FOLDER...: writes an OCI layout with one gzip layer per folder, made without any network. CONFIG-JSON is
# the "config" object of the image: {"Cmd":["/bin/sh"],"Labels":{"a":"b"}}.
oci_image() {
    local layout=$1 config=$2 folder diffs=() layers=() digest size
    shift 2
    rm -rf "$layout"
    mkdir -p "$layout/blobs/sha256"
    printf '{"imageLayoutVersion":"1.0.0"}' >"$layout/oci-layout"
    for folder; do
        tar -C "$folder" --sort=name --xattrs --xattrs-include='*' --numeric-owner -cf "$layout/layer.tar" .
        diffs+=("sha256:$(sha256sum <"$layout/layer.tar" | cut -d' ' -f1)")
        gzip -n -1 "$layout/layer.tar"
        oci_blob "$layout" "$layout/layer.tar.gz"
        layers+=("{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar+gzip\",\"digest\":\"sha256:$digest\",\"size\":$size}")
    done
    jq -cn --argjson config "$config" '{created:"2024-01-02T03:04:05Z",architecture:"amd64",os:"linux",config:$config,
        rootfs:{type:"layers",diff_ids:$ARGS.positional},
        history:[$ARGS.positional[]|{created:"2024-01-02T03:04:05Z",created_by:("layer "+.)}]}' --args "${diffs[@]}" >"$layout/config"
    oci_blob "$layout" "$layout/config"
    printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"%s","digest":"%s","size":%s},"layers":[%s]}' \
        application/vnd.oci.image.config.v1+json "sha256:$digest" "$size" "$(IFS=,; echo "${layers[*]}")" >"$layout/manifest"
    oci_blob "$layout" "$layout/manifest"
    printf '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%s","size":%s,"annotations":{"org.opencontainers.image.ref.name":"latest"}}]}' \
        "$digest" "$size" >"$layout/index.json"
}
oci_blob() {  # LAYOUT FILE: moves it in; sets the caller's $digest and $size
    digest=$(sha256sum <"$2" | cut -d' ' -f1)
    size=$(stat -c %s "$2")
    mv "$2" "$1/blobs/sha256/$digest"
}

# The usual test image, three layers: busybox with all its names, a small /etc, /bin/payload (see payload.c).
busybox_layers() {
    local root=/tmp/busybox-layers
    busybox_layers=("$root/1" "$root/2" "$root/3")
    [ ! -d $root ] || return 0
    mkdir -p $root/{1/bin,1/tmp,1/root,1/proc,1/sys,1/dev,1/var,2/etc,2/home/app,3/bin,3/srv}
    chmod 1777 $root/1/tmp
    cp /bin/busybox $root/1/bin/busybox
    # One process for four hundred links: the VM is slow.
    busybox --list | python3 -c 'import os, sys
for name in sys.stdin.read().split():
    if name != "busybox": os.symlink("busybox", sys.argv[1] + "/" + name)' $root/1/bin
    ln -s bin $root/1/sbin
    printf 'root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000:app:/home/app:/bin/sh\n' >$root/2/etc/passwd
    printf 'root:x:0:\napp:x:1000:\nextra:x:2000:app\n' >$root/2/etc/group
    printf 'NAME=test\nID=test\n' >$root/2/etc/os-release
    chown 1000:1000 $root/2/home/app
    cp "$PAYLOAD" $root/3/bin/payload
    echo 'hello from the image' >$root/3/srv/index.html
}
busybox_config='{"Cmd":["/bin/sh"],"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],"Labels":{"test.kind":"busybox"}}'

# busybox_image [CONFIG-JSON]: makes /tmp/busybox-image (an OCI layout).
busybox_image() {
    busybox_layers
    oci_image /tmp/busybox-image "${1:-$busybox_config}" "${busybox_layers[@]}"
}

# --- a registry ---------------------------------------------------------------------------------------------------------------------

# A host outside, behind a cable: namespace "world" is 192.0.2.2 and 2001:db8::2 behind `uplink`; this host is .1 and ::1.
cable_to_world() {
    ip netns add world
    ip link add uplink type veth peer name cable netns world
    ip addr add 192.0.2.1/24 dev uplink && ip addr add 2001:db8::1/64 dev uplink nodad && ip link set uplink up
    ip -n world addr add 192.0.2.2/24 dev cable && ip -n world addr add 2001:db8::2/64 dev cable nodad
    ip -n world link set cable up && ip -n world link set lo up
}

# htpasswd NAME:PASSWORD...: lines with bcrypt's digests, as registries want them; few rounds.
htpasswd() {
    local pair
    for pair; do perl -e 'print "$ARGV[0]:", crypt($ARGV[1], q($2b$04$saltsaltsaltsaltsaltsu)), "\n"' "${pair%%:*}" "${pair#*:}"; done
}

registry=127.0.0.1:5000
# registry_start [YAML]: Debian's docker-registry; YAML is added to its configuration (auth:, http: tls: and the like).
registry_start() {
    cat >/etc/docker/registry/config.yml <<Y
version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: /var/lib/docker-registry}, delete: {enabled: true}, cache: {blobdescriptor: inmemory}}
http: {addr: "$registry"}
${1:-}
Y
    systemctl reset-failed docker-registry.service 2>/dev/null || true  # tests restart it more often than its start limit likes
    systemctl restart docker-registry.service
    eventually 20 bash -c "curl -sk -o /dev/null http://$registry/v2/ || curl -sk -o /dev/null https://$registry/v2/"
}
# push LAYOUT NAME[:TAG] [oci|v2s2]
push() {
    skopeo copy --quiet --insecure-policy --dest-tls-verify=false --format "${3:-oci}" "oci:$1:latest" "docker://$registry/$2"
}
# The usual test image as "busybox" in Gantry's store, without a registry.
load_busybox() {
    gantry image inspect busybox >/dev/null 2>&1 && return 0
    busybox_image
    tar -C /tmp/busybox-image -cf /tmp/busybox.tar .
    gantry tag "$(gantry load -q -i /tmp/busybox.tar | sed 's/.*: //')" busybox
}

fresh() { gantry images -q --no-trunc | sort -u | xargs -r gantry rmi -f >/dev/null; }  # forgets all images
# sound [--deep]: the store is.
sound() { assert_eq 'no problems found' "$(gantry system check "$@" 2>&1)"; }
in_image() { gantry run --rm --network none "$@"; }  # IMAGE [COMMAND...]

# --- builds -------------------------------------------------------------------------------------------------------------------------

# mirror_start: serves /srv/mirror ("# options: --mirror") to hosts and containers as http://mirror.test:8181, which builds find with
# --add-host mirror.test:host-gateway, and makes the image "debian" of its base.
mirror_start() {
    systemctl is-active --quiet mirror.service || systemd-run --quiet --unit=mirror python3 -m http.server -d /srv/mirror 8181
    eventually 10 curl -sfo /dev/null http://127.0.0.1:8181/debian/Packages.gz
    gantry image inspect debian >/dev/null 2>&1 || gantry import -c 'CMD ["bash"]' /srv/mirror/base.tar debian >/dev/null
}

# --- the bus ------------------------------------------------------------------------------------------------------------------------

prop() { busctl get-property io.gantry1 "$1" "io.gantry1.$2" "$3"; }  # OBJECT INTERFACE PROPERTY
as_alice() { setpriv --reuid alice --regid alice --clear-groups "$@"; }

# --- what must not be left over -----------------------------------------------------------------------------------------------------

# A picture of all that a container may hold outside its data: compare one from before with one from after.
host_picture() {
    # The kernel takes a dead container's interface away a moment after it: no part of a picture.
    for _ in {1..20}; do
        ! systemctl is-active --quiet 'ctr@*' && compgen -G '/sys/class/net/veth*' >/dev/null || break
        sleep 0.1
    done
    echo "mounts:"; findmnt -rn -o TARGET,FSTYPE | grep -v '^/run/credentials' | sort
    echo "links:"; ip -br link | awk '{print $1}' | grep -v -e '^gantry' -e '^gtr-in[01]' | sort
    echo "netns:"; ls /run/netns 2>/dev/null || true
    echo "cgroups:"; find /sys/fs/cgroup/ctr.slice -mindepth 1 -type d 2>/dev/null | sort || true
    echo "units:"; systemctl list-units --all --plain --no-legend 'ctr@*' 'ctr-console@*' | awk '{print $1, $3}' | sort
    echo "leases:"; find /var/lib/gantry/network -type l -printf '%p %l\n' 2>/dev/null | sort || true
    echo "rules:"; nft list table inet gantry 2>/dev/null | sed 's/counter packets [0-9]* bytes [0-9]*//' || true
    echo "run:"; find /run/gantry -type f -o -type l 2>/dev/null | grep -v -e /lock -e '\.lock$' | sort
    echo "processes:"; ps -eo comm= | grep -E '^(gantry-launch|payload)' || true
}
# assert_picture BEFORE: nothing is left over. The kernel takes network namespaces apart a moment after their last process is gone.
assert_picture() {
    local difference i
    for i in {1..30}; do
        difference=$(diff <(echo "$1") <(host_picture)) && return 0
        sleep 0.1
    done
    fail "left over: $difference"
}

nothing_left() {  # of builds
    assert_eq '' "$(find /run/gantry/build /var/lib/gantry/build/scratch -mindepth 1 ! -name .lock 2>/dev/null)"
    assert_eq '' "$(systemctl list-units --all --plain --no-legend 'ctr-build-*.service')"
    assert_eq '' "$(ls /run/gantry/ctr)"
    assert_eq '' "$(compgen -G '/var/lib/gantry/storage/overlayfs/rw/build-*')"
    sound
}

# --- containers ---------------------------------------------------------------------------------------------------------------------

# define NAME [KEY=VALUE-LINES]: writes /etc/gantry/containers/NAME.toml for the test image, without network unless the text names one,
# and lets systemd read it. A test's container names are its own: units of earlier tests are still in systemd's memory.
define() {
    local name=$1 text=${2:-}
    mkdir -p /etc/gantry/containers
    {
        [[ $text == *image\ =* ]] || echo 'image = "busybox"'
        [[ $text == *network\ =* || $text == *'[network'* ]] || echo 'network = "none"'
        printf '%s\n' "$text"
    } >"/etc/gantry/containers/$name.toml"
    systemctl daemon-reload
}
main_pid() { systemctl show -P MainPID "ctr@$1"; }
# A payload that just began has no handler yet, and as PID 1 gets no signal without one (pid_namespaces(7)): a stop then takes its whole
# timeout and the unit fails. Bit 14 of the mask is SIGTERM (proc(5)).
takes_sigterm() { ((0x$(awk '/^SigCgt:/ {print $2}' "/proc/$(main_pid "$1")/status") >> 14 & 1)); }
start_and_stop() {  # NAME...
    local name
    systemctl start "${@/#/ctr@}" || return
    for name; do eventually 10 takes_sigterm "$name"; done
    systemctl stop "${@/#/ctr@}"
}
said() { journalctl --sync; journalctl -q --no-pager -o cat -u "ctr@$1"; }  # NAME: what the journal has of the unit
# field NAME TEXT FIELD: a journal field of the unit's entry with that message
field() { journalctl -q -o json -u "ctr@$1" | jq -r --arg m "$2" --arg f "$3" 'select(.MESSAGE == $m) | .[$f] // empty' | head -n 1; }
