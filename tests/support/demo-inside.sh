#!/bin/bash
# Inside the bed: each command is shown before it runs, and the demo fails where one does not do what it is shown for.
set -euo pipefail
. /src/tests/support/lib.sh

step() { printf '\n\e[1;34m# %s\e[0m\n' "$*"; }
run() {
    printf '\e[1m$ %s\e[0m\n' "$*"
    eval "$*"
}

site=/var/tmp/site
mkdir $site
printf '<h1>Hello from a container that is a unit</h1>\n' >$site/index.html
printf '%s\n' 'daemon off;' 'error_log stderr notice;' 'pid /run/nginx.pid;' 'worker_processes 1;' 'events {}' 'http {' '  access_log off;' \
    '  server { listen 80; listen [::]:80; root /var/www/html; }' '}' >$site/nginx.conf
cat >$site/Dockerfile <<'D'
FROM debian
RUN apt-get update && apt-get install -y -q --no-install-recommends nginx-light && rm -rf /var/lib/apt/lists/*
COPY nginx.conf /etc/nginx/nginx.conf
COPY index.html /var/www/html/
EXPOSE 80
STOPSIGNAL SIGQUIT
CMD ["nginx"]
D
mirror_start
# A network's bridge and its firewall table stay, and a container keeps its address until it is removed: what is published is looked at
# on its own.
picture() { host_picture | sed '/^leases:/,/^run:/d' | grep -v ' */run/gantry/net/'; }

step "A Dockerfile"
run "cat $site/Dockerfile"

step "Build it: each step is a unit, independent stages run side by side, results are kept by content"
run "gantry build --progress plain --add-host mirror.test:host-gateway -t $registry/nginx:latest $site"
run "touch $site/index.html; time gantry build -q --add-host mirror.test:host-gateway -t $registry/nginx:latest $site"
run "gantry history $registry/nginx"

step "Push it to the registry that Gantry itself serves, from the same store"
run "gantry registry enable"
run "gantry push $registry/nginx"
run "gantry registry ls"
run "gantry rmi $registry/nginx"
before=$(picture)

step "Pull it"
run "gantry pull $registry/nginx"
run "gantry images"

step "Describe a container"
cat >/etc/gantry/containers/web.toml <<T
image = "$registry/nginx"
ports = ["8080:80"]
restart = "on-failure"
T
run "cat /etc/gantry/containers/web.toml"
run "gantry check /etc/gantry/containers/web.toml"
run "systemctl daemon-reload"

step "It is a unit: systemd starts it, and nothing of Gantry stays behind"
run "time systemctl start ctr@web"
run "systemctl --no-pager status ctr@web"
run "pgrep -a ^gantry | grep -v gantry-registry || echo 'no process of Gantry runs for it'"

step "It serves"
eventually 10 curl -s http://127.0.0.1:8080/
run "curl -s http://127.0.0.1:8080/"
run "journalctl --no-pager -q -u ctr@web -n 5"

step "Docker's verbs work on it"
run "gantry ps"
run "gantry exec web sh -c 'id; cat /proc/1/comm; . /etc/os-release; echo \$PRETTY_NAME'"
run "gantry stats --no-stream"

step "It may talk to what its definition says, and to nobody else"
cat >/etc/gantry/containers/client.toml <<T
image = "$registry/nginx"
[network.policy]
egress = ["web:80/tcp"]
T
run "systemctl daemon-reload; systemctl start ctr@client"
ask() { gantry exec client bash -c "exec 3<>/dev/tcp/$1/$2 && printf 'GET / HTTP/1.0\r\n\r\n' >&3 && head -n 1 <&3"; }
web=$(gantry inspect -f '{{.NetworkSettings.Networks.bridge.IPAddress}}' web)
run "ask $web 80"
run "ask $web 22 || true"
run "ask 192.0.2.1 443 || true"
run "gantry net flows client"
run "gantry network policy test client egress web:80/tcp"
run "systemctl stop ctr@client"
rm /etc/gantry/containers/client.toml

step "It crashes, systemd restarts it"
first=$(show ctr@web MainPID)
run "kill -KILL $first"
eventually 10 bash -c "p=\$(systemctl show -P MainPID ctr@web); [ \$p != 0 ] && [ \$p != $first ]"
eventually 10 curl -s http://127.0.0.1:8080/
run "systemctl show -p NRestarts,ActiveState,MainPID ctr@web"
run "curl -s http://127.0.0.1:8080/"

step "Without a file, too"
run "gantry run --rm $registry/nginx cat /etc/debian_version"

step "Stop it: no process, mount, interface, cgroup or rule is left"
run "systemctl stop ctr@web"
run "gantry ps -a"
run "ip -br link; findmnt -rn -t overlay,nsfs -o TARGET; ls /sys/fs/cgroup/ctr.slice 2>/dev/null | grep ctr@ || true"
run "nft list map inet gantry any4 | grep -c 8080 || true"
[ "$(nft list map inet gantry any4 | grep -c 8080)" = 0 ]
after=$(picture)
if ! diff <(echo "$before") <(echo "$after"); then
    echo "demo: the lines above are left over" >&2
    exit 1
fi
step "Nothing is left."
