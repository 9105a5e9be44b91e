# Definitions as units: what systemd makes of the template and of the generator's drop-ins. The launcher is replaced by a shell where
# only the unit is looked at.
# limit: 60

defs=/etc/gantry/containers

define() { mkdir -p $defs; cat >"$defs/$1.toml"; }  # NAME, text on stdin
# payload NAME SCRIPT: the unit runs it instead of the launcher.
payload() {
    mkdir -p "/etc/systemd/system/ctr@$1.service.d" /var/lib/payloads
    printf '%s\n' "$2" >"/var/lib/payloads/$1"
    printf '[Service]\nType=exec\nExecStart=\nExecStart=/bin/sh /var/lib/payloads/%s\nExecStopPost=\n' "$1" \
        >"/etc/systemd/system/ctr@$1.service.d/99-test.conf"
}
properties() { local unit=$1 name; shift; for name; do show "$unit" "$name"; done; }

test_reload_brings_a_definition_into_the_unit() {
    define show <<'T'
image = "nginx"
description = "100% web"
requires = ["show-db"]
ports = ["8080:80"]
volumes = ["/srv/a b:/x"]
restart = "on-failure:3"
restart_delay = "1500ms"
stop_signal = "SIGRTMIN+3"
stop_timeout = "1m"
watchdog = 30
[limits]
memory = "1g"
memory_swap = "1536m"
cpus = 1.5
pids = 100
oom_score_adj = 500
[limits.ulimits]
nofile = "1024:2048"
T
    systemctl daemon-reload
    assert_eq '100% web' "$(show ctr@show Description)"
    assert_contains "$(show ctr@show Requires)" ctr@show-db.service
    assert_contains "$(show ctr@show After)" ctr@show-db.service
    assert_contains "$(show ctr@show After)" network-online.target
    assert_contains "$(show ctr@show RequiresMountsFor)" '/srv/a b'
    # What all containers need stands in their slice.
    assert_contains "$(show ctr@show Requires)" ctr.slice
    assert_contains "$(show ctr@show After)" ctr.slice
    assert_contains "$(show ctr.slice RequiresMountsFor)" /var/lib/gantry
    for unit in basic.target network.target gantry-log@0.socket; do assert_contains "$(show ctr.slice After)" $unit; done
    assert_contains "$(show ctr.slice Conflicts)" shutdown.target
    assert_eq $'on-failure\n1.500000s\n4\n46s' "$(properties ctr@show Restart RestartUSec StartLimitBurst StartLimitIntervalUSec)"
    assert_eq $'37\n1min' "$(properties ctr@show KillSignal TimeoutStopUSec)"
    assert_contains "$(systemctl cat ctr@show)" WatchdogSec=30s
    assert_eq $'1073741824\n536870912\n1.500000s\n100' "$(properties ctr@show MemoryMax MemorySwapMax CPUQuotaPerSecUSec TasksMax)"
    assert_eq $'500\n1024\n2048' "$(properties ctr@show OOMScoreAdjust LimitNOFILESoft LimitNOFILE)"
    assert_eq $'closed\nctr.slice\nmixed\nyes' "$(properties ctr@show DevicePolicy Slice KillMode Delegate)"
    assert_eq $defs/show.toml "$(show ctr@show SourcePath)"
}

test_a_definition_of_ours_is_not_newer_than_its_dropin() {
    local made=/var/lib/gantry/containers/aged.toml dropin=/run/systemd/system/ctr@aged.service.d/10-gantry.conf
    load_busybox
    gantry create --name aged --network none busybox payload sleep >/dev/null
    assert_eq "$(stat -c %y $dropin)" "$(stat -c %y $made)"
    gantry update --restart always aged >/dev/null
    [ ! $made -nt $dropin ] || fail "newer after update"
    gantry start aged >/dev/null
    assert_lacks "$(journalctl -q -o cat -u ctr@aged)" 'has not read'
    gantry rm -f aged >/dev/null
}

