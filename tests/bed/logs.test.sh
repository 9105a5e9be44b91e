# gantry logs: Docker's flags and output.

setup_file() {
    load_busybox
    gantry run --name ten --network none --label b=2 --label 'a=one two' busybox \
        sh -c 'for i in 1 2 3 4 5; do echo out $i; echo err $i >&2; sleep 0.02; done' >/dev/null 2>&1
    journalctl --sync
}

test_streams_are_told_apart() {
    assert_eq 'out 1 out 2 out 3 out 4 out 5' "$(gantry logs ten 2>/dev/null | xargs)"
    assert_eq 'err 1 err 2 err 3 err 4 err 5' "$(gantry logs ten 2>&1 >/dev/null | xargs)"
}

test_tail() {
    assert_eq 10 "$(gantry logs ten 2>&1 | wc -l)"
    assert_eq 10 "$(gantry logs --tail all ten 2>&1 | wc -l)"
    assert_eq 10 "$(gantry logs --tail 50 ten 2>&1 | wc -l)"
    assert_eq 'err 5 out 5' "$(gantry logs --tail 2 ten 2>&1 | sort | xargs)"
    assert_eq 'err 5 out 5' "$(gantry logs -n 2 ten 2>&1 | sort | xargs)"
    assert_eq '' "$(gantry logs --tail 0 ten 2>&1)"
    assert_eq 10 "$(gantry logs --tail -1 ten 2>&1 | wc -l)"
    assert_fails gantry logs --tail some ten
}

test_timestamps_and_details() {
    local line='^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{9}Z out 1$'
    assert_match "$(gantry logs -t ten 2>/dev/null | head -n 1)" "$line"
    assert_eq 'a=one+two,b=2 out 1' "$(gantry logs --details ten 2>/dev/null | head -n 1)"
    assert_match "$(gantry logs -t --details ten 2>/dev/null | head -n 1)" 'Z a=one\+two,b=2 out 1$'
}

test_since_and_until() {
    local times third
    mapfile -t times < <(gantry logs -t ten 2>/dev/null | cut -d' ' -f1)
    third=${times[2]}
    assert_eq 'out 3 out 4 out 5' "$(gantry logs --since "$third" ten 2>/dev/null | xargs)"
    assert_eq 'out 1 out 2 out 3' "$(gantry logs --until "$third" ten 2>/dev/null | xargs)"
    assert_eq 'out 3' "$(gantry logs --since "$third" --until "$third" ten 2>/dev/null | xargs)"
    assert_eq 'out 2 out 3' "$(gantry logs --tail 4 --until "$third" ten 2>/dev/null | tail -n 2 | xargs)"
    assert_eq 5 "$(gantry logs --since 10m ten 2>/dev/null | wc -l)"
    assert_eq '' "$(gantry logs --until 10m ten 2>&1)"
    assert_eq 5 "$(gantry logs --since "$(($(date +%s) - 600))" ten 2>/dev/null | wc -l)"
    assert_fails gantry logs --since yesterday-ish ten
}

test_follow_ends_with_the_container() {
    gantry run -d --name tick --network none busybox sh -c 'for i in 1 2 3 4 5 6; do echo tick $i; sleep 0.2; done; echo oops >&2; exit 3'
    assert_eq 'tick 1 tick 2 tick 3 tick 4 tick 5 tick 6' "$(timeout 20 gantry logs -f tick 2>/tmp/tick.err | xargs)"
    assert_eq oops "$(cat /tmp/tick.err)"
    # Of one that has ended: all, and no waiting.
    assert_eq 'tick 6' "$(timeout 5 gantry logs -f --tail 2 tick 2>/dev/null)"
    gantry rm tick
}

test_follow_shows_lines_as_they_come() {
    gantry run -d --name live --network none --stop-signal KILL busybox sh -c 'echo first; sleep 1; echo second; sleep 1000'
    timeout 20 gantry logs -f --tail 0 live >/tmp/live &
    local client=$!
    eventually 5 grep -qx second /tmp/live
    gantry rm -f live
    wait $client || true
    assert_eq second "$(cat /tmp/live)" 'lines after --tail 0'
}

test_an_earlier_container_of_the_name_is_another() {
    gantry run --name twice --network none busybox echo old >/dev/null
    gantry rm twice
    gantry run --name twice --network none busybox echo new >/dev/null
    journalctl --sync
    assert_eq new "$(gantry logs twice)"
    gantry rm twice
    assert_fails gantry logs twice
}
