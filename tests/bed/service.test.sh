# What systemd gives to services, given to containers: sockets, credentials, kernel parameters, resource limits, dependencies, health.
# limit: 60

setup_file() { load_busybox; }

test_socket_activation() {
    define web 'command = ["payload", "answer", "hello through systemd", "sleep"]'
    cat >/etc/systemd/system/ctr@web.socket <<'U'
[Socket]
ListenStream=127.0.0.1:7777
FileDescriptorName=http
U
    systemctl daemon-reload
    systemctl start ctr@web.socket
    unit_is ctr@web inactive
    # The container has no network of its own: the socket is systemd's, of the host.
    assert_eq 'hello through systemd' "$(ncat --recv-only 127.0.0.1 7777)"
    unit_is ctr@web active
    assert_eq $'LISTEN_FDNAMES=http\nLISTEN_FDS=1\nLISTEN_PID=1' "$(tr '\0' '\n' <"/proc/$(main_pid web)/environ" | grep LISTEN | sort)"
    systemctl stop ctr@web.socket ctr@web
}

test_socket_activation_with_init() {
    define initial 'init = true
command = ["payload", "answer", "through the reaper", "sleep"]'
    printf '[Socket]\nListenStream=/run/initial.sock\n' >/etc/systemd/system/ctr@initial.socket
    systemctl daemon-reload
    systemctl start ctr@initial.socket
    assert_eq 'through the reaper' "$(ncat --recv-only -U /run/initial.sock)"
    systemctl stop ctr@initial.socket ctr@initial
}

test_sysctls() {
    define tuned 'command = ["sh", "-c", "cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/kernel/msgmax /proc/sys/fs/mqueue/msg_max; echo 1 >/proc/sys/net/ipv4/ip_forward"]
[sysctls]
"net.ipv4.ip_unprivileged_port_start" = 80
"kernel.msgmax" = 65536
"fs.mqueue.msg_max" = 20'
    local before
    before=$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/kernel/msgmax)
    systemctl start ctr@tuned || true
    eventually 5 bash -c 'journalctl -q -o cat -u ctr@tuned | grep -qi read-only'
    assert_eq $'80\n65536\n20' "$(said tuned | grep -x '[0-9]*')"
    assert_eq "$before" "$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/kernel/msgmax)" "the host's"
    printf 'image = "busybox"\n[sysctls]\n"vm.swappiness" = 1\n' >/etc/gantry/containers/bad-sysctl.toml
    assert_fails gantry check /etc/gantry/containers/bad-sysctl.toml
    assert_contains "$output" 'would change the host'
    rm /etc/gantry/containers/bad-sysctl.toml
    assert_eq 1 "$(gantry run --rm --network none --sysctl net.ipv4.ip_forward=1 busybox cat /proc/sys/net/ipv4/ip_forward)"
}

test_ulimits() {
    define limited 'command = ["sh", "-c", "ulimit -Sn; ulimit -Hn; ulimit -Sc; ulimit -Hu"]
[limits.ulimits]
nofile = "100:200"
core = "0"
nproc = "50"'
    systemctl start ctr@limited || true
    eventually 5 bash -c 'journalctl -q -o cat -u ctr@limited | grep -qx 50'
    assert_eq $'100\n200\n0\n50' "$(said limited | grep -x '[0-9]*')"
    assert_eq $'64\n128' "$(gantry run --rm --network none --ulimit nofile=64:128 busybox sh -c 'ulimit -Sn; ulimit -Hn')"
}

test_credentials_from_files() {
    printf 'from a file of the host\n' >/etc/credential
    chmod 600 /etc/credential
    define secret 'user = "app"
command = ["sh", "-c", "cat $CREDENTIALS_DIRECTORY/*; ls -ln $CREDENTIALS_DIRECTORY; id -u; echo x 2>&1 >$CREDENTIALS_DIRECTORY/new"]
[[credentials]]
name = "a"
path = "/etc/credential"
[[credentials]]
name = "b"
value = "in the definition\n"'
    systemctl start ctr@secret || true
    eventually 5 bash -c 'journalctl -q -o cat -u ctr@secret | grep -qi read-only'
    local text
    text=$(said secret)
    assert_contains "$text" $'from a file of the host\nin the definition'
    assert_match "$text" '-r-------- +1 1000 +[0-9]+ +[0-9]+ .* a'
    define nothing 'command = ["true"]
[[credentials]]
name = "a"
path = "/etc/no-such-credential"'
    assert_fails systemctl start ctr@nothing
}

test_units_are_required_and_ordered() {
    printf '[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh -c "sleep 0.5; touch /run/prepared"\n' >/etc/systemd/system/prepare.service
    define needs 'command = ["sh", "-c", "[ -e /run/host-run/prepared ] && echo was there; sleep 100"]
volumes = ["/run:/run/host-run"]
stop_signal = "SIGKILL"
requires = ["prepare.service"]
wants = ["friend"]'
    define friend 'command = ["payload", "sleep"]'
    systemctl start ctr@needs
    eventually 5 bash -c 'journalctl -q -o cat -u ctr@needs | grep -qx "was there"'
    unit_is ctr@friend active
    # A wanted one may go, a required one not.
    systemctl stop ctr@friend
    unit_is ctr@needs active
    systemctl stop prepare.service
    eventually 5 unit_is ctr@needs inactive
    printf '[Service]\nType=oneshot\nExecStart=/bin/false\n' >/etc/systemd/system/prepare.service
    systemctl daemon-reload
    assert_fails systemctl start ctr@needs
    unit_is ctr@needs inactive
}

test_an_unhealthy_one_is_stopped() {
    define sick 'command = ["payload", "sleep"]
[health]
command = "exit 1"
interval = "200ms"
retries = 2
on_unhealthy = "stop"'
    systemctl start ctr@sick
    eventually 20 bash -c '[ "$(systemctl show -P ActiveState ctr@sick)" != active ]'
    sleep 0.5
    assert_eq 0 "$(main_pid sick)"
    assert_eq 0 "$(show ctr@sick NRestarts)"
}

test_a_watchdog_that_is_fed_is_quiet() {
    define fed 'command = ["payload", "ready", "watchdog", "sleep", "1.1", "watchdog", "sleep", "1.1", "watchdog", "sleep", "1.1", "out", "still here", "sleep"]
ready = "notify"
stop_timeout = "1s"
watchdog = "3s"'
    systemctl start ctr@fed
    eventually 10 bash -c 'journalctl -q -o cat -u ctr@fed | grep -qx "still here"'
    unit_is ctr@fed active
    eventually 5 unit_is ctr@fed failed
    assert_eq watchdog "$(show ctr@fed Result)"
}
