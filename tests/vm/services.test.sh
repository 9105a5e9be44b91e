# limit: 240
# The programs of services on the VM's kernel, which is another one than the bed's: they load, are attached, and choose.

. "$support/services.sh"

setup_file() {
    load_busybox
    gantry network create bri >/dev/null
    service_programs
}

test_the_programs_choose_on_this_kernel() {
    backend first bri 3
    backend second bri 1
    client guest bri
    local to
    for to in $(addresses bri); do
        spread "$(ask "$to" 100)" first 75 100
        spread "$(from guest "$to" 60)" first 75 60
        spread "$(ask "$to" 100 udp)" first 75 100
    done
    end first
    assert_eq 20 "$(times "$(ask "$to" 20)" second)"
    systemctl stop ctr@second
    assert_eq '' "$(services)"
    end guest
    tidy
}
