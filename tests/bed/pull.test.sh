# pull, login and logout against Debian's docker-registry: both manifest forms, Basic login, TLS with an authority of our own,
# platforms, mirrors, resuming.

store_is_good() {
    local found
    # A document of a pull that failed may be kept for the next one; one repair takes it away.
    gantry system check --repair >/dev/null 2>&1 || true
    found=$(gantry system check --deep 2>&1) || fail "system check: $found"
}

test_both_manifest_forms() {
    registry_start
    busybox_image
    push /tmp/busybox-image busybox:oci oci
    push /tmp/busybox-image busybox:docker v2s2
    fresh
    output=$(gantry pull $registry/busybox:oci 2>&1)
    assert_contains "$output" 'oci: Pulling from'
    assert_contains "$output" 'Pull complete'
    assert_contains "$output" "Downloaded newer image for $registry/busybox:oci"
    output=$(gantry pull $registry/busybox:oci 2>&1)
    assert_contains "$output" 'Image is up to date'
    # The layers are the same, whatever the manifest is called: nothing is fetched again.
    output=$(gantry pull $registry/busybox:docker 2>&1)
    assert_contains "$output" 'Already exists'
    assert_lacks "$output" 'Download complete'
    local digest
    digest=$(skopeo inspect --tls-verify=false --format '{{.Digest}}' docker://$registry/busybox:docker)
    gantry pull -q "$registry/busybox@$digest"
    store_is_good
}

test_all_tags() {
    registry_start
    busybox_image
    local tag
    for tag in one two three; do push /tmp/busybox-image "many/tags:$tag"; done
    fresh
    output=$(gantry pull -a $registry/many/tags 2>&1)
    for tag in one two three; do
        assert_contains "$output" "$tag: Pulling from $registry/many/tags"
        assert_contains "$(gantry images --format '{{.Repository}}:{{.Tag}}')" "$registry/many/tags:$tag"
    done
    output=$(gantry pull --all-tags $registry/many/tags:one 2>&1) && fail "a tag was taken"
    assert_contains "$output" "tag can't be used with --all-tags/-a"
    output=$(gantry pull -a $registry/many/none 2>&1) && fail "a missing repository was taken"
    assert_contains "$output" "tags of 'many/none' is unknown"
    store_is_good
}

test_missing_things_are_one_clear_error() {
    registry_start
    busybox_image
    push /tmp/busybox-image busybox:oci oci
    assert_fails gantry pull $registry/busybox:nothing
    assert_contains "$output" "manifest 'busybox:nothing' is unknown"
    assert_eq 1 "$(grep -c . <<<"$(grep -v -e Pulling <<<"$output")")" 'lines of the error'
    assert_fails gantry pull 127.0.0.1:1/busybox:x
    assert_contains "$output" '127.0.0.1:1'
    assert_fails gantry pull --platform linux/s390x $registry/busybox:oci
    assert_contains "$output" s390x
    store_is_good
}

test_basic_login() {
    mkdir -p /etc/docker/registry
    # "me" and "s3cret", bcrypt as the registry wants it
    htpasswd me:s3cret >/etc/docker/registry/htpasswd
    registry_start 'auth: {htpasswd: {realm: bed, path: /etc/docker/registry/htpasswd}}'
    busybox_image
    skopeo copy --quiet --insecure-policy --dest-tls-verify=false --dest-creds me:s3cret oci:/tmp/busybox-image:latest docker://$registry/secret:1
    fresh
    assert_fails gantry pull $registry/secret:1
    assert_contains "$output" 'needs a login'
    output=$(gantry login -u me --password-stdin $registry <<<wrong 2>&1) && fail 'a wrong password was taken'
    assert_contains "$output" 'wrong user or password'
    gantry login -u me --password-stdin $registry <<<s3cret
    assert_eq 600 "$(stat -c %a /etc/gantry/auth.json)"
    gantry pull -q $registry/secret:1
    gantry logout $registry
    assert_lacks "$(cat /etc/gantry/auth.json)" $registry
    gantry rmi $registry/secret:1
    assert_fails gantry pull $registry/secret:1
    # What skopeo (and podman) wrote is honoured too.
    mkdir -p /root/.config/containers
    skopeo login --tls-verify=false --authfile /root/.config/containers/auth.json -u me -p s3cret $registry
    HOME=/root gantry pull -q $registry/secret:1
    rm /root/.config/containers/auth.json
}

test_tls_with_an_authority_of_our_own() {
    mkdir -p /etc/docker/registry
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=bed -addext subjectAltName=IP:127.0.0.1 \
        -keyout /etc/docker/registry/key.pem -out /etc/docker/registry/cert.pem
    chmod 644 /etc/docker/registry/*.pem
    registry_start
    # YAML takes the last of two "http" keys in few readers only: write it whole.
    cat >/etc/docker/registry/config.yml <<Y
version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: /var/lib/docker-registry}}
http: {addr: "$registry", tls: {certificate: /etc/docker/registry/cert.pem, key: /etc/docker/registry/key.pem}}
Y
    systemctl restart docker-registry.service
    eventually 20 curl -sk -o /dev/null https://$registry/v2/
    busybox_image
    push /tmp/busybox-image busybox:tls
    fresh
    assert_fails gantry pull $registry/busybox:tls
    assert_contains "$output" certificate
    mkdir -p /etc/gantry/certs.d/$registry
    cp /etc/docker/registry/cert.pem /etc/gantry/certs.d/$registry/ca.crt
    gantry pull -q $registry/busybox:tls
    rm -r /etc/gantry/certs.d
    store_is_good
}

test_client_certificates_in_dockers_layout() {
    local dir=/etc/docker/registry folder=/etc/gantry/certs.d/$registry name
    mkdir -p $dir "$folder"
    for name in authority other; do
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=$name" -keyout $dir/$name.key -out $dir/$name.pem
    done
    for name in server client; do
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$name" -keyout $dir/$name.key -out $dir/$name.csr
        openssl x509 -req -in $dir/$name.csr -CA $dir/authority.pem -CAkey $dir/authority.key -CAcreateserial -days 2 -out $dir/$name.pem \
            -extfile <(echo subjectAltName=IP:127.0.0.1)
    done
    chmod 644 $dir/*
    registry_start
    busybox_image
    push /tmp/busybox-image busybox:mutual
    cat >$dir/config.yml <<Y
version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: /var/lib/docker-registry}}
http: {addr: "$registry", tls: {certificate: $dir/server.pem, key: $dir/server.key, clientcas: [$dir/authority.pem]}}
Y
    systemctl restart docker-registry.service
    eventually 20 curl -sk --cert $dir/client.pem --key $dir/client.key -o /dev/null https://$registry/v2/
    fresh
    # Any number of authorities under any name.
    cp $dir/other.pem "$folder/1.crt"
    cp $dir/authority.pem "$folder/2.crt"
    assert_fails gantry pull $registry/busybox:mutual
    assert_contains "$output" certificate
    cp $dir/client.pem "$folder/me.cert"
    assert_fails gantry pull $registry/busybox:mutual
    assert_contains "$output" "me.cert' has no 'me.key' beside it"
    cp $dir/client.key "$folder/me.key"
    gantry pull -q $registry/busybox:mutual
    rm -r /etc/gantry/certs.d
    store_is_good
}

# changed LAYOUT KIND: the layers of an image compressed otherwise (zstd, plain), as an index of two platforms of which ours is the last
changed() {
    python3 - "$1" "$2" <<'P'
import gzip, hashlib, json, os, subprocess, sys
layout, kind = sys.argv[1:]
path = lambda digest: f"{layout}/blobs/sha256/{digest[7:]}"
def put(data, media_type, **more):
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    open(path(digest), "wb").write(data)
    return dict(mediaType=media_type, digest=digest, size=len(data), **more)
base = "application/vnd.oci.image."
top = json.load(open(f"{layout}/index.json"))["manifests"][0]
manifest = json.load(open(path(top["digest"])))
layers = []
for layer in manifest["layers"]:
    data = gzip.open(path(layer["digest"])).read()
    if kind == "zstd":
        data = subprocess.run(["zstd", "-q", "-c"], input=data, stdout=subprocess.PIPE, check=True).stdout
    layers.append(put(data, base + "layer.v1.tar" + ("+zstd" if kind == "zstd" else "")))
ours = put(json.dumps(dict(manifest, layers=layers)).encode(), base + "manifest.v1+json", platform=dict(os="linux", architecture="amd64"))
config = json.load(open(path(manifest["config"]["digest"])))
config["architecture"] = "s390x"
config["rootfs"]["diff_ids"] = config["rootfs"]["diff_ids"][:1]
foreign = dict(manifest, config=put(json.dumps(config).encode(), base + "config.v1+json"), layers=layers[:1])
theirs = put(json.dumps(foreign).encode(), base + "manifest.v1+json", platform=dict(os="linux", architecture="s390x"))
index = json.dumps(dict(schemaVersion=2, mediaType=base + "index.v1+json", manifests=[theirs, ours])).encode()
top = put(index, base + "index.v1+json", annotations={"org.opencontainers.image.ref.name": "latest"})
json.dump(dict(schemaVersion=2, manifests=[top]), open(f"{layout}/index.json", "w"))
P
}

test_an_index_with_zstd_or_plain_layers() {
    registry_start
    local kind
    for kind in zstd plain; do
        busybox_image
        changed /tmp/busybox-image $kind
        # As they are: skopeo compresses plain layers otherwise.
        skopeo copy --quiet --insecure-policy --all --preserve-digests --dest-tls-verify=false oci:/tmp/busybox-image:latest docker://$registry/busybox:$kind
        fresh
        gantry pull -q $registry/busybox:$kind
        assert_eq 'hello from the image' "$(gantry run --rm --network none $registry/busybox:$kind cat /srv/index.html)"
        # What was fetched for one platform is not taken for the other.
        gantry pull -q --platform linux/s390x $registry/busybox:$kind
        assert_eq s390x "$(gantry image inspect --format '{{.Architecture}}' $registry/busybox:$kind)"
        store_is_good
    done
    fresh
}

test_mirror_and_short_name() {
    registry_start
    busybox_image
    push /tmp/busybox-image hub/library/thing:1
    cat >/etc/gantry/gantry.toml <<T
[pull]
search = ["registry.invalid:5000"]
[registry."registry.invalid:5000"]
mirrors = ["127.0.0.1:1", "$registry/hub"]
T
    fresh
    gantry pull -q library/thing:1
    assert_contains "$(gantry images)" registry.invalid:5000/library/thing
    rm /etc/gantry/gantry.toml
}

test_a_killed_pull_is_resumed() {
    registry_start
    mkdir -p /var/tmp/large
    head -c 60000000 /dev/urandom >/var/tmp/large/data
    oci_image /var/tmp/large-image '{"Cmd":["/x"]}' /var/tmp/large
    push /var/tmp/large-image large:1
    fresh
    # Slow enough to be caught in the middle.
    gantry pull -q $registry/large:1 &
    local pid=$!
    eventually 10 bash -c '[ "$(cat /var/lib/gantry/images/partial/* 2>/dev/null | wc -c)" -gt 1000000 ]' || true
    kill -9 $pid 2>/dev/null || true
    wait $pid || true
    gantry pull -q $registry/large:1
    store_is_good
    rm -r /var/tmp/large /var/tmp/large-image
}
