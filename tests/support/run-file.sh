#!/bin/bash
# Inside the bed or VM: run-file.sh FILE [TEST]... runs the tests of one file. Prints PASS, FAIL or SKIP lines, which run.sh counts; all
# other output is indented below them.
set -uo pipefail
file=$1
shift
support=$(dirname "$(readlink -f "$0")")
export PAYLOAD=${PAYLOAD:-/src/build/payload}
[ -e "$PAYLOAD" ] || PAYLOAD=/src/.bed/payload
scratch=$(mktemp -d)
export SKIP_FILE=$scratch/skip support scratch
limit=$(sed -n 's/^# limit: *\([0-9]*\).*/\1/p' "$file" | head -n 1)
limit=${limit:-60}
scale=${GANTRY_TEST_SCALE:-1}  # the VM is slower than the bed
[ $# -gt 0 ] || mapfile -t tests < <(sed -n 's/^\(test_[A-Za-z0-9_]*\)() *{.*/\1/p' "$file")
[ $# = 0 ] || tests=("$@")

run() {  # FUNCTION -> status, output in $scratch/output
    timeout -k 3 "$((limit * scale))" setsid --wait bash -c '
        set -eEuo pipefail
        trap '\''s=$?; echo "line $LINENO: status $s: $BASH_COMMAND" >&2'\'' ERR
        . "$1"; . "$2"; "$3"' run "$support/lib.sh" "$file" "$1" >"$scratch/output" 2>&1 </dev/null
}
indent() { sed 's/^/    | /'; }

setup=0
if grep -q '^setup_file()' "$file"; then
    run setup_file || { setup=$?; echo "    setup_file failed with status $setup"; indent <"$scratch/output"; }
fi
failed=0
for name in "${tests[@]}"; do
    started=$EPOCHREALTIME status=0 cursor=$(journalctl -n 0 --show-cursor -q 2>/dev/null | sed -n 's/^-- cursor: //p')
    rm -f "$SKIP_FILE"
    if [ $setup = 0 ]; then run "$name" || status=$?; else status=1; : >"$scratch/output"; fi
    # Each test finds the host as the first one did.
    if systemctl list-units --all --plain --no-legend 'ctr@*.service' 2>/dev/null | grep -q .; then
        timeout 30 systemctl stop 'ctr@*.service' >/dev/null 2>&1
        systemctl reset-failed >/dev/null 2>&1
    fi
    took=$(awk -v a="${started/,/.}" -v b="${EPOCHREALTIME/,/.}" 'BEGIN {printf "%.1f", b - a}')
    if [ -e "$SKIP_FILE" ]; then
        echo "SKIP $name: $(head -c 300 "$SKIP_FILE")"
    elif [ $status = 0 ]; then
        echo "PASS $name ($took s)"
    else
        failed=1
        [ $status != 124 ] && [ $status != 137 ] || echo "timed out after $((limit * scale)) s" >>"$scratch/output"
        echo "FAIL $name ($took s, status $status)"
        tail -n 80 "$scratch/output" | indent
        journalctl -q --no-pager -o short-precise ${cursor:+--after-cursor "$cursor"} 2>/dev/null |
            grep -v 'docker-registry\[' | cut -c 1-300 | tail -n 40 | sed 's/^/    journal: /'
    fi
done
exit $failed
