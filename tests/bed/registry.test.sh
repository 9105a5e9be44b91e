# options: --peers
# limit: 180
# The engine's registry with real clients: docker, podman, skopeo, buildah, containerd and the engine itself, each both ways.

base=http://127.0.0.1:5000
ours=127.0.0.1:5000

setup_file() {
    busybox_image
    gantry registry enable
}
# configure TOML: [registry_server] until the next one. The server reads it when the next client connects.
configure() {
    printf '[registry_server]\n%s\n' "$1" >/etc/gantry/gantry.toml
}
forget() { gantry registry ls -q | xargs -r gantry registry rm >/dev/null; }
to_ours() { skopeo copy --quiet --insecure-policy --dest-tls-verify=false "oci:/tmp/busybox-image:latest" "docker://$ours/$1"; }
manifest_of() { skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$ours/$1"; }
users() { htpasswd "$@" >/etc/gantry/registry.htpasswd; }
dockerd_start() {
    systemctl is-active -q docker.service || systemctl start docker.service
}

test_off_until_enabled_and_loopback_only() {
    local addresses
    assert_eq enabled "$(systemctl is-enabled gantry-registry.socket)"
    addresses=$(gantry registry status --format '{{range .Addresses}}{{.}} {{end}}')
    assert_eq '127.0.0.1:5000 [::1]:5000 ' "$addresses"
    assert_contains "$(ss -Hltn 'sport = 5000')" 127.0.0.1:5000
    gantry registry disable
    ! curl -s -o /dev/null $base/v2/ || fail 'it answers though it is off'
    assert_contains "$(gantry registry status)" 'Registry: off'
    gantry registry enable
    assert_eq '{}' "$(curl -sf $base/v2/)"
    assert_contains "$(gantry registry status)" 'on, enabled at boot, serving'
    assert_fails gantry registry enable --listen /run/x.sock
    assert_contains "$output" 'is not an address to listen on'
    gantry registry enable --listen 127.0.0.1:5077 --listen '[::1]:5077'
    curl -sf -o /dev/null http://127.0.0.1:5077/v2/
    ! curl -s -o /dev/null $base/v2/ || fail 'it still listens on the old address'
    gantry registry enable --listen 127.0.0.1:5000
}

test_the_unit_is_hardened() {
    local exposure
    exposure=$(systemd-analyze security --no-pager gantry-registry.service | awk '/Overall exposure/ {print $(NF - 2)}')
    awk -v e="$exposure" 'BEGIN {exit !(e < 4)}' || fail "exposure $exposure"
}

test_skopeo_both_ways() {
    to_ours team/app:1
    skopeo copy --quiet --insecure-policy --src-tls-verify=false docker://$ours/team/app:1 oci:/var/tmp/copied:latest
    assert_eq "$(jq -r '.manifests[0].digest' /tmp/busybox-image/index.json)" "$(jq -r '.manifests[0].digest' /var/tmp/copied/index.json)"
    assert_eq "$(ls /tmp/busybox-image/blobs/sha256)" "$(ls /var/tmp/copied/blobs/sha256)"
    skopeo copy --quiet --insecure-policy --dest-tls-verify=false --format v2s2 oci:/tmp/busybox-image:latest docker://$ours/team/app:docker
    # Between repositories, where the layers are mounted.
    skopeo copy --quiet --insecure-policy --src-tls-verify=false --dest-tls-verify=false docker://$ours/team/app:1 docker://$ours/other:1
    assert_eq $'1\ndocker' "$(skopeo list-tags --tls-verify=false docker://$ours/team/app | jq -r '.Tags[]')"
    skopeo delete --tls-verify=false docker://$ours/team/app:docker
    assert_lacks "$(gantry registry ls team/app)" docker
    sound --deep
    rm -r /var/tmp/copied
}

test_gantry_pulls_from_it() {
    to_ours team/app:1
    fresh
    gantry pull -q $ours/team/app:1
    assert_eq 'hello from the image' "$(gantry run --rm --network none $ours/team/app:1 cat /srv/index.html)"
    gantry pull -q "$ours/team/app@$(manifest_of team/app:1)"
    gantry pull -q -a $ours/team/app
    fresh
    # What was pushed stays, whatever is done with images.
    gantry image prune -af >/dev/null
    gantry pull -q $ours/team/app:1
    sound --deep
}

test_images_of_the_engine_are_served() {
    fresh
    load_busybox
    gantry tag busybox localhost:5000/mine/box:7
    curl -sf $base/v2/_catalog | jq -e '.repositories | index("mine/box") and index("docker.io/library/busybox")' >/dev/null ||
        fail "$(curl -s $base/v2/_catalog)"
    skopeo copy --quiet --insecure-policy --src-tls-verify=false docker://$ours/mine/box:7 oci:/var/tmp/mine:latest
    skopeo copy --quiet --insecure-policy --src-tls-verify=false docker://$ours/docker.io/library/busybox oci:/var/tmp/mine2:latest
    assert_eq "$(jq -r '.manifests[0].digest' /var/tmp/mine/index.json)" "$(jq -r '.manifests[0].digest' /var/tmp/mine2/index.json)"
    # They are the engine's: a client cannot take them away, and a push to the same name does not touch them.
    assert_eq 403 "$(curl -s -o /dev/null -w '%{http_code}' -X DELETE $base/v2/mine/box/manifests/7)"
    to_ours mine/box:7
    gantry registry rm mine/box
    assert_eq 'hello from the image' "$(gantry run --rm --network none localhost:5000/mine/box:7 cat /srv/index.html)"
    configure 'engine_images = false'
    assert_eq 404 "$(curl -s -o /dev/null -w '%{http_code}' $base/v2/mine/box/manifests/7)"
    rm /etc/gantry/gantry.toml
    gantry rmi localhost:5000/mine/box:7
    rm -r /var/tmp/mine /var/tmp/mine2
    sound --deep
}

test_podman_and_buildah_both_ways() {
    to_ours pod/box:1
    podman pull -q --tls-verify=false $ours/pod/box:1
    podman tag $ours/pod/box:1 $ours/pod/again:2
    podman push -q --tls-verify=false $ours/pod/again:2
    fresh
    gantry pull -q $ours/pod/again:2
    assert_eq 'hello from the image' "$(gantry run --rm --network none $ours/pod/again:2 cat /srv/index.html)"
    podman manifest create $ours/pod/list:1
    podman manifest add --tls-verify=false $ours/pod/list:1 docker://$ours/pod/box:1
    podman manifest push --all --tls-verify=false $ours/pod/list:1 docker://$ours/pod/list:1
    skopeo inspect --raw --tls-verify=false docker://$ours/pod/list:1 | jq -e '.manifests | length == 1'
    buildah pull -q --tls-verify=false $ours/pod/box:1
    buildah push -q --tls-verify=false $ours/pod/box:1 docker://$ours/bud/box:1
    assert_contains "$(gantry registry ls -q)" bud/box
    podman rmi -af >/dev/null
    sound --deep
}

test_docker_both_ways() {
    dockerd_start
    to_ours dock/box:1
    docker pull -q $ours/dock/box:1
    docker tag $ours/dock/box:1 localhost:5000/dock/again:2
    docker push -q localhost:5000/dock/again:2
    docker rmi -f localhost:5000/dock/again:2 $ours/dock/box:1 >/dev/null
    docker pull -q localhost:5000/dock/again:2
    # Made by docker itself, with its own manifest type.
    docker tag localhost:5000/dock/again:2 base
    printf 'FROM base\nCOPY motd /etc/motd\n' >/tmp/Dockerfile
    echo hello >/tmp/motd
    mkdir -p /tmp/docker-context && mv /tmp/Dockerfile /tmp/motd /tmp/docker-context/
    DOCKER_BUILDKIT=0 docker build -q -t localhost:5000/dock/built:1 /tmp/docker-context
    docker push -q localhost:5000/dock/built:1
    fresh
    gantry pull -q $ours/dock/built:1
    assert_eq hello "$(gantry run --rm --network none $ours/dock/built:1 cat /etc/motd)"
    sound --deep
}

test_containerd_both_ways() {
    dockerd_start
    local address=/run/containerd/containerd.sock
    [ -e $address ] || address=/run/docker/containerd/containerd.sock
    to_ours ctrd/box:1
    ctr -a $address image pull --plain-http $ours/ctrd/box:1 >/dev/null
    ctr -a $address image tag $ours/ctrd/box:1 $ours/ctrd/again:1
    ctr -a $address image push --plain-http $ours/ctrd/again:1 >/dev/null
    assert_eq "$(manifest_of ctrd/box:1)" "$(manifest_of ctrd/again:1)"
    sound --deep
}

test_logins_rights_and_tls() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=bed -addext subjectAltName=IP:127.0.0.1 \
        -keyout /etc/gantry/registry.key -out /etc/gantry/registry.crt 2>/dev/null
    users alice:wonder bob:builder
    configure 'certificate = "/etc/gantry/registry.crt"
key = "/etc/gantry/registry.key"
htpasswd = "/etc/gantry/registry.htpasswd"'
    local folder client
    for folder in /etc/gantry/certs.d /etc/containers/certs.d /etc/docker/certs.d; do
        mkdir -p $folder/$ours
        cp /etc/gantry/registry.crt $folder/$ours/ca.crt
    done
    ! skopeo copy --quiet --insecure-policy oci:/tmp/busybox-image:latest docker://$ours/secret:1 2>/dev/null || fail 'pushed without a login'
    skopeo copy --quiet --insecure-policy --dest-creds alice:wonder oci:/tmp/busybox-image:latest docker://$ours/secret:1
    assert_fails skopeo copy --quiet --insecure-policy --dest-creds alice:wrong oci:/tmp/busybox-image:latest docker://$ours/secret:1
    gantry login -u alice --password-stdin $ours <<<wonder
    fresh
    gantry pull -q $ours/secret:1
    gantry logout $ours
    # Some of it for everybody, some for one only: the clients are told to fetch tokens.
    configure 'certificate = "/etc/gantry/registry.crt"
key = "/etc/gantry/registry.key"
htpasswd = "/etc/gantry/registry.htpasswd"
rules = [
    { repositories = ["public/**"], users = ["anonymous"], allow = "read" },
    { repositories = ["**"], users = ["alice"], allow = "write" },
    { repositories = ["secret"], users = ["*"], allow = "read" },
]'
    dockerd_start
    for client in podman docker; do
        $client login -u alice -p wonder $ours >/dev/null 2>&1
        skopeo copy --quiet --insecure-policy --dest-creds alice:wonder oci:/tmp/busybox-image:latest docker://$ours/public/$client:1
        $client pull -q $ours/public/$client:1
        $client tag $ours/public/$client:1 $ours/public/by/$client:1
        $client push -q $ours/public/by/$client:1
        $client logout $ours
        $client rmi -f $ours/public/by/$client:1 $ours/public/$client:1 >/dev/null
        $client pull -q $ours/public/by/$client:1
        assert_fails $client push -q $ours/public/by/$client:1
        assert_fails $client pull -q $ours/secret:1
        $client login -u bob -p builder $ours >/dev/null 2>&1
        $client pull -q $ours/secret:1
        assert_fails $client push -q $ours/secret:1
        $client logout $ours
    done
    fresh
    gantry pull -q $ours/public/podman:1
    assert_fails gantry pull -q $ours/secret:1
    gantry login -u bob --password-stdin $ours <<<builder
    gantry pull -q $ours/secret:1
    gantry logout $ours
    # A blob of a repository that one may not read is not to be had through another one.
    local blob
    blob=$(jq -r '.layers[0].digest' "/tmp/busybox-image/blobs/sha256/$(jq -r '.manifests[0].digest' /tmp/busybox-image/index.json | cut -d: -f2)")
    assert_eq 200 "$(curl -sk -o /dev/null -w '%{http_code}' https://$ours/v2/public/podman/blobs/"$blob")"
    assert_eq 401 "$(curl -sk -o /dev/null -w '%{http_code}' https://$ours/v2/secret/blobs/"$blob")"
    assert_eq 404 "$(curl -sk -o /dev/null -w '%{http_code}' https://$ours/v2/public/nothing/blobs/"$blob")"
    assert_eq '["public/by/docker","public/by/podman","public/docker","public/podman"]' "$(curl -sk https://$ours/v2/_catalog | jq -c '.repositories | map(select(startswith("docker.io") | not))')"
    # A broken configuration is told and the old one stays; one that is mended counts at once.
    configure 'certificate = "/nothing"'
    curl -skf -o /dev/null https://$ours/v2/public/podman/tags/list
    assert_contains "$(journalctl --sync; journalctl -q -o cat -u gantry-registry)" 'the configuration stays as it was'
    rm -r /etc/gantry/gantry.toml /etc/gantry/certs.d /etc/containers/certs.d /etc/docker/certs.d
    eventually 10 curl -sf -o /dev/null $base/v2/
    sound --deep
}

