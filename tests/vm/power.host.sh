# ./dev vm from outside: a disk that outlives a power cut.
vm() { GANTRY_BED_QUIET=1 "$support/../../dev" vm --bare --timeout 120 "$@"; }

test_a_disk_survives_a_power_cut() {
    vm --disk "$scratch/disk" --cut 'now' -- sh -c 'echo synced >/root/a; sync; echo lost >/root/b; echo now; sleep 100'
    assert_status 3 vm --disk "$scratch/disk" -- sh -c 'cat /root/a; [ ! -s /root/b ] && exit 3'
    assert_contains "$output" synced
}
