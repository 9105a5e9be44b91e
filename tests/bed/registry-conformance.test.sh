# The checks of the OCI distribution specification's conformance suite (opencontainers/distribution-spec, conformance/01 to 04), with curl.

base=http://127.0.0.1:5000
type=application/vnd.oci.image.manifest.v1+json
empty_config='{}'

setup_file() {
    gantry registry enable >/dev/null
    printf '%s' "$empty_config" >/tmp/config
    head -c 1000 /dev/urandom >/tmp/layer
    head -c 70000 /dev/urandom >/tmp/chunked
}
digest_of() { echo "sha256:$(sha256sum <"$1" | cut -d' ' -f1)"; }
# ask METHOD PATH [CURL-OPTION]...: sets $code; head in /tmp/head, body in /tmp/body
ask() {
    local method=$1 path=$2
    shift 2
    [[ $path == http* ]] || path=$base$path
    [ "$method" != HEAD ] || set -- -I "$@"
    code=$(curl -s -X "$method" -D /tmp/head -o /tmp/body -w '%{http_code}' "$@" "$path") || fail "$method $path: curl $?"
}
header() { tr -d '\r' </tmp/head | awk -v n="$1:" 'tolower($1) == tolower(n) {sub(/^[^ ]* /, ""); value = $0} END {print value}'; }
expect() { assert_eq "$1" "$code" "status of $2: $(head -c 300 /tmp/body)"; }
fault() { assert_eq "$1" "$(jq -r '.errors[0].code' /tmp/body)"; }
push_blob() {  # REPOSITORY FILE
    ask POST "/v2/$1/blobs/uploads/" -H 'Content-Length: 0'
    expect 202 'a new upload'
    ask PUT "$(header Location)?digest=$(digest_of "$2")" -H 'Content-Type: application/octet-stream' --data-binary @"$2"
    expect 201 'the upload of a blob'
}
descriptor() { printf '{"mediaType":"%s","digest":"%s","size":%s}' "$1" "$(digest_of "$2")" "$(stat -c %s "$2")"; }
# manifest FILE [MORE-JSON]: of the usual config and layer
manifest() {
    printf '{"schemaVersion":2,"mediaType":"%s","config":%s,"layers":[%s]%s}' $type "$(descriptor application/vnd.oci.image.config.v1+json /tmp/config)" \
        "$(descriptor application/vnd.oci.image.layer.v1.tar /tmp/layer)" "${2:-}" >"$1"
}
push_manifest() {  # REPOSITORY REFERENCE FILE
    ask PUT "/v2/$1/manifests/$2" -H "Content-Type: $type" --data-binary @"$3"
    expect 201 "the push of $1:$2"
}
push_image() {  # REPOSITORY TAG
    push_blob "$1" /tmp/config
    push_blob "$1" /tmp/layer
    manifest "/tmp/manifest-$2" ",\"annotations\":{\"tag\":\"$2\"}"
    push_manifest "$1" "$2" "/tmp/manifest-$2"
}

