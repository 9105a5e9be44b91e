# limit: 120
# The signature policy on pull against Debian's docker-registry: simple signatures made by skopeo and gpg, cosign's made with openssl.
# What is refused leaves nothing behind.

repository=$registry/team/app
policy=/etc/gantry/policy.json
store=/var/lib/containers/sigstore

setup_file() {
    registry_start
    busybox_image
    export GNUPGHOME=/root/keys
    mkdir -m 700 $GNUPGHOME
    local who
    for who in good bad old gone; do
        gpg --batch --quiet --passphrase '' --pinentry-mode loopback --quick-gen-key $who@example.test rsa2048 sign "$([ $who = old ] && echo seconds=2 || echo never)"
        # An expired key signs nothing: all sign while they are good.
        signed_push $who $who
    done
    signed_push good both
    cp "$(signatures_of both)/signature-1" /tmp/first
    signed_push bad both
    cp /tmp/first "$(signatures_of both)/signature-2"
    gpg --quiet --batch --import "$(revocation gone)" 2>/dev/null
    for who in good bad old gone; do gpg --armor --export $who@example.test >/root/$who.asc; done
    openssl ecparam -genkey -name prime256v1 -noout -out /root/cosign.key
    openssl ec -in /root/cosign.key -pubout -out /root/cosign.pub 2>/dev/null
    openssl genpkey -algorithm ED25519 -out /root/other.key
    sleep 3  # the short key's time is over
}
# gpg keeps one for each key it makes; the colon before its first dashes keeps it from being used by accident.
revocation() {
    local fingerprint
    fingerprint=$(gpg --list-keys --with-colons "$1@example.test" | awk -F: '$1 == "fpr" {print $10; exit}')
    sed 's/^:---/---/' "$GNUPGHOME/openpgp-revocs.d/$fingerprint.rev" >/root/$1.rev
    echo /root/$1.rev
}
signed_push() {  # WHO TAG: an image of its own for each tag, because skopeo writes over the signatures that one has
    umoci list --layout /tmp/busybox-image | grep -qx "$2" || umoci config --image /tmp/busybox-image:latest --tag "$2" --config.label "tag=$2"
    skopeo copy --quiet --insecure-policy --dest-tls-verify=false --sign-by "$1@example.test" "oci:/tmp/busybox-image:$2" "docker://$registry/signed:$2"
}
signatures_of() { digest_of "$registry/signed:$1" | sed "s|:|=|; s|^|$store/signed@|"; }  # TAG: their folder
digest_of() { skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$1"; }
policy() {  # REQUIREMENT...: of the registry; everything else is rejected
    local IFS=,
    printf '{"default": [{"type": "reject"}], "transports": {"docker": {"%s": [%s]}}}' $registry "$*" >$policy
}
signed_by() { echo "{\"type\": \"signedBy\", \"keyType\": \"GPGKeys\", \"keyPath\": \"/root/$1.asc\"${2:-}}"; }
sigstore() { echo "{\"type\": \"sigstoreSigned\", \"keyPath\": \"/root/cosign.pub\"${1:-}}"; }
refused() {  # TEXT REFERENCE
    fresh
    assert_fails gantry pull -q "$2"
    assert_contains "$output" "$1"
    assert_eq 1 "$(grep -c . <<<"$output")" "lines of '$output'"
    assert_eq '' "$(gantry images -q)"
    assert_eq 'no problems found' "$(gantry system check --deep 2>&1)"
    assert_eq '' "$(find /var/lib/gantry/images/blobs -type f)"
}
accepted() {
    fresh
    gantry pull -q "$1" >/dev/null
    assert_eq 'hello from the image' "$(gantry run --rm --network none "$1" cat /srv/index.html)"
}

test_reject_and_files_that_are_wrong() {
    policy '{"type": "reject"}'
    refused "image '$registry/signed:good' is refused: scope '$registry' of policy '$policy' rejects every image" $registry/signed:good
    assert_fails gantry run --rm $registry/signed:good true
    assert_contains "$output" 'rejects every image'
    refused 'the default of policy' other.example/x:1
    policy '{"type": "signedByy"}'
    refused "policy '$policy': transports.docker[\"$registry\"][0].type: 'signedByy' is not known" $registry/signed:good
    echo '{"default": [' >$policy
    refused "policy '$policy': line 2" $registry/signed:good
    policy '{"type": "sigstoreSigned", "fulcio": {"caPath": "/x"}}'
    refused "wants member 'fulcio' of sigstoreSigned, which is not supported" $registry/signed:good
    policy '{"type": "insecureAcceptAnything"}' '{"type": "reject"}'
    refused 'rejects every image' $registry/signed:good
    policy '{"type": "insecureAcceptAnything"}'
    accepted $registry/signed:good
    # The file that other tools have is heeded where there is none of ours.
    rm $policy
    [ ! -e /etc/containers/policy.json ] || cp -a /etc/containers/policy.json /tmp/policy.kept
    mkdir -p /etc/containers
    echo '{"default": [{"type": "reject"}]}' >/etc/containers/policy.json
    refused "the default of policy '/etc/containers/policy.json' rejects every image" $registry/signed:good
    rm /etc/containers/policy.json
    accepted $registry/signed:good
    [ ! -e /tmp/policy.kept ] || mv /tmp/policy.kept /etc/containers/policy.json
}

test_simple_signing() {
    local digest kept
    policy "$(signed_by good)"
    accepted $registry/signed:good
    digest=$(digest_of $registry/signed:good)
    accepted "$registry/signed@$digest"
    refused 'none is good' $registry/signed:bad
    policy "$(signed_by bad)"
    refused 'none is good' $registry/signed:good
    policy "$(signed_by good)" "$(signed_by bad)"
    accepted $registry/signed:both
    refused 'wants signedBy' $registry/signed:good

    policy "$(signed_by old)"
    refused 'has expired' $registry/signed:old
    policy "$(signed_by gone)"
    refused 'is revoked' $registry/signed:gone

    # Another repository with the same image has no signatures; not its own, and not those of the first.
    policy "$(signed_by good)"
    skopeo copy --quiet --insecure-policy --remove-signatures --src-tls-verify=false --dest-tls-verify=false docker://$registry/signed:good docker://$registry/copied:good
    refused "no signature was found in file://$store" $registry/copied:good
    cp -a "$store/signed@${digest/:/=}" "$store/copied@${digest/:/=}"
    refused "it is one of '$registry/signed:good'" $registry/copied:good
    policy "$(signed_by good ", \"signedIdentity\": {\"type\": \"remapIdentity\", \"prefix\": \"$registry/copied\", \"signedPrefix\": \"$registry/signed\"}")"
    accepted $registry/copied:good

    # Another image with the signatures of the first.
    policy "$(signed_by good)"
    mkdir /tmp/changed
    echo changed >/tmp/changed/file
    oci_image /tmp/changed-image '{}' /tmp/changed
    skopeo copy --quiet --insecure-policy --dest-tls-verify=false oci:/tmp/changed-image:latest docker://$registry/signed:good
    kept=$(digest_of $registry/signed:good)
    cp -a "$store/signed@${digest/:/=}" "$store/signed@${kept/:/=}"
    refused "it is one of '$digest', not of '$kept'" $registry/signed:good
    rm -r "$store/signed@${kept/:/=}"
    refused 'no signature was found' $registry/signed:good
    skopeo copy --quiet --insecure-policy --dest-tls-verify=false oci:/tmp/busybox-image:good docker://$registry/signed:good

    # Damaged in one place.
    kept=$store/signed@${digest/:/=}
    cp -a "$kept" /tmp/signatures
    # A bit is turned: a byte that is written could be the one that is there.
    python3 -c 'import sys
for name in sys.argv[1:]:
    with open(name, "r+b") as f:
        f.seek(200); byte = f.read(1)[0]; f.seek(200); f.write(bytes([byte ^ 1]))' "$kept"/*
    refused 'none is good' $registry/signed:good
    rm -r "$kept"
    mv /tmp/signatures "$kept"
    accepted $registry/signed:good
    # What is here is looked at again when it is pulled again.
    policy "$(signed_by bad)"
    assert_fails gantry pull -q $registry/signed:good
    assert_contains "$output" 'none is good'
}

