# shellcheck disable=SC2164  # a command that fails ends the test
# limit: 180
# Dockerfiles to images: what each instruction and flag does to real files, in real units, from a real cache.

setup_file() {
    load_busybox
    gantry tag busybox localhost/base
}

# context NAME: an empty folder to build in, which becomes the working folder; the Dockerfile comes on standard input
context() {
    rm -rf "/tmp/build/$1"
    mkdir -p "/tmp/build/$1"
    cd "/tmp/build/$1"
    cat >Dockerfile
}
build() { gantry build --progress plain "$@" . 2>&1; }
config() { gantry image inspect -f "$2" "$1"; }

test_instructions() {
    context instructions <<'D'
FROM localhost/base
LABEL maintainer="me" two="a b"
ENV A=1 B="two words" C=$A
ENV D=$A-${MISSING:-none}
WORKDIR /work
WORKDIR sub
RUN echo "$A $B $C $D" >variables && pwd >folder
RUN ["/bin/sh", "-c", "echo exec > form"]
COPY file renamed
COPY tree/ /copied/
COPY --chown=app:2000 --chmod=750 file /owned/
COPY --chmod=u=rw,go= file /private
EXPOSE 80 443/udp
VOLUME /data
USER app:extra
STOPSIGNAL SIGINT
HEALTHCHECK --interval=5s --retries=2 CMD true
SHELL ["/bin/ash", "-c"]
ENTRYPOINT ["/bin/cat"]
CMD ["variables"]
D
    echo content >file
    mkdir -p tree/inner
    echo deep >tree/inner/deep
    ln -s inner/deep tree/link
    build -t instructions
    assert_eq '1 two words  1-none' "$(gantry run --rm --network none instructions)"
    assert_eq /work/sub "$(in_image instructions folder)"
    assert_eq exec "$(in_image instructions form)"
    assert_eq content "$(in_image instructions renamed)"
    assert_eq deep "$(in_image instructions /copied/link)"
    assert_eq 'inner/deep' "$(in_image --entrypoint readlink instructions /copied/link)"
    assert_eq '1000 2000 750 app' "$(in_image --entrypoint stat instructions -c '%u %g %a %U' /owned/file)"
    assert_eq '0 0 600' "$(in_image --entrypoint stat instructions -c '%u %g %a' /private)"
    assert_eq 'app:extra' "$(config instructions '{{.Config.User}}')"
    assert_eq '["/bin/cat"] ["variables"]' "$(config instructions '{{json .Config.Entrypoint}} {{json .Config.Cmd}}')"
    assert_eq '{"443/udp":{},"80/tcp":{}}' "$(config instructions '{{json .Config.ExposedPorts}}')"
    assert_eq 'a b' "$(config instructions '{{index .Config.Labels "two"}}')"
    assert_eq 'SIGINT' "$(config instructions '{{.Config.StopSignal}}')"
    assert_contains "$(config instructions '{{json .Config}}')" '"CMD-SHELL","true"'
    nothing_left
}

test_copy_rules() {
    context rules <<'D'
FROM localhost/base
RUN mkdir -p /there /real && ln -s /real /alias
COPY one /there
COPY one /new/name
COPY one two /several/
COPY t*e .hidden* /wild/
COPY dir /there/
COPY one /alias/
COPY --parents ./dir/./inner/x dir/y /kept/
COPY --exclude=*.log --exclude=inner dir /less/
COPY ["with space", "/spaces/"]
D
    echo 1 >one
    echo 2 >two
    echo 3 >three
    echo h >.hidden1
    echo s >'with space'
    mkdir -p dir/inner
    echo x >dir/inner/x
    echo y >dir/y
    echo l >dir/z.log
    build -t rules
    assert_eq '/alias /kept/dir/y /kept/inner/x /less/y /new/name /real/one /several/one /several/two /spaces/with space /there/inner/x /there/one /there/y /there/z.log /wild/.hidden1 /wild/three ' \
        "$(in_image rules find /alias /there /new /several /wild /real /kept /less /spaces ! -type d | sort | tr '\n' ' ')"
    context many <<'D'
FROM localhost/base
COPY a b /nowhere
D
    touch a b
    assert_fails build
    assert_contains "$output" 'Dockerfile:2: '
    assert_contains "$output" "end with a '/'"
    context missing <<'D'
FROM localhost/base
RUN true
COPY nothing /x
D
    assert_fails build
    assert_contains "$output" "Dockerfile:3: '/nothing' is not in the build context"
    assert_contains "$output" '>>> COPY nothing /x'
    nothing_left
}

