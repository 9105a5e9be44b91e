# ./dev test: runs everything, counts, ends with "N passed, N failed, N skipped".

test_usage() {
    cat <<'U'
usage: ./dev test [unit|fuzz|bed|vm] [NAME[:TEST]]...
Runs all tests, or one kind, or the named files of that kind (tests/bed/NAME.test.sh), or one function of a file.
GANTRY_FUZZ_SECONDS (60) is the time of each fuzzer. Logs are in build/test-logs. The last line is 'N passed, N failed, N skipped'.
U
}

test_main() {
    local kinds=(unit fuzz bed vm) kind
    passed=0 failed=0 skipped=0 logs=$top/build/test-logs
    case ${1:-} in
        --help | -h) test_usage; return 0 ;;
        unit | fuzz | bed | vm) kinds=("$1"); shift ;;
        '') ;;
        *) test_usage >&2; die "test: no kind '$1'" ;;
    esac
    rm -rf "$logs"
    mkdir -p "$logs"
    if [ ${#kinds[@]} -gt 1 ]; then
        # A fuzzer always runs its time: the whole run has them in the processor time that other tests, which often wait, leave.
        kinds=(unit bed vm)
        fuzz_beside
    fi
    for kind in "${kinds[@]}"; do
        say "$kind tests"
        "test_$kind" "$@"
    done
    [ -z "${beside:-}" ] || { say "fuzz tests"; wait "$beside" || true; cat "$logs"/fuzz-*.result; fuzz_results "*"; }
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" = 0 ]
}

count() {  # PASSED FAILED SKIPPED
    passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
}
count_broken() {  # WHAT
    echo "FAIL $1"
    count 0 1 0
}

# Unit tests run under AddressSanitizer and UndefinedBehaviorSanitizer. Counted by case from what GoogleTest writes; a program that
# died before it could write counts as one failure.
test_unit() {
    local name=${1:-.} results=$logs/unit file program
    need_packages unit
    build_tree asan || { count_broken "unit: the tree does not build"; return 0; }
    mkdir -p "$results"
    GTEST_OUTPUT="xml:$results/" ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 UBSAN_OPTIONS=print_stacktrace=1 \
        ctest --test-dir "$top/build-asan" -j 2 --timeout 300 --output-on-failure -R "$name" 2>&1 | tee "$logs/unit.log" || true
    for file in "$results"/*.xml; do
        [ -e "$file" ] || continue
        # shellcheck disable=SC2046  # three numbers
        count $(awk '/<testcase / {n++; if (/status="notrun"/ || /result="suppressed"/) d++; else if (/result="skipped"/) s++}
            /<failure / && !f[n]++ {bad++} END {printf "%d %d %d", n - bad - s - d, bad, s}' "$file")
    done
    while read -r program; do
        [ -e "$results/test_$program.xml" ] || count_broken "unit: $program died"
    done < <(sed -n 's/^[[:space:]]*[0-9]* - \([^ ]*\) (.*/\1/p' "$logs/unit.log" | sort -u)
    [ -n "$(ls "$results")" ] || count_broken "unit: no test ran"
}

test_fuzz() {
    build_tree fuzz || { count_broken "fuzz: the tree does not build"; return 0; }
    fuzz_all 2 "${1:-*}"
    fuzz_results "${1:-*}"
}
# fuzz_beside: all fuzzers, one after the other, while this goes on; $beside is who runs them. In a session of their own, because the
# kernel weighs sessions before it weighs processes (sched_autogroup, sched(7)).
fuzz_beside() {
    say "building the fuzzers"
    build_tree fuzz || { count_broken "fuzz: the tree does not build"; return 0; }
    export top logs
    setsid nice -n 10 bash -c "set -euo pipefail
        $(declare -f fuzzers fuzz_all fuzz_one)
        if [ -w /proc/self/autogroup ]; then echo 10 >/proc/self/autogroup; fi
        fuzz_all 1 '*'" >"$logs/fuzz.log" 2>&1 </dev/null &
    beside=$!
    trap 'kill -- "-$beside" 2>/dev/null || true' EXIT
}
fuzzers() { find "$top/build-fuzz/tests/fuzz" -maxdepth 1 -type f -name "fuzz_$1" -perm -u+x | sort; }  # PATTERN
fuzz_all() {  # PARALLEL PATTERN
    local target seconds=${GANTRY_FUZZ_SECONDS:-60} running=0
    while read -r target; do
        fuzz_one "$target" "$seconds" &
        running=$((running + 1))
        [ $running -lt "$1" ] || { wait -n || true; running=$((running - 1)); }
    done < <(fuzzers "$2")
    wait
}
fuzz_results() {  # PATTERN
    local program
    while read -r program; do
        [ -e "$logs/fuzz-$program.result" ] || count_broken "fuzz $program: no result"
    done < <(fuzzers "$1" | sed 's,.*/fuzz_,,')
    collect "$logs"/fuzz-*.result
}
fuzz_one() {  # PROGRAM SECONDS
    local name=${1##*/fuzz_} corpus seeds=() status=0
    corpus=$top/build-fuzz/corpus/$name
    mkdir -p "$corpus"
    "$top/tests/fuzz/seeds.sh" "$name" "$corpus-seeds" && seeds=("$corpus-seeds")
    # Without its entropic scheduler, whose book-keeping takes nine tenths of the time of a fuzzer with as many branches as dockerfile's.
    "$1" -entropic=0 -max_total_time="$2" -timeout=20 -rss_limit_mb=2560 -max_len=65536 -print_final_stats=1 -artifact_prefix="$logs/fuzz-$name-" \
        "$corpus" "${seeds[@]}" >"$logs/fuzz-$name.log" 2>&1 </dev/null || status=$?
    if [ $status = 0 ]; then
        echo "PASS fuzz $name: $(awk '/number_of_executed_units/ {print $2}' "$logs/fuzz-$name.log") inputs in $2 s"
    else
        echo "FAIL fuzz $name (status $status), inputs and log in build/test-logs"
        grep -m 1 -A 25 -E 'ERROR|runtime error' "$logs/fuzz-$name.log" | sed 's/^/    | /' || tail -n 20 "$logs/fuzz-$name.log"
    fi >"$logs/fuzz-$name.result"
    cat "$logs/fuzz-$name.result"
}

test_bed() { run_files bed 3 "$@"; }  # they wait more than they compute
test_vm() { run_files vm 2 "$@"; }  # a machine takes one processor (vm.sh)

# run_files KIND PARALLEL [NAME[:TEST]]...: one bed or machine per file.
run_files() {
    local kind=$1 parallel=$2 file name running=0
    shift 2
    build_tree release && build_payload && ninja -C "$top/build" test_systemd >"$logs/test_systemd.log" 2>&1 ||
        { count_broken "$kind: the tree does not build"; return 0; }
    export GANTRY_BED_INSTALL=$top/build/test-install GANTRY_BED_QUIET=1
    rm -rf "$GANTRY_BED_INSTALL"
    mkdir -p "$GANTRY_BED_INSTALL"
    install_tree "$GANTRY_BED_INSTALL" || { count_broken "$kind: the tree does not install"; return 0; }
    [ $# -gt 0 ] || for file in "$top/tests/$kind"/*.test.sh "$top/tests/$kind"/*.host.sh; do
        [ ! -e "$file" ] || { name=${file##*/}; set -- "$@" "${name%.*.sh}"; }
    done
    for name; do
        run_file "$kind" "${name%%:*}" "$(sed -n 's/^[^:]*://p' <<<"$name")" &
        running=$((running + 1))
        [ $running -lt "$parallel" ] || { wait -n || true; running=$((running - 1)); }
    done
    wait
    collect "$logs/$kind"-*.result
    unset GANTRY_BED_INSTALL GANTRY_BED_QUIET
}

run_file() {  # KIND NAME [TEST]
    local kind=$1 name=$2 result=$logs/$1-$2.result file status=0 test options=()
    file=$top/tests/$kind/$name.test.sh
    [ -e "$file" ] || file=$top/tests/$kind/$name.host.sh
    # shellcheck disable=SC2206,SC2207  # words of a comment line: "# options: --peers --memory 4096"
    options=($(sed -n 's/^# options: //p' "$file" 2>/dev/null))
    case $kind:$file in
        *.host.sh)  # runs on the developer's machine and starts machines itself
            GANTRY_TEST_SCALE=1 PAYLOAD=$top/build/payload timeout 900 bash "$support/run-file.sh" "$file" ${3:+"$3"} ;;
        bed:*)
            "$top/dev" bed --no-build --timeout "${GANTRY_BED_TIMEOUT:-600}" --journal "$logs/bed-$name.journal" "${options[@]}" -- \
                bash /src/tests/support/run-file.sh "/src/tests/bed/$name.test.sh" ${3:+"$3"} ;;
        vm:*)
            "$top/dev" vm --no-build --timeout 900 --journal "$logs/vm-$name.journal" -e GANTRY_TEST_SCALE=3 "${options[@]}" -- \
                bash /src/tests/support/run-file.sh "/src/tests/vm/$name.test.sh" ${3:+"$3"} ;;
    esac >"$result" 2>&1 </dev/null || status=$?
    # What was to run and told nothing has failed: the bed broke, hung or was never there.
    while read -r test; do
        grep -q -E "^(PASS|FAIL|SKIP) $test( |:|\$)" "$result" || echo "FAIL $test (no result, status $status)" >>"$result"
    done < <(if [ -n "${3:-}" ]; then echo "$3"; else sed -n 's/^\(test_[A-Za-z0-9_]*\)() *{.*/\1/p' "$file"; fi)
    grep -q -E '^(PASS|FAIL|SKIP) ' "$result" || echo "FAIL $kind/$name: no test ran" >>"$result"
    sed -i -E "s,^(PASS|FAIL|SKIP) ,\1 $kind/$name: ," "$result"
    cat "$result"
}

collect() {  # FILE...: counts the PASS, FAIL and SKIP lines
    local file
    for file; do
        [ ! -e "$file" ] || count "$(grep -c '^PASS ' "$file")" "$(grep -c '^FAIL ' "$file")" "$(grep -c '^SKIP ' "$file")"
    done
}

build_mesh() {
    [ "$top/build/mesh" -nt "$top/tests/bench/mesh.c" ] ||
        quiet "$top/build/mesh.log" gcc -static -O2 -Wall -Wextra -s -o "$top/build/mesh" "$top/tests/bench/mesh.c"
}

build_payload() {
    [ "$top/build/payload" -nt "$support/payload.c" ] ||
        quiet "$top/build/payload.log" gcc -static -O2 -Wall -Wextra -s -o "$top/build/payload" "$support/payload.c"
}
