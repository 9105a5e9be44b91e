# The virtual machine: qemu in software, Debian's kernel, the bed's root file system on a disk of its own. Has what the bed lacks:
# cgroup controllers, CAP_SYS_RESOURCE, a disk that survives a power cut.

vm_usage() {
    cat <<'U'
usage: ./dev vm [OPTION]... -- CMD [ARG]...
Runs CMD in a throw-away virtual machine that has Gantry installed from this tree. Standard output and error are CMD's, and so is the
exit status (125: the machine itself failed). The tree is at /src, read-only. Takes about 20 seconds to boot.
  -e NAME=VALUE     set a variable for CMD (GANTRY_* and TERM are passed on anyway)
  -i                read all of standard input first and give it to CMD
  --no-build        install what is built already
  --bare            install nothing of Gantry
  --peers           the root file system that also has podman, crun, docker.io and systemd-container
  --memory MIB      2048 unless told
  --timeout SECS    kill the machine and exit with 124 after that time; 600 unless told
  --disk FILE       use FILE as the disk and keep it: a later call boots what this one left (made when missing)
  --cut PATTERN     power cut (SIGKILL to qemu) as soon as a line of CMD's output matches the bash pattern; exit status 0 then
  --journal FILE    write the machine's journal there at the end
U
}

vm_main() {
    local variant=base build=1 bare=0 limit=600 memory=2048 disk='' cut='' stdin=0 journal='' variables=()
    while [ $# -gt 0 ]; do
        case $1 in
            -e) variables+=("$2"); shift ;;
            -i) stdin=1 ;;
            --no-build) build=0 ;;
            --bare) bare=1 ;;
            --peers) variant=peers ;;
            --memory) memory=$2; shift ;;
            --timeout) limit=$2; shift ;;
            --disk) disk=$(readlink -f "$2"); shift ;;
            --cut) cut=$2; shift ;;
            --journal) journal=$2; shift ;;
            --help | -h) vm_usage; return 0 ;;
            --) shift; break ;;
            -*) die "vm: no option '$1' (./dev vm --help)" ;;
            *) break ;;
        esac
        shift
    done
    [ $# -gt 0 ] || die "vm: no command (./dev vm --help)"
    local command=("$@")
    need_root vm
    need_packages vm
    local root kernel base
    root=$(rootfs "$variant") && kernel=$(vm_kernel) && base=$(vm_base "$root" "$kernel") || die "vm: no disk image"
    [ $bare = 1 ] || [ $build = 0 ] || [ -n "${GANTRY_BED_INSTALL:-}" ] || build_tree release || die "vm: the tree does not build"

    vm_work=$(mktemp -d "/var/tmp/gantry-bed.$$.XXXXXX") vm_pid='' vm_watch=''
    trap vm_cleanup EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    vm_second_disk || die "vm: cannot make its second disk"
    [ -n "$disk" ] || disk=$vm_work/disk.qcow2
    [ -e "$disk" ] || quiet "$vm_work/log" qemu-img create -q -f qcow2 -b "$base" -F raw "$disk" || die "vm: cannot make its disk"
    vm_start
    vm_stream
    [ ! -e "$vm_work/timed-out" ] || { vm_console; say "vm: timed out after $limit s"; return 124; }
    [ ! -e "$vm_work/cut" ] || return 0
    [ -z "$journal" ] || cp "$vm_work/journal" "$journal"
    [ -s "$vm_work/status" ] || { vm_console; die "vm: ended before the command did"; }
    [ -z "$cut" ] || { say "vm: no line matched '$cut'"; return 125; }
    return "$(tr -cd 0-9 <"$vm_work/status")"
}