test_ignore_file() {
    context ignored <<'D'
FROM localhost/base
COPY . /all/
RUN --mount=type=bind,target=/ctx ls /ctx >/bound
D
    printf '# comment\n*.log\n!keep.log\nbig\n!big/small\nDockerfile\n.dockerignore\n' >.dockerignore
    touch a.log keep.log b
    mkdir big
    touch big/large big/small
    build -t ignored
    assert_eq '/all/b /all/big/small /all/keep.log ' "$(in_image ignored find /all -type f | sort | tr '\n' ' ')"
    assert_eq 'b big keep.log' "$(in_image ignored cat /bound | tr '\n' ' ' | sed 's/ $//')"
    context refused <<'D'
FROM localhost/base
COPY secret.txt /
D
    echo secret.txt >.dockerignore
    touch secret.txt
    assert_fails build
    assert_contains "$output" '.dockerignore leaves it out'
}

test_cache_is_by_content() {
    context cached <<'D'
FROM localhost/base
COPY file /file
RUN cat /file >/second; date +%N >/when
D
    echo 1 >file
    build -t cached
    local first
    first=$(gantry image inspect -f '{{.Id}}' cached)
    touch file
    sleep 2.1
    build -t cached >/tmp/build/out
    assert_eq 2 "$(grep -c ' CACHED$' <(grep -v '^#[0-9]* \[' /tmp/build/out) | awk '{print $1 - 1}')" 'steps from the cache'
    assert_eq "$first" "$(gantry image inspect -f '{{.Id}}' cached)"
    echo 2 >file
    build -t cached
    assert_eq 2 "$(in_image cached cat /second)"
    [ "$first" != "$(gantry image inspect -f '{{.Id}}' cached)" ] || fail 'other content, same image'
    # Back to what it was: still known.
    echo 1 >file
    build -t cached
    assert_eq "$first" "$(gantry image inspect -f '{{.Id}}' cached)"
    build -t cached --no-cache
    [ "$first" != "$(gantry image inspect -f '{{.Id}}' cached)" ] || fail '--no-cache took the cache'
    # Images go, their steps stay in the cache, until that is pruned.
    gantry rmi -f cached >/dev/null
    gantry image prune -f >/dev/null
    assert_contains "$(build -t cached)" CACHED
    sound
}

test_arguments() {
    context arguments <<'D'
ARG BASE=localhost/base
ARG VERSION=1
FROM ${BASE}
ARG VERSION
ARG OTHER=default
ARG TARGETARCH
RUN echo "$VERSION $OTHER $TARGETARCH ${HTTP_PROXY:-no}" >/out
D
    build -t arguments
    assert_eq '1 default amd64 no' "$(in_image arguments cat /out)"
    build -t arguments --build-arg VERSION=2 --build-arg HTTP_PROXY=http://p
    assert_eq '2 default amd64 http://p' "$(in_image arguments cat /out)"
    assert_lacks "$(gantry history --no-trunc arguments)" http://p
}

