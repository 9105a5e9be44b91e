# Ports that systemd holds: ctr@NAME.socket, starts on the first connection, stops when idle.
# limit: 90

setup_file() { load_busybox; }

ask() { ncat -w "${2:-5}" --recv-only 127.0.0.1 "$1" 2>/dev/null || true; }
socket_is() { [ "$(systemctl is-active "ctr@$1.socket")" = "$2" ]; }

test_the_first_connection_starts_the_container() {
    define s1 'command = ["payload", "answer", "one", "answer", "two", "sleep"]
ports = [{ publish = "8080:80", socket = true }]'
    systemctl start ctr@s1.socket
    assert_eq inactive "$(systemctl is-active ctr@s1 || true)"
    assert_eq one "$(ask 8080)"
    assert_eq active "$(systemctl is-active ctr@s1)"
    assert_eq two "$(ask 8080)"
    assert_contains "$(gantry port s1)" '80/tcp -> 0.0.0.0:8080'
    # It has no network at all, and no translation is made for it.
    assert_eq lo "$(nsenter -n -t "$(main_pid s1)" ip -br link | awk '{print $1}')"
    assert_eq '' "$(nft list map inet gantry any4 2>/dev/null | grep -o s1 || true)"
    # By hand with its socket; `gantry stop` closes it.
    gantry stop -t 1 s1 >/dev/null
    socket_is s1 inactive || fail 'its socket still listens'
    assert_eq '' "$(ask 8080 1)"
    gantry start s1 >/dev/null
    socket_is s1 active || fail 'it runs without its socket'
    assert_eq one "$(ask 8080)"
    gantry stop -t 1 s1 >/dev/null
    rm /etc/gantry/containers/s1.toml
}

test_what_the_container_is_given() {
    define s2 'command = ["sh", "-c", "env | grep LISTEN; echo self=$$; ls -l /proc/self/fd | grep -c socket:"]
ports = [{ publish = "8080-8081:80-81", socket = true }, { publish = "127.0.0.1:5300:53/udp", socket = true }, "8082:80"]
network = "bridge"'
    systemctl start ctr@s2
    eventually 5 unit_is ctr@s2 inactive
    local text
    text=$(said s2)
    assert_contains "$text" 'LISTEN_FDS=3'
    assert_contains "$text" 'LISTEN_PID=1'
    assert_contains "$text" 'LISTEN_FDNAMES=ctr@s2.socket:ctr@s2.socket:ctr@s2.socket'
    assert_contains "$text" 'self=1'
    assert_eq '*:8080 *:8081 127.0.0.1:5300' "$(ss -Hltun | awk '$5 ~ /:(8080|8081|5300)$/ {print $5}' | sort | xargs)"
    systemctl stop ctr@s2.socket
    rm /etc/gantry/containers/s2.toml
}