test_quota_and_read_only() {
    forget
    configure 'repository_quota = "3M"
quota = "8M"'
    head -c 2000000 /dev/urandom >/tmp/a
    head -c 2000000 /dev/urandom >/tmp/b
    put_blob small/one /tmp/a
    assert_eq 201 "$code"
    put_blob small/one /tmp/b
    assert_eq 403 "$code"
    assert_contains "$(cat /tmp/reply)" DENIED
    # Where the length is not told, it ends when the quota does.
    put_blob small/one /tmp/b -H 'Transfer-Encoding: chunked'
    assert_eq 403 "$code"
    put_blob small/two /tmp/b
    assert_eq 201 "$code"
    # One blob in several repositories is there once.
    put_blob small/three /tmp/b
    head -c 2900000 /dev/urandom >/tmp/c
    put_blob small/four /tmp/c
    assert_eq 201 "$code"
    put_blob small/five <(head -c 2900000 /dev/urandom | tee /tmp/d)
    put_blob small/five /tmp/d
    assert_eq 403 "$code"
    configure 'read_only = true'
    put_blob small/two /tmp/a
    assert_eq 403 "$code"
    assert_contains "$(cat /tmp/reply)" 'read-only'
    assert_fails to_ours nothing:1
    rm /etc/gantry/gantry.toml
    forget
    gantry registry gc >/dev/null
    sound --deep
}
# put_blob REPOSITORY FILE [CURL-OPTION]...: in one POST; sets $code, the answer is in /tmp/reply
put_blob() {
    local repository=$1 file=$2
    shift 2
    code=$(curl -s -o /tmp/reply -w '%{http_code}' -X POST -H 'Content-Type: application/octet-stream' "$@" --data-binary @"$file" \
        "$base/v2/$repository/blobs/uploads/?digest=sha256:$(sha256sum <"$file" | cut -d' ' -f1)")
}