test_stages() {
    context stages <<'D'
FROM localhost/base AS one
RUN echo one >/one
FROM localhost/base AS unneeded
RUN exit 1
FROM one AS two
RUN echo two >/two
FROM scratch
COPY --from=one /one /
COPY --from=two /two /
COPY --from=localhost/base /bin/busybox /bin/busybox
CMD ["/bin/busybox", "cat", "/one", "/two"]
D
    build -t stages
    assert_eq 'one
two' "$(in_image stages)"
    build -t stages --target two
    assert_eq two "$(in_image stages cat /two)"
    assert_fails build --target nowhere
    assert_contains "$output" nowhere
    assert_fails build --target unneeded
    assert_contains "$output" 'exit code: 1'
}

test_stages_run_side_by_side() {
    context parallel <<'D'
FROM localhost/base AS a
RUN --mount=type=cache,target=/meet touch /meet/a; for i in $(seq 100); do [ ! -e /meet/b ] || exit 0; sleep 0.1; done; exit 1
FROM localhost/base AS b
RUN --mount=type=cache,target=/meet touch /meet/b; for i in $(seq 100); do [ ! -e /meet/a ] || exit 0; sleep 0.1; done; exit 1
FROM scratch
COPY --from=a /etc/passwd /a
COPY --from=b /etc/passwd /b
D
    build
    nothing_left
}

test_mounts() {
    context mounts <<'D'
FROM localhost/base AS source
RUN mkdir /tree && echo from-stage >/tree/file
FROM localhost/base
RUN --mount=type=bind,source=data,target=/data cat /data/x >/1; ! touch /data/y
RUN --mount=type=bind,source=data,target=/data,rw touch /data/y
RUN --mount=type=bind,from=source,source=/tree,target=/tree cat /tree/file >/2
RUN --mount=from=source,target=/all,rw rm /all/etc/passwd
RUN --mount=type=tmpfs,target=/scratch,size=1m echo x >/scratch/x && grep -q ' /scratch tmpfs' /proc/mounts
RUN --mount=type=cache,target=/cache,id=c,mode=0700,uid=1000 echo more >>/cache/lines && stat -c '%u %a' /cache >/3
RUN --mount=type=secret,id=token,mode=0444 cat /run/secrets/token >/4
RUN --mount=type=secret,id=token,env=TOKEN echo "$TOKEN" >/5
RUN --mount=type=secret,id=absent test ! -e /run/secrets/absent
RUN --mount=type=ssh test -S "$SSH_AUTH_SOCK"
D
    mkdir data
    echo x >data/x
    printf hush >/tmp/build/token
    python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("/tmp/build/agent")' 2>/dev/null || true
    build -t mounts --secret id=token,src=/tmp/build/token --ssh default=/tmp/build/agent
    assert_eq 'x from-stage 1000 700 hush hush ' "$(in_image mounts cat /1 /2 /3 /4 /5 | tr '\n' ' ' | sed 's/hushhush/hush hush/')"
    assert_eq '' "$(in_image mounts sh -c 'ls -d /data /tree /all /scratch /cache /run/secrets 2>/dev/null')" 'mount points left in the image'
    ! grep -rl hush /var/lib/gantry/images /var/lib/gantry/build 2>/dev/null | grep -q json || fail 'a secret is in the store'
    assert_eq '' "$(ls data/y 2>/dev/null)"
    context required <<'D'
FROM localhost/base
RUN --mount=type=secret,id=token,required true
D
    assert_fails build
    assert_contains "$output" "secret 'token' was not given"
    nothing_left
}

test_networks_and_rights() {
    context networks <<'D'
FROM localhost/base
RUN --network=none grep -c : /proc/net/dev >/none
RUN grep -c : /proc/net/dev >/default
D
    build -t networks
    assert_eq '1 2 ' "$(in_image networks cat /none /default | tr '\n' ' ')"
    build -t networks --network none
    assert_eq '1 1 ' "$(in_image networks cat /none /default | tr '\n' ' ')"
    context host <<'D'
FROM localhost/base
RUN --network=host readlink /proc/self/ns/net >/net
D
    assert_fails build
    assert_contains "$output" '--allow network.host'
    build -t host --allow network.host
    assert_eq "$(readlink /proc/self/ns/net)" "$(in_image host cat /net)"
    context insecure <<'D'
FROM localhost/base
RUN --security=insecure mount -t tmpfs x /mnt 2>/dev/null || mkdir /mnt && mount -t tmpfs x /mnt
D
    assert_fails build
    assert_contains "$output" '--allow security.insecure'
    build --allow security.insecure
    sed -i 's/--security=insecure //' Dockerfile
    assert_fails build
    nothing_left
}

