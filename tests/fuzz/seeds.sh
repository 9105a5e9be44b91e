#!/bin/bash
# seeds.sh NAME FOLDER: writes first inputs for a fuzzer.
set -euo pipefail
name=$1 out=$2
mkdir -p "$out"
digest=sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
case $name in
    reference)
        for text in busybox docker.io/library/nginx:1.25 localhost:5000/a/b_c__d-e:T.1 "[::1]:5000/x@$digest" "a.b/c:d@$digest"; do
            printf %s "$text" >"$out/$(md5sum <<<"$text" | cut -c1-8)"
        done
        ;;
    registry)
        for text in /v2/ '/v2/_catalog?n=10&last=a' /v2/a/b/manifests/latest "/v2/a/blobs/$digest" '/v2/a/blobs/uploads/?mount=x&from=y%2Fz' \
            /v2/a/blobs/uploads/0123456789abcdef /v2/docker.io/library/nginx/tags/list "/v2/a/referrers/$digest?artifactType=b" \
            bytes=0-5 bytes=-3 bytes=7- 0-1023 'bytes 0-5/9' 'team/**team/app/x'; do
            printf %s "$text" >"$out/$(md5sum <<<"$text" | cut -c1-8)"
        done
        ;;
    manifest)
        cat >"$out/oci" <<J
{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json",
"digest":"$digest","size":2},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"$digest","size":3,"urls":["http://a/b"]}],
"annotations":{"a":"b"}}
J
        cat >"$out/docker" <<J
{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json","config":{"mediaType":
"application/vnd.docker.container.image.v1+json","digest":"$digest","size":2},"layers":[]}
J
        cat >"$out/config" <<J
{"architecture":"amd64","os":"linux","variant":"v8","created":"2024-01-02T03:04:05Z","config":{"User":"1:2","ExposedPorts":{"80/tcp":{}},
"Env":["A=b"],"Entrypoint":["/a"],"Cmd":["b"],"Volumes":{"/v":{}},"WorkingDir":"/w","Labels":{"a":"b"},"StopSignal":"SIGINT",
"Healthcheck":{"Test":["CMD","true"],"Interval":1000000000,"Retries":3}},"rootfs":{"type":"layers","diff_ids":["$digest"]},
"history":[{"created":"2024-01-02T03:04:05Z","created_by":"x","empty_layer":true}]}
J
        ;;
    chunked)
        cat >"$out/files" <<J
{"version":1,"entries":[{"type":"dir","name":"d/","mode":493,"uid":0,"gid":0,"modtime":"2024-01-02T03:04:05Z"},{"type":"reg","name":"d/a",
"size":600,"offset":100,"endOffset":300,"digest":"$digest","xattrs":{"user.a":"Yg=="},"chunkSize":400,"chunkDigest":"$digest"},{"type":
"chunk","name":"d/a","offset":200,"chunkSize":200,"chunkOffset":400,"chunkDigest":"$digest"},{"type":"hardlink","name":"b","linkName":
"d/a"},{"type":"reg","name":"empty"},{"type":"symlink","name":"l","linkName":"../x"},{"type":"reg","name":"e","size":9,"offset":400,
"endOffset":500,"digest":"$digest"}],"tarSplitDigest":"$digest"}
J
        ;;
    definition)
        cat >"$out/web" <<'T'
image = "docker.io/library/nginx:1.25"
command = ["nginx", "-g", "daemon off;"]
env = { A = "b" }
ports = ["127.0.0.1:8080:80/tcp", "53:53/udp"]
restart = "on-failure:3"
[limits]
memory = "64M"
[labels]
a = "b"
T
        cat >"$out/rest" <<'T'
