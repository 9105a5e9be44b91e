# shellcheck disable=SC2164  # a command that fails ends the test
# limit: 240
# What breaks a build: hostile contexts, archives and Dockerfiles, full disks, interruptions and kills at any moment. One clear error
# each, and nothing is left behind.

setup_file() {
    load_busybox
    gantry tag busybox localhost/base
}

context() {
    rm -rf /tmp/ctx
    mkdir -p /tmp/ctx
    cd /tmp/ctx
    cat >Dockerfile
}
build() { gantry build --progress plain "$@" . 2>&1; }
# refused TEXT: the build fails, and the last line, which is gantry's, has TEXT
refused() {
    local text=$1
    assert_fails timeout 60 gantry build --progress plain .
    assert_contains "$(tail -n 1 <<<"$output")" "$text"
    assert_match "$(tail -n 1 <<<"$output")" '^gantry: '
}
ended() {  # PID STATUS
    local status=0
    wait "$1" || status=$?
    assert_eq "$2" $status 'exit status'
}
no_step_left() {
    assert_eq '' "$(find /var/lib/gantry/network -name 'build-*')"
    assert_eq '' "$(findmnt -rn -t overlay -o TARGET | grep -v '^/$' || true)"
    nothing_left
}

test_links_lead_nowhere() {
    context <<'D'
FROM localhost/base
COPY out /x
D
    ln -s /etc/machine-id out
    refused "'/out' is not in the build context"
    ln -sfn ../../../../etc/machine-id out
    refused "'/out' is not in the build context"
    rm out
    mkdir out
    ln -s /etc/machine-id out/link
    build -t links
    # A link is copied as it is; inside it leads to the image's own files.
    assert_eq /etc/machine-id "$(in_image links readlink /x/link)"
    ln -s / root
    sed -i 's,COPY out,COPY root/etc/machine-id,' Dockerfile
    refused 'is not in the build context'
    sed -i 's,COPY root/etc/machine-id,COPY ../../../etc/machine-id,' Dockerfile
    refused 'is not in the build context'
    # An image's own links do not lead a destination out of it.
    mkdir evil
    cat >Dockerfile <<'D'
FROM localhost/base
RUN ln -s /../../../../../../../var/tmp /escape && ln -s / /rooted
COPY Dockerfile /escape/inside
COPY Dockerfile /rooted/inside
WORKDIR /escape/folder
D
    rm -f /var/tmp/inside
    build -t escape
    [ ! -e /var/tmp/inside ] && [ ! -e /var/tmp/folder ] || fail 'written outside'
    in_image escape ls /var/tmp/inside /var/tmp/folder /inside >/dev/null
    no_step_left
}

test_mount_sources_lead_nowhere() {
    context <<'D'
FROM localhost/base
RUN --mount=type=bind,source=out,target=/x cat /x
D
    ln -s /etc out
    refused 'is not in the build context'
    cat >Dockerfile <<'D'
FROM localhost/base AS evil
RUN ln -s /../../../etc /out
FROM localhost/base
RUN --mount=type=bind,from=evil,source=/out,target=/x ls /x >/list
D
    build -t mounted
    assert_contains "$(in_image mounted cat /list)" passwd
    assert_lacks "$(in_image mounted cat /list)" systemd
    no_step_left
}

test_devices_sockets_and_pipes() {
    context <<'D'
FROM localhost/base
COPY . /all/
D
    mknod device c 1 3
    mkfifo pipe
    python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("/tmp/ctx/socket")'
    build -t special
    assert_eq 'Dockerfile device pipe' "$(in_image special ls /all | tr '\n' ' ' | sed 's/ $//')"
    assert_eq 'character special file' "$(in_image special stat -c %F /all/device)"
    mkfifo .dockerignore
    refused 'dockerignore'
    rm .dockerignore Dockerfile
    mkfifo Dockerfile
    refused Dockerfile
    no_step_left
}

test_a_hundred_thousand_files() {
    context <<'D'
FROM localhost/base
COPY many /many
D
    mkdir many
    python3 -c '
import os
for d in range(100):
    os.mkdir(f"many/{d}")
    for f in range(1000): open(f"many/{d}/{f}", "w").close()'
    build -t many
    assert_eq 100000 "$(in_image many sh -c 'find /many -type f | wc -l')"
    echo 'many/*' >.dockerignore
    build -t few
    assert_eq 0 "$(in_image few sh -c 'find /many -type f | wc -l')"
    gantry rmi -f many few >/dev/null
    gantry builder prune -af >/dev/null
    no_step_left
}

test_deep_folders() {
    context <<'D'
FROM localhost/base
COPY deep /deep
D
    python3 -c '
import os
os.mkdir("deep"); os.chdir("deep")
for i in range(600): os.mkdir("d" * 20); os.chdir("d" * 20)'
    refused 'nested deeper'
    rm -rf deep
    no_step_left
}

