# shellcheck disable=SC2164  # a command that fails ends the test
# io.gantry1: builds, pushes, manifest lists and what is removed, as clients of the bus see it.
# limit: 180

client() { python3 /src/tests/support/bus-client.py "$@"; }
manager() { client /io/gantry1 Manager "$@"; }
# context NAME: an empty folder, which becomes the working folder; the Dockerfile comes on standard input
context() {
    rm -rf "/srv/$1"
    mkdir -p "/srv/$1"
    cd "/srv/$1"
    cat >Dockerfile
}
# build OPTIONS [ARG...]: the working folder as a tar from a pipe; the job's signals are in /tmp/signals
build() {
    local options=$1
    shift
    tar -c . | client --job "$@" /io/gantry1 Manager BuildImage 'ha{sv}' 0 "$options" >/tmp/signals
}
# refused TEXT COMMAND...: fails, and its error has TEXT
refused() {
    local text=$1
    shift
    assert_fails "$@"
    assert_contains "$output" "$text"
}
rule() {  # JAVASCRIPT: what alice may do
    mkdir -p /etc/polkit-1/rules.d
    printf 'polkit.addRule(function(action, subject) { if (subject.user == "alice" && (%s)) return polkit.Result.YES; });\n' "$1" \
        >/etc/polkit-1/rules.d/10-test.rules
    systemctl restart polkit
}

setup_file() {
    load_busybox
    gantry tag busybox localhost/base
}

test_build_from_a_stream() {
    context stream <<'D'
FROM localhost/base
ARG GREETING
COPY file /file
RUN echo "$GREETING $(cat /file)" | tee /out
RUN echo aside >&2; printf 'no end'
RUN --mount=type=secret,id=token cp /run/secrets/token /length && wc -c </length >/size && rm /length
D
    echo world >file
    build '{"tag": ["as", ["stream:1", "localhost/stream:2"]], "build-arg": ["a{ss}", {"GREETING": "hello"}], "label": ["a{ss}", {"a": "b"}], "secret": ["a{say}", {"token": "hush"}]}'
    assert_eq 'hello world' "$(in_image stream:1 cat /out)"
    assert_eq 4 "$(in_image localhost/stream:2 cat /size)"
    assert_eq b "$(gantry image inspect -f '{{.Config.Labels.a}}' stream:1)"
    jq -e -s 'map(select(.[0] == "Step" and (.[2] | contains("RUN echo \"$GREETING")) and .[3] == "done")) | length == 1' /tmp/signals
    jq -e -s 'map(select(.[0] == "Output")) | any(.[2] == 1 and .[3] == "hello world\n")' /tmp/signals
    jq -e -s 'map(select(.[0] == "Output")) | any(.[2] == 2 and .[3] == "aside\n")' /tmp/signals
    jq -e -s 'map(select(.[0] == "Output")) | any(.[3] == "no end")' /tmp/signals
    local product
    product=$(jq -r 'select(.[0] == "Finished") | .[3]' /tmp/signals)
    assert_eq "s \"$(gantry image inspect -f '{{.Id}}' stream:1)\"" "$(prop "$product" Image Id)"
    ! grep -rq hush /var/lib/gantry/images/index.json /var/lib/gantry/images/roots /var/lib/gantry/build || fail 'a secret is in the store'
    # Once more: every step is known.
    build '{"tag": ["as", ["stream:1"]], "build-arg": ["a{ss}", {"GREETING": "hello"}], "label": ["a{ss}", {"a": "b"}], "secret": ["a{say}", {"token": "hush"}]}'
    jq -e -s 'map(select(.[0] == "Step" and .[3] == "cached")) | length >= 4' /tmp/signals
    assert_eq "$product" "$(jq -r 'select(.[0] == "Finished") | .[3]' /tmp/signals)"
    # Compressed, from a file.
    tar -czf /srv/context.tar.gz .
    client --job /io/gantry1 Manager BuildImage 'ha{sv}' 3 '{"tag": ["as", ["stream:gz"]], "no-cache": ["b", true], "secret": ["a{say}", {"token": "x"}]}' 3</srv/context.tar.gz >/tmp/signals
    assert_eq ' world' "$(in_image stream:gz cat /out)"
    nothing_left
}

