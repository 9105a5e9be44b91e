# Limits need the kernel's controllers, which only the virtual machine has: they are the unit's own properties and the kernel keeps them.

setup_file() {
    load_busybox
}
knob() { cat "/sys/fs/cgroup$(systemctl show -P ControlGroup "ctr@$1")/$2"; }  # NAME FILE

test_memory_limit_kills_and_systemd_sees_it() {
    define eater 'command = ["payload", "eat", "300", "sleep"]
[limits]
memory = "48M"
memory_swap = "48M"'
    systemctl start ctr@eater || true
    eventually 30 unit_is ctr@eater failed
    # OOMPolicy=continue, as Docker: what the kernel kills is told in the journal; the unit ends because it was the first process.
    assert_eq signal "$(show ctr@eater Result)"
    assert_eq 9 "$(show ctr@eater ExecMainStatus)"
    assert_contains "$(journalctl -q -o cat UNIT=ctr@eater.service)" 'killed by the OOM killer'
    assert_eq 'true 137' "$(gantry inspect -f '{{.State.OOMKilled}} {{.State.ExitCode}}' eater)"
    # The next run counts anew.
    sed -i 's/"eat", "300", "sleep"/"exit", "3"/' /etc/gantry/containers/eater.toml
    systemctl daemon-reload
    systemctl start ctr@eater || true
    eventually 30 bash -c '[ "$(gantry inspect -f "{{.State.ExitCode}}" eater)" = 3 ]'
    assert_eq false "$(gantry inspect -f '{{.State.OOMKilled}}' eater)"
}

test_oom_kills_of_others_than_the_first_process_are_told() {
    define survivor 'command = ["sh", "-c", "payload eat 300; echo the child ended with $?; sleep 1000"]
stop_signal = "SIGKILL"
[limits]
memory = "48M"
memory_swap = "48M"'
    systemctl start ctr@survivor
    eventually 30 bash -c 'journalctl -q -o cat -u ctr@survivor | grep -qx "the child ended with 137"'
    unit_is ctr@survivor active
    assert_eq 'true true' "$(gantry inspect -f '{{.State.Running}} {{.State.OOMKilled}}' survivor)"
    systemctl stop ctr@survivor
    assert_eq true "$(gantry inspect -f '{{.State.OOMKilled}}' survivor)"
    # Without a stop in between the counter of the cgroup goes on: an automatic restart is a new run all the same.
    define again 'command = ["sh", "-c", "[ -e /was ] && sleep 1000; touch /was; exec payload eat 300"]
stop_timeout = "1s"
restart = "on-failure"
[limits]
memory = "48M"
memory_swap = "48M"'
    systemctl start ctr@again
    eventually 30 bash -c '[ "$(systemctl show -P NRestarts ctr@again)" = 1 ] && systemctl is-active ctr@again'
    assert_eq false "$(gantry inspect -f '{{.State.OOMKilled}}' again)"
    systemctl stop ctr@again
}

test_limits_are_the_units_properties() {
    define limited 'command = ["payload", "sleep"]
[limits]
memory = "64M"
memory_reservation = "32M"
cpus = 0.5
cpu_weight = 50
pids = 20
io_weight = 300
cpuset = "0"'
    systemctl start ctr@limited
    assert_eq 67108864 "$(show ctr@limited MemoryMax)"
    assert_eq 67108864 "$(knob limited memory.max)"
    assert_eq 33554432 "$(knob limited memory.low)"
    assert_match "$(knob limited cpu.max)" '^(50000 100000|[0-9]+ [0-9]+)$'
    assert_eq 500ms "$(show ctr@limited CPUQuotaPerSecUSec)"
    assert_eq 50 "$(knob limited cpu.weight)"
    assert_eq 20 "$(knob limited pids.max)"
    assert_eq 0 "$(knob limited cpuset.cpus)"
    systemctl set-property --runtime ctr@limited MemoryMax=96M
    assert_eq 100663296 "$(knob limited memory.max)"
    systemctl stop ctr@limited
}

