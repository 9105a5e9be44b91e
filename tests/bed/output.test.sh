# What containers write reaches the journal, also by path: pipes that PID 1 keeps, and a reader that is there only while lines come.

setup_file() {
    load_busybox
}
said_line() { journalctl -q -o cat -u "ctr@$1" | grep -qxF -- "$2"; }  # NAME LINE
reader_gone() { ! pgrep -x gantry-log >/dev/null; }
slots() { find /run/gantry/log -type l 2>/dev/null | sort; }

test_without_the_pipes_output_still_comes() {
    # First: later the unit is there, and cannot be stopped.
    systemctl mask --quiet gantry-log@0.socket
    define nopipes 'command = ["sh", "-c", "echo still; echo heard >&2; exec sleep 1000"]
stop_signal = "SIGKILL"'
    systemctl start ctr@nopipes
    eventually 5 said_line nopipes still
    eventually 5 said_line nopipes heard
    assert_contains "$(said nopipes)" "'gantry-log@0.socket' is not active: /dev/stdout and /dev/stderr cannot be opened by path"
    systemctl stop ctr@nopipes
    systemctl unmask --quiet gantry-log@0.socket
    systemctl daemon-reload
}

test_output_can_be_opened_by_path() {
    define path 'command = ["sh", "-c", "echo by path >/dev/stdout && echo errors too >/dev/stderr && echo again >/proc/self/fd/1 && echo and fd >/dev/fd/2; exec sleep 1000"]
stop_signal = "SIGKILL"'
    systemctl start ctr@path
    local line
    for line in 'by path' 'errors too' again 'and fd'; do eventually 5 said_line path "$line"; done
    assert_eq 6 "$(field path 'by path' PRIORITY)"
    assert_eq 3 "$(field path 'errors too' PRIORITY)"
    assert_eq ctr@path.service "$(field path 'by path' _SYSTEMD_UNIT)"
    assert_eq path "$(field path 'by path' CONTAINER_NAME)"
    assert_eq "$(systemctl show -P InvocationID ctr@path)" "$(field path 'errors too' _SYSTEMD_INVOCATION_ID)"
    systemctl stop ctr@path
}

test_a_log_file_that_links_to_stdout() {
    # As the official nginx image has it: links, a master that keeps the files open, workers of another user.
    define nginx 'command = ["sh", "-c", "mkdir -p /var/log/web; ln -s /dev/stdout /var/log/web/access.log; ln -s /dev/stderr /var/log/web/error.log; exec 5>>/var/log/web/access.log 6>>/var/log/web/error.log; echo GET / >&5; echo cannot open >&6; exec sleep 1000"]
stop_signal = "SIGKILL"'
    systemctl start ctr@nginx
    eventually 5 said_line nginx 'GET /'
    eventually 5 said_line nginx 'cannot open'
    assert_eq 3 "$(field nginx 'cannot open' PRIORITY)"
    systemctl stop ctr@nginx
}

test_a_redirection_wins_over_the_container() {
    define redirect 'command = ["sh", "-c", "(echo inner >/dev/stdout) >/tmp/file; (echo piped >/dev/stdout) | sed s/^/got-/; echo file has $(cat /tmp/file)"]'
    systemctl start ctr@redirect || true
    eventually 5 said_line redirect 'got-piped'
    eventually 5 said_line redirect 'file has inner'
    ! said_line redirect inner || fail 'what was redirected came out'
}

test_any_user_may_open_it() {
    define nobody 'user = "app"
command = ["sh", "-c", "echo app out >/dev/stdout; echo app err >/dev/stderr; id -u; sleep 0.3"]'
    systemctl start ctr@nobody
    eventually 5 said_line nobody 'app out'
    eventually 5 said_line nobody 'app err'
    eventually 5 said_line nobody 1000
    # What a container does to its descriptors is not inherited by the next one.
    define chmod 'command = ["sh", "-c", "chown 1000 /proc/self/fd/1 /proc/self/fd/2; chmod 600 /proc/self/fd/1 /proc/self/fd/2; echo done"]'
    systemctl start ctr@chmod || true
    eventually 5 said_line chmod 'done'
    eventually 5 unit_is ctr@chmod inactive
    systemctl restart ctr@nobody
    eventually 5 bash -c '[ "$(journalctl -q -o cat -u ctr@nobody | grep -cx "app err")" = 2 ]'
}

