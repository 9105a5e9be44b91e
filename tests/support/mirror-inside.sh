#!/bin/bash
# What builds of real images need and the internet would give: Debian as a base image, and a package mirror. Runs on the developer's
# machine, in a mount namespace: mirror-inside.sh WORK makes WORK/out with
#     base.tar       Debian (minbase), whose only package source is http://mirror.test:8181/debian
#     debian/        packages with all that they need, and their index
#     third/         a small third-party source with one package
set -euo pipefail
work=$1
packages='nginx-light openssh-server python3 python3-pip ca-certificates'

index() {  # FOLDER: writes its Packages
    local deb
    for deb in "$1"/*.deb; do
        dpkg-deb -f "$deb"
        printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "${deb##*/}" "$(stat -c %s "$deb")" "$(sha256sum <"$deb" | cut -d' ' -f1)"
    done >"$1/Packages"
    gzip -kn "$1/Packages"
}

mkdir -p "$work"/{base,upper,overlay,mnt,out/debian,out/third}
mmdebstrap --variant=minbase --mode=root --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' bookworm "$work/base"
mount -t overlay overlay -o "lowerdir=$work/base,upperdir=$work/upper,workdir=$work/overlay" "$work/mnt"
mount -t proc proc "$work/mnt/proc"
cp /etc/resolv.conf "$work/mnt/etc/resolv.conf"
chroot "$work/mnt" apt-get update -q
# shellcheck disable=SC2086
chroot "$work/mnt" apt-get install -y -q --download-only --no-install-recommends $packages
mv "$work"/mnt/var/cache/apt/archives/*.deb "$work/out/debian"
umount "$work/mnt/proc" "$work/mnt"
index "$work/out/debian"

mkdir -p "$work/third/DEBIAN" "$work/third/usr/bin"
printf 'Package: third-party\nVersion: 1.0\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\nDescription: a test\n' \
    >"$work/third/DEBIAN/control"
printf '#!/bin/sh\necho third party\n' >"$work/third/usr/bin/third-party"
chmod 755 "$work/third/usr/bin/third-party"
dpkg-deb -b --root-owner-group "$work/third" "$work/out/third/third-party_1.0_all.deb"
index "$work/out/third"

rm -rf "$work"/base/etc/apt/sources.list.d/* "$work"/base/var/lib/apt/lists/* "$work"/base/var/cache/apt/*
echo 'deb [trusted=yes] http://mirror.test:8181/debian ./' >"$work/base/etc/apt/sources.list"
tar -C "$work/base" --numeric-owner --xattrs --xattrs-include='*' -cf "$work/out/base.tar" .