test_edited_definition_asks_for_a_reload() {
    echo 'image = "nginx"' | define edited
    payload edited 'exec sleep 1000'
    systemctl daemon-reload
    systemctl start ctr@edited
    assert_eq no "$(show ctr@edited NeedDaemonReload)"
    touch -d '+10 seconds' $defs/edited.toml
    assert_eq yes "$(show ctr@edited NeedDaemonReload)"
    printf 'image = "nginx"\nstop_timeout = 77\n' | define edited
    systemctl daemon-reload
    assert_eq '1min 17s' "$(show ctr@edited TimeoutStopUSec)"
    systemctl stop ctr@edited
}

test_broken_definition_costs_one_line_and_itself() {
    printf 'image = "nginx"\nmemroy = 1\nfoo = 2\n' | define broken
    printf 'image = "nginx"\nstop_timeout = 7\n' | define whole
    GANTRY_ROOT='' /usr/lib/systemd/system-generators/gantry-generator "$scratch/early" 2>"$scratch/told"
    # /dev/kmsg is the machine's: in the bed it can be closed to us, and the line is on stderr then.
    [ ! -s "$scratch/told" ] || assert_contains "$(cat "$scratch/told")" \
        "$defs/broken.toml:2:1: key 'memroy' is not known, did you mean 'limits.memory' (and 1 more error)"
    [ ! -e "$scratch/early/ctr@broken.service.d" ] || fail 'a drop-in from a broken definition'
    [ -e "$scratch/early/ctr@whole.service.d/10-gantry.conf" ] || fail 'no drop-in for the whole one'
    systemctl daemon-reload
    assert_eq 7s "$(show ctr@whole TimeoutStopUSec)"
    rm $defs/broken.toml
}

test_drop_in_of_a_new_unit_needs_no_reload() {
    local folder=/run/systemd/system/ctr@fresh.service.d
    payload fresh 'exec sleep 1000'
    mkdir -p $folder
    printf '[Service]\nTimeoutStopSec=33s\n' >$folder/10-gantry.conf
    systemctl start ctr@fresh
    assert_eq 33s "$(show ctr@fresh TimeoutStopUSec)"
    assert_eq no "$(show ctr@fresh NeedDaemonReload)"
    systemctl stop ctr@fresh
}

test_administrators_drop_in_has_the_last_word() {
    printf 'image = "nginx"\nstop_timeout = 7\n' | define admin
    mkdir -p /etc/systemd/system/ctr@admin.service.d
    printf '[Service]\nTimeoutStopSec=99s\n' >/etc/systemd/system/ctr@admin.service.d/20-mine.conf
    systemctl daemon-reload
    assert_eq '1min 39s' "$(show ctr@admin TimeoutStopUSec)"
}

test_stop_by_the_stop_signal_is_no_failure() {
    echo 'image = "nginx"' | define stops
    printf 'image = "nginx"\nstop_signal = "SIGQUIT"\n' | define quits
    echo 'image = "nginx"' | define fails
    payload stops "trap 'echo TERM >>$scratch/signals; exit 143' TERM; while :; do sleep 0.05; done"
    payload quits "trap 'echo QUIT >>$scratch/signals; exit 131' QUIT; while :; do sleep 0.05; done"
    payload fails "trap 'exit 1' TERM; while :; do sleep 0.05; done"
    systemctl daemon-reload
    systemctl start ctr@stops ctr@quits ctr@fails
    sleep 0.3
    systemctl stop ctr@stops ctr@quits ctr@fails
    assert_eq $'QUIT\nTERM' "$(sort "$scratch/signals")"
    assert_eq inactive "$(systemctl is-failed ctr@stops || true)"
    assert_eq inactive "$(systemctl is-failed ctr@quits || true)"
    assert_eq $'failed\n1' "$(properties ctr@fails ActiveState ExecMainStatus)"
}

