# The container is the unit: everything that systemd can do to a service works on ctr@NAME.

setup_file() {
    load_busybox
}

test_a_hand_written_file_starts_without_daemon_or_reload() {
    mkdir -p /etc/gantry/containers
    printf 'image = "busybox"\nnetwork = "none"\ncommand = ["payload", "sleep"]\n' >/etc/gantry/containers/hand.toml
    systemctl start ctr@hand
    unit_is ctr@hand active
    assert_eq '' "$(pgrep -x gantryd || true)" 'gantryd'
    systemctl stop ctr@hand
    unit_is ctr@hand inactive
    assert_eq success "$(show ctr@hand Result)"
}

test_main_pid_is_the_payload_and_pid_1s_child() {
    define main 'command = ["payload", "sleep"]'
    systemctl start ctr@main
    local pid
    pid=$(main_pid main)
    assert_eq payload "$(cat "/proc/$pid/comm")"
    assert_eq 1 "$(awk '/^PPid:/ {print $2}' "/proc/$pid/status")" 'its parent'
    assert_eq 1 "$(awk '/^NSpid:/ {print $NF}' "/proc/$pid/status")" 'its PID inside'
    assert_contains "$(cat "/proc/$pid/cgroup")" 'ctr.slice/'
    assert_eq '' "$(ps -eo comm= | grep -E '^(gantry|conmon|strace)' | grep -v '^gantry-dns$' || true)" 'processes of ours'
    systemctl stop ctr@main
}

test_nothing_is_left_after_a_stop() {
    define left 'command = ["payload", "fork", "--", "sleep"]'
    local before
    before=$(host_picture)
    start_and_stop left
    systemctl reset-failed ctr@left 2>/dev/null || true
    eventually 5 bash -c '! systemctl list-units --all --plain --no-legend "ctr@left*" | grep -q .' || true
    assert_picture "$before"
}

test_exit_statuses_are_the_units() {
    local code
    for code in 1 7 125 255; do
        define "exit$code" "command = [\"payload\", \"exit\", \"$code\"]"
        systemctl start "ctr@exit$code" || true
        eventually 5 bash -c "[ \"\$(systemctl show -P ActiveState ctr@exit$code)\" != active ]"
        assert_eq "$code" "$(show "ctr@exit$code" ExecMainStatus)" 'ExecMainStatus'
        assert_eq 1 "$(show "ctr@exit$code" ExecMainCode)" 'ExecMainCode (exited)'
    done
    define exit0 'command = ["payload", "exit", "0"]'
    systemctl start ctr@exit0
    eventually 5 unit_is ctr@exit0 inactive
    assert_eq success "$(show ctr@exit0 Result)"
    assert_eq exit-code "$(show ctr@exit7 Result)"
}

test_signals_are_the_units() {
    # From outside, PID 1 of a namespace can be killed by SIGKILL only (pid_namespaces(7)); its child dies of anything.
    define segv 'command = ["sh", "-c", "sleep 0.3; kill -SEGV $$; sleep 5"]
init = true'
    systemctl start ctr@segv
    eventually 5 unit_is ctr@segv failed
    assert_eq $((128 + 11)) "$(show ctr@segv ExecMainStatus)" 'what the reaper passes on'
    define killed 'command = ["payload", "sleep"]'
    systemctl start ctr@killed
    kill -KILL "$(main_pid killed)"
    eventually 5 unit_is ctr@killed failed
    assert_eq signal "$(show ctr@killed Result)"
    assert_eq 9 "$(show ctr@killed ExecMainStatus)"
}

test_systemctl_kill_reaches_the_payload() {
    define catcher 'command = ["payload", "catch-term", "out", "armed", "sleep"]'
    systemctl start ctr@catcher
    eventually 5 bash -c 'journalctl -q -o cat -u ctr@catcher | grep -qx armed'
    systemctl kill -s TERM --kill-whom=main ctr@catcher
    eventually 5 unit_is ctr@catcher inactive
    eventually 5 bash -c 'journalctl -q -o cat -u ctr@catcher | grep -qx "got SIGTERM"'
    assert_eq success "$(show ctr@catcher Result)"
}

