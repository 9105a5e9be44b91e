# options: --peers
# limit: 180
# commit and import: images out of containers and archives, read by other tools too; interrupted in every way.

setup_file() {
    load_busybox
    local rootfs=/var/tmp/import layer
    mkdir $rootfs
    busybox_layers
    for layer in "${busybox_layers[@]}"; do cp -a "$layer/." $rootfs; done
    tar -C $rootfs -cf /tmp/rootfs.tar .
    gzip -k /tmp/rootfs.tar
    zstd -q /tmp/rootfs.tar
}

settled() {  # after an interruption: one repair takes away what it left
    gantry system check --repair >/dev/null 2>&1 || true
    sound --deep
}
run() { gantry run --rm --network none "$@"; }
config_of() { gantry image inspect --format "{{json .Config.$2}}" "$1"; }

# changed NAME [FLAG...]: a stopped container that has done everything to its files
changed() {
    local name=$1
    shift
    gantry run --name "$name" --network none "$@" busybox sh -ec '
        echo mine >/srv/index.html
        rm /etc/os-release
        rm -r /home; mkdir -p /home/new; echo n >/home/new/file
        mkdir -p /opt/deep/er; echo d >/opt/deep/er/file; ln /opt/deep/er/file /opt/again
        ln -s /nowhere /opt/link; mkfifo /opt/pipe
        cp /bin/busybox /opt/tool; chown 1000:2000 /opt/tool; chmod 6755 /opt/tool' >/dev/null
    gantry cp - "$name:/opt" </tmp/capable.tar
}
capable() {
    mkdir -p /tmp/capable
    cp /bin/busybox /tmp/capable/ping
    setcap cap_net_raw+ep /tmp/capable/ping
    setfattr -n user.note -v kept /tmp/capable/ping
    tar -C /tmp/capable --xattrs --xattrs-include='*' -cf /tmp/capable.tar ping
}

test_a_commit_is_what_the_container_was() {
    capable
    changed web -e MODE=warm -e 'PATH=/bin' -l own=1 -w /srv -u root --stop-signal INT --expose 53/udp --expose 80 -v /data
    output=$(gantry commit -a 'Me <me@example.test>' -m 'what I did' web example.test/web:v1)
    assert_match "$output" '^sha256:[0-9a-f]{64}$'
    assert_eq "$output" "$(gantry image inspect --format '{{.Id}}' example.test/web:v1)"
    assert_eq mine "$(run example.test/web:v1 cat /srv/index.html)"
    assert_eq $'gone\nfile\nd\nd\n/nowhere' "$(run example.test/web:v1 sh -c '
        [ -e /etc/os-release ] || echo gone; ls /home/new; cat /opt/deep/er/file /opt/again; readlink /opt/link
        [ ! -e /home/app ] && [ -p /opt/pipe ]')"
    assert_eq '6755 1000:2000' "$(run example.test/web:v1 stat -c '%a %u:%g' /opt/tool)"
    assert_eq '["PATH=/bin","MODE=warm"]' "$(config_of example.test/web:v1 Env)"
    assert_eq '"/srv"' "$(config_of example.test/web:v1 WorkingDir)"
    assert_eq '{"/data":{}}' "$(config_of example.test/web:v1 Volumes)"
    assert_eq '"SIGINT"' "$(config_of example.test/web:v1 StopSignal | sed 's/"INT"/"SIGINT"/')"
    assert_contains "$(config_of example.test/web:v1 ExposedPorts)" '"53/udp"'
    assert_contains "$(config_of example.test/web:v1 ExposedPorts)" '"80/tcp"'
    assert_contains "$(config_of example.test/web:v1 Labels)" '"test.kind":"busybox"'
    assert_eq 'Me <me@example.test>' "$(gantry image inspect --format '{{.Author}}' example.test/web:v1)"
    assert_contains "$(gantry history --no-trunc example.test/web:v1)" 'what I did'
    # The container is as it was, and a container of the new image has changed nothing.
    assert_contains "$(gantry diff web)" 'D /etc/os-release'
    gantry create --name next --network none example.test/web:v1 >/dev/null
    assert_eq '' "$(gantry diff next)"
    gantry rm web next >/dev/null
    sound --deep
}