test_garbage_is_collected() {
    forget
    fresh
    gantry registry gc >/dev/null
    to_ours old/app:1
    local digest
    digest=$(manifest_of old/app:1)
    put_blob old/app /tmp/busybox-image/index.json
    curl -sf -X DELETE $base/v2/old/app/manifests/1
    gantry registry gc >/dev/null
    curl -sf -o /dev/null $base/v2/old/app/manifests/"$digest"
    assert_contains "$(gantry registry gc --untagged)" "old/app@$digest"
    assert_eq 404 "$(curl -s -o /dev/null -w '%{http_code}' $base/v2/old/app/manifests/"$digest")"
    # The blob that was just pushed may be part of a push that goes on.
    assert_eq 1 "$(find /var/lib/gantry/images/blobs -type f | wc -l)" blobs
    forget
    gantry registry gc >/dev/null
    assert_eq 0 "$(find /var/lib/gantry/images/blobs -type f | wc -l)" blobs
    sound --deep
}

test_it_leaves_when_idle_and_comes_back() {
    configure 'idle_exit = 1'
    curl -sf -o /dev/null $base/v2/
    unit_is gantry-registry.service active
    eventually 20 unit_is gantry-registry.service inactive
    assert_eq success "$(show gantry-registry.service Result)"
    curl -sf -o /dev/null $base/v2/
    rm /etc/gantry/gantry.toml
}