test_build_from_a_dockerfile_or_a_folder() {
    client --job /io/gantry1 Manager BuildImage 'ha{sv}' 0 '{"tag": ["as", ["alone"]]}' <<<'FROM localhost/base
RUN echo alone >/out' >/tmp/signals
    assert_eq alone "$(in_image alone cat /out)"
    # A folder of the caller's own, which the engine's own /tmp does not show.
    context folder <<'D'
FROM localhost/base
COPY . /all
RUN --mount=type=bind,source=data,target=/data cat /data/x >/out
D
    mkdir -p data /tmp/mine
    echo x >data/x
    mv /srv/folder /tmp/mine/
    mv /tmp/mine/folder/Dockerfile /tmp/mine/folder/data/Other
    client --job /io/gantry1 Manager BuildImage 'ha{sv}' 3 '{"tag": ["as", ["folder"]], "file": ["s", "data/Other"]}' 3</tmp/mine/folder >/tmp/signals
    assert_eq x "$(in_image folder cat /all/data/x)"
    assert_eq x "$(in_image folder cat /out)"
    nothing_left
}

test_errors_of_a_build() {
    context errors <<'D'
FROM localhost/base
RUN true
RUN echo reason >&2; exit 3
D
    refused 'Dockerfile:3' build '{"tag": ["as", ["never"]]}'
    assert_contains "$output" io.gantry1.Error.
    jq -e -s 'map(select(.[0] == "Step" and .[3] == "failed" and (.[4] | contains("exit code: 3")))) | length == 1' /tmp/signals
    jq -e -s 'map(select(.[0] == "Output" and .[1] == 0)) | any(.[3] | contains(">>> RUN echo reason"))' /tmp/signals
    printf 'FROM localhost/base\nRUNN x\n' >Dockerfile
    refused 'Dockerfile:2' build '{}'
    printf 'FROM localhost/base\nRUN printf "\\xff\\xfe\\n"; exit 1\n' >Dockerfile
    refused 'exit code: 1' build '{}'
    jq -e -s 'map(select(.[0] == "Output")) | any(.[3] == "\ufffd\ufffd\n")' /tmp/signals
    refused "option 'tags' is not known, did you mean 'tag'" build '{"tags": ["as", ["x"]]}'
    refused io.gantry1.Error.Invalid build '{"tags": ["as", ["x"]]}'
    refused "option 'tag' has the type 'as', not 's'" build '{"tag": ["s", "x"]}'
    refused "option 'tag'" build '{"tag": ["as", ["Not A Name"]]}'
    refused "option 'ulimit': nofile" build '{"ulimit": ["a{ss}", {"nofile": "many"}]}'
    refused "option 'cache-to'" build '{"cache-to": ["as", ["type=local,dest=/srv/cache"]]}'
    assert_fails gantry image inspect never
    nothing_left
}

test_nothing_of_the_host_is_read_by_name() {
    context names <<'D'
FROM localhost/base
COPY --from=other / /
D
    mkdir -p /srv/secret
    echo secret >/srv/secret/file
    refused 'cannot be given by name' build '{"build-context": ["a{ss}", {"other": "/srv/secret"}]}'
    refused 'cannot be given by name' build '{"remote": ["s", "/srv/secret"]}'
    refused io.gantry1.Error.Denied build '{"cache-from": ["as", ["type=local,src=/srv/secret"]]}'
    refused 'failed to read dockerfile' build '{"file": ["s", "/srv/secret/file"]}'
    git init -q /srv/repository.git
    git -C /srv/repository.git -c user.name=a -c user.email=a@b commit -q --allow-empty -m x
    printf 'FROM localhost/base\nADD file:///srv/repository.git /x\n' >Dockerfile
    refused "transport 'file' not allowed" build '{}'
    refused "transport 'file' not allowed" build '{"remote": ["s", "file:///srv/repository.git"]}'
    nothing_left
}

test_cancel_ends_the_running_step() {
    context cancelled <<'D'
FROM localhost/base
RUN echo running; sleep 1000
D
    refused io.gantry1.Error.Cancelled timeout 30 bash -c "$(declare -f client build); build '{\"tag\": [\"as\", [\"cancelled\"]]}' --cancel-on running"
    assert_fails gantry image inspect cancelled
    nothing_left
    # Also while it waits for a stream that does not end.
    local job
    mkfifo /tmp/endless
    exec 4<>/tmp/endless
    job=$(manager BuildImage 'ha{sv}' 4 '{}' | jq -r '.[0]')
    sleep 0.5
    client "$job" Job Cancel
    eventually 5 bash -c "busctl get-property io.gantry1 $job io.gantry1.Job ErrorName | grep -q Cancelled"
    exec 4>&-
    nothing_left
}