test_a_user_namespace_may_open_it() {
    define mapped 'command = ["sh", "-c", "echo mapped >/dev/stderr; sleep 0.3"]
[namespaces]
user = "private"'
    systemctl start ctr@mapped
    eventually 5 said_line mapped mapped
}

test_a_foreground_run_and_exec_can_too() {
    assert_eq out "$(gantry run --rm --user app busybox sh -c 'echo out >/dev/stdout; echo err >/dev/stderr' 2>/tmp/err)"
    assert_eq err "$(cat /tmp/err)"
    define inside 'command = ["payload", "sleep"]
stop_signal = "SIGKILL"'
    systemctl start ctr@inside
    assert_eq in "$(gantry exec --user app inside sh -c 'echo in >/dev/stdout' | cat)"
    systemctl stop ctr@inside
}

test_last_words_are_kept() {
    local i
    for i in {1..20}; do
        define "words$i" 'command = ["sh", "-c", "echo first; echo last >/dev/stderr; exit 3"]'
        systemctl start "ctr@words$i" || true
    done
    for i in {1..20}; do
        eventually 5 unit_is "ctr@words$i" failed
        journalctl --sync
        assert_eq "first last" "$(journalctl -q -o cat -u "ctr@words$i" | grep -x -e first -e last | xargs)" "words$i"
        assert_eq "ctr@words$i.service" "$(field "words$i" last _SYSTEMD_UNIT)"
        assert_eq "words$i" "$(field "words$i" last CONTAINER_NAME)"
        assert_eq "first last" "$(gantry logs "words$i" 2>&1 | sort | xargs)" "logs of words$i"
    done
}

test_a_killed_container_loses_nothing() {
    define crash 'command = ["sh", "-c", "i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done; kill -SEGV $$; sleep 9"]
init = true'
    systemctl start ctr@crash || true
    eventually 10 unit_is ctr@crash failed
    journalctl --sync
    assert_eq 2000 "$(said crash | grep -c '^line ')"
}

test_a_burst_arrives_whole() {
    # 1 MB in lines of 100 bytes; journald's rate limit is not what is tested.
    mkdir -p /run/systemd/system/ctr@burst.service.d
    printf '[Service]\nLogRateLimitIntervalSec=0\n' >/run/systemd/system/ctr@burst.service.d/50-rate.conf
    define burst 'command = ["sh", "-c", "yes 0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789 | head -n 10000; echo burst is over"]'
    systemctl start ctr@burst || true
    eventually 20 said_line burst 'burst is over'
    assert_eq 10000 "$(said burst | grep -c '^0123456789.*9$')"
}

test_a_killed_reader_loses_nothing() {
    mkdir -p /run/systemd/system/ctr@murder.service.d
    printf '[Service]\nLogRateLimitIntervalSec=0\n' >/run/systemd/system/ctr@murder.service.d/50-rate.conf
    define murder 'command = ["sh", "-c", "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done; echo written; exec sleep 1000"]
stop_signal = "SIGKILL"'
    systemctl start ctr@murder
    local pid killed=0
    for _ in {1..8}; do
        pid=$(pgrep -x gantry-log) && kill -KILL "$pid" && killed=$((killed + 1))
        sleep 0.15
    done
    [ $killed -gt 0 ] || fail 'there was no reader to kill'
    eventually 20 said_line murder written
    journalctl --sync
    # A line that was on its way may be there twice, or be cut where the stream was.
    said murder | grep -o '[0-9]*$' | sort -un >/tmp/seen
    assert_eq '' "$(seq 0 19999 | sort -n | comm -23 <(seq 0 19999 | sort) <(sort /tmp/seen) | head -n 3)" 'missing lines'
    systemctl is-active 'gantry-log@0.socket'
    systemctl stop ctr@murder
}