test_signatures_on_a_server() {
    policy "$(signed_by good)"
    mkdir -p /etc/containers/registries.d
    printf 'docker:\n  %s:\n    lookaside: http://127.0.0.1:8089/sig\n' $registry >/etc/containers/registries.d/bed.yaml
    refused 'signature '\''http://127.0.0.1:8089/sig/signed@sha256=' $registry/signed:good
    mkdir /tmp/www
    ln -s $store /tmp/www/sig
    (cd /tmp/www && exec python3 -m http.server --bind 127.0.0.1 8089 >/dev/null 2>&1) &
    local server=$!
    eventually 10 curl -sf -o /dev/null http://127.0.0.1:8089/
    accepted $registry/signed:good
    refused 'none is good' $registry/signed:bad
    kill $server
    printf 'docker: [\n' >/etc/containers/registries.d/bed.yaml
    refused "'/etc/containers/registries.d/bed.yaml' line 1: a mapping is expected" $registry/signed:good
    rm /etc/containers/registries.d/bed.yaml
}

# cosign_sign REFERENCE-IN-CLAIMS KEY [DIGEST]: as cosign attaches it to the image that team/app:1 is
cosign_sign() {
    local digest signature payload manifest
    digest=$(digest_of $repository:1)
    printf '{"critical":{"identity":{"docker-reference":"%s"},"image":{"docker-manifest-digest":"%s"},"type":"cosign container image signature"},"optional":null}' \
        "$1" "${3:-$digest}" >/tmp/payload
    if [ "$2" = /root/cosign.key ]; then openssl dgst -sha256 -sign "$2" -out /tmp/payload.sig /tmp/payload
    else openssl pkeyutl -sign -inkey "$2" -rawin -in /tmp/payload -out /tmp/payload.sig; fi
    signature=$(base64 -w0 /tmp/payload.sig)
    [ -z "${tamper:-}" ] || sed -i 's/null}/{}}/' /tmp/payload
    payload=sha256:$(sha256sum </tmp/payload | cut -d' ' -f1)
    put_blob /tmp/payload
    printf '{}' >/tmp/empty
    put_blob /tmp/empty
    manifest=$(jq -cn --arg d "$payload" --argjson s "$(stat -c %s /tmp/payload)" --arg e "sha256:$(sha256sum </tmp/empty | cut -d' ' -f1)" --arg sig "$signature" \
        '{schemaVersion:2,mediaType:"application/vnd.oci.image.manifest.v1+json",config:{mediaType:"application/vnd.oci.image.config.v1+json",size:2,digest:$e},
          layers:[{mediaType:"application/vnd.dev.cosign.simplesigning.v1+json",size:$s,digest:$d,annotations:{"dev.cosignproject.cosign/signature":$sig}}]}')
    curl -sf -X PUT -H 'Content-Type: application/vnd.oci.image.manifest.v1+json' --data-binary "$manifest" \
        "http://$repository_url/manifests/${digest/:/-}.sig"
}
repository_url=$registry/v2/team/app
put_blob() {
    local where
    where=$(curl -sf -X POST -D - -o /dev/null "http://$repository_url/blobs/uploads/" | tr -d '\r' | awk 'tolower($1) == "location:" {print $2}')
    [[ $where == http* ]] || where=http://$registry$where
    curl -sf -X PUT -H 'Content-Type: application/octet-stream' --data-binary @"$1" \
        "$where$([[ $where == *\?* ]] && echo '&' || echo '?')digest=sha256:$(sha256sum <"$1" | cut -d' ' -f1)"
}

