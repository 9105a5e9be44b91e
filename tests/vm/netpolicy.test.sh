# limit: 120
# The programs of network policies on the VM's kernel, which is another one than the bed's: they load, are attached, and decide.

. "$support/netpolicy.sh"

setup_file() {
    load_busybox
    gantry network create pol >/dev/null
}

test_the_programs_decide_on_this_kernel() {
    server web ''
    client guest 'egress = ["web:80/tcp"]
listen = ["8080/tcp"]'
    reaches guest "$(address web)" 80
    reaches guest "$(address6 web)" 80
    assert_contains "$(page guest "$(address web)" 81)" 'Operation not permitted'
    assert_contains "$(inside guest 'httpd -p 8081 -h /etc' 2>&1 || true)" 'Operation not permitted'
    assert_match "$(gantry net flows --denied guest)" 'guest +egress +web +81/tcp +denied'
    end guest web
    [ ! -e /sys/fs/bpf/gantry/ctr/guest ] || fail 'a link is left'
}