# The tree, the installation and the command; made anew for every run, small. Reads the caller's variables.
vm_second_disk() {
    local tree=$vm_work/tree
    mkdir -p "$tree/.bed/install/etc/systemd/system" && cd "$top" || return 1
    git ls-files -z --cached --others --exclude-standard | xargs -0 sh -c 'for f; do [ -e "$f" ] && printf "%s\0" "$f"; done' sh |
        tar -c --null -T - | tar -x -C "$tree" || return 1
    cd - >/dev/null || return 1
    if [ -n "${GANTRY_BED_INSTALL:-}" ]; then cp -a "$GANTRY_BED_INSTALL/." "$tree/.bed/install"
    elif [ $bare = 0 ]; then install_tree "$tree/.bed/install" || return 1
    fi
    mkdir -p "$tree/.bed/install/etc/systemd/system"
    cat >"$tree/.bed/install/etc/systemd/system/vm-command.service" <<'U'
[Unit]
After=multi-user.target
[Service]
Type=exec
ExecStart=/bin/bash /src/tests/support/vm-command.sh
StandardInput=null
U
    echo vm >"$tree/.bed/install/etc/hostname"
    [ ! -e "$top/build/payload" ] || cp "$top/build/payload" "$tree/.bed/payload"
    bed_command "${variables[@]}" -- "${command[@]}" >"$tree/.bed/command"
    [ $stdin = 0 ] || cat >"$tree/.bed/stdin"
    [ -e "$tree/.bed/stdin" ] || : >"$tree/.bed/stdin"
    [ -n "${GANTRY_BED_QUIET:-}" ] || : >"$tree/.bed/report"
    [ -z "$journal" ] || : >"$tree/.bed/journal"
    local size
    size=$(($(du -sm "$tree" | cut -f1) * 2 + 32))
    quiet "$vm_work/log" mke2fs -q -t ext4 -O ^has_journal -d "$tree" "$vm_work/second.ext4" "${size}M" && rm -rf "$tree"
}

# One thread runs both processors in turns: with a thread for each, a processor can run code that the other has just patched (the
# kernel's static keys; "Oops: int3"), which real ones are kept from by an interrupt that emulation does not order with the patch.
vm_start() {
    local name ports=()
    for name in out err status journal; do
        mkfifo "$vm_work/$name.fifo.in" "$vm_work/$name.fifo.out"
        ports+=(-chardev "pipe,id=$name,path=$vm_work/$name.fifo" -device "virtserialport,chardev=$name,name=$name")
    done
    setpriv --pdeathsig KILL qemu-system-x86_64 -nodefaults -no-user-config -display none -no-reboot \
        -accel tcg,thread=single -cpu max -smp 2 -m "$memory" \
        -kernel "$kernel/vmlinuz" -initrd "$kernel/initrd.cpio" \
        -append "console=ttyS0 quiet panic=-1 mitigations=off systemd.show_status=0 systemd.wants=vm-command.service" \
        -drive "file=$disk,if=none,id=a,format=qcow2,cache=writeback" -device virtio-blk-pci,drive=a \
        -drive "file=$vm_work/second.ext4,if=none,id=b,format=raw,readonly=on" -device virtio-blk-pci,drive=b \
        -device virtio-serial-pci "${ports[@]}" -object rng-random,id=r,filename=/dev/urandom -device virtio-rng-pci,rng=r \
        -serial "file:$vm_work/console" </dev/null >"$vm_work/qemu" 2>&1 &
    vm_pid=$!
    disown $vm_pid
    (exec >/dev/null 2>&1 </dev/null; sleep "$limit"; : >"$vm_work/timed-out"; kill -KILL "$vm_pid") &
    vm_watch=$!
    disown $vm_watch
}

# Copies the ports until qemu ends, which closes them.
vm_stream() {
    local readers=() name
    cat "$vm_work/err.fifo.out" >&2 &
    readers+=($!)
    for name in status journal; do
        cat "$vm_work/$name.fifo.out" >"$vm_work/$name" &
        readers+=($!)
    done
    if [ -z "$cut" ]; then cat "$vm_work/out.fifo.out"; else vm_stream_cut; fi
    wait "${readers[@]}" || true
}

vm_stream_cut() {
    local line
    while IFS= read -r line; do
        printf '%s\n' "$line"
        # shellcheck disable=SC2053  # a pattern is meant
        if [[ $line == $cut ]] && [ ! -e "$vm_work/cut" ]; then
            : >"$vm_work/cut"
            kill -KILL "$vm_pid"
        fi
    done <"$vm_work/out.fifo.out"
}

vm_console() { tail -n 40 "$vm_work/console" "$vm_work/qemu" >&2; }

vm_cleanup() {
    local status=$?
    trap '' INT TERM HUP
    [ -z "$vm_watch" ] || kill "$vm_watch" 2>/dev/null || true
    [ -z "$vm_pid" ] || kill -KILL "$vm_pid" 2>/dev/null || true
    rm -rf --one-file-system "$vm_work" || true
    exit $status
}