image = "app"
entrypoint = "exec app"
env = ["A=b", "A=c"]
user = "1000:www"
groups = [44]
volumes = ["/a:/b:ro,rslave", "data:/c:nocopy", "/d"]
tmpfs = ["/run:size=1m,mode=755,exec"]
extra_hosts = ["gw:host-gateway", "six:[::1]"]
restart_delay = "1m30s"
stop_signal = "SIGRTMIN+3"
stop_timeout = -1
ready = "healthy"
requires = ["db", "x.service"]
devices = ["/dev/fuse:/dev/x:rw"]
device_cgroup_rules = ["c 42:* rwm"]
sysctls = { "net.core.somaxconn" = 1 }
[limits]
cpus = 0.5
cpuset = "0-1,3"
memory = "1g"
memory_swap = -1
pids = -1
read_bps = ["/dev/sda:1m"]
ulimits = { nofile = "1:unlimited" }
[security]
cap_add = ["NET_ADMIN"]
seccomp = "/etc/s.json"
[namespaces]
pid = "container:db"
[health]
command = ["CMD-SHELL", "true"]
interval = "10s"
on_unhealthy = "restart"
[log.fields]
TEAM = "x"
[storage]
size = "10g"
[[mounts]]
type = "tmpfs"
target = "/t"
mode = 0o700
options = ["exec"]
[[networks]]
name = "front"
ipv4 = "10.0.0.2"
mac = "02:42:ac:11:00:02"
options = { a = "b" }
[[credentials]]
name = "c"
value = "v"
T
        ;;
    dockerfile)
        cp "$(dirname "$0")"/../unit/dockerfile/corpus/*.Dockerfile "$out"
        cat >"$out/all" <<'D'
# escape=`
# check=skip=UndefinedVar;experimental=all
ARG A=1 B=${A:-2}
FROM --platform=$BUILDPLATFORM a:${B%1} AS x
RUN --mount=type=cache,id=a,target=/c,sharing=locked,mode=0700,uid=1,gid=2 --mount=type=secret,id=s,env=S,required `
    --mount=type=tmpfs,target=/t,size=1m --mount=type=ssh --mount=from=ctx,target=/b,rw --network=none --security=insecure `

    cat <<E >a; cat <<-'F'
$x
E
	y
	F
ENV a=${b/c/d} c="${d//e*/f}" g='h' i=${j##k} l=${m:+n}
ENV o p
LABEL "q"="r s"
EXPOSE 80 81-83/udp 1.2.3.4:5:6/SCTP
ONBUILD COPY --from=y . /
FROM x
COPY --from=x --chown=a:b --chmod=u=rwX,go=rX --link --parents --exclude=*.o a* [b-d] <<G /h/
i$a
G
ADD --checksum=sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 --keep-git-dir --unpack=false https://j/k /l
HEALTHCHECK --interval=1m30s --timeout=1.5s --start-period=5ms --start-interval=1h --retries=3 CMD ["m"]
SHELL ["n", "-c"]
STOPSIGNAL SIGRTMIN+3
VOLUME ["/o", "/p"]
USER q:r
WORKDIR s
MAINTAINER t
ENTRYPOINT u
CMD ["v", "w"]
D
        printf '# comment\n*\n!src/**/*.[ch]\n/a/../b/\n**/x\n!**y\nz?\\*\n' >"$out/ignore"
        ;;
    tar)
        tree=$(mktemp -d)
        trap 'rm -rf "$tree"' EXIT
        cd "$tree"
        mkdir -p d/e && echo text >d/file && ln d/file hard && ln -s ../../outside/file link && mkfifo pipe && truncate -s 100K sparse
        echo x >d/.wh.gone && : >d/.wh..wh..opq && echo long >"$(printf 'n%.0s' {1..150})"
        for format in gnu pax ustar v7; do tar --format=$format -cf "$out/$format" d hard link pipe 2>/dev/null || true; done
        tar --format=pax --sparse -cf "$out/sparse" sparse
        tar --format=gnu -cf "$out/long" n*
        tar -P --transform='s,^d,../outside,' -cf "$out/up" d
        tar -P --transform='s,^hard,/tmp/gantry-fuzz-tar/outside/file,;s,^d/file,link,' -cf "$out/absolute" d hard link
        ;;
esac
