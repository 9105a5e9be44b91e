#!/bin/bash
# PID 1 of a bed until systemd takes over: puts the root file system together. All mounts here live in the bed's own mount namespace.
set -euo pipefail
work=$1 root=$2 installed=$3 source=$4 mirror=$5

mount -t tmpfs -o mode=755 bed "$work/mnt"
mkdir "$work/mnt"/{upper,work,root}
new=$work/mnt/root
mount -t overlay overlay -o "lowerdir=$installed:$root,upperdir=$work/mnt/upper,workdir=$work/mnt/work" "$new"

mount -t proc -o nosuid,nodev,noexec proc "$new/proc"
mount -t sysfs -o nosuid,nodev,noexec sysfs "$new/sys"
mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 "$new/sys/fs/cgroup"
mount -t bpf -o nosuid,nodev,noexec,mode=700 bpf "$new/sys/fs/bpf"
mount -t tmpfs -o mode=755,nosuid,nodev tmpfs "$new/run"
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$new/tmp"

# /dev is ours, not the machine's: systemd and journald make links in it.
mount -t tmpfs -o mode=755,nosuid,size=4M tmpfs "$new/dev"
mkdir "$new/dev"/{pts,shm,mqueue,net,mapper}
mount -t devpts -o nosuid,noexec,newinstance,ptmxmode=666,mode=620,gid=5 devpts "$new/dev/pts"
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$new/dev/shm"
mount -t mqueue -o nosuid,nodev,noexec mqueue "$new/dev/mqueue"
ln -s pts/ptmx "$new/dev/ptmx"
ln -s /proc/self/fd "$new/dev/fd"
for i in 0:stdin 1:stdout 2:stderr; do ln -s "/proc/self/fd/${i%:*}" "$new/dev/${i#*:}"; done
node() { mknod -m "$2" "$new/dev/$1" "${@:3}"; }
node null 666 c 1 3; node zero 666 c 1 5; node full 666 c 1 7; node random 666 c 1 8; node urandom 666 c 1 9
node tty 666 c 5 0; node fuse 666 c 10 229; node net/tun 666 c 10 200; node loop-control 660 c 10 237; node btrfs-control 600 c 10 234
for i in {0..63}; do node "loop$i" 660 b 7 "$i"; done
: >"$new/dev/console"
mount --bind /dev/null "$new/dev/console"

# Overlayfs takes no overlay as its upper layer, and memory is no disk: data lies in a folder of the real one.
mkdir -p "$new"/var/lib/{gantry,containers,docker} "$new/src" "$new/run/bed"
for i in gantry containers docker; do mount --bind "$work/data/$i" "$new/var/lib/$i"; done
chmod 1777 "$work/data/tmp"
mount --bind "$work/data/tmp" "$new/var/tmp"
mount --bind "$source" "$new/src"
mount -o remount,ro,bind "$new/src"
mount --bind "$work/share" "$new/run/bed"
if [ -n "$mirror" ]; then
    mkdir -p "$new/srv/mirror"
    mount --bind "$mirror" "$new/srv/mirror"
    mount -o remount,ro,bind "$new/srv/mirror"
fi

tr -d - </proc/sys/kernel/random/uuid >"$new/etc/machine-id"
echo bed >"$new/etc/hostname"
echo '127.0.1.1 bed' >>"$new/etc/hosts"
ip link set lo up

cd "$new"
pivot_root . .
umount -l .
# As systemd has it on a host: the folders of LoadCredential= are mounted and must propagate.
mount --make-rshared .
exec /usr/bin/env -i container=gantry-bed PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    chroot . /lib/systemd/systemd --show-status=false --log-target=journal
