# exec, attach and terminals, with a real systemd and (by script(1)) a real terminal.

setup_file() {
    load_busybox
    gantry create --name web --network none --stop-timeout 1 -e FROM=definition --cap-drop CHOWN busybox sleep 1000
}
up() { systemctl start ctr@web; }  # what runs is stopped between tests

# terminal 'INPUT...' COMMAND: runs COMMAND on a terminal and types INPUT, a line after the other, a moment apart.
terminal() {
    local input=$1
    shift
    (sleep 1; while IFS= read -r line; do printf '%b' "$line"; sleep 0.5; done <<<"$input") |
        script -qec "stty rows 30 cols 90; $*" /dev/null
}

test_exec_is_inside_and_its_status_is_ours() {
    up
    assert_status 3 gantry exec web sh -c 'exit 3'
    assert_status 143 gantry exec web sh -c 'kill -TERM $$'
    assert_status 127 gantry exec web no-such-command
    assert_status 126 gantry exec web /etc/passwd
    assert_status 1 gantry exec no-such-container true
    assert_eq "$(gantry inspect -f '{{.Id}}' web | cut -c1-12)" "$(gantry exec web hostname)"
    assert_contains "$(gantry exec web ps)" 'sleep 1000'
}

test_exec_is_in_the_units_control_group() {
    up
    gantry exec -d web sleep 321
    eventually 5 pgrep -f '^sleep 321'
    assert_contains "$(cat "/proc/$(pgrep -f '^sleep 321')/cgroup")" 'ctr@web.service'
    assert_eq '' "$(pgrep -f 'gantry exec' || true)" 'a process of ours for a detached command'
}

test_exec_has_the_containers_environment_user_and_capabilities() {
    up
    assert_eq definition "$(gantry exec web sh -c 'echo $FROM')"
    assert_eq flag "$(gantry exec -e FROM=flag web sh -c 'echo $FROM')"
    assert_eq '1000 /home/app /srv' "$(gantry exec -u app -w /srv web sh -c 'echo $(id -u) $HOME $(pwd)')"
    local inside first
    inside=$(gantry exec web grep CapBnd /proc/self/status)
    first=$(grep CapBnd "/proc/$(systemctl show -P MainPID ctr@web)/status")
    assert_eq "$first" "$inside"
    assert_contains "$(gantry exec web grep Seccomp: /proc/self/status)" 2
    assert_contains "$(gantry exec --privileged web grep Seccomp: /proc/self/status)" 0
}

test_streams_are_kept_apart_and_passed_on() {
    up
    assert_eq out "$(gantry exec web sh -c 'echo out; echo err >&2' 2>/dev/null)"
    assert_eq err "$(gantry exec web sh -c 'echo out; echo err >&2' 2>&1 >/dev/null)"
    local sum
    head -c 3000000 /dev/urandom >/tmp/random
    sum=$(md5sum </tmp/random)
    assert_eq "$sum" "$(gantry exec -i web cat </tmp/random | md5sum)"
    assert_eq '' "$(echo ignored | gantry exec web cat)"
}

test_exec_on_a_terminal() {
    up
    local shown
    shown=$(terminal $'tty; stty size\\n\nexit 5\\n' 'gantry exec -it web sh; echo "status $?"')
    assert_contains "$shown" /dev/pts/0
    assert_contains "$shown" '30 90'
    assert_contains "$shown" 'status 5'
    assert_fails sh -c 'gantry exec -it web sh </dev/null'
}

test_a_paused_or_stopped_container_is_not_entered() {
    up
    gantry pause web
    assert_status 1 gantry exec web true
    assert_contains "$output" paused
    gantry unpause web
    gantry exec web true
}

test_run_on_a_terminal() {
    local shown
    shown=$(terminal $'tty; stty size\\n\nexit 9\\n' 'gantry run -it --rm --name fg --network none busybox sh; echo "status $?"')
    assert_contains "$shown" /dev/pts/0
    assert_contains "$shown" '30 90'
    assert_contains "$shown" 'status 9'
    eventually 5 bash -c '! systemctl is-active ctr-console@fg'
}

test_attach_and_detach() {
    gantry run -dt --name term --network none busybox sh
    local shown
    shown=$(terminal $'echo $((40+2)) things\\n\n\\020\\021' 'gantry attach term; echo "status $?"')
    assert_contains "$shown" '42 things'
    assert_contains "$shown" 'status 0'
    unit_is ctr@term active
    eventually 5 bash -c 'gantry logs term | grep -q "42 things"'
    assert_eq gantry-console "$(ps -o comm= "$(systemctl show -P MainPID ctr-console@term)")"
    gantry rm -f term
    eventually 5 bash -c '! systemctl is-active ctr-console@term'
}

test_stop_is_not_held_up_by_a_stopped_exec() {
    gantry run -d --name held --network none busybox sleep 1000
    gantry exec held sleep 500 &
    local exec=$!
    eventually 5 pgrep -f '^sleep 500'
    kill -STOP $exec
    gantry stop -t 1 held
    assert_eq '' "$(pgrep -f '^sleep 500' || true)"
    kill -CONT $exec
    wait $exec || assert_eq 137 $?
    gantry rm held
}
