# ./dev bed as its users see it, from outside. Each call boots a bed of its own.
bed() { GANTRY_BED_QUIET=1 "$support/../../dev" bed --bare "$@"; }

test_status_is_passed_on() {
    assert_status 0 bed -- true
    assert_status 7 bed -- sh -c 'exit 7'
    assert_status 127 bed -- no-such-command
}

test_words_and_variables_arrive_as_given() {
    assert_eq '[a b $HOME "q"][x  y][]' "$(bed -e 'V=a b $HOME "q"' -- bash -c 'printf "[%s]" "$V" "$1" "$2"' sh 'x  y' '')"
}

test_standard_streams_are_the_callers() {
    local sum
    head -c 1000000 /dev/urandom >"$scratch/random"
    sum=$(md5sum <"$scratch/random")
    assert_eq "$sum" "$(bed -- md5sum <"$scratch/random")"
    bed -- sh -c 'echo one; echo two >&2' >"$scratch/out" 2>"$scratch/err"
    assert_eq one "$(cat "$scratch/out")"
    assert_contains "$(cat "$scratch/err")" two
}

test_two_beds_do_not_meet() {
    bed -- sh -c 'systemd-run --quiet --unit=one sleep 30; sleep 2; systemctl is-active one two' >"$scratch/one" 2>&1 &
    local first=$!
    bed -- sh -c 'systemd-run --quiet --unit=two sleep 30; sleep 2; systemctl is-active one two' >"$scratch/two" 2>&1 || true
    wait $first || true
    assert_eq $'active\ninactive' "$(cat "$scratch/one")"
    assert_eq $'inactive\nactive' "$(cat "$scratch/two")"
}

test_timeout_ends_it() {
    assert_status 124 bed --timeout 2 -- sleep 60
}

test_nothing_is_left() {
    bed -- sh -c 'truncate -s 20M /var/lib/gantry/a /tmp/b; losetup -f /var/lib/gantry/a; losetup -f /tmp/b
        mkfs.ext4 -q /var/lib/gantry/a; echo $(cat /etc/machine-id); sleep 300 >/dev/null 2>&1 & setsid sleep 301 >/dev/null 2>&1 & exit 0'
    assert_eq '' "$(pgrep -af '^sleep 30[01]$' || true)"
    assert_lacks "$(losetup -l -n -O BACK-FILE)" /b
    assert_eq '' "$(find /var/tmp -maxdepth 1 -name "gantry-bed.$$.*")"
}

test_a_killed_script_takes_its_bed_along() {
    bed -- sleep 302 &
    local script=$! inner
    eventually 20 pgrep -f '^sleep 302$'
    inner=$(pgrep -P $script -f 'bed --bare' | head -n 1 || true)
    kill -KILL ${inner:+"$inner"} $script
    eventually 5 bash -c '! pgrep -f "^sleep 302$"'
    bed -- true  # sweeps what the killed one left
    eventually 5 bash -c "! ls -d /var/tmp/gantry-bed.$script.* ${inner:+/var/tmp/gantry-bed.$inner.*}"
}