test_on_failure_gives_up_after_its_restarts() {
    printf 'image = "nginx"\nrestart = "on-failure:2"\n' | define tries
    payload tries "echo run >>$scratch/runs; exit 3"
    systemctl daemon-reload
    systemctl start ctr@tries || true
    eventually 10 unit_is ctr@tries failed
    sleep 0.5
    assert_eq 3 "$(wc -l <"$scratch/runs")" 'runs of one start and two restarts'
    assert_eq 3 "$(show ctr@tries ExecMainStatus)"
    systemctl reset-failed ctr@tries
    systemctl start ctr@tries || true
    eventually 10 unit_is ctr@tries failed
}

test_a_launcher_that_gives_up_is_not_repeated() {
    printf 'image = "nginx"\nrestart = "always"\n' | define gives-up
    payload gives-up "echo run >>$scratch/once; exit 125"
    systemctl daemon-reload
    systemctl start ctr@gives-up || true
    eventually 10 unit_is ctr@gives-up failed
    sleep 0.5
    assert_eq 1 "$(wc -l <"$scratch/once")"
}

test_many_starts_by_hand_are_not_too_often() {
    echo 'image = "nginx"' | define often
    payload often 'exit 0'
    systemctl daemon-reload
    local i
    for i in {1..15}; do systemctl start ctr@often; systemctl stop ctr@often; done
}

test_stop_timeout_zero_kills_at_once() {
    printf 'image = "nginx"\nstop_timeout = 0\n' | define stubborn
    payload stubborn 'trap "" TERM; while :; do sleep 0.05; done'
    systemctl daemon-reload
    systemctl start ctr@stubborn
    local started=$EPOCHREALTIME
    systemctl stop ctr@stubborn
    [ "$(awk -v a="$started" -v b="$EPOCHREALTIME" 'BEGIN {print (b - a < 3)}')" = 1 ] || fail 'it took more than 3 s'
    assert_eq $'inactive\nsuccess' "$(properties ctr@stubborn ActiveState Result)"
}

test_credentials_arrive_byte_by_byte() {
    define secret <<'T'
image = "nginx"
[[credentials]]
name = "text"
value = " 100%n \\ \"q\" 'x'\n\ttail "
[[credentials]]
name = "file"
path = "/etc/secret-%n"
T
    # systemd outside of containers does this itself; its credentials need it.
    mount --make-rshared /
    echo from-file >'/etc/secret-%n'
    # shellcheck disable=SC2016
    payload secret "cp \$CREDENTIALS_DIRECTORY/* $scratch/; sleep 1000"
    systemctl daemon-reload
    systemctl start ctr@secret
    eventually 5 test -e "$scratch/text"
    sleep 0.2
    printf ' 100%%n \\ "q" '\''x'\''\n\ttail ' >"$scratch/expected"
    cmp "$scratch/expected" "$scratch/text"
    assert_eq from-file "$(cat "$scratch/file")"
    systemctl stop ctr@secret
}

test_journal_has_the_containers_fields() {
    define tagged <<'T'
image = "registry.example/app:1"
[labels]
"com.example.team" = "a b\nc%d"
[log.fields]
TEAM = "web"
T
    payload tagged 'echo said-it'
    systemctl daemon-reload
    systemctl start ctr@tagged
    eventually 5 sh -c 'journalctl -q CONTAINER_NAME=tagged -o cat | grep -q said-it'
    local entry
    entry=$(journalctl -q CONTAINER_NAME=tagged -o json | grep said-it | head -n 1)
    assert_eq registry.example/app:1 "$(jq -r .IMAGE_NAME <<<"$entry")"
    assert_eq $'a b\nc%d' "$(jq -r .LABEL_COM_EXAMPLE_TEAM <<<"$entry")"
    assert_eq web "$(jq -r .TEAM <<<"$entry")"
    assert_eq 12 "$(jq -r '.CONTAINER_ID | length' <<<"$entry")"
    assert_eq 64 "$(jq -r '.CONTAINER_ID_FULL | length' <<<"$entry")"
}