test_stop_asks_first() {
    define polite 'command = ["payload", "catch-term", "out", "armed", "sleep"]'
    systemctl start ctr@polite
    eventually 5 bash -c 'journalctl -q -o cat -u ctr@polite | grep -qx armed'
    systemctl stop ctr@polite
    eventually 5 bash -c 'journalctl -q -o cat -u ctr@polite | grep -qx "got SIGTERM"'
    assert_eq success "$(show ctr@polite Result)"
}

test_stop_timeout_ends_a_deaf_one() {
    define deaf 'command = ["payload", "ignore-term", "sleep"]
stop_timeout = "1s"'
    systemctl start ctr@deaf
    local started=$SECONDS
    systemctl stop ctr@deaf
    [ $((SECONDS - started)) -le 5 ] || fail "took $((SECONDS - started)) s"
    [ $((SECONDS - started)) -ge 1 ] || fail 'it was not asked at all'
    assert_eq 0 "$(main_pid deaf)"
}

test_stop_signal_is_the_defined_one() {
    define signal 'command = ["sh", "-c", "trap \"echo got USR1; exit 0\" USR1; echo armed; while :; do sleep 0.1; done"]
stop_signal = "SIGUSR1"'
    systemctl start ctr@signal
    eventually 5 bash -c 'journalctl -q -o cat -u ctr@signal | grep -qx armed'
    systemctl stop ctr@signal
    eventually 5 bash -c 'journalctl -q -o cat -u ctr@signal | grep -qx "got USR1"'
}

test_restart_on_failure() {
    define again 'command = ["payload", "sleep"]
restart = "on-failure"'
    systemctl start ctr@again
    local first
    first=$(main_pid again)
    kill -KILL "$first"
    eventually 10 bash -c "p=\$(systemctl show -P MainPID ctr@again); [ \$p != 0 ] && [ \$p != $first ]"
    assert_eq 1 "$(show ctr@again NRestarts)"
    assert_eq 1 "$(awk '/^PPid:/ {print $2}' "/proc/$(main_pid again)/status")"
    systemctl stop ctr@again
    sleep 0.5
    unit_is ctr@again inactive
}

test_restart_count_is_bounded() {
    define bounded 'command = ["payload", "exit", "3"]
restart = "on-failure:2"
restart_delay = "100ms"'
    systemctl start ctr@bounded || true
    eventually 15 unit_is ctr@bounded failed
    sleep 1
    unit_is ctr@bounded failed
    assert_eq 3 "$(said bounded | grep -c '^Started')" 'starts'
}

test_freeze_and_thaw() {
    define frozen 'command = ["payload", "sleep"]'
    systemctl start ctr@frozen
    systemctl freeze ctr@frozen
    assert_eq frozen "$(show ctr@frozen FreezerState)"
    systemctl thaw ctr@frozen
    assert_eq running "$(show ctr@frozen FreezerState)"
    systemctl stop ctr@frozen
}

test_mask_and_enable() {
    define masked 'command = ["payload", "sleep"]'
    systemctl mask ctr@masked
    assert_fails systemctl start ctr@masked
    systemctl unmask ctr@masked
    systemctl enable ctr@masked
    assert_contains "$(systemctl list-dependencies --plain multi-user.target)" 'ctr@masked.service'
    systemctl disable ctr@masked
}

test_notify_makes_it_active() {
    define ready 'command = ["payload", "sleep", "1", "notify", "READY=1\nSTATUS=at work", "sleep"]
ready = "notify"'
    systemctl start --no-block ctr@ready
    sleep 0.4
    assert_eq activating "$(show ctr@ready ActiveState)"
    eventually 5 unit_is ctr@ready active
    assert_eq payload "$(cat "/proc/$(main_pid ready)/comm")"
    eventually 5 bash -c '[ "$(systemctl show -P StatusText ctr@ready)" = "at work" ]'
    systemctl stop ctr@ready
}

