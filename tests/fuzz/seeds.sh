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