test_capabilities_and_attributes_come_along() {
    capable
    changed cap
    gantry commit cap cap:1 >/dev/null
    local root
    gantry save --format oci-dir -o /var/tmp/cap-layout cap:1
    umoci unpack --image /var/tmp/cap-layout:docker.io/library/cap:1 /var/tmp/cap-bundle
    assert_contains "$(getcap /var/tmp/cap-bundle/rootfs/opt/ping)" cap_net_raw
    assert_eq kept "$(getfattr --only-values -n user.note /var/tmp/cap-bundle/rootfs/opt/ping)"
    [ ! -e /var/tmp/cap-bundle/rootfs/etc/os-release ] || fail 'what was deleted is back'
    [ ! -e /var/tmp/cap-bundle/rootfs/home/app ] || fail 'what was replaced is back'
    [ -z "$(getfattr -h -R -d -m trusted /var/tmp/cap-bundle/rootfs 2>/dev/null)" ] || fail 'bookkeeping got in'
    gantry rm cap >/dev/null
    gantry rmi cap:1 >/dev/null
    rm -rf /var/tmp/cap-*
    sound --deep
}

test_other_tools_read_it() {
    gantry run --name other --network none busybox sh -c 'echo x >/srv/index.html; rm /etc/os-release' >/dev/null
    local id
    id=$(gantry commit other other:1)
    gantry save -o /tmp/other.tar other:1
    skopeo inspect --config docker-archive:/tmp/other.tar | jq -e '.history | length == 4' >/dev/null
    podman load -q -i /tmp/other.tar
    assert_eq "$id" "sha256:$(podman image inspect --format '{{.Id}}' docker.io/library/other:1 | sed 's/^sha256://')"
    assert_eq $'x\ngone' "$(podman --cgroup-manager cgroupfs run --rm --network none --cgroups disabled docker.io/library/other:1 \
        sh -c 'cat /srv/index.html; [ -e /etc/os-release ] || echo gone')"
    podman rmi -af >/dev/null
    # And back again, by another way.
    skopeo copy --quiet --insecure-policy docker-archive:/tmp/other.tar oci-archive:/tmp/other-oci.tar:other:2
    gantry rmi other:1 >/dev/null
    gantry load -q -i /tmp/other-oci.tar >/dev/null
    gantry rm other >/dev/null
    sound --deep
}

test_changes() {
    gantry create --name plain --network none busybox true >/dev/null
    gantry commit -c 'CMD ["a","b"]' -c 'ENV X=1 Y=$X' -c 'LABEL l="two words"' -c 'EXPOSE 80 90/udp' -c 'VOLUME /v' -c 'USER app' \
        -c 'WORKDIR /srv' -c 'WORKDIR sub' -c 'HEALTHCHECK --interval=5s CMD true' -c 'STOPSIGNAL SIGQUIT' -c 'ONBUILD RUN x' \
        -c 'SHELL ["/bin/ash","-c"]' plain changes:1 >/dev/null
    assert_eq '["a","b"]' "$(config_of changes:1 Cmd)"
    assert_contains "$(config_of changes:1 Env)" '"X=1"'
    assert_contains "$(config_of changes:1 Labels)" '"l":"two words"'
    assert_contains "$(config_of changes:1 ExposedPorts)" '"90/udp"'
    assert_eq '"app"' "$(config_of changes:1 User)"
    assert_eq '"/srv/sub"' "$(config_of changes:1 WorkingDir)"
    assert_eq '"SIGQUIT"' "$(config_of changes:1 StopSignal)"
    # Nothing was written: no further layer.
    assert_eq 3 "$(gantry image inspect --format '{{len .RootFS.Layers}}' changes:1)"
    assert_eq 0B "$(gantry history --format '{{.Size}}' changes:1 | head -n 1)"
    # An entrypoint alone takes back the command.
    gantry commit -c 'ENTRYPOINT echo shell form' plain changes:2 >/dev/null
    assert_contains "$(config_of changes:2 Entrypoint)" 'echo shell form'
    assert_match "$(config_of changes:2 Cmd)" '^(null|\[\])$'
    assert_eq 'shell form' "$(run changes:2)"
    local images
    images=$(gantry images -aq | sort)
    assert_status 1 gantry commit -c 'RUN x' plain
    assert_contains "$output" "change 'RUN x'"
    assert_status 1 gantry commit -c 'CMMD x' plain
    assert_contains "$output" "CMD"
    assert_status 1 gantry commit plain 'Not A Name'
    assert_status 1 gantry commit plain "x@sha256:$(printf '0%.0s' {1..64})"
    assert_status 1 gantry commit no-such-container
    assert_contains "$output" 'no such container: no-such-container'
    assert_eq "$images" "$(gantry images -aq | sort)"
    gantry rm plain >/dev/null
    gantry rmi changes:1 changes:2 >/dev/null
    sound --deep
}