test_cosign() {
    push /tmp/busybox-image team/app:1
    policy "$(sigstore)"
    refused "no signature was found in tag 'sha256-" $repository:1
    cosign_sign $repository:1 /root/cosign.key
    accepted $repository:1
    accepted "$repository@$(digest_of $repository:1)"
    # As cosign has it: the repository alone.
    cosign_sign $repository /root/cosign.key
    refused 'which matchRepoDigestOrExact does not take' $repository:1
    policy "$(sigstore ', "signedIdentity": {"type": "matchRepository"}')"
    accepted $repository:1
    cosign_sign $repository /root/other.key
    refused 'was not made by a key of the policy' $repository:1
    tamper=yes cosign_sign $repository /root/cosign.key
    refused 'its text is not what was signed' $repository:1
    cosign_sign $registry/team/other /root/cosign.key
    refused "it is one of '$registry/team/other'" $repository:1
    cosign_sign $repository /root/cosign.key "sha256:$(printf x | sha256sum | cut -d' ' -f1)"
    refused 'it is one of '\''sha256:' $repository:1
    cosign_sign $repository /root/cosign.key
    policy "$(sigstore ', "signedIdentity": {"type": "matchRepository"}')" "$(signed_by good)"
    refused 'wants signedBy: no signature was found' $repository:1
    openssl pkey -in /root/other.key -pubout -out /root/cosign.pub
    policy "$(sigstore ', "signedIdentity": {"type": "matchRepository"}')"
    refused 'was not made by a key of the policy' $repository:1
    cosign_sign $repository /root/other.key
    accepted $repository:1
    rm $policy
}
