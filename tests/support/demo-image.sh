#!/bin/bash
# The demo's image, in two steps.
#   demo-image.sh layers WORK   on the developer's machine, in a mount namespace: one tar per layer in WORK/layers
#   demo-image.sh image         in a bed: reads a tar of layers/ and writes a tar of the OCI layout that umoci makes of them
set -euo pipefail

layers() {
    local work=$1 root=$1/mnt
    mkdir -p "$work"/{layers,base,nginx,site,settings,work,mnt}
    mmdebstrap --variant=minbase --mode=root --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' bookworm "$work/base"
    tar -C "$work/base" --numeric-owner --xattrs -cf "$work/layers/1.tar" .

    # nginx is installed over it; what that changes is the second layer.
    mount -t overlay overlay -o "lowerdir=$work/base,upperdir=$work/nginx,workdir=$work/work" "$root"
    mount -t proc proc "$root/proc"
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
    chmod 755 "$root/usr/sbin/policy-rc.d"
    cp /etc/resolv.conf "$root/etc/resolv.conf"
    chroot "$root" apt-get update -q
    DEBIAN_FRONTEND=noninteractive chroot "$root" apt-get install -y -q nginx-light
    rm -rf "$root/usr/sbin/policy-rc.d" "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root/etc/resolv.conf" "$root"/var/log/*.log
    umount "$root/proc" "$root"
    # What overlayfs marks as gone, an image marks in its own way.
    find "$work/nginx" -type c | while read -r entry; do
        [ "$(stat -c %t:%T "$entry")" != 0:0 ] || { rm "$entry"; : >"${entry%/*}/.wh.${entry##*/}"; }
    done
    tar -C "$work/nginx" --numeric-owner --xattrs --xattrs-exclude='trusted.*' -cf "$work/layers/2.tar" .

    mkdir -p "$work/site/var/www/html" "$work/settings/etc/nginx/conf.d"
    printf '<h1>Hello from a container that is a unit</h1>\n' >"$work/site/var/www/html/index.html"
    tar -C "$work/site" --owner=0 --group=0 -cf "$work/layers/3.tar" .
    printf 'daemon off;\nerror_log stderr notice;\npid /run/nginx.pid;\nworker_processes 1;\nevents {}\nhttp {\n  access_log off;\n  server { listen 80; listen [::]:80; root /var/www/html; }\n}\n' \
        >"$work/settings/etc/nginx/nginx.conf"
    tar -C "$work/settings" --owner=0 --group=0 -cf "$work/layers/4.tar" .
}

image() {
    cd "$(mktemp -d -p /var/tmp)"
    tar -x
    {
        umoci init --layout nginx
        umoci new --image nginx:latest
        for layer in layers/*.tar; do umoci raw add-layer --image nginx:latest "$layer"; done
        umoci config --image nginx:latest --config.cmd nginx --config.exposedports 80/tcp --config.stopsignal SIGQUIT \
            --config.env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin --config.label org.example.demo=yes
        umoci gc --layout nginx
    } >&2
    tar -C nginx -c .
}

"$@"