test_here_documents() {
    context documents <<'D'
FROM localhost/base
ARG WHO=me
RUN <<EOF
echo first >/first
echo second >/second
EOF
RUN <<EOF
#!/bin/sh
echo "$0" >/script
EOF
COPY <<EOF <<'RAW' /docs/
hello $WHO
EOF
hello $WHO
RAW
COPY <<EOF /single
one
EOF
D
    build -t documents
    assert_eq 'first second ' "$(in_image documents cat /first /second | tr '\n' ' ')"
    assert_match "$(in_image documents cat /script)" EOF
    # shellcheck disable=SC2016
    assert_eq 'hello me hello $WHO one ' "$(in_image documents cat /docs/EOF /docs/RAW /single | tr '\n' ' ')"
}

test_add() {
    context add <<'D'
FROM localhost/base
ADD archive.tar.gz /unpacked/
ADD --unpack=false archive.tar.gz /packed/
ADD plain /plain
ADD http://127.0.0.1:8181/served.txt /remote/
ADD --checksum=sha256:CHECKSUM http://127.0.0.1:8181/served.txt /checked
ADD --keep-git-dir=false http://127.0.0.1:8181/repo.git#main:sub /git
D
    mkdir in served
    echo inside >in/file
    chown 5:6 in/file
    tar -C in -czf archive.tar.gz .
    echo plain >plain
    echo served >served/served.txt
    git init -q -b main work
    mkdir work/sub
    echo tracked >work/sub/tracked
    git -C work add .
    git -C work -c user.name=a -c user.email=a@b commit -qm one
    git clone -q --bare work served/repo.git
    git -C served/repo.git update-server-info
    systemd-run --quiet --unit=served python3 -m http.server -b 127.0.0.1 -d "$PWD/served" 8181
    eventually 10 curl -sf http://127.0.0.1:8181/served.txt
    sed -i "s/CHECKSUM/$(sha256sum <served/served.txt | cut -d' ' -f1)/" Dockerfile
    build -t add
    assert_eq 'inside plain served served tracked ' \
        "$(in_image add cat /unpacked/file /plain /remote/served.txt /checked /git/tracked | tr '\n' ' ')"
    assert_eq '5 6' "$(in_image add stat -c '%u %g' /unpacked/file)"
    assert_eq '600' "$(in_image add stat -c %a /remote/served.txt)"
    assert_eq archive.tar.gz "$(in_image add ls /packed)"
    echo changed >served/served.txt
    assert_contains "$(build 2>&1 || true)" "--checksum says"
    nothing_left
}

test_onbuild() {
    context parent <<'D'
FROM localhost/base
ONBUILD COPY app /app
ONBUILD RUN cat /app >/app.seen
D
    build -t parent
    context child <<'D'
FROM parent
RUN cat /app.seen >/last
D
    echo application >app
    build -t child
    assert_eq application "$(in_image child cat /last)"
    assert_eq null "$(config child '{{json .Config.OnBuild}}')"
}

test_failing_command() {
    context failing <<'D'
FROM localhost/base
RUN echo before
RUN echo told; \
    echo "the reason" >&2; \
    exit 7
D
    assert_fails build -t failing
    assert_contains "$output" 'Dockerfile:3: process "/bin/sh -c '
    assert_contains "$output" 'exit code: 7'
    assert_contains "$output" 'the reason'
    assert_match "$output" '3 \| >>> RUN echo told'
    assert_fails gantry image inspect failing
    # What was done before is not done again.
    assert_contains "$(build 2>&1 || true)" CACHED
    context notfound <<'D'
FROM localhost/base
RUN ["/no/such/program"]
D
    assert_fails build
    assert_contains "$output" '/no/such/program'
    nothing_left
}

