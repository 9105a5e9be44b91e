# limit: 120
# What the counters need of another kernel, and what they say where all cgroup controllers are.

setup_file() {
    load_busybox
    systemctl start gantry-metrics.socket
}

test_the_programs_load_and_count() {
    gantry run -d --name web busybox nc -ll -p 80 -e head -c 100000 /dev/zero >/dev/null
    eventually 10 gantry exec web sh -c 'netstat -ltn | grep -q :80'
    unit_is gantry-insight active
    local ip
    ip=$(gantry inspect -f '{{.NetworkSettings.Networks.bridge.IPAddress}}' web)
    gantry net flows -f >/tmp/events &
    local watcher=$!
    eventually 10 test -e /run/gantry/insight/0
    sleep 1
    gantry run -d --name client busybox sh -c "sleep 1000 | nc $ip 80 >/dev/null" >/dev/null
    eventually 10 bash -c "gantry net flows client | grep -Eq 'client +egress +web +80/tcp +allowed +1 .* 100kB'"
    eventually 10 grep -q 'client egress web 80/tcp opened' /tmp/events
    gantry exec client ping -c 1 "$ip" >/dev/null
    assert_match "$(gantry net flows client)" 'client +egress +web +icmp +allowed +1 '
    kill -INT $watcher
    wait $watcher
}

test_series_of_all_controllers() {
    gantry run -d --name busy --memory 64m --pids-limit 50 busybox sh -c 'head -c 20000000 /dev/zero | tr "\0" a >/tmp/file; sleep 1000' >/dev/null
    value() { curl -sSf http://127.0.0.1:9323/metrics | grep -F "gantry_container_$1{name=\"busy\"" | head -n 1 | sed 's/.* //'; }
    eventually 20 gantry exec busy sh -c '[ $(wc -c </tmp/file) = 20000000 ]'
    assert_eq 67108864 "$(value memory_limit_bytes)"
    assert_eq 50 "$(value processes_limit)"
    [ "$(value memory_bytes)" -gt 1000000 ]
    [ "$(value memory_peak_bytes)" -gt 1000000 ]
    assert_match "$(value cpu_seconds_total)" '^0\.[0-9]*[1-9]|^[1-9]'
    gantry rm -f busy >/dev/null
}