test_pull() {
    push_image conform/pull one
    local digest
    digest=$(digest_of /tmp/manifest-one)
    ask HEAD /v2/conform/pull/blobs/"sha256:$(printf 'a%.0s' {1..64})"
    expect 404 'HEAD of a blob that is not there'
    printf 'HEAD /v2/conform/pull/blobs/none HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n' | ncat 127.0.0.1 5000 >/tmp/raw
    assert_eq $'\r' "$(tail -n 1 /tmp/raw)" 'end of an answer to HEAD'
    ask HEAD "/v2/conform/pull/blobs/$(digest_of /tmp/layer)"
    expect 200 'HEAD of a blob'
    assert_eq "$(digest_of /tmp/layer)" "$(header Docker-Content-Digest)"
    assert_eq 1000 "$(header Content-Length)"
    ask GET /v2/conform/pull/blobs/"sha256:$(printf 'a%.0s' {1..64})"
    expect 404 'GET of a blob that is not there'
    fault BLOB_UNKNOWN
    ask GET "/v2/conform/pull/blobs/$(digest_of /tmp/layer)"
    expect 200 'GET of a blob'
    cmp /tmp/layer /tmp/body
    ask GET "/v2/conform/pull/blobs/$(digest_of /tmp/layer)" -r 100-199
    expect 206 'a range'
    assert_eq 'bytes 100-199/1000' "$(header Content-Range)"
    cmp <(tail -c +101 /tmp/layer | head -c 100) /tmp/body
    ask GET "/v2/conform/pull/blobs/$(digest_of /tmp/layer)" -r -10
    cmp <(tail -c 10 /tmp/layer) /tmp/body
    ask GET "/v2/conform/pull/blobs/$(digest_of /tmp/layer)" -r 5000-
    expect 416 'a range behind the end'
    local reference
    for reference in one "$digest"; do
        ask HEAD "/v2/conform/pull/manifests/$reference"
        expect 200 "HEAD of manifest $reference"
        assert_eq "$digest" "$(header Docker-Content-Digest)"
        ask GET "/v2/conform/pull/manifests/$reference" -H "Accept: $type"
        expect 200 "GET of manifest $reference"
        assert_eq $type "$(header Content-Type)"
        cmp /tmp/manifest-one /tmp/body
    done
    ask GET "/v2/conform/pull/manifests/one" -H "If-None-Match: \"$digest\""
    expect 304 'a manifest that the client has'
    ask GET /v2/conform/pull/manifests/.INVALID_MANIFEST_NAME
    expect 404 'a reference that cannot be'
    fault MANIFEST_UNKNOWN
    ask GET /v2/conform/nothing/tags/list
    expect 404 'tags of no repository'
    fault NAME_UNKNOWN
    ask GET /v2/Conform/manifests/x
    expect 400 'a name that cannot be'
    fault NAME_INVALID
    ask POST /v2/conform/pull/tags/list -H 'Content-Length: 0'
    expect 405 'a method that cannot be'
    fault UNSUPPORTED
    assert_eq registry/2.0 "$(header Docker-Distribution-Api-Version)"
}

test_push_in_every_way() {
    local digest at location
    digest=$(digest_of /tmp/chunked)
    # In one POST.
    ask POST "/v2/conform/push1/blobs/uploads/?digest=$digest" -H 'Content-Type: application/octet-stream' --data-binary @/tmp/chunked
    expect 201 'the upload in one POST'
    ask GET "$(header Location)"
    cmp /tmp/chunked /tmp/body
    # In one PUT with a wrong digest.
    ask POST /v2/conform/push2/blobs/uploads/ -H 'Content-Length: 0'
    ask PUT "$(header Location)?digest=sha256:$(printf 'b%.0s' {1..64})" --data-binary @/tmp/chunked
    expect 400 'a wrong digest'
    fault DIGEST_INVALID
    ask GET "/v2/conform/push2/blobs/$digest"
    expect 404 'a blob that failed'
    # In chunks.
    ask POST /v2/conform/push2/blobs/uploads/ -H 'Content-Length: 0'
    location=$(header Location)
    ask PATCH "$location" -H 'Content-Range: 30000-69999' --data-binary @<(tail -c +30001 /tmp/chunked)
    expect 416 'a chunk that is not the next'
    assert_eq 0-0 "$(header Range)"
    ask PATCH "$location" -H 'Content-Range: 0-29999' -H 'Content-Type: application/octet-stream' --data-binary @<(head -c 30000 /tmp/chunked)
    expect 202 'the first chunk'
    assert_eq 0-29999 "$(header Range)"
    ask PATCH "$location" -H 'Content-Range: 0-29999' --data-binary @<(head -c 30000 /tmp/chunked)
    expect 416 'the first chunk again'
    ask GET "$location"
    expect 204 'the state of the upload'
    assert_eq 0-29999 "$(header Range)"
    ask PATCH "$location" -H 'Content-Range: 30000-59999' --data-binary @<(tail -c +30001 /tmp/chunked | head -c 30000)
    expect 202 'the second chunk'
    ask PUT "$location?digest=$digest" -H 'Content-Range: 60000-69999' --data-binary @<(tail -c +60001 /tmp/chunked)
    expect 201 'the last chunk'
    ask GET "/v2/conform/push2/blobs/$digest"
    cmp /tmp/chunked /tmp/body
    ask GET "$location"
    expect 404 'an upload that is over'
    fault BLOB_UPLOAD_UNKNOWN
    # Streamed, and cancelled.
    ask POST /v2/conform/push3/blobs/uploads/ -H 'Content-Length: 0'
    location=$(header Location)
    ask PATCH "$location" -H 'Transfer-Encoding: chunked' --data-binary @/tmp/chunked
    expect 202 'a stream'
    ask GET "${location/push3/push2}"
    expect 404 'the upload of another repository'
    ask DELETE "$location"
    expect 204 'cancelling it'
    ask GET "$location"
    expect 404 'a cancelled upload'
    # By its SHA-512.
    at=sha512:$(sha512sum </tmp/chunked | cut -d' ' -f1)
    ask POST "/v2/conform/push3/blobs/uploads/?digest=$at" --data-binary @/tmp/chunked
    expect 201 'a SHA-512'
    ask GET "/v2/conform/push3/blobs/$at"
    cmp /tmp/chunked /tmp/body
    # From another repository.
    ask POST "/v2/conform/mount/blobs/uploads/?mount=$digest&from=conform/push1" -H 'Content-Length: 0'
    expect 201 'a mount'
    assert_eq "/v2/conform/mount/blobs/$digest" "$(header Location)"
    ask HEAD "/v2/conform/mount/blobs/$digest"
    expect 200 'the mounted blob'
    ask POST "/v2/conform/mount/blobs/uploads/?mount=sha256:$(printf 'c%.0s' {1..64})&from=conform/push1" -H 'Content-Length: 0'
    expect 202 'a mount of what is not there'
    # Manifests by tag and by digest.
    push_image conform/push4 tag
    push_manifest conform/push4 "$(digest_of /tmp/manifest-tag)" /tmp/manifest-tag
    ask PUT "/v2/conform/push4/manifests/sha256:$(printf 'd%.0s' {1..64})" -H "Content-Type: $type" --data-binary @/tmp/manifest-tag
    expect 400 'a manifest under another digest'
    fault DIGEST_INVALID
    ask PUT /v2/conform/nowhere/manifests/x -H "Content-Type: $type" --data-binary @/tmp/manifest-tag
    expect 404 'a manifest without its blobs'
    fault MANIFEST_BLOB_UNKNOWN
    printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[%s]}' "$(descriptor $type /tmp/manifest-tag)" >/tmp/index
    ask PUT /v2/conform/push4/manifests/index -H 'Content-Type: application/vnd.oci.image.index.v1+json' --data-binary @/tmp/index
    expect 201 'an index'
    ask PUT /v2/conform/push1/manifests/index -H 'Content-Type: application/vnd.oci.image.index.v1+json' --data-binary @/tmp/index
    expect 404 'an index without its manifests'
}

