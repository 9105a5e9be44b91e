# ./dev demo: what Gantry is, shown with a real image in a bed.

demo_main() {
    need_root demo
    local image started=$SECONDS status=0 making
    # The image and the tree are made side by side: the one waits for the disk and the network, the other for the processors.
    mkdir -p "$cache"
    need_packages build bed
    demo_image >"$cache/demo.log" 2>&1 &
    making=$!
    build_tree release || die "demo: the tree does not build"
    wait $making || { tail -n 40 "$cache/demo.log" >&2; die "demo: no image"; }
    image=$(demo_image) || die "demo: no image"
    GANTRY_BED_QUIET=1 "$top/dev" bed --no-build --timeout 240 -- bash /src/tests/support/demo-inside.sh <"$image" || status=$?
    say "demo: $((SECONDS - started)) s"
    return $status
}

# demo_image: prints a tar file with an OCI layout of Debian, nginx, a site and its settings: four layers, made once.
demo_image() {
    local file
    file=$cache/demo-$(sha256sum <"$support/demo-image.sh" | cut -c1-16).tar
    [ -e "$file" ] || make_demo_image "$file" >&2 || return 1
    echo "$file"
}

make_demo_image() (
    file=$1
    need_packages bed
    mkdir -p "$cache"
    exec 9>"$file.lock"
    flock 9
    [ ! -e "$file" ] || exit 0
    say "making an image of Debian with nginx (once, about a minute)"
    work=$(mktemp -d /var/tmp/gantry-demo.XXXXXX)
    trap 'rm -rf --one-file-system "$work"' EXIT
    quiet "$file.log" unshare --mount --propagation private bash "$support/demo-image.sh" layers "$work" || exit 1
    # umoci lives in the bed's root file system; layers go in and the image comes out by standard streams.
    tar -C "$work" -c layers | GANTRY_BED_QUIET=1 "$top/dev" bed --bare -- bash /src/tests/support/demo-image.sh image >"$file.new" || exit 1
    mv "$file.new" "$file"
)
