# limit: 400
# Power cuts: qemu is killed at a chosen moment and the same disk boots again.
vm() { GANTRY_BED_QUIET=1 "$support/../../dev" vm --no-build --timeout 200 "$@"; }
# What the second boot runs first: the store must be sound, or heal by one repair, and containers must start.
check='. /src/tests/support/lib.sh; gantry system check || gantry system check --repair; gantry system check;'

test_a_disk_survives_a_power_cut() {
    vm --bare --disk "$scratch/disk" --cut 'now' -- sh -c 'echo synced >/root/a; sync; echo lost >/root/b; echo now; sleep 100'
    assert_status 3 vm --bare --disk "$scratch/disk" -- sh -c 'cat /root/a; [ ! -s /root/b ] && exit 3'
    assert_contains "$output" synced
}

test_power_cut_during_pull() {
    vm --disk "$scratch/pull" --cut 'cut now' -- bash -euc '
        . /src/tests/support/lib.sh
        export PAYLOAD=/src/.bed/payload
        registry_start
        mkdir -p /var/tmp/big; head -c 60000000 /dev/urandom >/var/tmp/big/blob
        busybox_layers
        oci_image /var/tmp/image "$busybox_config" "${busybox_layers[@]}" /var/tmp/big
        push /var/tmp/image image
        sync
        gantry pull $registry/image >/dev/null 2>&1 &
        sleep 1.5; echo cut now; wait; sleep 60'
    vm --disk "$scratch/pull" -- bash -euc "$check"'
        registry_start
        gantry pull $registry/image
        [ "$(gantry run --rm --network none $registry/image cat /srv/index.html)" = "hello from the image" ]
        gantry system check'
}

test_power_cut_during_starts() {
    vm --disk "$scratch/start" --cut 'cut now' -- bash -euc '
        . /src/tests/support/lib.sh
        export PAYLOAD=/src/.bed/payload
        load_busybox
        for i in $(seq 20); do gantry create --name c$i busybox payload sleep; done
        sync
        for i in $(seq 20); do systemctl start --no-block ctr@c$i; done
        sleep 1; echo cut now; sleep 60'
    vm --disk "$scratch/start" -- bash -euc "$check"'
        for i in $(seq 20); do systemctl start ctr@c$i; done
        [ $(gantry ps -q | wc -l) = 20 ]
        for i in $(seq 20); do gantry rm -f c$i; done
        gantry system check'
}