test_a_broken_connection_is_resumed() {
    local location have
    head -c 30000000 /dev/urandom >/var/tmp/big
    ask POST /v2/conform/resume/blobs/uploads/ -H 'Content-Length: 0'
    location=$(header Location)
    timeout 1 curl -s --limit-rate 6M -X PATCH -H 'Content-Type: application/octet-stream' -T /var/tmp/big "$base$location" -o /dev/null || true
    eventually 10 curl -sf -o /dev/null "$base$location"
    ask GET "$location"
    have=$(($(header Range | cut -d- -f2) + 1))
    [ "$have" -gt 1000000 ] && [ "$have" -lt 30000000 ] || fail "kept $have bytes"
    ask PUT "$location?digest=$(digest_of /var/tmp/big)" -H "Content-Range: $have-29999999" --data-binary @<(tail -c +$((have + 1)) /var/tmp/big)
    expect 201 'the rest'
    ask GET "/v2/conform/resume/blobs/$(digest_of /var/tmp/big)"
    cmp /var/tmp/big /tmp/body
    rm /var/tmp/big
}

test_tags_and_catalog_in_pages() {
    local tag
    push_blob conform/tags /tmp/config
    push_blob conform/tags /tmp/layer
    manifest /tmp/manifest-tags
    for tag in test0 TEST1 test2 test3; do push_manifest conform/tags $tag /tmp/manifest-tags; done
    ask GET /v2/conform/tags/tags/list
    assert_eq '{"name":"conform/tags","tags":["TEST1","test0","test2","test3"]}' "$(jq -cS . /tmp/body)"
    ask GET '/v2/conform/tags/tags/list?n=2'
    assert_eq '["TEST1","test0"]' "$(jq -c .tags /tmp/body)"
    assert_eq '</v2/conform/tags/tags/list?n=2&last=test0>; rel="next"' "$(header Link)"
    ask GET '/v2/conform/tags/tags/list?n=2&last=test0'
    assert_eq '["test2","test3"]' "$(jq -c .tags /tmp/body)"
    assert_eq '' "$(header Link)"
    ask GET '/v2/conform/tags/tags/list?n=0'
    assert_eq '[]' "$(jq -c .tags /tmp/body)"
    ask GET '/v2/conform/tags/tags/list?n=x'
    expect 400 'a number that is none'
    push_blob conform/another /tmp/config
    ask GET '/v2/_catalog?n=1'
    assert_eq 1 "$(jq '.repositories | length' /tmp/body)"
    assert_contains "$(header Link)" '/v2/_catalog?n=1&last='
    ask GET '/v2/_catalog?n=1000'
    jq -e '.repositories | index("conform/tags")' /tmp/body >/dev/null
}