test_outputs() {
    context outputs <<'D'
FROM scratch
COPY file /folder/
D
    echo exported >file
    build -o /tmp/build/out-folder
    assert_eq exported "$(cat /tmp/build/out-folder/folder/file)"
    build -o type=tar,dest=/tmp/build/out.tar
    assert_contains "$(tar tf /tmp/build/out.tar)" folder/file
    build -t outputs -o type=oci,dest=/tmp/build/oci.tar
    assert_eq 1 "$(skopeo inspect oci-archive:/tmp/build/oci.tar | jq '.Layers | length')"
    build -t outputs -o type=docker,dest=/tmp/build/docker.tar --iidfile /tmp/build/iid --metadata-file /tmp/build/meta
    assert_eq 1 "$(skopeo inspect docker-archive:/tmp/build/docker.tar | jq '.Layers | length')"
    assert_eq "$(gantry image inspect -f '{{.Id}}' outputs)" "$(cat /tmp/build/iid)"
    assert_eq docker.io/library/outputs:latest "$(jq -r '."image.name"' /tmp/build/meta)"
    assert_eq "$(cat /tmp/build/iid)" "$(gantry build -q .)"
}

test_same_digest_everywhere() {
    context reproducible <<'D'
FROM localhost/base
WORKDIR /made
RUN echo x >x && ln x y && mkdir -p d/e
COPY file /file
D
    echo 1 >file
    local first
    first=$(SOURCE_DATE_EPOCH=1700000000 gantry build -q -t reproducible .)
    gantry image inspect -f '{{.Manifest.Digest}}' reproducible >/tmp/build/manifest
    gantry rmi reproducible >/dev/null
    touch file
    sleep 1.1
    assert_eq "$first" "$(SOURCE_DATE_EPOCH=1700000000 gantry build -q --no-cache -t reproducible .)"
    assert_eq "$(cat /tmp/build/manifest)" "$(gantry image inspect -f '{{.Manifest.Digest}}' reproducible)"
    assert_contains "$(gantry image inspect -f '{{.Created}}' reproducible)" 2023-11-14
}

test_contexts() {
    context named <<'D'
FROM base
COPY --from=files f /f
RUN --mount=from=files,target=/x cat /x/f >/g
D
    mkdir -p /tmp/build/files
    echo named >/tmp/build/files/f
    build -t named --build-context files=/tmp/build/files --build-context base=docker-image://localhost/base
    assert_eq named "$(in_image named cat /g)"
    # An image of an OCI layout, and an archive at an address.
    skopeo copy --quiet --insecure-policy oci:/tmp/busybox-image:latest oci:/tmp/build/layout:first
    tar -C /tmp/build/files -czf /tmp/build/add/served/files.tar.gz f
    build -t layout --build-context files=http://127.0.0.1:8181/files.tar.gz --build-context base=oci-layout:///tmp/build/layout:first
    assert_eq named "$(in_image layout cat /g)"
    assert_fails build --build-context files=http://127.0.0.1:8181/served.txt --build-context base=oci-layout:///tmp/build/layout:first
    assert_contains "$output" 'is no archive'
    assert_fails build --build-context base=oci-layout:///tmp/build/layout:second
    assert_contains "$output" "the layout has no image ':second'"
    printf 'FROM localhost/base\nRUN echo piped >/p\n' | gantry build -q -t piped - >/dev/null
    assert_eq piped "$(in_image piped cat /p)"
    tar -C /tmp/build/instructions -cz . | gantry build -q -t tarred - >/dev/null
    assert_eq content "$(in_image tarred renamed)"
    printf 'FROM localhost/base\nCOPY f /\n' | gantry build -q -t stdin -f - /tmp/build/files >/dev/null
    assert_eq named "$(in_image stdin cat /f)"
}