test_output_is_the_callers_alone() {
    context private <<'D'
FROM localhost/base
RUN echo whisper-7
D
    as_alice python3 /src/tests/support/bus-client.py --listen >/tmp/others &
    local other=$!
    eventually 10 grep -q listening /tmp/others
    build '{}'
    grep -q whisper-7 /tmp/signals
    eventually 5 grep -q Finished /tmp/others
    assert_lacks "$(cat /tmp/others)" whisper-7
    kill $other
}

test_who_may_build() {
    context alice <<'D'
FROM localhost/base
RUN --network=host true
D
    tar -cf /srv/alice.tar .
    chmod -R a+rX /srv
    # shellcheck disable=SC2016
    by_alice() { as_alice bash -c 'python3 /src/tests/support/bus-client.py --job /io/gantry1 Manager BuildImage "ha{sv}" 3 "$1" 3<"$2"' - "$@"; }
    refused io.gantry1.Error.Denied by_alice '{"tag": ["as", ["ci/alice"]]}' /srv/alice.tar
    rule 'action.id == "io.gantry1.image.build" && action.lookup("image") == "ci/alice"'
    refused 'not allowed (--allow network.host)' by_alice '{"tag": ["as", ["ci/alice"]]}' /srv/alice.tar
    printf 'FROM localhost/base\nRUN id -u >/out\n' >Dockerfile
    tar -cf /srv/alice.tar .
    by_alice '{"tag": ["as", ["ci/alice"]]}' /srv/alice.tar
    assert_eq 0 "$(in_image ci/alice cat /out)"
    # Another name, one more name, more rights, and a folder: each is more than was allowed.
    refused io.gantry1.Error.Denied by_alice '{"tag": ["as", ["web"]]}' /srv/alice.tar
    refused io.gantry1.Error.Denied by_alice '{"tag": ["as", ["ci/alice", "web"]]}' /srv/alice.tar
    refused io.gantry1.image.build-insecure by_alice '{"tag": ["as", ["ci/alice"]], "allow": ["as", ["security.insecure"]]}' /srv/alice.tar
    refused io.gantry1.image.build-insecure by_alice '{"tag": ["as", ["ci/alice"]], "network": ["s", "host"]}' /srv/alice.tar
    refused 'only root may give one' by_alice '{"tag": ["as", ["ci/alice"]]}' /srv/alice
    assert_fails gantry image inspect web
    # A descriptor that the caller could not read itself gives the engine nothing either.
    refused 'not open for reading' as_alice python3 - <<'P'
import os, subprocess, sys
fd = os.open('/etc/shadow', os.O_PATH)
sys.exit(subprocess.run(['python3', '/src/tests/support/bus-client.py', '/io/gantry1', 'Manager', 'BuildImage', 'ha{sv}', str(fd),
                         '{"tag": ["as", ["ci/alice"]]}'], pass_fds=[fd]).returncode)
P
    rm /etc/polkit-1/rules.d/10-test.rules
    systemctl restart polkit
    local method
    for method in 'PruneBuildCache bxt true 0 0' 'CollectGarbage b true' 'CreateManifestList sasb a [] false' \
        'AnnotateManifest ssa{ss} a b {}' 'RemoveManifestList s a' 'PushManifestList sb a false'; do
        # shellcheck disable=SC2086  # words
        refused io.gantry1.Error.Denied as_alice python3 /src/tests/support/bus-client.py /io/gantry1 Manager $method
    done
    as_alice python3 /src/tests/support/bus-client.py /io/gantry1 Manager ListManifestLists
    nothing_left
}

test_much_output_is_clipped() {
    context loud <<'D'
FROM localhost/base
RUN yes 0123456789012345678901234567890123456789012345678901234567890123 | head -c 10000000
D
    build '{}'
    assert_contains "$(tail -c 3000000 /tmp/signals)" '[output clipped, log limit 2MiB reached]'
    local size
    size=$(jq -s '[.[] | select(.[0] == "Output") | .[3] | length] | add' /tmp/signals)
    [ "$size" -gt 2000000 ] && [ "$size" -lt 2200000 ] || fail "$size bytes of output"
}

test_killing_the_daemon_in_a_build() {
    context killed <<'D'
FROM localhost/base
RUN echo running; sleep 1000
D
    tar -c . | client --job /io/gantry1 Manager BuildImage 'ha{sv}' 0 '{}' >/tmp/killed 2>/dev/null &
    local caller=$!
    eventually 20 grep -q '"running' /tmp/killed
    systemctl kill -s KILL gantryd
    kill $caller 2>/dev/null || true
    printf 'FROM localhost/base\nRUN echo next\n' >Dockerfile
    eventually 10 client /io/gantry1 Manager ListManifestLists
    build '{}'
    nothing_left
}

