# limit: 120
# Images from a real registry, and from one that lies (tests/support/lying-registry.py).
liar=127.0.0.1:5001

setup_file() {
    registry_start
    busybox_image
    push /tmp/busybox-image busybox oci
    push /tmp/busybox-image docker/busybox v2s2
    systemd-run --quiet --unit=liar python3 /src/tests/support/lying-registry.py /tmp/busybox-image 5001 /tmp/liar.log
    eventually 10 curl -sf "http://$liar/v2/"
}
forget() { gantry rmi -f "$@" >/dev/null 2>&1 || true; gantry image prune -af >/dev/null 2>&1 || true; }
store_is_clean() {
    gantry system check >/tmp/check 2>&1 || fail "gantry system check: $(cat /tmp/check)"
}
# What a broken transfer leaves is kept for the next one; a repair takes it away.
store_heals() {
    gantry system check >/dev/null 2>&1 || gantry system check --repair >/dev/null 2>&1 || true
    store_is_clean
}

test_pull_and_run() {
    gantry pull "$registry/busybox"
    assert_contains "$(gantry images)" busybox
    assert_eq 'hello from the image' "$(gantry run --rm --network none "$registry/busybox" cat /srv/index.html)"
    store_is_clean
}

test_docker_schema_2() {
    gantry pull "$registry/docker/busybox"
    assert_eq 'hello from the image' "$(gantry run --rm --network none "$registry/docker/busybox" cat /srv/index.html)"
}

test_same_layers_are_fetched_once() {
    gantry pull "$registry/busybox"
    push /tmp/busybox-image other/name oci
    assert_contains "$(gantry pull "$registry/other/name" 2>&1)" 'Already exists'
}

test_by_digest() {
    local digest
    digest=$(skopeo inspect --tls-verify=false "docker://$registry/busybox" | jq -r .Digest)
    gantry pull "$registry/busybox@$digest"
    assert_fails gantry pull "$registry/busybox@sha256:$(printf 0%.0s {1..64})"
}

test_login() {
    # shellcheck disable=SC2016
    perl -e 'print "anna:", crypt("secret", q($2b$05$abcdefghijklmnopqrstuu)), "\n"' >/etc/docker/registry/htpasswd
    registry_start 'auth: {htpasswd: {realm: test, path: /etc/docker/registry/htpasswd}}'
    forget "$registry/busybox"
    assert_fails gantry pull "$registry/busybox"
    assert_match "$output" '[Uu]nauthorized|401|denied|credentials|login'
    assert_fails gantry login -u anna -p wrong "$registry"
    echo secret | gantry login -u anna --password-stdin "$registry"
    gantry pull "$registry/busybox"
    gantry logout "$registry"
    forget "$registry/busybox"
    assert_fails gantry pull "$registry/busybox"
    registry_start
}

test_tls_with_its_own_authority() {
    local dir=/etc/docker/registry
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=registry.test -addext 'subjectAltName=DNS:registry.test' \
        -keyout $dir/key.pem -out $dir/cert.pem 2>/dev/null
    chmod 644 $dir/key.pem
    echo '127.0.0.1 registry.test' >>/etc/hosts
    local registry=127.0.0.1:5000
    cat >$dir/config.yml <<Y
version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: /var/lib/docker-registry}}
http: {addr: "127.0.0.1:5000", tls: {certificate: $dir/cert.pem, key: $dir/key.pem}}
Y
    systemctl restart docker-registry
    eventually 10 curl -sfk https://registry.test:5000/v2/
    assert_fails gantry pull registry.test:5000/busybox
    assert_match "$output" '[Cc]ertificate'
    mkdir -p /etc/gantry/certs.d/registry.test:5000 /etc/docker/certs.d/registry.test:5000
    cp $dir/cert.pem /etc/gantry/certs.d/registry.test:5000/ca.crt
    cp $dir/cert.pem /etc/docker/certs.d/registry.test:5000/ca.crt
    gantry pull registry.test:5000/busybox
    registry_start
}