test_squash_and_labels() {
    context squash <<'D'
FROM localhost/base
RUN echo 1 >/a && echo 1 >/b
RUN rm /a && rm /srv/index.html && echo 2 >/b
D
    build -t squash --squash --label x=y
    assert_eq "$(($(config localhost/base '{{len .RootFS.Layers}}') + 1))" "$(config squash '{{len .RootFS.Layers}}')"
    assert_eq 2 "$(in_image squash cat /b)"
    assert_fails in_image squash cat /a
    assert_fails in_image squash cat /srv/index.html
    assert_eq y "$(config squash '{{index .Config.Labels "x"}}')"
    sound
}

test_cache_goes_to_other_hosts() {
    gantry registry enable >/dev/null
    context shared <<'D'
FROM localhost/base AS first
RUN date +%N >/first
FROM localhost/base
COPY --from=first /first /first
RUN date +%N >/second
D
    local place times
    for place in 'type=registry,ref=127.0.0.1:5000/cache:1' 'type=local,dest=/tmp/build/cache'; do
        build -t shared --no-cache --cache-to "$place"
        times=$(in_image shared cat /first /second)
        gantry rmi -f shared >/dev/null
        gantry builder prune -af >/dev/null
        build -t shared --cache-from "${place/dest=/src=}" >/tmp/build/out
        assert_eq 3 "$(grep -c '^#[0-9]* CACHED' <(grep -v FROM /tmp/build/out) | awk '{print $1 - 2}')" "steps from $place"
        assert_eq "$times" "$(in_image shared cat /first /second)"
        sound
    done
    # An image that carries its own cache, pushed by the build.
    build -t 127.0.0.1:5000/shared:1 --no-cache --cache-to type=inline --push
    times=$(in_image 127.0.0.1:5000/shared:1 cat /second)
    gantry rmi -f 127.0.0.1:5000/shared:1 >/dev/null
    gantry builder prune -af >/dev/null
    build -t shared --cache-from 127.0.0.1:5000/shared:1
    assert_eq "$times" "$(in_image shared cat /second)"
    # What cannot be had is no failure.
    build -t shared --cache-from 127.0.0.1:5000/nothing:1
    gantry registry disable >/dev/null
    sound
}

test_check() {
    context lint <<'D'
FROM localhost/base as Base
MAINTAINER me
CMD echo x
D
    assert_fails gantry build --check .
    assert_contains "$output" 'MaintainerDeprecated'
    assert_contains "$output" 'JSONArgsRecommended'
    assert_contains "$output" 'StageNameCasing'
    context clean <<'D'
FROM localhost/base
CMD ["true"]
D
    assert_contains "$(gantry build --check .)" 'no warnings'
    # What the builder and the base image set is known.
    context known <<'D'
# check=error=true
FROM --platform=$BUILDPLATFORM localhost/base AS first
ARG TARGETARCH
ENV PATH=/more:$PATH ARCHITECTURE=$TARGETARCH
FROM first
LABEL path=$PATH
D
    assert_contains "$(gantry build --check .)" 'no warnings'
    build -t known
    context unknown <<'D'
# check=error=true
FROM known
LABEL is=$ARCHITECTURE isnt=$ARCHITECTUR
D
    assert_fails build
    assert_contains "$output" "Usage of undefined variable '\$ARCHITECTUR' (did you mean \$ARCHITECTURE?)"
    sed -i 1d Dockerfile
    assert_contains "$(build)" '1 warning found'
    context broken <<'D'
FROM localhost/base
RNU x
D
    assert_fails build
    assert_contains "$output" "did you mean 'RUN'"
    assert_contains "$output" '2 | >>> RNU x'
}