test_referrers() {
    push_image conform/refer subject
    local subject digest at
    subject=",\"subject\":$(descriptor $type /tmp/manifest-subject)"
    digest=$(digest_of /tmp/manifest-subject)
    ask GET "/v2/conform/refer/referrers/$digest"
    expect 200 'referrers of what has none'
    assert_eq application/vnd.oci.image.index.v1+json "$(header Content-Type)"
    assert_eq '[]' "$(jq -c .manifests /tmp/body)"
    manifest /tmp/sbom "$subject,\"artifactType\":\"application/vnd.test.sbom\",\"annotations\":{\"a\":\"b\"}"
    push_manifest conform/refer "$(digest_of /tmp/sbom)" /tmp/sbom
    assert_eq "$digest" "$(header OCI-Subject)"
    manifest /tmp/other "$subject"
    push_manifest conform/refer other /tmp/other
    ask GET "/v2/conform/refer/referrers/$digest"
    assert_eq 2 "$(jq '.manifests | length' /tmp/body)"
    assert_eq application/vnd.oci.image.config.v1+json "$(jq -r '.manifests[1].artifactType' /tmp/body)"
    ask GET "/v2/conform/refer/referrers/$digest?artifactType=application/vnd.test.sbom"
    assert_eq artifactType "$(header OCI-Filters-Applied)"
    assert_eq "[{\"annotations\":{\"a\":\"b\"},\"artifactType\":\"application/vnd.test.sbom\",\"digest\":\"$(digest_of /tmp/sbom)\",\"mediaType\":\"$type\",\"size\":$(stat -c %s /tmp/sbom)}]" \
        "$(jq -cS .manifests /tmp/body)"
    # Before what it refers to is there.
    at="sha256:$(printf 'e%.0s' {1..64})"
    manifest /tmp/early ",\"subject\":{\"mediaType\":\"$type\",\"digest\":\"$at\",\"size\":1}"
    push_manifest conform/refer early /tmp/early
    assert_eq "$at" "$(header OCI-Subject)"
    ask GET "/v2/conform/refer/referrers/$at"
    assert_eq 1 "$(jq '.manifests | length' /tmp/body)"
    ask GET /v2/conform/refer/referrers/nonsense
    expect 400 'referrers of no digest'
}

test_delete() {
    push_image conform/delete one
    local digest
    digest=$(digest_of /tmp/manifest-one)
    push_manifest conform/delete two /tmp/manifest-one
    ask DELETE "/v2/conform/delete/blobs/$(digest_of /tmp/layer)"
    expect 403 'a blob that a manifest names'
    ask DELETE /v2/conform/delete/manifests/one
    expect 202 'a tag'
    ask GET /v2/conform/delete/manifests/one
    expect 404 'a deleted tag'
    ask GET /v2/conform/delete/manifests/two
    expect 200 'the other tag'
    ask DELETE "/v2/conform/delete/manifests/$digest"
    expect 202 'a manifest'
    ask GET /v2/conform/delete/manifests/two
    expect 404 'a tag of a deleted manifest'
    ask DELETE "/v2/conform/delete/manifests/$digest"
    expect 404 'a manifest that is gone'
    push_blob conform/delete /tmp/layer
    ask DELETE "/v2/conform/delete/blobs/$(digest_of /tmp/layer)"
    expect 202 'a blob'
    ask GET "/v2/conform/delete/blobs/$(digest_of /tmp/layer)"
    expect 404 'a deleted blob'
}

test_the_store_is_good() {
    local found
    found=$(gantry system check --deep 2>&1) || fail "$found"
    gantry registry ls -q | xargs gantry registry rm >/dev/null
    gantry registry gc >/dev/null
    assert_eq 0 "$(find /var/lib/gantry/images/blobs -type f | wc -l)" 'blobs left'
}
