# What a virtual machine boots from: Debian's kernel (unpacked, never installed), a small initial file system, a shared disk image.

# vm_kernel: prints the folder with vmlinuz, modules/ and initrd.
vm_kernel() {
    local folder
    folder=$cache/kernel-$(sha256sum <"$support/vm-initrd.sh" | cut -c1-12)
    [ -d "$folder" ] || make_vm_kernel "$folder" >&2 || return 1
    echo "$folder"
}

make_vm_kernel() (
    local folder=$1 meta=linux-image-6.12-cloud-amd64 package module
    mkdir -p "$cache"
    exec 9>"$folder.lock"
    flock 9
    [ ! -d "$folder" ] || exit 0
    say "fetching a kernel for the virtual machine (once)"
    rm -rf "$folder.new"
    mkdir -p "$folder.new/package" "$folder.new/initrd"
    cd "$folder.new" || exit 1
    apt-cache show "$meta" >/dev/null 2>&1 || quiet "$cache/apt-update.log" apt-get update -q
    apt-cache show "$meta" >/dev/null 2>&1 || meta=linux-image-cloud-amd64  # from Debian 13 on, 6.12 is the usual one
    package=$(apt-cache depends "$meta" | awk '$1 == "Depends:" && /linux-image/ {print $2; exit}')
    quiet "$cache/kernel.log" apt-get download -o APT::Sandbox::User=root "${package:?no kernel package}" || exit 1
    dpkg -x ./*.deb package
    mv package/boot/vmlinuz-* vmlinuz
    mv package/lib/modules modules
    find modules -name '*.ko.xz' -exec xz -d {} +
    find modules -name '*.ko.zst' -exec zstd -q -d --rm {} +
    mkdir -p lib && ln -s ../modules lib/modules
    depmod -b . "$(ls modules)"
    mkdir -p initrd/{bin,proc,sys,dev,r}
    cp /bin/busybox initrd/bin/busybox
    module=$(find modules -name virtio_blk.ko)
    cp "$module" initrd/
    install -m 755 "$support/vm-initrd.sh" initrd/init
    (cd initrd && find . | cpio -o -H newc --quiet) >initrd.cpio
    rm -rf package ./*.deb lib initrd
    mv -T "$folder.new" "$folder"
)

# vm_base ROOTFS KERNEL: prints the raw ext4 image of both, shared by all machines as the backing file of their own disk.
vm_base() {
    local image
    image=$cache/vm-${1##*/rootfs-}-${2##*/kernel-}.ext4
    [ -e "$image" ] || make_vm_base "$image" "$1" "$2" >&2 || return 1
    echo "$image"
}

make_vm_base() (
    local image=$1 root=$2 kernel=$3
    exec 9>"$image.lock"
    flock 9
    [ ! -e "$image" ] || exit 0
    say "making the virtual machine's disk (once)"
    # mke2fs -d takes one folder: an overlay puts the modules into the root file system for the time of the copy.
    rm -rf "$image.tmp" "$image.new"
    mkdir -p "$image.tmp/add/usr/lib" "$image.tmp/mnt"
    cp -a "$kernel/modules" "$image.tmp/add/usr/lib/modules"
    unshare --mount --propagation private sh -e -c '
        mount -t overlay overlay -o "ro,lowerdir=$1/add:$2" "$1/mnt"
        mke2fs -q -t ext4 -E lazy_itable_init=1,lazy_journal_init=1,root_owner=0:0 -d "$1/mnt" "$3" 8G >/dev/null' \
        sh "$image.tmp" "$root" "$image.new" || exit 1
    rm -rf --one-file-system "$image.tmp"
    mv -T "$image.new" "$image"
)
