# run and attach without a terminal: exit statuses, signals.

setup_file() {
    load_busybox
}
running() { [ "$(gantry inspect -f '{{.State.Running}}' "$1" 2>/dev/null)" = true ]; }
said_line() { journalctl -q -o cat -u "ctr@$1" | grep -qxF -- "$2"; }  # NAME LINE

# limit: 240
test_a_hundred_exit_statuses() {
    local i status
    for i in {1..100}; do
        status=0
        gantry run --rm --network none busybox sh -c 'exit 7' || status=$?
        assert_eq 7 "$status" "status of run $i"
    done
    gantry run --rm --network none busybox true
    assert_eq '' "$(find /run/gantry/attach -mindepth 1)" 'files of runs'
}

test_exit_statuses_as_docker_has_them() {
    assert_status 127 gantry run --rm --network none busybox /no/such/program
    assert_contains "$output" /no/such/program
    assert_status 126 gantry run --rm --network none busybox /etc/passwd
    assert_status 137 gantry run --rm --network none --init busybox sh -c 'kill -KILL $$'
    assert_status 3 gantry run --network none --name kept busybox sh -c 'exit 3'
    assert_status 3 gantry start -a kept
    gantry rm kept
}

# What the container says on the signals that its client gets.
trap_script='for s in HUP INT QUIT TERM USR1 USR2 CONT WINCH; do trap "echo got $s" $s; done; trap "echo got TERM; exit 5" TERM; echo armed; while :; do sleep 0.1; done'

test_run_passes_signals_on() {
    gantry run --rm --name proxied --network none busybox sh -c "$trap_script" >/tmp/proxied &
    local client=$! status=0 signal
    eventually 10 grep -qx armed /tmp/proxied
    for signal in HUP INT QUIT USR1 USR2 WINCH; do
        kill -$signal $client
        eventually 5 grep -qx "got $signal" /tmp/proxied
    done
    kill -TERM $client
    wait $client || status=$?
    assert_eq 5 "$status"
    assert_contains "$(cat /tmp/proxied)" 'got TERM'
}

test_run_without_sig_proxy() {
    gantry run --rm --sig-proxy=false --name alone --network none --stop-signal KILL busybox sh -c "$trap_script" >/tmp/alone &
    local client=$! status=0
    eventually 10 grep -qx armed /tmp/alone
    kill -TERM $client
    wait $client || status=$?
    assert_eq 143 "$status"
    sleep 0.5
    unit_is ctr@alone active
    ! said_line alone 'got TERM' || fail 'the signal was passed on'
    gantry stop alone
}

test_attach_shows_output_passes_signals_and_ends_with_the_container() {
    gantry run -d --name attached --network none busybox sh -c "$trap_script"
    eventually 5 said_line attached armed
    gantry attach attached >/tmp/attached 2>/tmp/attached.err &
    local client=$! status=0
    sleep 0.5
    kill -USR1 $client
    eventually 5 grep -qx 'got USR1' /tmp/attached
    kill -INT $client
    eventually 5 grep -qx 'got INT' /tmp/attached
    kill -TERM $client
    wait $client || status=$?
    assert_eq 5 "$status"
    assert_contains "$(cat /tmp/attached)" 'got TERM'
    assert_eq '' "$(cat /tmp/attached.err)"
    gantry rm attached
}

test_attach_without_sig_proxy() {
    gantry run -d --name apart --network none --stop-signal KILL busybox sh -c "$trap_script"
    eventually 5 said_line apart armed
    gantry attach --sig-proxy=false apart >/dev/null &
    local client=$! status=0
    sleep 0.5
    kill -TERM $client
    wait $client || status=$?
    assert_eq 143 "$status"
    sleep 0.3
    ! said_line apart 'got TERM' || fail 'the signal was passed on'
    unit_is ctr@apart active
    gantry rm -f apart
}

test_attach_keeps_streams_apart() {
    gantry run -d --name both --network none busybox sh -c 'sleep 1; echo out; echo err >&2; exit 4'
    local status=0
    gantry attach both >/tmp/both.out 2>/tmp/both.err || status=$?
    assert_eq 4 "$status"
    assert_eq out "$(cat /tmp/both.out)"
    assert_eq err "$(cat /tmp/both.err)"
    gantry rm both
}