test_limits_of_gantry_run_and_update() {
    gantry run -d --name small --network none --memory 64m --pids-limit 30 busybox payload sleep
    assert_eq 67108864 "$(knob small memory.max)"
    assert_eq 30 "$(knob small pids.max)"
    gantry update --memory 128m --memory-swap 128m small
    assert_eq 134217728 "$(knob small memory.max)"
    # What stands in the definition is what counts afterwards, too; what an administrator has set by systemctl stays.
    systemctl set-property --runtime ctr@small CPUWeight=77
    gantry update --memory 120m --memory-swap 120m small
    sed -i 's/^memory = .*/memory = "96M"/; s/^memory_swap = .*/memory_swap = "96M"/' /var/lib/gantry/containers/small.toml
    systemctl daemon-reload
    assert_eq 100663296 "$(show ctr@small MemoryMax)"
    assert_eq 100663296 "$(knob small memory.max)"
    assert_eq 77 "$(knob small cpu.weight)"
    gantry rm -f small
}

test_pids_limit_holds() {
    define forker 'command = ["sh", "-c", "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 100 & done; echo all forked; wait"]
[limits]
pids = 8'
    systemctl start ctr@forker || true
    eventually 10 bash -c 'journalctl -q -o cat -u ctr@forker | grep -q -i fork'
    assert_lacks "$(said forker)" 'all forked'
    systemctl stop ctr@forker || true
}

test_rights_that_the_bed_lacks() {
    define rights 'command = ["sh", "-c", "cat /proc/self/oom_score_adj; ulimit -n; sleep 0.2"]
[limits]
oom_score_adj = -500
ulimits = { nofile = "2000000:2000000" }'
    sysctl -q -w fs.nr_open=3000000
    systemctl start ctr@rights
    eventually 10 bash -c 'journalctl -q -o cat -u ctr@rights | grep -qx -- -500'
    eventually 10 bash -c 'journalctl -q -o cat -u ctr@rights | grep -qx 2000000'
}

test_stats_show_use() {
    define used 'command = ["payload", "eat", "20", "sleep"]
[limits]
memory = "100M"'
    systemctl start ctr@used
    sleep 1
    assert_match "$(gantry stats --no-stream --format '{{.Name}} {{.MemUsage}}' used)" 'used [0-9.]+MiB / 100MiB'
    systemctl stop ctr@used
}

test_storage_size_is_kept() {
    truncate -s 300M /quota.img
    mkfs.ext4 -q -O quota,project -E quotatype=prjquota /quota.img
    mkdir -p /srv/quota
    mount -o loop,prjquota /quota.img /srv/quota
    cp -a /var/lib/gantry/. /srv/quota
    mount --bind /srv/quota /var/lib/gantry
    define sized 'command = ["sh", "-c", "dd if=/dev/zero of=/big bs=64k count=400 || echo full; stat -c %s /big; sleep 1000"]
stop_signal = "SIGKILL"
[storage]
size = "10m"'
    systemctl start ctr@sized
    eventually 60 bash -c 'journalctl -q -o cat -u ctr@sized | grep -qxE "[0-9]+"'
    assert_contains "$(said sized)" full
    local written
    written=$(said sized | grep -xE '[0-9]+')
    [ "$written" -gt 5000000 ] && [ "$written" -le 10485760 ] || fail "$written bytes could be written"
    systemctl stop ctr@sized
    umount /var/lib/gantry /srv/quota
}

test_steps_of_builds_are_limited() {
    mkdir -p /tmp/limited
    cat >/tmp/limited/Dockerfile <<'D'
FROM busybox
RUN cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/cpu.max >/limits
D
    gantry build -q -t limited --memory 64m --cpus 0.5 /tmp/limited >/dev/null
    assert_eq '67108864 50000 100000 ' "$(gantry run --rm --network none limited cat /limits | tr '\n' ' ')"
    echo 'RUN payload eat 300' >>/tmp/limited/Dockerfile
    assert_fails gantry build --progress plain --memory 64m --cpus 0.5 /tmp/limited
    assert_contains "$output" 'exit code: 137'
    assert_eq 'no problems found' "$(gantry system check 2>&1)"
}
