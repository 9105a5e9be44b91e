# manifest create, annotate, inspect, push and rm against Debian's docker-registry.

setup_file() {
    registry_start
    busybox_image
    load_busybox
    # The same image for another architecture: its configuration says so.
    cp -a /tmp/busybox-image /var/tmp/other
    umoci config --image /var/tmp/other:latest --architecture s390x
    tar -C /var/tmp/other -cf /var/tmp/other.tar .
    gantry tag busybox $registry/multi/app:native
    gantry push -q $registry/multi/app:native
    skopeo copy --quiet --insecure-policy --dest-tls-verify=false oci:/var/tmp/other:latest docker://$registry/elsewhere/app:s390x
    skopeo copy --quiet --insecure-policy --dest-tls-verify=false --format v2s2 oci:/tmp/busybox-image:latest docker://$registry/multi/app:docker
}

test_a_list_for_two_platforms() {
    output=$(gantry manifest create $registry/multi/app:all $registry/multi/app:native $registry/elsewhere/app:s390x)
    assert_eq "Created manifest list $registry/multi/app:all" "$output"
    assert_eq $'s390x' "$(gantry manifest inspect $registry/multi/app:all | jq -r '.manifests[1].platform.architecture')"
    digest=$(gantry manifest push $registry/multi/app:all | tee /tmp/pushed | tail -n 1)
    # The image of the other repository came along.
    assert_contains "$(cat /tmp/pushed)" "Pushed ref $registry/multi/app@sha256:"
    assert_eq "$digest" "sha256:$(skopeo inspect --raw --tls-verify=false docker://$registry/multi/app:all | sha256sum | cut -d' ' -f1)"
    assert_eq application/vnd.oci.image.index.v1+json "$(skopeo inspect --raw --tls-verify=false docker://$registry/multi/app:all | jq -r .mediaType)"
    skopeo copy --quiet --insecure-policy --src-tls-verify=false --override-arch s390x docker://$registry/multi/app:all oci:/var/tmp/copied:x
    gantry rmi -f busybox $registry/multi/app:native >/dev/null
    gantry pull -q $registry/multi/app:all
    assert_eq 'hello from the image' "$(gantry run --rm --network none $registry/multi/app:all cat /srv/index.html)"
    gantry pull -q --platform linux/s390x $registry/multi/app:all
    # Once more, and away with it here.
    assert_eq "$digest" "$(gantry manifest push -p $registry/multi/app:all)"
    assert_eq '' "$(ls /var/lib/gantry/manifests)"
    gantry manifest inspect $registry/multi/app:all | jq -e '.manifests | length == 2'
    gantry manifest inspect -v $registry/multi/app:all | jq -e '.[1].Descriptor.platform.architecture == "s390x" and .[1].OCIManifest.layers'
    assert_eq 'no problems found' "$(gantry system check --deep 2>&1)"
}

test_annotate_and_amend() {
    gantry manifest create $registry/multi/app:notes $registry/multi/app:docker
    assert_fails gantry manifest create $registry/multi/app:notes $registry/elsewhere/app:s390x
    assert_contains "$output" 'refusing to amend an existing manifest list with no --amend flag'
    assert_eq 1 "$(gantry manifest inspect $registry/multi/app:notes | jq '.manifests | length')"
    gantry manifest annotate --os linux --arch arm --variant v6 --os-version 1.2 --os-features a,b $registry/multi/app:notes $registry/multi/app:docker
    gantry manifest inspect $registry/multi/app:notes >/tmp/list
    assert_eq '{"architecture":"arm","os":"linux","os.version":"1.2","os.features":["a","b"],"variant":"v6"}' "$(jq -c '.manifests[0].platform' /tmp/list)"
    assert_contains "$(cat /tmp/list)" manifest.list.v2
    gantry manifest inspect $registry/multi/app:notes $registry/multi/app:docker | jq -e '.layers'
    gantry manifest create --amend $registry/multi/app:notes $registry/elsewhere/app:s390x
    assert_contains "$(gantry manifest inspect $registry/multi/app:notes)" image.index.v1
    gantry manifest rm $registry/multi/app:notes
    assert_fails gantry manifest rm $registry/multi/app:notes
    assert_contains "$output" 'no such manifest list'
}

test_bad_input() {
    assert_fails gantry manifest create $registry/multi/app:bad $registry/multi/app:nothing
    assert_contains "$output" "manifest 'multi/app:nothing' is unknown"
    assert_fails gantry manifest create $registry/multi/app:bad 127.0.0.1:5009/x:1
    assert_contains "$output" 'different registry'
    assert_fails gantry manifest create $registry/multi/app:bad $registry/multi/app:all
    assert_contains "$output" 'is a manifest list itself'
    assert_fails gantry manifest annotate --arch arm $registry/multi/app:none $registry/multi/app:docker
    gantry manifest create $registry/multi/app:bad $registry/multi/app:docker
    assert_fails gantry manifest annotate --arch arm $registry/multi/app:bad $registry/multi/app:other
    assert_contains "$output" 'does not exist in'
    assert_fails gantry manifest annotate --arch '' $registry/multi/app:bad $registry/multi/app:docker
    gantry manifest rm $registry/multi/app:bad
    assert_fails gantry manifest push $registry/multi/app:bad
    assert_eq '' "$(ls /var/lib/gantry/manifests)"
}
