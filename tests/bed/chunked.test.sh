# Pull of zstd:chunked layers from Debian's docker-registry by a host that has the image before the rebuild. What the registry sends is
# counted by a proxy (tests/support/counting-proxy.py), which lies where it is told to.
# limit: 300

proxy=127.0.0.1:5001
layers=/var/lib/gantry/storage/overlayfs/layers

setup_file() {
    registry_start
    mkdir -p /tmp/proxy
    systemd-run --quiet --unit=proxy python3 /src/tests/support/counting-proxy.py 5001 $registry /tmp/proxy
    eventually 20 curl -s -o /dev/null http://$proxy/v2/
    two_versions small 200
    two_versions big 3000
}
# two_versions NAME FILES: NAME:1, an image of one layer of so many files of 100 kB, most of it noise, and NAME:2, its rebuild with 20
# other files, one that is new and one less. /tmp/NAME is what the second one looks like.
two_versions() {
    rm -rf /var/tmp/tree
    python3 - "$2" <<'P'
import os, random, sys
source = random.Random(1)
for number in range(int(sys.argv[1])):
    path = f"/var/tmp/tree/srv/{number % 10}/file{number}"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(source.randbytes(95_000) + b"some line of text\n" * 280)
os.symlink("0/file0", "/var/tmp/tree/srv/link")
os.link("/var/tmp/tree/srv/0/file0", "/var/tmp/tree/srv/zz-hard")
P
    chmod 4755 /var/tmp/tree/srv/1/file1
    chown 7:8 /var/tmp/tree/srv/2/file2
    publish "$1:1"
    local number
    for number in {0..19}; do head -c 100000 /dev/urandom >"/var/tmp/tree/srv/3/file$((number * 10 + 3))"; done
    rm /var/tmp/tree/srv/4/file4
    echo new >/var/tmp/tree/srv/4/new
    publish "$1:2"
    listing /var/tmp/tree >"/tmp/$1"
    if [[ $1 = small ]]; then  # as from a fresh checkout
        find /var/tmp/tree/srv -exec touch -hd '2024-01-02 03:04:05' {} +
        publish small:3
        listing /var/tmp/tree >/tmp/small-again
    fi
    rm -rf /var/tmp/tree
}
# publish NAME: the tree as an image of one layer, pushed.
publish() {
    rm -rf /var/tmp/archive
    mkdir -p /var/tmp/archive
    tar --sort=name -C /var/tmp/tree -cf /var/tmp/archive/layer.tar srv
    local diff
    diff=$(sha256sum /var/tmp/archive/layer.tar | cut -d' ' -f1)
    printf '{"os":"linux","architecture":"%s","config":{"Cmd":["/x"]},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \
        "$(dpkg --print-architecture)" "$diff" >/var/tmp/archive/config.json
    printf '[{"Config":"config.json","RepoTags":["%s"],"Layers":["layer.tar"]}]' "$registry/$1" >/var/tmp/archive/manifest.json
    tar -C /var/tmp/archive -c manifest.json config.json layer.tar | gantry load -q
    rm -r /var/tmp/archive
    gantry push -q --compression zstd:chunked "$registry/$1"
    gantry rmi -f "$registry/$1"
}
# What a file is, to the second: tar's times have no fractions here.
listing() {  # FOLDER
    (cd "$1" && find srv ! -type d -printf '%p %y %m %U:%G %s %Ts %l\n' -o -printf '%p %y %m %U:%G %Ts\n' | sort
        find srv -type f -print0 | sort -z | xargs -0 sha256sum)
}
layer_of() {  # NAME
    local key
    key=$(gantry image inspect --format '{{index .RootFS.Layers 0}}' "$1")
    echo "$layers/${key#sha256:}/diff"
}
blob_of() {  # NAME: of the registry
    skopeo inspect --raw --tls-verify=false "docker://$registry/$1" | jq -r '.layers[0].digest' | cut -d: -f2
}
sent() { cat /tmp/proxy/bytes; }
# only_first NAME: NAME:1 is all that is here; the proxy counts from now on.
only_first() {
    echo honest >/tmp/proxy/mode
    gantry images -q --no-trunc | sort -u | xargs -r gantry rmi -f >/dev/null
    gantry pull -q "$proxy/$1:1"
    before=$(sent)
}
fetched() { echo $(($(sent) - before)); }