lie() {  # MODE REGEX: the pull fails within bounds, with one line that matches, and leaves a clean store
    local started=$SECONDS
    assert_fails timeout 60 gantry pull "$liar/$1/image"
    assert_match "$output" "$2"
    assert_lacks "$output" $'\e'
    [ $((SECONDS - started)) -lt 58 ] || fail "the pull of $1 hung for $((SECONDS - started)) s"
    assert_lacks "$(gantry images)" "$liar/$1"
    store_heals
}
test_lies_401() { lie refuse401 '401|[Uu]nauthorized|denied|credentials|login'; }
test_lies_404() { lie missing '404|not found|unknown|no such'; }
test_lies_500() { lie broken500 500; }
test_lies_429_for_ever() { lie alwaysbusy '429|[Tt]oo many'; }
test_lies_garbage_manifest() { lie garbage 'manifest|JSON|json'; }
test_lies_huge_manifest() { lie huge 'large|limit|more than|exceeds|bytes'; }
test_lies_a_digest_that_is_a_path() { lie nodigest 'digest'; }
test_lies_wrong_bytes() { forget "$registry/busybox"; lie wrongbytes 'digest|damaged'; }
test_lies_wrong_size() { forget "$registry/busybox"; lie wrongsize 'size|bytes|length|larger|shorter'; }
test_lies_longer_blob() { forget "$registry/busybox"; lie longer 'size|bytes|length|larger|longer|digest'; }
test_lies_always_cut() { forget "$registry/busybox"; lie alwayscut '.'; }

test_busy_registry_is_asked_again() {
    forget "$registry/busybox"
    gantry pull "$liar/busy/image"
}

test_broken_transfer_resumes() {
    forget "$registry/busybox" "$liar/busy/image"
    : >/tmp/liar.log
    gantry pull "$liar/cut/image"
    grep -q 'GET .*/blobs/.* bytes=[1-9]' /tmp/liar.log || fail "no ranged request: $(cat /tmp/liar.log)"
    assert_eq 'hello from the image' "$(gantry run --rm --network none "$liar/cut/image" cat /srv/index.html)"
}

test_killed_pull_resumes_later() {
    forget "$registry/busybox" "$liar/busy/image" "$liar/cut/image"
    gantry pull "$liar/stall/image" >/dev/null 2>&1 &
    local pull=$!
    eventually 10 grep -q 'GET /v2/stall/image/blobs' /tmp/liar.log
    sleep 1
    kill -KILL $pull
    pull=$(systemctl show -P MainPID gantryd.service)
    [ "$pull" = 0 ] || kill -KILL "$pull"
    assert_lacks "$(gantry images)" "$liar/stall"
    gantry pull "$liar/fine/image"
    store_heals
    assert_eq 'hello from the image' "$(gantry run --rm --network none "$liar/fine/image" cat /srv/index.html)"
}

test_full_disk() {
    truncate -s 8M /var/tmp/small
    mkfs.ext4 -q -N 20000 /var/tmp/small
    forget "$registry/busybox"
    mkdir -p /var/tmp/big
    head -c 20000000 /dev/urandom >/var/tmp/big/blob
    oci_image /var/tmp/big-image '{}' /var/tmp/big
    push /var/tmp/big-image big oci
    unshare --mount --propagation private bash -euc '
        mount -o loop /var/tmp/small /var/lib/gantry
        if gantry pull "$1/big" >/tmp/full 2>&1; then echo "succeeded"; exit 1; fi
        grep -i "no space" /tmp/full
        gantry system check || true
        gantry system check --repair
        gantry system check' full "$registry" || fail "$(cat /tmp/full)"
}

test_save_and_load() {
    gantry pull "$registry/busybox"
    local format
    for format in docker-archive oci-archive; do
        gantry save --format $format -o /tmp/saved-$format.tar "$registry/busybox"
    done
    gantry save "$registry/busybox" >/tmp/saved.tar
    # Read to the end: grep -q would leave tar with a broken pipe.
    tar -tf /tmp/saved.tar | grep -x manifest.json >/dev/null || fail 'not what docker save writes'
    forget "$registry/busybox"
    gantry load <"/tmp/saved.tar"
    assert_eq 'hello from the image' "$(gantry run --rm --network none "$registry/busybox" cat /srv/index.html)"
    forget "$registry/busybox"
    gantry load -i /tmp/saved-oci-archive.tar
    gantry run --rm --network none "$registry/busybox" true
    store_is_clean
}
