#!/bin/bash
# mmdebstrap's last hook: turns a fresh Debian into a test host. $1 is its root.
set -euo pipefail
root=$1

# Nothing that acts by the clock or the network, and nothing that would set the kernel of the machine a bed runs on.
for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer \
    man-db.timer systemd-sysctl.service systemd-binfmt.service proc-sys-fs-binfmt_misc.automount systemd-networkd-wait-online.service \
    systemd-hwdb-update.service systemd-machine-id-commit.service systemd-firstboot.service serial-getty@ttyS0.service \
    getty@tty1.service console-getty.service systemd-timesyncd.service; do
    ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
# Tests start these when they need them.
for unit in docker-registry.service docker.service docker.socket containerd.service podman.service podman.socket \
    podman-auto-update.timer podman-auto-update.service podman-restart.service nftables.service ufw.service \
    firewalld.service; do
    rm -f "$root"/etc/systemd/system/*.wants/"$unit"
done
rm -f "$root/etc/resolv.conf" "$root/etc/machine-id" "$root/var/lib/dbus/machine-id" "$root/etc/hostname"
: >"$root/etc/resolv.conf"
: >"$root/etc/machine-id"
: >"$root/etc/fstab"
printf '127.0.0.1 localhost\n::1 localhost ip6-localhost\n' >"$root/etc/hosts"
chroot "$root" passwd -d root >/dev/null
chroot "$root" useradd -m -s /bin/bash alice  # somebody who is not root, for polkit and rootless questions
mkdir -p "$root/src" "$root/etc/systemd/journald.conf.d"
# Tests look for single lines among thousands: no rate limit, no loss.
printf '[Journal]\nRateLimitIntervalSec=0\nRuntimeMaxUse=256M\nForwardToSyslog=no\n' >"$root/etc/systemd/journald.conf.d/10-test.conf"
rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
