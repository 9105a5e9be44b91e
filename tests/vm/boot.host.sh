# limit: 300
# Containers that are enabled start at boot, after what they need.
vm() { GANTRY_BED_QUIET=1 "$support/../../dev" vm --no-build --timeout 280 "$@"; }
lib='. /src/tests/support/lib.sh; export PAYLOAD=/src/.bed/payload;'
# web needs: db (a container), /srv/data (a file system of its own), the network being online. What came first is in the journal.
first='
    load_busybox
    truncate -s 64M /data.img; mkfs.ext4 -q /data.img; mkdir -p /srv/data
    echo "/data.img /srv/data ext4 loop,noauto 0 0" >>/etc/fstab
    printf "[Unit]\nBefore=network-online.target\n[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sleep 2\n[Install]\nWantedBy=network-online.target\n" >/etc/systemd/system/slow-network.service
    systemctl daemon-reload; systemctl enable slow-network
    gantry create --name db --network none busybox payload sleep
    mount /srv/data; echo "on its own disk" >/srv/data/index.html; umount /srv/data
    gantry create --name web -p 8080:80 -v /srv/data:/www:ro --requires db -m 64m --stop-timeout 77 --restart always busybox httpd -f -p 80 -h /www'
second='
    eventually 60 unit_is ctr@web active
    # Boot did all of it: nobody asked for the others.
    unit_is ctr@db active
    unit_is srv-data.mount active
    [ "$(curl -s http://127.0.0.1:8080/)" = "on its own disk" ]
    at() { systemctl show -P "$2" "$1"; }
    for first in slow-network.service srv-data.mount ctr@db.service; do
        [ "$(at $first ActiveEnterTimestampMonotonic)" -lt "$(at ctr@web InactiveExitTimestampMonotonic)" ] || fail "web did not wait for $first"
    done
    [ "$(show ctr@web TimeoutStopUSec)" = "1min 17s" ] && [ "$(show ctr@web MemoryMax)" = 67108864 ] && [ "$(show ctr@web Restart)" = always ]
    [ "$(cat /sys/fs/cgroup/ctr.slice/ctr@web.service/memory.max)" = 67108864 ]
    [ "$(show ctr@web NRestarts)" = 0 ]'

test_an_enabled_container_boots_after_what_it_needs() {
    vm --disk "$scratch/boot" -- bash -euc "$lib$first; sync"
    vm --disk "$scratch/boot" -- bash -euc "$lib$second"'
        unit_is gantry-definitions.service inactive
        [ "$(show gantry-definitions.service ExecMainStartTimestampMonotonic)" = 0 ] || fail "an unneeded reload"'
}

test_the_same_with_var_on_a_file_system_of_its_own() {
    vm --disk "$scratch/var" -- bash -euc "$lib$first"'
        truncate -s 1G /var.img; mkfs.ext4 -q /var.img; mount /var.img /mnt; cp -a /var/. /mnt; umount /mnt
        rm -rf /var/lib/gantry
        echo "/var.img /var ext4 loop 0 0" >>/etc/fstab
        sync'
    vm --disk "$scratch/var" -- bash -euc "$lib$second"'
        [ "$(findmnt -n -o SOURCE /var | cut -c 1-9)" = /dev/loop ]
        [ "$(show gantry-definitions.service ExecMainStatus)" = 0 ]
        [ "$(show gantry-definitions.service ExecMainStartTimestampMonotonic)" != 0 ]'
}