test_hostile_archives() {
    context <<'D'
FROM localhost/base
ADD archive.tar /in/
D
    python3 - <<'P'
import tarfile, io
def archive(name, *entries):
    with tarfile.open(name, "w") as tar:
        for path, kind, link in entries:
            info = tarfile.TarInfo(path)
            info.type = kind
            info.linkname = link
            data = b"x" if kind == tarfile.REGTYPE else b""
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
archive("dots.tar", ("../../../../var/tmp/escaped", tarfile.REGTYPE, ""))
archive("absolute.tar", ("/var/tmp/escaped", tarfile.REGTYPE, ""))
archive("link.tar", ("l", tarfile.SYMTYPE, "/../../../var/tmp"), ("l/escaped", tarfile.REGTYPE, ""))
archive("hard.tar", ("h", tarfile.LNKTYPE, "../../../../etc/machine-id"))
P
    rm -f /var/tmp/escaped
    local name
    for name in dots absolute link hard; do
        cp $name.tar archive.tar
        build >/dev/null || true
        [ ! -e /var/tmp/escaped ] || fail "$name: written outside"
        gantry build -q - <$name.tar >/dev/null 2>&1 && fail "$name: a context without Dockerfile"
        [ ! -e /var/tmp/escaped ] || fail "$name: written outside"
    done
    head -c 3000 /dev/urandom | gzip >archive.tar
    build >/dev/null
    no_step_left
}

test_hostile_dockerfiles() {
    context </dev/null
    refused Dockerfile
    head -c 1100000 /dev/zero | tr '\0' 'x' >Dockerfile
    refused 'larger'
    python3 -c 'print("FROM localhost/base\nENV a=x" + "".join(f"\nENV a=$a$a" for i in range(200)))' >Dockerfile
    refused 'Dockerfile:'
    python3 -c 'print("FROM localhost/base" + "".join(f"\nRUN true {i}" for i in range(11000)))' >Dockerfile
    refused 'Dockerfile'
    printf 'FROM localhost/base\nRUN \xff\xfe\x00\x01\n' >Dockerfile
    assert_fails build
    head -c 100000 /dev/urandom >Dockerfile
    assert_fails build
    printf 'FROM a AS b\nFROM b AS a\nCOPY --from=c / /\n' >Dockerfile
    assert_fails build
    no_step_left
}

test_interrupted() {
    context <<'D'
FROM localhost/base
RUN echo first >/first
RUN sleep 300
D
    local signal
    for signal in INT TERM; do
        gantry build --progress plain -t interrupted . >/tmp/out 2>&1 &
        local builder=$!
        eventually 20 bash -c 'pgrep -x sleep'
        kill -$signal $builder
        ended $builder 1
        assert_contains "$(tail -n 1 /tmp/out)" cancelled
        no_step_left
    done
    sed -i 's/sleep 300/echo second >\/second/' Dockerfile
    # It goes on where it was.
    assert_contains "$(build -t interrupted)" CACHED
}

test_killed() {
    context <<'D'
FROM localhost/base
RUN echo first >/first
COPY . /files
RUN --mount=from=localhost/base,target=/b,rw sleep 2
RUN echo last >/last
D
    head -c 20M /dev/urandom >big
    local delay
    for delay in 0.02 0.05 0.1 0.2 0.4 0.8; do
        gantry build -q --no-cache -t killed . >/dev/null 2>&1 &
        local builder=$!
        sleep $delay
        kill -KILL $builder 2>/dev/null || true
        wait $builder 2>/dev/null || true
        gantry system check --repair || true
        no_step_left
    done
    gantry build -q --no-cache . >/dev/null 2>&1 &
    builder=$!
    eventually 20 bash -c 'pgrep -x sleep'
    kill -KILL $builder
    wait $builder 2>/dev/null || true  # until it is gone it holds its lock
    # The next build takes down what the killed one left.
    build -t killed
    no_step_left
}

test_launcher_killed() {
    context <<'D'
FROM localhost/base
RUN sleep 60
D
    gantry build --progress plain . >/tmp/out 2>&1 &
    local builder=$!
    eventually 20 bash -c 'pgrep -x sleep'
    systemctl kill -s KILL 'ctr-build-*'
    ended $builder 1
    assert_contains "$(cat /tmp/out)" 'exit code: 137'
    no_step_left
}

test_limits() {
    context <<'D'
FROM localhost/base
RUN ulimit -n >/files && df -k /dev/shm | tail -n 1 | awk '{print $2}' >/shm
D
    build -t limited --ulimit nofile=123:456 --shm-size 8m
    assert_eq '123 8192' "$(in_image limited cat /files /shm | tr '\n' ' ' | sed 's/ $//')"
    no_step_left
}

test_full_disk() {
    truncate -s 40M /var/tmp/small
    mkfs.ext4 -q -F -m 0 -N 6000 /var/tmp/small
    mount -o loop /var/tmp/small /var/lib/gantry
    trap 'cd /; umount -l /var/lib/gantry' EXIT
    gantry load -q -i /tmp/busybox.tar
    gantry tag "$(gantry images -q)" localhost/base
    context <<'D'
FROM localhost/base
RUN head -c 3000000 /dev/urandom >/made
COPY copied /copied
RUN cat /made /copied | md5sum >/sum
D
    head -c 3000000 /dev/urandom >copied
    local room
    for room in 0 100 1000 2900 3500 5000 6100 7000 9000 11000; do
        gantry builder prune -af >/dev/null
        head -c ${room}K /dev/zero >/var/lib/gantry/later
        head -c 1G /dev/zero >/var/lib/gantry/filler 2>/dev/null || true
        sync -f /var/lib/gantry
        rm /var/lib/gantry/later
        assert_fails build -t full
        assert_match "$output" '[Nn]o space left on device|exit code: 1'
        rm /var/lib/gantry/filler
        no_step_left
    done
    build -t full
    no_step_left
}
