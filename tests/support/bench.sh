# ./dev bench [NAME]: runs tests/bench/NAME.sh (all without a name) in a bed with peers. Exit status 1 where a line is missed.

bench_main() {
    local file name status=0
    need_root bench
    build_tree release && build_payload && build_mesh || die "bench: the tree does not build"
    [ $# -gt 0 ] || set -- start pull images
    for name; do
        file=$top/tests/bench/$name.sh
        [ -e "$file" ] && [ "$name" != lib ] || die "bench: no bench '$name'"
        # shellcheck disable=SC2046  # words of a comment line
        GANTRY_BED_QUIET=1 "$top/dev" bed --no-build --timeout 1800 $(sed -n 's/^# options: //p' "$file") -- bash "/src/tests/bench/$name.sh" || status=1
    done
    return $status
}