test_devices_are_closed_unless_named() {
    echo 'image = "nginx"' | define closed
    printf 'image = "nginx"\ndevices = ["/dev/fuse:r"]\ndevice_cgroup_rules = ["c 10:200 rw"]\n' | define opened
    printf 'image = "nginx"\n[security]\nprivileged = true\n' | define privileged
    local line="for d in /dev/null /dev/fuse /dev/kmsg; do if (exec <\$d) 2>/dev/null; then echo \$d; fi; done >$scratch/"
    for name in closed opened privileged; do payload $name "$line$name; mknod $scratch/$name-node c 1 3 && echo made >>$scratch/$name"; done
    [ -e /dev/fuse ] || mknod /dev/fuse c 10 229
    systemctl daemon-reload
    systemctl start ctr@closed ctr@opened ctr@privileged
    for name in closed opened privileged; do eventually 5 unit_is ctr@$name inactive; done
    # Which devices the machine opens at all is its own matter: only the difference is looked at.
    assert_lacks "$(cat "$scratch/closed")" /dev/fuse
    assert_lacks "$(cat "$scratch/closed")" /dev/kmsg
    assert_contains "$(cat "$scratch/closed")" /dev/null
    assert_contains "$(cat "$scratch/closed")" made
    assert_lacks "$(cat "$scratch/opened")" /dev/kmsg
    if (exec </dev/fuse) 2>/dev/null; then
        assert_contains "$(cat "$scratch/opened")" /dev/fuse
        assert_contains "$(cat "$scratch/privileged")" /dev/fuse
    fi
}

test_joined_container_takes_the_other_along() {
    echo 'image = "nginx"' | define anchor
    printf 'image = "nginx"\nnetwork = "container:anchor"\n' | define rider
    payload anchor 'exec sleep 1000'
    payload rider 'exec sleep 1000'
    systemctl daemon-reload
    systemctl start ctr@rider
    assert_eq active "$(show ctr@anchor ActiveState)"
    systemctl stop ctr@anchor
    assert_eq inactive "$(show ctr@rider ActiveState)"
}

test_health_timer_comes_and_goes_with_the_container() {
    define probed <<'T'
image = "nginx"
[health]
command = "true"
interval = "200ms"
T
    payload probed 'exec sleep 1000'
    mkdir -p /etc/systemd/system/ctr-health@probed.service.d
    printf '[Service]\nExecStart=\nExecStart=/bin/sh -c "echo probe >>%s/probes"\n' "$scratch" >/etc/systemd/system/ctr-health@probed.service.d/99-test.conf
    systemctl daemon-reload
    systemctl start ctr@probed
    assert_eq active "$(show ctr-health@probed.timer ActiveState)"
    eventually 10 sh -c "[ \$(wc -l <$scratch/probes) -ge 3 ]"
    systemctl stop ctr@probed
    eventually 5 unit_is ctr-health@probed.timer inactive
    # A quiet probe: no line of the manager's for each run.
    assert_eq '' "$(journalctl -q -u ctr-health@probed.service -o cat)"
}

test_enable_makes_a_link_that_boots_it() {
    echo 'image = "nginx"' | define boot
    systemctl enable ctr@boot
    assert_eq /etc/systemd/system/multi-user.target.wants/ctr@boot.service "$(echo /etc/systemd/system/multi-user.target.wants/ctr@*)"
    assert_contains "$(systemctl list-dependencies --plain multi-user.target)" ctr@boot.service
    systemctl disable ctr@boot
    assert_eq disabled "$(systemctl is-enabled ctr@boot || true)"
}

test_units_are_what_systemd_takes_without_a_word() {
    mkdir -p "$scratch/bin"
    assert_eq '' "$(systemd-analyze verify --man=no ctr.slice ctr@x.service ctr-console@x.service ctr-health@x.timer ctr-health@x.service 2>&1 |
        grep -v 'is not executable\|Command .* is not' || true)"
}
