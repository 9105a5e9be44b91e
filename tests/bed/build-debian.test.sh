# shellcheck disable=SC2164  # a command that fails ends the test
# limit: 240
# options: --mirror
# Dockerfiles as found in the wild, with Debian in place of their bases: apt, a third-party source, sshd's configuration edited with sed;
# python with pip requirements.

setup_file() {
    mirror_start
}

build() { gantry build --progress plain --add-host mirror.test:host-gateway "$@" 2>&1; }

test_apt_third_party_source_and_sshd() {
    mkdir -p /tmp/sshd
    cd /tmp/sshd
    printf '#!/bin/sh\nset -e\nmkdir -p /run/sshd\necho "entry: $*"\nexec "$@"\n' >entry.sh
    cat >Dockerfile <<'D'
FROM debian

RUN apt-get update && apt-get install -y --no-install-recommends \
    ca-certificates \
    # keys and the server
    openssh-server \
 && rm -rf /var/lib/apt/lists/*

RUN echo "deb [trusted=yes] http://mirror.test:8181/third ./" > /etc/apt/sources.list.d/third.list && \
    apt-get update && \
    apt-get install -y third-party

RUN --mount=type=ssh,id=keys ssh-add -l >/keys

RUN mkdir -p /var/run/sshd && \
    echo 'root:screencast' | chpasswd && \
    sed -i 's/#*PermitRootLogin prohibit-password/PermitRootLogin yes/' /etc/ssh/sshd_config && \
    sed -i 's@session\s*required\s*pam_loginuid.so@session optional pam_loginuid.so@g' /etc/pam.d/sshd

ENV NOTVISIBLE="in users profile"
RUN echo "export VISIBLE=now" >> /etc/profile
COPY --chmod=755 entry.sh /entry.sh
EXPOSE 22
ENTRYPOINT ["/entry.sh"]
CMD ["/usr/sbin/sshd", "-D", "-e"]
D
    rm -f /tmp/key /tmp/locked
    ssh-keygen -q -t ed25519 -N '' -C deploy -f /tmp/key
    ssh-keygen -q -t ed25519 -N secret -f /tmp/locked
    assert_fails build -t sshd --ssh keys=/tmp/locked .
    assert_contains "$output" "ssh-add '/tmp/locked'"
    build -t sshd --ssh keys=/tmp/key .
    eventually 5 bash -c '! pgrep -x ssh-agent'
    gantry run -d --name sshd -p 127.0.0.1:2222:22 sshd
    eventually 20 bash -c 'head -c 7 </dev/tcp/127.0.0.1/2222 | grep -q SSH-2.0'
    eventually 10 bash -c 'gantry logs sshd 2>&1 | grep -q "entry: /usr/sbin/sshd -D -e"'
    assert_match "$(gantry exec sshd cat /keys)" '^256 SHA256:.* deploy \(ED25519\)$'
    assert_eq 'third party' "$(gantry exec sshd third-party)"
    assert_contains "$(gantry exec sshd grep PermitRootLogin /etc/ssh/sshd_config)" 'PermitRootLogin yes'
    assert_eq '' "$(gantry exec sshd sh -c 'ls /var/lib/apt/lists | grep -v lock; cat /etc/resolv.conf >/dev/null' | grep mirror.test_8181_debian || true)"
    gantry rm -f sshd >/dev/null
    # The whole of it is in the cache.
    assert_eq 0 "$(build -t sshd --ssh keys=/tmp/key . | grep -c ' DONE [1-9]')"
    sound
}

# A wheel like those of an index: made by hand, because no index is reachable here.
wheel() {  # NAME VERSION CODE
    python3 - "$@" <<'P'
import sys, zipfile
name, version, code = sys.argv[1:]
info = f"{name}-{version}.dist-info"
with zipfile.ZipFile(f"{name}-{version}-py3-none-any.whl", "w") as wheel:
    files = {f"{name}.py": code, f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
             f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"}
    for path, text in files.items(): wheel.writestr(path, text)
    wheel.writestr(f"{info}/RECORD", "".join(f"{path},,\n" for path in files) + f"{info}/RECORD,,\n")
P
}

test_python_with_requirements() {
    mkdir -p /tmp/app/templates /tmp/index/simple/tinyweb
    cd /tmp/index/simple/tinyweb
    wheel tinyweb 1.2 'from http.server import *
def serve(page, port):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            body = page().encode()
            self.send_response(200); self.end_headers(); self.wfile.write(body)
        def log_message(self, *words): pass
    HTTPServer(("", port), Handler).serve_forever()
'
    systemd-run --quiet --unit=index python3 -m http.server -d /tmp/index 8182
    cd /tmp/app
    echo 'tinyweb==1.2' >requirements.txt
    echo '<h1>Hello from a template</h1>' >templates/index.html
    printf 'import tinyweb\ntinyweb.serve(lambda: open("templates/index.html").read(), 5000)\n' >app.py
    printf '__pycache__\n*.pyc\n.git\n' >.dockerignore
    cat >Dockerfile <<'D'
# syntax=docker/dockerfile:1
FROM debian AS base
RUN apt-get update && apt-get install -y --no-install-recommends python3 python3-pip && rm -rf /var/lib/apt/lists/*

FROM base
WORKDIR /usr/src/app
COPY requirements.txt ./
RUN --mount=type=cache,target=/root/.cache/pip \
    pip3 install --break-system-packages --index-url http://mirror.test:8182/simple --trusted-host mirror.test -r requirements.txt
COPY app.py ./
COPY templates ./templates
EXPOSE 5000
HEALTHCHECK --interval=1s CMD python3 -c 'import urllib.request as u; u.urlopen("http://127.0.0.1:5000")'
CMD ["python3", "/usr/src/app/app.py"]
D
    build -t app .
    gantry run -d --name app -p 127.0.0.1:5050:5000 app
    eventually 20 curl -sf http://127.0.0.1:5050/
    assert_eq '<h1>Hello from a template</h1>' "$(curl -s http://127.0.0.1:5050/)"
    eventually 20 bash -c "[ \"\$(gantry inspect -f '{{.State.Health.Status}}' app)\" = healthy ]"
    gantry rm -f app >/dev/null
    # A changed template costs one step.
    echo '<h1>Changed</h1>' >templates/index.html
    assert_eq 6 "$(build -t app . | grep -c '^#[0-9]* CACHED')"
    sound
}
