# push against Debian's docker-registry and against registries that lie (tests/support/lying-upload.py): what arrives, what is sent
# again, and what is left of it here.
# limit: 240

setup_file() {
    busybox_image
    # One layer that is larger than a chunk, does not compress, and is stored as it is.
    mkdir -p /var/tmp/big/srv
    head -c 70000000 /dev/urandom >/var/tmp/big/srv/noise
    seq 1 200000 >/var/tmp/big/srv/numbers
}
# archive_image NAME: an image whose layers are uncompressed, as docker save (before 25) has them.
archive_image() {
    rm -rf /var/tmp/archive
    mkdir -p /var/tmp/archive
    tar -C /var/tmp/big -cf /var/tmp/archive/layer.tar srv
    local diff
    diff=$(sha256sum /var/tmp/archive/layer.tar | cut -d' ' -f1)
    printf '{"os":"linux","architecture":"%s","config":{"Cmd":["/x"]},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \
        "$(dpkg --print-architecture)" "$diff" >/var/tmp/archive/config.json
    printf '[{"Config":"config.json","RepoTags":["%s"],"Layers":["layer.tar"]}]' "$1" >/var/tmp/archive/manifest.json
    tar -C /var/tmp/archive -cf /var/tmp/archive.tar manifest.json config.json layer.tar
    gantry load -q -i /var/tmp/archive.tar
}
remote_digest() { skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$1"; }
liar_start() {  # PORT
    systemctl stop "liar$1.service" 2>/dev/null || true
    : >/tmp/liar$1.log
    systemd-run --quiet --collect --unit="liar$1" python3 /src/tests/support/lying-upload.py "$1" "/tmp/liar$1.log"
    eventually 20 curl -s -o /dev/null "http://127.0.0.1:$1/v2/"
}

test_what_is_pushed_is_what_is_stored() {
    registry_start
    fresh
    load_busybox
    gantry tag busybox $registry/team/app:1
    output=$(gantry push $registry/team/app:1 2>&1)
    assert_contains "$output" "The push refers to repository [$registry/team/app]"
    assert_contains "$output" ': Preparing'
    assert_contains "$output" ': Pushed'
    digest=$(jq -r '.manifests[0].digest' /tmp/busybox-image/index.json)
    size=$(stat -c %s "/tmp/busybox-image/blobs/sha256/${digest#sha256:}")
    assert_eq "1: digest: $digest size: $size" "$(tail -n 1 <<<"$output")"
    assert_eq "$digest" "$(remote_digest $registry/team/app:1)"
    assert_contains "$(gantry image inspect --format '{{json .RepoDigests}}' $registry/team/app:1)" "$registry/team/app@$digest"
    # Again: everything is there. And quiet.
    output=$(gantry push $registry/team/app:1 2>&1)
    assert_contains "$output" 'Layer already exists'
    assert_lacks "$output" ': Pushed'
    assert_eq "$registry/team/app:1" "$(gantry push -q $registry/team/app:1 2>&1)"
    # Another repository takes the layers from the first.
    gantry tag busybox $registry/other/app:2
    output=$(gantry push --digestfile /tmp/digest $registry/other/app:2 2>&1)
    assert_contains "$output" 'Mounted from team/app'
    assert_lacks "$output" ': Pushed'
    assert_eq "$digest" "$(cat /tmp/digest)"
    # And it comes back.
    fresh
    gantry pull -q $registry/other/app:2
    assert_eq 'hello from the image' "$(gantry run --rm --network none $registry/other/app:2 cat /srv/index.html)"
    sound --deep
}

test_uncompressed_layers_are_compressed_once() {
    registry_start
    fresh
    archive_image $registry/made/plain:1
    output=$(gantry push $registry/made/plain:1 2>&1)
    assert_contains "$output" ': Pushed'
    first=$(remote_digest $registry/made/plain:1)
    skopeo inspect --raw --tls-verify=false docker://$registry/made/plain:1 >/tmp/raw
    assert_contains "$(cat /tmp/raw)" tar+gzip
    # The second push compresses nothing and sends nothing: not even a byte of the layer is read.
    gantry tag $registry/made/plain:1 $registry/made/plain:2
    output=$(strace -f -o /tmp/trace -e trace=pread64,openat gantry push $registry/made/plain:2 2>&1)
    assert_contains "$output" 'Layer already exists'
    assert_eq "$first" "$(remote_digest $registry/made/plain:2)"
    grep -q '8388608\|partial' /tmp/trace && fail "it was compressed again"
    # After the registry lost everything, and from a store that begins anew, the digest is still the same.
    fresh
    assert_eq '' "$(ls /var/lib/gantry/images/roots/push 2>/dev/null)"
    sound --deep
    archive_image $registry/made/plain:3
    gantry push -q $registry/made/plain:3
    assert_eq "$first" "$(remote_digest $registry/made/plain:3)"
    sound --deep
    fresh
    gantry pull -q $registry/made/plain:3
    sound --deep
}

test_formats() {
    registry_start
    fresh
    archive_image $registry/made/formats:1
    local format
    for format in gzip zstd zstd:chunked; do
        gantry push -q --compression $format $registry/made/formats:1
        skopeo inspect --raw --tls-verify=false docker://$registry/made/formats:1 >/tmp/raw
        assert_contains "$(jq -r '.layers[0].mediaType' /tmp/raw)" "+${format%:*}"
        rm -rf /var/tmp/copy
        skopeo copy --quiet --insecure-policy --src-tls-verify=false docker://$registry/made/formats:1 oci:/var/tmp/copy:x
        layer=/var/tmp/copy/blobs/sha256/$(jq -r '.layers[0].digest' /tmp/raw | cut -d: -f2)
        case $format in gzip) gzip -dc "$layer" ;; *) zstd -qdc "$layer" ;; esac | cmp - /var/tmp/archive/layer.tar
    done
    assert_contains "$(jq -r '.layers[0].annotations | keys[]' /tmp/raw)" io.github.containers.zstd-chunked.manifest-position
    # A layer that is compressed otherwise stays where that is wished.
    fresh
    gantry pull -q $registry/made/formats:1
    gantry push -q --compression gzip --force-compression=false $registry/made/formats:1
    cmp /tmp/raw <(skopeo inspect --raw --tls-verify=false docker://$registry/made/formats:1)
    gantry push -q --compression gzip $registry/made/formats:1
    assert_contains "$(skopeo inspect --raw --tls-verify=false docker://$registry/made/formats:1)" tar+gzip
    assert_fails gantry push --compression bzip2 $registry/made/formats:1
    assert_fails gantry push --compression-level 99 $registry/made/formats:1
    assert_contains "$output" 'compression level 99'
    sound --deep
}