test_a_restart_refuses_nobody() {
    local many
    printf -v many '"answer", "here", %.0s' {1..20}
    define s3 "command = [\"payload\", $many\"sleep\"]
ports = [{ publish = \"8080:80\", socket = true }]
stop_timeout = \"1s\""
    systemctl start ctr@s3
    assert_eq here "$(ask 8080)"
    (for _ in 1 2 3; do systemctl restart ctr@s3; done) &
    local n answers=''
    for n in 1 2 3 4 5 6; do answers+="$(ask 8080 20) "; done
    wait
    assert_eq 'here here here here here here ' "$answers"
    gantry rm -f s3 2>/dev/null || systemctl stop ctr@s3.socket
    rm -f /etc/gantry/containers/s3.toml
}

test_an_idle_container_stops_and_starts_again() {
    define s4 'command = ["payload", "answer", "awake", "sleep"]
idle_stop = "3s"
ports = [{ publish = "8080:80", socket = true }]
stop_timeout = "1s"'
    systemctl start ctr@s4.socket
    assert_eq awake "$(ask 8080)"
    eventually 20 unit_is ctr@s4 inactive
    socket_is s4 active || fail 'its socket is gone'
    assert_eq inactive "$(systemctl is-active ctr-idle@s4.timer || true)" 'nothing looks at a container that is stopped'
    assert_eq awake "$(ask 8080)"
    # One that has a connection is not idle.
    systemctl stop ctr@s4
    define s4 'command = ["sh", "-c", "sleep 100"]
idle_stop = "2s"
ports = [{ publish = "8080:80", socket = true }]
stop_timeout = "1s"'
    (sleep 7 | ncat --send-only 127.0.0.1 8080 >/dev/null 2>&1) &
    sleep 6
    assert_eq active "$(systemctl is-active ctr@s4)"
    wait
    systemctl stop ctr@s4.socket
    rm /etc/gantry/containers/s4.toml
}

test_a_port_that_is_taken_fails_the_start() {
    systemd-run --quiet --unit=taken ncat -lk 8080
    eventually 5 sh -c 'ss -Hltn sport = 8080 | grep -q .'
    define s5 'command = ["payload", "sleep"]
ports = [{ publish = "8080:80", socket = true }]'
    ! systemctl start ctr@s5 2>/dev/null || fail 'it started'
    # Said by the process that makes sockets in the unit's cgroup, whose lines journald may not find the unit of.
    assert_match "$(journalctl -q -o cat)" 'ctr@s5.socket: Failed to create listening socket .*: Address already in use'
    systemctl stop taken
    systemctl reset-failed
    rm /etc/gantry/containers/s5.toml
}

test_made_by_the_command_line_and_removed_with_its_socket() {
    gantry run -d --name s6 --network none -p published=8080,target=80,socket=true busybox payload answer made sleep >/dev/null
    assert_eq made "$(ask 8080)"
    assert_contains "$(cat /var/lib/gantry/containers/s6.toml)" '{ publish = "8080:80/tcp", socket = true }'
    gantry rm -f s6 >/dev/null
    socket_is s6 inactive || fail 'its socket is left'
    assert_eq '' "$(ls -d /run/systemd/system/ctr@s6.socket.d 2>/dev/null || true)"
    # What a definition may not say is refused before anything is there.
    assert_status 1 gantry create --name s7 --rm -p published=8080,target=80,socket=true busybox true
    assert_contains "$output" 'auto_remove'
    assert_status 1 gantry inspect s7
}

test_sockets_come_and_go_while_they_are_closed() {
    gantry create --name s20 -p published=8080,target=80,socket=true busybox payload answer one sleep >/dev/null
    gantry port --add published=8081,target=81,socket=true s20
    assert_contains "$(cat /var/lib/gantry/containers/s20.toml)" '8081:81'
    gantry start s20 >/dev/null
    assert_eq one "$(ask 8080)"
    assert_eq 1 "$(ss -Hltn sport = 8081 | grep -c .)"
    # systemd opened them before the start: no other comes, none goes, and all stays as it is.
    assert_status 1 gantry port --add published=8082,target=82,socket=true s20
    assert_contains "$output" "port '8082:82/tcp' is a socket, which systemd opens before the start: stop the container first"
    assert_status 1 gantry port --rm 81 s20
    assert_contains "$output" 'stop the container first'
    assert_status 1 gantry port --runtime --add published=8082,target=82,socket=true s20
    assert_contains "$output" "a socket is its definition's"
    assert_lacks "$(cat /var/lib/gantry/containers/s20.toml)" 8082
    assert_status 1 gantry port --check s20
    assert_contains "$output" 'its ports are sockets of ctr@s20.socket'
    # Ports that are none come and go beside them.
    gantry port --add 8090:90 s20 >/dev/null
    gantry port --rm 90 s20
    # The service alone does not close them.
    systemctl stop ctr@s20
    assert_status 1 gantry port --rm 81 s20
    gantry stop -t 1 s20 >/dev/null
    gantry port --rm 81 s20
    assert_status 1 gantry port --rm 81 s20
    assert_contains "$output" "port '81/tcp' is not published"
    gantry start s20 >/dev/null
    assert_eq one "$(ask 8080)"
    assert_eq '' "$(ss -Hltn sport = 8081)"
    gantry rm -f s20 >/dev/null
    # No network is needed for one.
    gantry create --name s21 --network none -p published=8080,target=80,socket=true busybox true >/dev/null
    gantry port --add published=8081,target=81,socket=true s21
    gantry port --rm 8080:80 s21
    assert_status 1 gantry port --add 8082:82 s21
    assert_contains "$output" 'has no published ports'
    gantry rm s21 >/dev/null
}