test_import_with_a_descriptor() {
    mkdir -p /tmp/files
    echo imported >/tmp/files/x
    cp "$(command -v busybox)" /tmp/files/busybox
    tar -C /tmp/files -c . | client --job /io/gantry1 Manager ImportImage hssass 0 imported:1 note '["CMD [\"/busybox\", \"cat\", \"/x\"]"]' '' >/tmp/signals
    assert_eq imported "$(in_image imported:1)"
    local job
    mkfifo /tmp/never
    exec 4<>/tmp/never
    job=$(manager ImportImage hssass 4 '' '' '[]' '' | jq -r '.[0]')
    client "$job" Job Cancel
    eventually 5 bash -c "busctl get-property io.gantry1 $job io.gantry1.Job ErrorName | grep -q Cancelled"
    exec 4>&-
    sound
}

test_build_cache_is_pruned() {
    context pruned <<'D'
FROM localhost/base
RUN --mount=type=cache,target=/cache echo x >/cache/x; head -c 100000 /dev/zero >/data
D
    build '{"tag": ["as", ["pruned"]]}'
    manager PruneBuildCache bxt true "$(($(date +%s) - 3600))" 0 | jq -e '. == [[], 0]'
    gantry rmi pruned >/dev/null
    manager PruneBuildCache bxt true 0 0 | jq -e '(.[0] | length > 1) and .[1] > 100000'
    assert_eq 0 "$(find /var/lib/gantry/images/roots/build -name '*.json' | wc -l)"
    nothing_left
}

test_garbage_is_told() {
    manager CollectGarbage b true | jq -e '(.[0] | type == "array") and (.[1] | type == "number") and .[3] == false'
    sound
}

test_manifest_lists() {
    registry_start
    busybox_image
    gantry tag busybox $registry/multi/app:native
    client --job /io/gantry1 Manager PushImage 'ssa{ss}' $registry/multi/app:native '' '{}' >/tmp/signals
    assert_contains "$(cat /tmp/signals)" 'native: digest: sha256:'
    refused "option 'compresion' is not known, did you mean 'compression'" manager PushImage 'ssa{ss}' $registry/multi/app:native '' '{"compresion": "zstd"}'
    client --job /io/gantry1 Manager CreateManifestList sasb $registry/multi/app:all "[\"$registry/multi/app:native\"]" false >/tmp/signals
    manager ListManifestLists | jq -e ". == [[\"$registry/multi/app:all\"]]"
    refused io.gantry1.Error.Exists client --job /io/gantry1 Manager CreateManifestList sasb $registry/multi/app:all "[\"$registry/multi/app:native\"]" false
    manager AnnotateManifest 'ssa{ss}' $registry/multi/app:all $registry/multi/app:native '{"variant": "v9", "os-features": "a,b"}'
    refused "option 'varient' is not known, did you mean 'variant'" manager AnnotateManifest 'ssa{ss}' $registry/multi/app:all $registry/multi/app:native '{"varient": "v9"}'
    manager GetManifestList s $registry/multi/app:all >/tmp/list
    jq -e '.[0] == "application/vnd.oci.image.index.v1+json"' /tmp/list
    jq -r '.[1]' /tmp/list | jq -e '.manifests[0].platform | .variant == "v9" and .["os.features"] == ["a", "b"]'
    client --job /io/gantry1 Manager PushManifestList sb $registry/multi/app:all true >/tmp/signals
    assert_contains "$(cat /tmp/signals)" "all: digest: sha256:$(skopeo inspect --raw --tls-verify=false docker://$registry/multi/app:all | sha256sum | cut -d' ' -f1)"
    manager ListManifestLists | jq -e '. == [[]]'
    refused io.gantry1.Error.NotFound manager RemoveManifestList s $registry/multi/app:all
    sound
}

test_an_idle_daemon_leaves_after_a_build() {
    cp /etc/gantry/gantry.toml /tmp/gantry.toml 2>/dev/null || : >/tmp/gantry.toml
    mkdir -p /etc/gantry
    printf '[daemon]\nidle_exit = "1s"\n' >/etc/gantry/gantry.toml
    systemctl stop gantryd
    context idle <<'D'
FROM localhost/base
RUN sleep 4; echo idle-over
D
    build '{}'
    grep -q idle-over /tmp/signals
    eventually 8 bash -c '! systemctl is-active -q gantryd'
    assert_eq success "$(systemctl show -P Result gantryd)"
    cp /tmp/gantry.toml /etc/gantry/gantry.toml
}