test_an_open_upload_keeps_it() {
    configure 'idle_exit = 1'
    local location
    location=$(curl -sf -D - -X POST $base/v2/slow/blobs/uploads/ | tr -d '\r' | awk 'tolower($1) == "location:" {print $2}')
    sleep 3
    curl -sf -T /tmp/busybox-image/index.json "$base$location?digest=sha256:$(sha256sum </tmp/busybox-image/index.json | cut -d' ' -f1)"
    rm /etc/gantry/gantry.toml
    forget
}

test_killed_in_the_middle_of_an_upload() {
    forget
    gantry registry gc >/dev/null
    head -c 50000000 /dev/zero >/tmp/zero
    curl -s --limit-rate 5M -X POST -H 'Content-Type: application/octet-stream' --data-binary @/tmp/zero \
        "$base/v2/killed/blobs/uploads/?digest=sha256:$(sha256sum </tmp/zero | cut -d' ' -f1)" &
    local client=$!
    sleep 1
    systemctl kill -s KILL gantry-registry.service
    wait $client || true
    sound --deep
    assert_eq '' "$(ls -A /var/lib/gantry/images/partial)"
    to_ours killed:2
    sound --deep
    forget
}

test_stopped_in_the_middle_of_a_pull() {
    forget
    local blob code=0
    head -c 40000000 /dev/zero >/tmp/zero
    put_blob stopped /tmp/zero
    blob=sha256:$(sha256sum </tmp/zero | cut -d' ' -f1)
    # What is under way gets ten seconds, what only waits none.
    curl -sf --limit-rate 10M -o /tmp/got "$base/v2/stopped/blobs/$blob" &
    local client=$!
    sleep 1
    systemctl stop gantry-registry.service
    wait $client
    cmp /tmp/zero /tmp/got
    assert_eq success "$(show gantry-registry.service Result)"
    curl -sf --limit-rate 1M -o /tmp/got "$base/v2/stopped/blobs/$blob" &
    client=$!
    sleep 1
    systemctl stop gantry-registry.service
    wait $client || code=$?
    [ $code != 0 ] || fail 'forty megabytes in ten seconds'
    assert_eq success "$(show gantry-registry.service Result)"
    forget
    sound --deep
}