test_all_tags_and_bad_input() {
    registry_start
    fresh
    load_busybox
    local tag
    for tag in one two three; do gantry tag busybox $registry/many/tags:$tag; done
    output=$(gantry push -a $registry/many/tags 2>&1)
    for tag in one two three; do
        assert_contains "$output" "$tag: digest: sha256:"
        remote_digest $registry/many/tags:$tag
    done
    assert_fails gantry push -a $registry/many/tags:one
    assert_contains "$output" "tag can't be used with --all-tags/-a"
    assert_fails gantry push $registry/many/none
    assert_contains "$output" "an image does not exist locally with the tag: $registry/many/none"
    assert_fails gantry push $registry/many/tags"@sha256:$(printf %064d 0)"
    assert_contains "$output" 'cannot push a digest reference'
    assert_fails gantry push --platform linux/s390x $registry/many/tags:one
    assert_contains "$output" s390x
    assert_fails gantry push --digestfile /tmp/x $registry/many/tags:one $registry/many/tags:two
    gantry tag busybox 127.0.0.1:1/nobody/x:1
    assert_fails gantry push 127.0.0.1:1/nobody/x:1
    assert_contains "$output" "registry '127.0.0.1:1'"
    sound --deep
}

test_login_and_tls() {
    mkdir -p /etc/docker/registry
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=bed -addext subjectAltName=IP:127.0.0.1 \
        -keyout /etc/docker/registry/key.pem -out /etc/docker/registry/cert.pem
    htpasswd me:s3cret >/etc/docker/registry/htpasswd
    chmod 644 /etc/docker/registry/*
    registry_start
    cat >/etc/docker/registry/config.yml <<Y
version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: /var/lib/docker-registry}}
http: {addr: "$registry", tls: {certificate: /etc/docker/registry/cert.pem, key: /etc/docker/registry/key.pem}}
auth: {htpasswd: {realm: bed, path: /etc/docker/registry/htpasswd}}
Y
    systemctl restart docker-registry.service
    eventually 20 curl -sk -o /dev/null https://$registry/v2/
    fresh
    archive_image $registry/secret/big:1
    assert_fails gantry push $registry/secret/big:1
    assert_contains "$output" certificate
    mkdir -p /etc/gantry/certs.d/$registry
    cp /etc/docker/registry/cert.pem /etc/gantry/certs.d/$registry/ca.crt
    assert_fails gantry push $registry/secret/big:1
    assert_contains "$output" 'needs a login'
    gantry login -u me --password-stdin $registry <<<s3cret
    gantry push -q $registry/secret/big:1
    gantry logout $registry
    skopeo inspect --creds me:s3cret --tls-verify=false docker://$registry/secret/big:1 >/dev/null
    rm -r /etc/gantry/certs.d
    sound --deep
}

test_registries_that_fail_and_recover() {
    liar_start 5002
    fresh
    archive_image 127.0.0.1:5002/first/x:1
    local mode
    for mode in honest cut noresume busy shaky redirect lostanswer absolute uuidonly bigchunks liesresume; do
        gantry tag 127.0.0.1:5002/first/x:1 127.0.0.1:5002/$mode/x:1
        liar_start 5002
        gantry push -q 127.0.0.1:5002/$mode/x:1 || fail "$mode: $(cat /tmp/liar5002.log)"
        manifest=$(curl -s 127.0.0.1:5002/v2/$mode/x/manifests/1)
        layer=$(jq -r '.layers[0].digest' <<<"$manifest")
        assert_eq "${layer#sha256:}" "$(curl -s "127.0.0.1:5002/v2/$mode/x/blobs/$layer" | sha256sum | cut -d' ' -f1)"
    done
    # The broken upload went on where it had stopped: less than a chunk was sent twice.
    liar_start 5002
    gantry push -q 127.0.0.1:5002/cut/x:1
    assert_eq 1 "$(grep -c '^POST .*uploads' <(grep -v ' 0 -$' /tmp/liar5002.log; grep -m1 '^POST' /tmp/liar5002.log))"
    sound --deep
}

test_registries_that_only_fail() {
    liar_start 5002
    fresh
    load_busybox
    local mode
    for mode in denied:denied unknown:unknown broken500:'HTTP 500' alwaysbusy:'too many requests' needslogin:'needs a login' \
        nolocation:'no address' changes:'became'; do
        gantry tag busybox "127.0.0.1:5002/${mode%%:*}/x:1"
        assert_fails timeout 100 gantry push "127.0.0.1:5002/${mode%%:*}/x:1"
        assert_contains "$output" "${mode#*:}"
        assert_eq 1 "$(grep -c '^gantry: ' <<<"$output")" "lines of the error of $mode: $output"
        assert_lacks "$output" $'\x1b'
    done
    assert_contains "$(gantry image inspect --format '{{json .RepoDigests}}' busybox)" '[]'
    sound --deep
}

test_nobody_else_gets_the_password() {
    liar_start 5002
    liar_start 5003
    fresh
    load_busybox
    gantry tag busybox 127.0.0.1:5002/elsewhere/x:1
    mkdir -p /etc/gantry
    printf '{"auths":{"127.0.0.1:5002":{"auth":"%s"}}}' "$(printf me:s3cret | base64)" >/etc/gantry/auth.json
    chmod 600 /etc/gantry/auth.json
    # The other host does not know the upload; what matters is what it was told.
    assert_fails gantry push 127.0.0.1:5002/elsewhere/x:1
    grep -q '^P' /tmp/liar5003.log || fail 'the other host was never asked'
    grep -v ' -$' /tmp/liar5003.log && fail 'it got an authorization'
    rm /etc/gantry/auth.json
    sound --deep
}

test_cancelled_push_leaves_nothing() {
    liar_start 5002
    fresh
    archive_image 127.0.0.1:5002/alwayscut/x:1
    gantry push 127.0.0.1:5002/alwayscut/x:1 >/tmp/out 2>&1 &
    sleep 2
    kill -INT $!
    wait $! && fail 'it succeeded'
    assert_contains "$(cat /tmp/out)" cancelled
    sound --deep
}