test_images_out_and_in() {
    gantry tag busybox saved:1
    local format
    for format in '' oci-archive; do
        client --job /io/gantry1 Manager SaveImages assh '["saved:1"]' "$format" 3 3>/srv/saved.tar >/tmp/signals
        gantry rmi saved:1 >/dev/null
        client --job /io/gantry1 Manager LoadImages h 0 < <(gzip </srv/saved.tar) >/tmp/signals
        assert_contains "$(cat /tmp/signals)" 'Loaded image: saved:1'
        assert_eq "s \"$(gantry image inspect -f '{{.Id}}' saved:1)\"" "$(prop "$(jq -r 'select(.[0] == "Finished") | .[3]' /tmp/signals)" Image Id)"
    done
    refused 'neither docker-archive nor oci-archive' manager SaveImages assh '["saved:1"]' oci-dir 3 3>/dev/null
    refused io.gantry1.Error.NotFound client --job /io/gantry1 Manager SaveImages assh '["no-such-image"]' '' 3 3>/dev/null
    refused 'neither an OCI layout' client --job /io/gantry1 Manager LoadImages h 3 3< <(tar -C /srv -c saved.tar)
    refused io.gantry1.Error.Denied as_alice python3 /src/tests/support/bus-client.py /io/gantry1 Manager SaveImages assh '["saved:1"]' '' 1
    # Nobody reads, nobody writes: both can be cancelled.
    local job
    mkfifo /tmp/stalled
    exec 4<>/tmp/stalled
    job=$(manager SaveImages assh '["saved:1"]' '' 4 | jq -r '.[0]')
    sleep 0.5
    assert_eq 's "running"' "$(prop "$job" Job State)"
    client "$job" Job Cancel
    eventually 5 bash -c "busctl get-property io.gantry1 $job io.gantry1.Job ErrorName | grep -q Cancelled"
    exec 4>&-
    mkfifo /tmp/empty
    exec 4<>/tmp/empty
    job=$(manager LoadImages h 4 | jq -r '.[0]')
    client "$job" Job Cancel
    eventually 5 bash -c "busctl get-property io.gantry1 $job io.gantry1.Job ErrorName | grep -q Cancelled"
    exec 4>&-
    sound
}

test_the_registry_of_this_host() {
    gantry registry enable --listen 127.0.0.1:5055 >/dev/null
    for tag in 1 2; do
        gantry tag busybox 127.0.0.1:5055/kept/app:$tag
        gantry push -q 127.0.0.1:5055/kept/app:$tag >/dev/null
    done
    manager ListRepositories | jq -e '.[0] | length == 1 and .[0][0] == "kept/app" and (.[0][1] | sort) == ["1", "2"] and .[0][2] == 1 and .[0][3] > 1000'
    refused io.gantry1.Error.Denied as_alice python3 /src/tests/support/bus-client.py /io/gantry1 Manager RemoveFromRegistry s kept/app
    refused io.gantry1.Error.Denied as_alice python3 /src/tests/support/bus-client.py /io/gantry1 Manager CollectRegistry b true
    manager RemoveFromRegistry s kept/app:2
    refused io.gantry1.Error.NotFound manager RemoveFromRegistry s kept/app:2
    manager RemoveFromRegistry s kept/app:1
    manager CollectRegistry b true | jq -e '.[0] | length == 1 and (.[0] | startswith("kept/app@sha256:"))'
    manager ListRepositories | jq -e '. == [[]]'
    gantry registry disable
    sound
}

test_the_same_image_as_the_command_line_makes() {
    context same <<'D'
FROM localhost/base
WORKDIR /made/here
COPY . /all/
ADD inner.tar /unpacked/
RUN touch /made/file && mkdir /made/folder
USER 1000
RUN --mount=type=bind,target=/context cat /context/file
D
    echo x >file
    mkdir -p inner
    echo y >inner/y
    tar -cf inner.tar inner
    local one two
    SOURCE_DATE_EPOCH=1000000 gantry build -q --no-cache -t same:cli . >/dev/null
    build '{"tag": ["as", ["same:bus"]], "no-cache": ["b", true], "build-arg": ["a{ss}", {"SOURCE_DATE_EPOCH": "1000000"}]}'
    one=$(gantry image inspect -f '{{.Id}}' same:cli)
    two=$(gantry image inspect -f '{{.Id}}' same:bus)
    assert_eq "$one" "$two"
    nothing_left
}