test_a_rebuild_of_300_mb_brings_what_changed() {
    only_first big
    local first second blob bytes
    output=$(gantry pull $proxy/big:2 2>&1)
    bytes=$(fetched)
    echo "bytes fetched: $bytes"
    [[ $bytes -le 4000000 ]] || fail "$bytes bytes were fetched"
    [[ $bytes -ge 2000000 ]] || fail "only $bytes bytes were fetched, that cannot be"
    assert_match "$output" 'Fetching [0-9]+ of [0-9]+ bytes'
    first=$(layer_of $proxy/big:1)
    second=$(layer_of $proxy/big:2)
    listing "$second/" | cmp - /tmp/big
    # What did not change is stored once: clones or links.
    if [[ $(stat -c %h "$second/srv/5/file5") -eq 1 ]]; then
        assert_contains "$(filefrag -v "$second/srv/5/file5")" shared
    else
        assert_eq "$(stat -c %i "$first/srv/5/file5")" "$(stat -c %i "$second/srv/5/file5")"
        [[ $(du -sm --total "$first" "$second" | tail -n 1 | cut -f1) -lt 330 ]] || fail 'the files are there twice'
    fi
    assert_eq 1 "$(stat -c %h "$second/srv/3/file53")" 'names of a file that changed'
    # The blob is the registry's own.
    blob=$(blob_of big:2)
    assert_eq "$blob" "$(sha256sum "/var/lib/gantry/images/blobs/sha256/$blob" | cut -d' ' -f1)"
    sound --deep
}

test_other_times_of_all_files_cost_no_data() {
    only_first small
    gantry pull -q $proxy/small:3
    local bytes
    bytes=$(fetched)
    [[ $bytes -le 2200000 ]] || fail "$bytes bytes were fetched"
    listing "$(layer_of $proxy/small:3)/" | cmp - /tmp/small-again
    sound --deep
}

test_each_layer_stands_alone() {
    only_first small
    gantry pull -q $proxy/small:2
    local first second
    first=$(layer_of $proxy/small:1)
    second=$(layer_of $proxy/small:2)
    # As a container does it: what is changed is a copy.
    mkdir -p /var/tmp/o/{upper,work,merged}
    mount -t overlay overlay -o "lowerdir=$second,upperdir=/var/tmp/o/upper,workdir=/var/tmp/o/work" /var/tmp/o/merged
    echo more >>/var/tmp/o/merged/srv/5/file5
    chown 9:9 /var/tmp/o/merged/srv/6/file6
    chmod 600 /var/tmp/o/merged/srv/7/file7
    touch /var/tmp/o/merged/srv/8/file8
    umount /var/tmp/o/merged
    listing "$second/" | cmp - /tmp/small
    # The first image goes; the second one does not need it.
    gantry rmi -f $proxy/small:1 >/dev/null
    [[ ! -e $first ]] || fail 'the first layer is still there'
    listing "$second/" | cmp - /tmp/small
    sound --deep
    # A layer that is lost comes back from its blob.
    rm -rf "$(dirname "$second")"
    gantry system check --repair >/dev/null 2>&1 || true
    listing "$second/" | cmp - /tmp/small
    sound --deep
}

test_what_a_registry_tampers_with_is_not_used() {
    local mode bytes
    for mode in chunks table whole; do
        only_first small
        echo $mode >/tmp/proxy/mode
        gantry pull -q $proxy/small:2
        bytes=$(fetched)
        [[ $bytes -gt 15000000 ]] || fail "$mode: only $bytes bytes were fetched"
        listing "$(layer_of $proxy/small:2)/" | cmp - /tmp/small
        sound --deep
    done
    only_first small
    echo all >/tmp/proxy/mode
    assert_fails gantry pull $proxy/small:2
    assert_match "$output" 'damaged|digest'
    # What a pull that failed leaves is small, and known to be of no use.
    gantry system check --repair >/dev/null 2>&1 || true
    sound --deep
}

test_a_pull_that_was_killed_goes_on() {
    only_first big
    timeout -s KILL 0.7 gantry pull -q $proxy/big:2 >/dev/null 2>&1 || true
    gantry pull -q $proxy/big:2
    bytes=$(fetched)
    [[ $bytes -le 8000000 ]] || fail "$bytes bytes were fetched"
    listing "$(layer_of $proxy/big:2)/" | cmp - /tmp/big
    sound --deep
}

test_what_was_put_together_goes_on_as_it_came() {
    local blob
    only_first small
    gantry pull -q $proxy/small:2
    blob=$(blob_of small:2)
    gantry tag $proxy/small:2 $registry/again:2
    gantry push -q $registry/again:2
    assert_eq "$blob" "$(blob_of again:2)"
    skopeo copy -q --src-tls-verify=false docker://$registry/again:2 dir:/var/tmp/again
    rm -r /var/tmp/again
}