test_a_full_disk() {
    forget
    fresh
    gantry registry gc >/dev/null
    systemctl stop gantry-registry.service
    truncate -s 24M /var/tmp/small.ext4
    mkfs.ext4 -q /var/tmp/small.ext4
    mount -o loop /var/tmp/small.ext4 /var/lib/gantry/images
    to_ours fits:1
    head -c 40000000 /dev/urandom >/var/tmp/large
    put_blob large /var/tmp/large
    assert_eq 507 "$code"
    assert_contains "$(cat /tmp/reply)" 'o space left'
    # What did not fit leaves no trace, and the rest still works.
    to_ours fits:2
    skopeo copy --quiet --insecure-policy --src-tls-verify=false docker://$ours/fits:1 oci:/var/tmp/fits:latest
    sound --deep
    systemctl stop gantry-registry.service
    umount /var/lib/gantry/images
    rm -r /var/tmp/small.ext4 /var/tmp/large /var/tmp/fits
    sound --deep
}

# upstream_start: docker-registry on another port, with an image of its own
upstream_start() {
    registry=127.0.0.1:5001
    registry_start
    push /tmp/busybox-image library/box:1
    head -c 60000000 /dev/urandom >/var/tmp/data
    mkdir -p /var/tmp/large && mv /var/tmp/data /var/tmp/large/
    oci_image /var/tmp/large-image '{"Cmd":["/x"]}' /var/tmp/large
    push /var/tmp/large-image library/large:1
}