test_a_moved_name_leaves_the_old_image_without_one() {
    gantry create --name mover --network none busybox true >/dev/null
    local first second
    first=$(gantry commit -m one mover moved)
    second=$(gantry commit -m two mover moved:latest)
    [ "$first" != "$second" ] || fail 'one image'
    assert_eq "$second" "$(gantry image inspect --format '{{.Id}}' moved)"
    gantry image inspect "$first" >/dev/null
    gantry rm mover >/dev/null
    gantry rmi moved "$first" >/dev/null
    sound --deep
}

# writer NAME: two files that always say the same to who looks at a moment, written without end
writer() {
    gantry run -d --name "$1" --network none busybox sh -c 'i=0; while :; do i=$((i+1)); echo $i >/a; echo $i >/b; done' >/dev/null
    eventually 10 gantry exec "$1" test -s /b
}

test_a_running_container_stands_still_and_goes_on() {
    writer busy
    local round a b
    for round in 1 2 3; do
        gantry commit busy busy:$round >/dev/null
        assert_eq running "$(gantry inspect --format '{{.State.Status}}' busy)"
        a=$(run busy:$round cat /a) b=$(run busy:$round cat /b)
        # Between the two writes b is one behind; while /a is being written it is empty.
        [ -z "$a" ] || [ -z "$b" ] || [ "$a" = "$b" ] || [ "$a" = $((b + 1)) ] || fail "torn: $a, $b"
    done
    gantry commit --pause=false busy busy:live >/dev/null
    gantry pause busy >/dev/null
    gantry commit busy busy:paused >/dev/null
    assert_eq paused "$(gantry inspect --format '{{.State.Status}}' busy)"
    gantry unpause busy >/dev/null
    gantry rm -f busy >/dev/null
    gantry rmi busy:1 busy:2 busy:3 busy:live busy:paused >/dev/null
    sound --deep
}

# alive NAME: it writes on
alive() {
    local before
    before=$(gantry exec "$1" cat /a)
    eventually 10 bash -c "[ \"\$(gantry exec $1 cat /a)\" != '$before' ]"
}

test_killed_in_the_middle() {
    writer victim
    gantry exec victim sh -c 'dd if=/dev/urandom of=/big bs=1M count=150 2>/dev/null'
    local delay pid images
    images=$(gantry images -aq | sort)
    for delay in 0.02 0.1 0.3 0.8 1.5; do
        gantry commit victim victim:1 >/dev/null 2>&1 &
        pid=$!
        sleep $delay
        kill -9 $pid 2>/dev/null || true
        wait $pid 2>/dev/null || true
        eventually 5 bash -c '[ "$(systemctl show -P FreezerState ctr@victim)" = running ]'
        alive victim
        gantry rmi victim:1 >/dev/null 2>&1 || true
        settled
        assert_eq "$images" "$(gantry images -aq | sort)"
    done
    gantry rm -f victim >/dev/null
}

test_the_daemon_killed_in_the_middle() {
    writer guarded
    gantry exec guarded sh -c 'dd if=/dev/urandom of=/big bs=1M count=100 2>/dev/null'
    local how delay
    for how in main all; do
        for delay in 0.1 0.4; do
            busctl call io.gantry1 /io/gantry1/container/guarded io.gantry1.Container Commit sssasb '' '' '' 0 true >/dev/null
            sleep $delay
            systemctl kill -s KILL --kill-who=$how gantryd
            eventually 10 bash -c '[ "$(systemctl show -P FreezerState ctr@guarded)" = running ]'
            alive guarded
        done
    done
    systemctl stop gantryd
    gantry rm -f guarded >/dev/null
    gantry image prune -f >/dev/null
    settled
}

test_interrupted_in_the_middle() {
    writer patient
    gantry exec patient sh -c 'dd if=/dev/urandom of=/big bs=1M count=150 2>/dev/null'
    local status=0
    setsid gantry commit patient patient:1 >/tmp/interrupted 2>&1 &
    local pid=$!
    sleep 0.3
    kill -INT $pid
    wait $pid || status=$?
    assert_eq 1 $status
    assert_contains "$(cat /tmp/interrupted)" "commit container 'patient'"
    alive patient
    gantry rm -f patient >/dev/null
    sound --deep
}

