# limit: 400
# The programs of network driver "ebpf" on the VM's kernel, which is another one than the bed's: they load, are attached, and carry.

. "$support/netpolicy.sh"

setup_file() {
    load_busybox
    gantry network create -d ebpf pol >/dev/null
}

test_the_data_path_on_this_kernel() {
    server web '' 'ports = ["8080:80"]'
    client near ''
    reaches near "$(address web)" 80
    reaches near "$(address6 web)" 80
    inside near 'nslookup -type=a web.pol.ctr' | grep -q "$(address web)"
    local url
    for url in "$(address web)" "[$(address6 web)]" 127.0.0.1:8080 '[::1]:8080'; do curl -sS -m 5 -o /dev/null "http://$url/hostname"; done
    end near web
}

# Past the firewall's table, which could do it too.
test_a_client_outside_on_this_kernel() {
    cable_to_world
    server shop '' 'ports = ["8080:80", { publish = "8081:80", bypass_firewall = true }]'
    nft 'flush chain inet gantry publish_one; flush chain inet gantry publish_any'
    local url
    for url in 192.0.2.1:8080 '[2001:db8::1]:8080' 192.0.2.1:8081 '[2001:db8::1]:8081'; do
        ip netns exec world curl -sS -m 5 -o /dev/null "http://$url/hostname"
    done
    end shop
}
