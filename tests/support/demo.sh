# ./dev demo: what Gantry is, shown with a real image in a bed.

demo_main() {
    need_root demo
    local started=$SECONDS status=0 making
    # The mirror and the tree are made side by side: the one waits for the disk and the network, the other for the processors.
    mkdir -p "$cache"
    need_packages build bed
    mirror >"$cache/demo.log" 2>&1 &
    making=$!
    build_tree release || die "demo: the tree does not build"
    wait $making || { tail -n 40 "$cache/demo.log" >&2; die "demo: no package mirror"; }
    GANTRY_BED_QUIET=1 "$top/dev" bed --no-build --mirror --timeout 300 -- bash /src/tests/support/demo-inside.sh </dev/null || status=$?
    say "demo: $((SECONDS - started)) s"
    return $status
}