test_full_disk() {
    truncate -s 40M /var/tmp/small
    mkfs.ext4 -q -F -m 0 -N 4000 /var/tmp/small
    mount -o loop /var/tmp/small /var/lib/gantry
    trap 'gantry rm -f filled >/dev/null 2>&1; umount -l /var/lib/gantry' EXIT
    load_busybox
    gantry run -d --name filled --network none busybox sh -c 'dd if=/dev/urandom of=/big bs=1M count=8; sync; sleep 1000' >/dev/null
    eventually 10 gantry exec filled test -s /big
    sleep 1
    local room
    for room in 0 100 2000 9000 14000; do
        head -c ${room}K /dev/zero >/var/lib/gantry/later
        head -c 1G /dev/zero >/var/lib/gantry/filler 2>/dev/null || true
        sync -f /var/lib/gantry
        rm /var/lib/gantry/later
        assert_fails timeout 30 gantry commit filled full:1
        assert_contains "$output" 'no space left on device'
        assert_eq 1 "$(grep -c . <<<"$output")" "lines of '$output'"
        assert_eq running "$(gantry inspect --format '{{.State.Status}}' filled)"
        rm /var/lib/gantry/filler
        sound --deep
    done
    gantry commit filled full:1 >/dev/null
    assert_eq 8388608 "$(run full:1 stat -c %s /big)"
    sound --deep
}

test_cp_sees_volumes_of_stopped_containers() {
    gantry create --name copies --network none -v kept:/vol -v /tmp/bound:/bound:ro busybox true >/dev/null
    mkdir -p /tmp/from/sub /tmp/bound
    echo f >/tmp/from/sub/file
    echo bound >/tmp/bound/file
    gantry cp /tmp/from copies:/vol/to
    assert_eq f "$(cat /var/lib/gantry/volumes/kept/_data/to/sub/file)"
    assert_eq bound "$(gantry cp copies:/bound/file - | tar -xO)"
    assert_fails gantry cp /tmp/from copies:/bound/to
    tar -C /tmp/from -c sub | gantry cp - copies:/srv
    gantry cp copies:/srv /tmp/copied
    assert_eq 'f hello from the image' "$(cat /tmp/copied/sub/file /tmp/copied/index.html | xargs)"
    # And the same while it runs.
    gantry run -d --name runs --network none -v kept:/vol busybox sleep 1000 >/dev/null
    assert_eq f "$(gantry cp runs:/vol/to/sub/file - | tar -xO)"
    tar -C /tmp/from -c sub | gantry cp - runs:/vol
    assert_eq f "$(gantry exec runs cat /vol/sub/file)"
    gantry rm -f copies runs >/dev/null
    gantry volume rm kept >/dev/null
    sound --deep
}

test_names_that_no_image_can_hold() {
    gantry run --name wh --network none busybox sh -c 'echo x >/srv/.wh.index.html' >/dev/null
    assert_status 1 gantry commit wh
    assert_contains "$output" "'/srv/.wh.index.html'"
    gantry rm wh >/dev/null
    sound --deep
}