test_no_process_of_ours_when_nothing_comes() {
    define still 'command = ["sh", "-c", "echo once; exec sleep 1000"]
stop_signal = "SIGKILL"'
    systemctl start ctr@still
    eventually 5 said_line still once
    eventually 8 reader_gone
    # gantry-dns looks after the networks of tests before for a while.
    assert_eq '' "$(ps -eo comm= | grep '^gantry' | grep -v '^gantry-dns$' || true)" 'processes of ours'
    unit_is gantry-log@0.socket active
    systemctl stop ctr@still
}

test_nothing_is_left_after_a_stop() {
    local before
    eventually 8 reader_gone
    before=$(slots)
    journalctl -q -n 0 --cursor-file=/tmp/cursor -u gantry-log@0
    define traces 'command = ["sh", "-c", "echo said; exec sleep 1000"]
stop_signal = "SIGKILL"'
    systemctl start ctr@traces
    eventually 5 said_line traces said
    assert_eq 2 "$(($(slots | wc -l) - $(wc -w <<<"$before")))" 'links of a running one'
    systemctl stop ctr@traces
    assert_eq "$before" "$(slots)" 'slots'
    eventually 8 reader_gone
    assert_eq '' "$(journalctl -q -o cat --cursor-file=/tmp/cursor -u gantry-log@0)" 'complaints'
}

test_direct_output_needs_no_reader() {
    eventually 8 reader_gone
    define direct 'command = ["sh", "-c", "echo to a socket; echo errors >&2; echo x >/dev/stdout || echo as documented; exec sleep 1000"]
stop_signal = "SIGKILL"
[log]
direct = true'
    systemctl start ctr@direct
    eventually 5 said_line direct 'as documented'
    assert_eq 3 "$(field direct errors PRIORITY)"
    reader_gone || fail 'there is a reader'
    assert_contains "$(gantry logs direct 2>/dev/null)" 'to a socket'
    systemctl stop ctr@direct
}

test_more_containers_than_a_pool_has() {
    local i units=()
    for i in {1..140}; do
        printf 'image = "busybox"\nnetwork = "none"\nstop_signal = "SIGKILL"\ncommand = ["sh", "-c", "echo I am %d >/dev/stderr; exec sleep 1000"]\n' "$i" >"/etc/gantry/containers/pool$i.toml"
        units+=("ctr@pool$i")
    done
    systemctl daemon-reload
    systemctl start "${units[@]}"
    unit_is gantry-log@1.socket active
    for i in 1 77 140; do eventually 10 said_line "pool$i" "I am $i"; done
    journalctl --sync
    assert_eq 140 "$(journalctl -q -o cat -u 'ctr@pool*' | grep -c '^I am ')"
    systemctl stop "${units[@]}"
    assert_eq '' "$(slots)" 'slots'
}

test_a_line_without_an_end_is_there_when_the_container_has_ended() {
    local i
    for i in 1 2 3 4 5; do
        define "open$i" "command = [\"sh\", \"-c\", \"echo whole; sleep 0.3; printf 'no end $i'\"]"
        systemctl start "ctr@open$i"
        eventually 5 bash -c "systemctl show -P ActiveState ctr@open$i | grep -qx -e inactive -e failed"
        assert_contains "$(said "open$i")" "no end $i"
    done
    # A prompt of one that goes on is shown when the reader leaves.
    define prompt 'command = ["sh", "-c", "echo whole; printf \"name: \"; exec payload sleep"]'
    systemctl start ctr@prompt
    eventually 10 bash -c 'journalctl -q -o cat -u ctr@prompt | grep -qx "name:"'
}
