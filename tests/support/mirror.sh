# What builds of real images need of the internet, made once and served on loopback: see mirror-inside.sh.

# mirror: prints the folder.
mirror() {
    local folder
    folder=$cache/mirror-$(sha256sum <"$support/mirror-inside.sh" | cut -c1-16)
    [ -e "$folder" ] || make_mirror "$folder" >&2 || return 1
    echo "$folder"
}

make_mirror() (
    folder=$1
    need_packages bed
    mkdir -p "$cache"
    exec 9>"$folder.lock"
    flock 9
    [ ! -e "$folder" ] || exit 0
    say "making a Debian base image and a package mirror (once, about a minute)"
    work=$(mktemp -d /var/tmp/gantry-mirror.XXXXXX)
    trap 'rm -rf --one-file-system "$work"' EXIT
    quiet "$folder.log" unshare --mount --propagation private bash "$support/mirror-inside.sh" "$work" || exit 1
    mv "$work/out" "$folder"
)