test_notify_that_never_comes_fails_the_start() {
    define never 'command = ["payload", "sleep"]
ready = "notify"
start_timeout = "1s"'
    assert_fails systemctl start ctr@never
    assert_eq timeout "$(show ctr@never Result)"
    assert_eq 0 "$(main_pid never)"
}

test_watchdog() {
    define dog 'command = ["payload", "ready", "watchdog", "sleep"]
ready = "notify"
stop_timeout = "1s"
watchdog = "1s"'
    systemctl start ctr@dog
    eventually 10 unit_is ctr@dog failed
    assert_eq watchdog "$(show ctr@dog Result)"
}

test_output_is_told_apart_and_labelled() {
    define talk 'command = ["sh", "-c", "echo to stdout; echo to stderr >&2; sleep 0.2"]
[labels]
tier = "front"'
    systemctl start ctr@talk
    eventually 5 bash -c 'journalctl -q -o cat -u ctr@talk | grep -qx "to stderr"'
    assert_eq 6 "$(field talk 'to stdout' PRIORITY)"
    assert_eq 3 "$(field talk 'to stderr' PRIORITY)"
    local stream
    for stream in 'to stdout' 'to stderr'; do
        assert_eq talk "$(field talk "$stream" CONTAINER_NAME)" "CONTAINER_NAME of '$stream'"
        assert_match "$(field talk "$stream" CONTAINER_ID_FULL)" '^[0-9a-f]{64}$'
        assert_eq "$(field talk "$stream" CONTAINER_ID_FULL | cut -c 1-12)" "$(field talk "$stream" CONTAINER_ID)"
        assert_match "$(field talk "$stream" IMAGE_NAME)" 'busybox'
    done
}


test_no_descriptor_is_inherited() {
    define fds 'command = ["payload", "fds", "out", "end of list"]'
    systemctl start ctr@fds
    eventually 5 bash -c 'journalctl -q -o cat -u ctr@fds | grep -qx "end of list"'
    assert_lacks "$(said fds)" ' /'
    assert_lacks "$(said fds)" 'anon_inode'
    assert_lacks "$(said fds)" 'socket:'
}

test_init_reaps() {
    define orphan 'command = ["payload", "abandon", "sleep"]
init = true'
    systemctl start ctr@orphan
    sleep 0.6
    assert_eq '' "$(ps -eo stat=,comm= | grep '^Z.*payload' || true)" 'zombies'
    systemctl stop ctr@orphan
}

test_commands_that_cannot_run() {
    define missing 'command = ["/no/such/program"]'
    define notexec 'command = ["/etc/passwd"]'
    define noimage 'image = "127.0.0.1:1/no/such:image"
command = ["true"]'
    assert_fails systemctl start ctr@missing
    assert_eq 127 "$(show ctr@missing ExecMainStatus)"
    assert_fails systemctl start ctr@notexec
    assert_eq 126 "$(show ctr@notexec ExecMainStatus)"
    assert_fails systemctl start ctr@noimage
    assert_eq 125 "$(show ctr@noimage ExecMainStatus)"
    assert_contains "$(said noimage)" 'no/such'
}

test_errors_of_a_definition_name_the_place() {
    printf 'image = "busybox"\n[limits]\nmemroy = "1G"\n' >/etc/gantry/containers/typo.toml
    assert_fails gantry check /etc/gantry/containers/typo.toml
    assert_match "$output" 'typo.toml:3:[0-9]+.*memroy.*memory'
    assert_fails systemctl start ctr@typo
    assert_eq 125 "$(show ctr@typo ExecMainStatus)"
    assert_match "$(said typo)" 'typo.toml:3:'
    rm /etc/gantry/containers/typo.toml
}