test_import() {
    local form
    for form in tar tar.gz tar.zst; do
        output=$(gantry import -c 'CMD ["cat","/srv/index.html"]' -m "of $form" /tmp/rootfs.$form imported:${form//./-})
        assert_match "$output" '^sha256:[0-9a-f]{64}$'
        assert_eq 'hello from the image' "$(run imported:${form//./-})"
        assert_contains "$(gantry history --no-trunc imported:${form//./-})" "of $form"
    done
    # The same archive is the same layer, however it came.
    assert_eq 1 "$(for form in tar tar-gz tar-zst; do gantry image inspect --format '{{json .RootFS.Layers}}' imported:$form; done | sort -u | wc -l)"
    assert_eq "\"sha256:$(sha256sum </tmp/rootfs.tar | cut -d' ' -f1)\"" "$(gantry image inspect --format '{{json (index .RootFS.Layers 0)}}' imported:tar)"
    output=$(gantry import - imported:pipe <(true) </tmp/rootfs.tar 2>&1) && fail 'a third word was taken'
    gantry import --platform linux/arm64 - imported:pipe </tmp/rootfs.tar >/dev/null
    assert_eq arm64 "$(gantry image inspect --format '{{.Architecture}}' imported:pipe)"
    assert_contains "$(gantry history --no-trunc imported:pipe)" 'Imported from -'
    gantry run --name exported --network none busybox sh -c 'echo e >/e' >/dev/null
    gantry export exported | gantry import - imported:export >/dev/null
    assert_eq e "$(run imported:export cat /e)"
    gantry rm exported >/dev/null
    gantry images -q imported | sort -u | xargs gantry rmi -f >/dev/null
    sound --deep
}

# A pipe that brings nothing is no reason to stay.
test_import_is_interrupted() {
    mkfifo /tmp/nothing
    sleep 100 >/tmp/nothing &
    local writer=$! status=0 pid
    setsid gantry import - never:1 </tmp/nothing >/tmp/interrupted 2>&1 &
    pid=$!
    sleep 0.5
    kill -INT $pid
    SECONDS=0
    wait $pid || status=$?
    kill $writer
    [ $SECONDS -lt 20 ] || fail "it stayed for $SECONDS s"
    assert_eq 1 $status
    assert_contains "$(cat /tmp/interrupted)" "import '-'"
    assert_eq '' "$(gantry images -q never:1)"
    sound --deep
}

test_import_from_an_address() {
    mkdir -p /tmp/www
    cp /tmp/rootfs.tar.gz /tmp/www/root.tar.gz
    head -c 100000 /tmp/rootfs.tar.gz >/tmp/www/short.tar.gz
    python3 -m http.server --bind 127.0.0.1 --directory /tmp/www 8123 >/dev/null 2>&1 &
    server=$!
    trap 'kill $server' EXIT
    eventually 10 curl -s -o /dev/null http://127.0.0.1:8123/
    gantry import http://127.0.0.1:8123/root.tar.gz fetched:1 >/dev/null 2>&1
    assert_eq 'hello from the image' "$(run fetched:1 cat /srv/index.html)"
    assert_contains "$(gantry history --no-trunc fetched:1)" 'Imported from http://127.0.0.1:8123/root.tar.gz'
    assert_status 1 gantry import http://127.0.0.1:8123/none.tar.gz
    assert_contains "$output" 404
    assert_status 1 gantry import http://127.0.0.1:8123/short.tar.gz
    assert_status 1 gantry import http://127.0.0.1:1/x.tar
    assert_contains "$output" 127.0.0.1:1
    gantry rmi fetched:1 >/dev/null
    sound --deep
}

test_archives_that_are_none() {
    local bad
    echo 'no archive' >/tmp/bad.text
    : >/tmp/bad.empty
    head -c 30000 /tmp/rootfs.tar >/tmp/bad.cut
    head -c 30000 /tmp/rootfs.tar.gz >/tmp/bad.cut.gz
    mkdir -p /tmp/esc
    echo x >/tmp/esc/x
    tar -C /tmp/esc -P --transform 's,^x,../../../tmp/escaped,' -cf /tmp/bad.escape x
    for bad in text empty cut cut.gz escape; do
        assert_status 1 gantry import /tmp/bad.$bad
        assert_contains "$output" "import '/tmp/bad.$bad'"
        assert_eq 1 "$(grep -c . <<<"$output")" "lines of '$output'"
        [ ! -e /tmp/escaped ]
        sound --deep
    done
    assert_status 1 gantry import /tmp/no-such-file
    assert_status 1 gantry import /tmp
    sound --deep
}

test_on_the_bus() {
    gantry run -d --name bused --network none busybox sh -c 'echo b >/b; sleep 1000' >/dev/null
    eventually 10 gantry exec bused test -s /b
    local job
    job=$(busctl call io.gantry1 /io/gantry1/container/bused io.gantry1.Container Commit sssasb bused:1 me note 1 'ENV A=b' true | cut -d'"' -f2)
    eventually 20 bash -c "busctl get-property io.gantry1 $job io.gantry1.Job State | grep -q done"
    assert_contains "$(busctl get-property io.gantry1 "$job" io.gantry1.Job Product)" /io/gantry1/image/
    assert_contains "$(config_of bused:1 Env)" '"A=b"'
    assert_eq b "$(run bused:1 cat /b)"
    job=$(busctl call io.gantry1 /io/gantry1/container/bused io.gantry1.Container Commit sssasb '' '' '' 1 'RUN x' true | cut -d'"' -f2)
    eventually 20 bash -c "busctl get-property io.gantry1 $job io.gantry1.Job State | grep -q failed"
    assert_fails busctl call io.gantry1 /io/gantry1/container/bused io.gantry1.Container Commit sssasb 'Not A Name' '' '' 0 true
    assert_eq running "$(systemctl show -P FreezerState ctr@bused)"
    gantry rm -f bused >/dev/null
    gantry rmi bused:1 >/dev/null
    sound --deep
}