test_a_cache_of_another_registry() {
    forget
    fresh
    upstream_start
    configure "upstreams = { \"hub\" = \"127.0.0.1:5001/library\" }"
    assert_eq '["1"]' "$(curl -sf $base/v2/hub/box/tags/list | jq -c .tags)"
    gantry pull -q $ours/hub/box:1
    assert_eq 'hello from the image' "$(gantry run --rm --network none $ours/hub/box:1 cat /srv/index.html)"
    assert_contains "$(gantry registry ls)" hub/box
    # Several clients at once, a blob that comes in slowly and is fetched once.
    local pids=() pid number
    for number in 1 2 3 4; do
        skopeo copy --quiet --insecure-policy --src-tls-verify=false docker://$ours/hub/large:1 oci:/var/tmp/copy$number:latest &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do wait "$pid"; done
    cmp /var/tmp/copy1/index.json /var/tmp/copy4/index.json
    # A tag that moves is followed; without the upstream there is what there was.
    push /var/tmp/large-image library/box:1
    assert_eq "$(manifest_of hub/large:1)" "$(manifest_of hub/box:1)"
    systemctl stop docker-registry.service
    fresh
    gantry pull -q $ours/hub/large:1
    assert_contains "$(journalctl --sync; journalctl -q -o cat -u gantry-registry)" 'may be old'
    assert_eq 502 "$(curl -s -o /tmp/reply -w '%{http_code}' $base/v2/hub/other/manifests/1)"
    assert_fails to_ours hub/mine:1
    assert_contains "$(curl -s -X POST $base/v2/hub/box/blobs/uploads/)" "is a cache of '127.0.0.1:5001/library/box'"
    sound --deep
    systemctl start docker-registry.service
    eventually 20 curl -sf -o /dev/null http://127.0.0.1:5001/v2/
    assert_eq 404 "$(curl -s -o /tmp/reply -w '%{http_code}' $base/v2/hub/other/manifests/1)"
    rm /etc/gantry/gantry.toml
    rm -r /var/tmp/copy?
    forget
    sound --deep
}

test_an_upstream_that_breaks_off_or_lies() {
    forget
    fresh
    upstream_start
    configure "upstreams = { \"*\" = \"127.0.0.1:5001\" }"
    # The manifest, but not the layer: half of it, then other bytes.
    local layer file
    layer=$(curl -sf -H 'Accept: application/vnd.oci.image.manifest.v1+json' $base/v2/library/large/manifests/1 | jq -r '.layers[0].digest')
    file=/var/lib/docker-registry/docker/registry/v2/blobs/sha256/${layer:7:2}/${layer:7}/data
    cp "$file" /var/tmp/whole
    systemctl restart docker-registry.service
    head -c 60000000 /dev/urandom >/var/tmp/lie
    truncate -s "$(stat -c %s "$file")" /var/tmp/lie
    cat /var/tmp/lie >"$file"
    curl -sf -o /var/tmp/got "$base/v2/library/large/blobs/$layer" || true
    [ ! -e "/var/lib/gantry/images/blobs/sha256/${layer:7}" ] || fail 'a wrong blob was kept'
    sound --deep
    cat /var/tmp/whole >"$file"
    eventually 20 bash -c "curl -sf -o /var/tmp/got $base/v2/library/large/blobs/$layer && cmp /var/tmp/got /var/tmp/whole"
    eventually 5 test -e "/var/lib/gantry/images/blobs/sha256/${layer:7}"
    rm /etc/gantry/gantry.toml /var/tmp/got /var/tmp/whole /var/tmp/lie
    forget
    sound --deep
}

