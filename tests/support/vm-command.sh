#!/bin/bash
# Runs in the virtual machine when it has booted: the command with its output on virtio ports, then the power goes off.
port() {
    local entry
    for entry in /sys/class/virtio-ports/*; do
        [ "$(<"$entry/name")" != "$1" ] || echo "/dev/${entry##*/}"
    done
}
out=$(port out) err=$(port err) status=$(port status)
systemctl is-system-running --wait >/run/boot-state
/bin/bash /src/.bed/command </src/.bed/stdin >"$out" 2>"$err"
result=$?
if [ $result != 0 ] && [ -e /src/.bed/report ]; then
    {
        systemctl --no-pager --plain --no-legend --failed
        journalctl --no-pager --quiet -n 40 -o short-precise
    } >"$err" 2>&1
fi
if [ -e /src/.bed/journal ]; then journalctl --no-pager --quiet -o short-precise >"$(port journal)"; fi
sync
echo $result >"$status"
systemctl poweroff -ff
