# The root file system of bed and VM: Debian made by mmdebstrap once, then shared read-only by every bed of every checkout.

# rootfs VARIANT: prints the folder; makes it when missing. Its name is a digest of all that goes into it.
rootfs() {
    local variant=$1 packages key folder
    packages=$(packages_of "$support/rootfs.txt" base "$variant")
    key=$(cat - "$support/rootfs-finish.sh" <<<"$suite $packages" | sha256sum | cut -c1-16)
    folder=$cache/rootfs-$variant-$key
    [ -d "$folder" ] || make_rootfs "$folder" "$suite" "$packages" >&2 || return 1
    echo "$folder"
}

make_rootfs() (
    local folder=$1 suite=$2 packages=$3
    need_packages bed
    mkdir -p "$cache"
    exec 9>"$folder.lock"
    flock 9
    [ ! -d "$folder" ] || exit 0
    say "making the root file system ${folder##*/} (once, about a minute)"
    rm -rf "$folder.new"
    trap 'rm -rf --one-file-system "$folder.new"' EXIT
    quiet "$folder.log" mmdebstrap --variant=apt --mode=root --format=directory --include="$(tr '\n' ',' <<<"$packages")" \
        --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
        --dpkgopt='path-exclude=/usr/share/man/*' \
        --customize-hook="$support/rootfs-finish.sh" "$suite" "$folder.new" || exit 1
    mv -T "$folder.new" "$folder"
)