test_hostile_requests() {
    local target code
    for target in '/v2/../../etc/passwd' '/v2/..%2f..%2fetc/manifests/x' '/v2/a/../b/manifests/x' '/v2/A/manifests/x' '/v2//manifests/x' \
        '/v2/a//b/tags/list' '/v2/a/blobs/sha256:../../../etc/passwd' "/v2/$(printf 'a%.0s' {1..300})/manifests/x" '/v2/a/blobs/uploads/..' \
        '/etc/passwd' '/' '/v2/x/tags/list?n=-1' '/v2/x/tags/list?n=%zz' '/v2/.a/manifests/x' '/v2/a+b/manifests/x'; do
        code=$(curl -s --path-as-is -o /tmp/reply -w '%{http_code}' "$base$target")
        [[ $code == 40[0-9] ]] || fail "$target: $code"
        jq -e '.errors[0].code' /tmp/reply >/dev/null || fail "$target: $(cat /tmp/reply)"
    done
    # Not HTTP, a head that never ends, two lengths, more than a head may have.
    printf 'hello\r\n\r\n' | ncat 127.0.0.1 5000 | grep -q '^HTTP/1.1 400'
    printf 'GET /v2/ HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n' | ncat 127.0.0.1 5000 | grep -q '^HTTP/1.1 400'
    { printf 'GET /v2/ HTTP/1.1\r\nX: '; head -c 100000 /dev/zero | tr '\0' x; printf '\r\n\r\n'; } | ncat 127.0.0.1 5000 2>/dev/null |
        grep -q '^HTTP/1.1 431'
    # A manifest of 5 MB, one that is none, one of another type than it says, one of both kinds.
    head -c 5000000 /dev/zero | tr '\0' ' ' >/tmp/large.json
    put_manifest() { code=$(curl -s -o /tmp/reply -w '%{http_code}' -X PUT -H "Content-Type: $1" --data-binary "$2" $base/v2/bad/manifests/1); }
    local oci=application/vnd.oci.image
    put_manifest $oci.manifest.v1+json @/tmp/large.json
    assert_eq 413 "$code"
    put_manifest $oci.manifest.v1+json '{"schemaVersion":2}'
    assert_eq 400 "$code"
    put_manifest $oci.manifest.v1+json '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}'
    assert_eq 400 "$code"
    put_manifest $oci.index.v1+json '{"schemaVersion":2,"manifests":[],"layers":[]}'
    assert_eq 400 "$code"
    put_manifest text/html '{"schemaVersion":2,"manifests":[]}'
    assert_eq 400 "$code"
    put_manifest $oci.manifest.v1+json "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"x/y\",\"size\":2,\"digest\":\"sha256:$(printf '0%.0s' {1..64})\"},\"layers\":[]}"
    assert_eq 404 "$code"
    assert_contains "$(cat /tmp/reply)" MANIFEST_BLOB_UNKNOWN
    gantry registry ls -q | grep -qx bad && fail 'a refused manifest made a repository'
    # Ten thousand uploads: most are refused, and all are forgotten with the server.
    python3 - <<'P'
import http.client
connection = http.client.HTTPConnection("127.0.0.1", 5000)
codes = {}
for _ in range(10000):
    connection.request("POST", "/v2/many/blobs/uploads/", headers={"Content-Length": "0"})
    reply = connection.getresponse()
    reply.read()
    codes[reply.status] = codes.get(reply.status, 0) + 1
assert codes[202] == 1000 and codes[429] == 9000, codes
P
    assert_eq '' "$(ls -A /var/lib/gantry/images/partial)"
    assert_eq '{}' "$(curl -sf $base/v2/)"
    systemctl stop gantry-registry.service
    to_ours many:1
    sound --deep
    forget
}
