#!/bin/busybox sh
# First process of the virtual machine: finds the disks, lays Gantry over the root file system, hands over to systemd.
b=/bin/busybox
$b mount -t proc proc /proc
$b mount -t sysfs sysfs /sys
$b mount -t devtmpfs dev /dev
$b insmod /virtio_blk.ko
n=0
until [ -b /dev/vda ] && [ -b /dev/vdb ] || [ $n = 100 ]; do $b sleep 0.1; n=$((n + 1)); done
$b mount -t ext4 /dev/vda /r || { echo "vm: no root disk"; $b poweroff -f; }
$b mount -t ext4 -o ro /dev/vdb /r/src || { echo "vm: no second disk"; $b poweroff -f; }
$b cp -a /r/src/.bed/install/. /r/
$b mount --move /dev /r/dev
$b umount /sys /proc
exec $b switch_root /r /lib/systemd/systemd
