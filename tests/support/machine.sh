# An image whose command is systemd, for tests of machine containers. To be sourced after lib.sh.

# A real Debian: the bed's own root file system without what only tests need.
machine_image() {
    local root=/var/tmp/machine-root
    mkdir -p $root/{proc,sys,dev,run,tmp,mnt,srv}
    tar -C / --one-file-system -cf - --exclude=usr/lib/cni --exclude=usr/share --exclude='usr/lib/python3*' --exclude='usr/bin/python3*' \
        --exclude=usr/bin/skopeo --exclude=usr/bin/umoci --exclude=usr/bin/docker-registry --exclude=usr/bin/perl --exclude=var/tmp \
        --exclude=var/cache --exclude='*gantry*' --exclude='ctr*' --exclude=usr/lib/x86_64-linux-gnu/perl-base \
        --exclude=usr/lib/modules --exclude='usr/lib/x86_64-linux-gnu/libboost*' \
        bin sbin lib lib64 usr etc var root | tar -C $root -xf -
    mkdir -p $root/usr/share/dbus-1 $root/var/{tmp,cache} $root/etc/systemd/system/multi-user.target.wants
    cp -a /usr/share/dbus-1/. $root/usr/share/dbus-1
    rm -f $root/etc/systemd/journald.conf.d/10-test.conf $root/etc/hostname $root/etc/systemd/system/vm-command.service
    : >$root/etc/machine-id
    printf '[Service]\nExecStart=/bin/sh -c "echo the service speaks; exec sleep infinity"\n' >$root/etc/systemd/system/speaker.service
    ln -s ../speaker.service $root/etc/systemd/system/multi-user.target.wants/
    oci_image /var/tmp/machine-image '{"Cmd":["/sbin/init"]}' $root
    rm -rf $root
}

# The same as "machine" in Gantry's store.
load_machine() {
    gantry image inspect machine >/dev/null 2>&1 && return 0
    machine_image
    gantry load -i /var/tmp/machine-image
    gantry tag localhost/machine-image machine
    rm -rf /var/tmp/machine-image
}

booted() {  # NAME: its systemd says "running"
    local state
    eventually "${2:-60}" bash -c "gantry exec $1 systemctl is-system-running | grep -qx -e running -e degraded"
    state=$(gantry exec "$1" systemctl is-system-running || true)
    [ "$state" = running ] || fail "'$1' is $state: $(gantry exec "$1" systemctl --failed --plain --no-legend)"
}