# The bed has no controllers: what would be ignored by systemd without a word must fail, whether systemd has read the limit or not.
test_a_limit_without_its_controller_fails_the_start() {
    assert_lacks " $(cat /sys/fs/cgroup/cgroup.controllers) " ' memory '
    define limited 'command = ["payload", "sleep"]
[limits]
memory = "64M"'
    printf 'image = "busybox"\nnetwork = "none"\ncommand = ["payload", "sleep"]\n[limits]\nio_weight = 100\n' >/etc/gantry/containers/unread.toml
    local line
    for line in "limited 'memory' 'memory'" "unread 'io_weight' 'io'"; do
        read -r name key controller <<<"$line"
        assert_fails systemctl start "ctr@$name"
        assert_eq 125 "$(show "ctr@$name" ExecMainStatus)"
        assert_eq "start container '$name': limits: limit $key needs the cgroup controller $controller, which this host does not have" \
            "$(show "ctr@$name" StatusText)"
        assert_fails gantry check "/etc/gantry/containers/$name.toml"
        assert_contains "$output" "controller $controller"
        rm "/etc/gantry/containers/$name.toml"
    done
    assert_status 125 gantry run --rm --network none --cpus 1 busybox true
    assert_contains "$output" "limit 'cpus' needs the cgroup controller 'cpu'"
    assert_eq '' "$(echo "$output" | sed 1d)" 'more lines of the error'
    gantry run --rm --network none --pids-limit -1 busybox true
}

test_hostile_names_are_refused() {
    local name
    for name in '../../etc/passwd' 'a/b' 'a b' "$(printf 'x%.0s' {1..300})" '..' '-a' $'a\nb'; do
        assert_fails gantry create --name "$name" busybox true
        assert_fails systemctl start "ctr@$(systemd-escape -- "$name" | cut -c 1-200)"
    done
}

test_credentials_arrive() {
    define secret 'command = ["sh", "-c", "cat $CREDENTIALS_DIRECTORY/token; echo; sleep 0.2"]
[[credentials]]
name = "token"
value = "open sesame"'
    systemctl start ctr@secret
    eventually 5 bash -c 'journalctl -q -o cat -u ctr@secret | grep -qx "open sesame"'
}

test_dependencies_are_the_units() {
    define base 'command = ["payload", "sleep"]'
    define top 'command = ["payload", "sleep"]
requires = ["base"]
after = ["base"]'
    systemctl start ctr@top
    unit_is ctr@base active
    systemctl stop ctr@base
    eventually 5 unit_is ctr@top inactive
}

test_fifty_at_once() {
    local i units=() before
    for i in {1..50}; do
        printf 'image = "busybox"\nnetwork = "none"\nstop_signal = "SIGKILL"\ncommand = ["payload", "sleep"]\n' >"/etc/gantry/containers/many$i.toml"
        units+=("ctr@many$i")
    done
    systemctl daemon-reload
    before=$(host_picture)
    systemctl start "${units[@]}"
    assert_eq 50 "$(systemctl list-units --plain --no-legend --state=running 'ctr@many*' | wc -l)" 'running'
    systemctl stop "${units[@]}"
    systemctl reset-failed
    assert_picture "$before"
}

test_fifty_starts_and_stops_of_one_name() {
    define same 'command = ["payload", "sleep"]
stop_timeout = "1s"
[log]
fields = { X = "y" }' || true
    printf 'image = "busybox"\nnetwork = "none"\ncommand = ["payload", "sleep"]\n' >/etc/gantry/containers/same.toml
    systemctl daemon-reload
    mkdir -p /run/systemd/system/ctr@same.service.d
    printf '[Unit]\nStartLimitIntervalSec=0\n' >/run/systemd/system/ctr@same.service.d/50-test.conf
    systemctl daemon-reload
    local i before
    before=$(host_picture)
    for i in {1..50}; do
        systemctl start ctr@same >/dev/null 2>&1 &
        systemctl stop ctr@same >/dev/null 2>&1 &
    done
    wait
    systemctl stop ctr@same
    systemctl reset-failed 2>/dev/null || true
    assert_picture "$before"
    systemctl start ctr@same
    unit_is ctr@same active
    systemctl stop ctr@same
}
