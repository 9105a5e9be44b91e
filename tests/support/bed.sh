# The bed: systemd as PID 1 in namespaces of its own, on a throw-away copy of a root file system, with Gantry installed from this
# checkout. Boots in one to three seconds, many at once. README.md in this folder tells what it can show and what not.

bed_usage() {
    cat <<'U'
usage: ./dev bed [OPTION]... [-- CMD [ARG]...]
Runs CMD (a shell without one) in a throw-away host whose PID 1 is systemd and which has Gantry installed from this tree.
Standard input, output and error are CMD's, and so is the exit status (125: the bed itself failed). The tree is at /src.
  -e NAME=VALUE     set a variable for CMD (GANTRY_* and TERM are passed on anyway)
  --no-build        install what is built already
  --bare            install nothing of Gantry
  --mirror          a Debian base image and packages for builds in /srv/mirror
  --peers           a root file system that also has podman, crun, docker.io and systemd-container
  --timeout SECS    kill the bed and exit with 124 after that time
  --journal FILE    write the bed's journal there at the end
U
}

bed_main() {
    local variant=base build=1 bare=0 limit=0 journal='' mirror='' variables=()
    while [ $# -gt 0 ]; do
        case $1 in
            -e) variables+=("$2"); shift ;;
            --no-build) build=0 ;;
            --bare) bare=1 ;;
            --mirror) mirror=yes ;;
            --peers) variant=peers ;;
            --timeout) limit=$2; shift ;;
            --journal) journal=$2; shift ;;
            --help | -h) bed_usage; return 0 ;;
            --) shift; break ;;
            -*) die "bed: no option '$1' (./dev bed --help)" ;;
            *) break ;;
        esac
        shift
    done
    need_root bed
    local root installed
    root=$(rootfs "$variant") || die "bed: no root file system"
    [ -z "$mirror" ] || mirror=$(mirror) || die "bed: no package mirror"
    [ $bare = 1 ] || [ $build = 0 ] || [ -n "${GANTRY_BED_INSTALL:-}" ] || build_tree release || die "bed: the tree does not build"

    bed_work=$(mktemp -d "/var/tmp/gantry-bed.$$.XXXXXX")
    bed_pid='' bed_watch='' bed_cgroup=''
    trap bed_cleanup EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    installed=${GANTRY_BED_INSTALL:-$bed_work/install}
    mkdir -p "$bed_work/install"
    if [ $bare = 1 ]; then installed=$bed_work/install
    elif [ -z "${GANTRY_BED_INSTALL:-}" ]; then install_tree "$installed" || die "bed: cannot install"
    fi
    bed_boot "$root" "$installed" "$mirror"
    bed_command "${variables[@]}" -- "$@" >"$bed_work/share/command"
    if [ "$limit" -gt 0 ]; then
        # The bed's end ends the command too.
        (exec >/dev/null 2>&1 </dev/null; sleep "$limit"; : >"$bed_work/timed-out"; kill -KILL "$bed_pid") &
        bed_watch=$!
    fi
    local status=0 mode=--pipe
    [ ! -t 0 ] || [ ! -t 1 ] || mode=--pty
    bed_enter systemd-run --quiet --collect --wait --service-type=exec $mode --unit=bed-command --slice=system.slice \
        -p TimeoutStopSec=2 /bin/bash /run/bed/command || status=$?
    [ -z "$journal" ] || bed_enter journalctl --no-pager -o short-precise </dev/null >"$journal" 2>&1 || true
    [ ! -e "$bed_work/timed-out" ] || { say "bed: timed out after $limit s"; return 124; }
    if [ $status != 0 ] && [ -z "${GANTRY_BED_QUIET:-}" ]; then bed_report "status $status"; fi
    return $status
}

bed_enter() { nsenter --target "$bed_pid" --all --wd=/ -- "$@"; }

# The command travels in a file: systemd-run would expand $ in its arguments.
bed_command() {  # NAME=VALUE... -- CMD...
    local name
    for name in TERM $(compgen -e GANTRY_ || true); do
        [ -z "${!name+set}" ] || printf 'export %s=%q\n' "$name" "${!name}"
    done
    echo 'export HOME=/root USER=root LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
    while [ "$1" != -- ]; do
        printf 'export %s=%q\n' "${1%%=*}" "${1#*=}"
        shift
    done
    shift
    [ $# -gt 0 ] || set -- bash
    echo 'cd /src'
    printf 'exec'
    printf ' %q' "$@"
    echo
}

bed_boot() {  # ROOT INSTALLED [MIRROR]
    local tree
    tree=$(findmnt -n -t cgroup2 -o TARGET | head -n 1)
    [ -n "$tree" ] || die "bed: no cgroup2 mount on this machine"
    bed_sweep "$tree"
    # A cgroup of its own that becomes the root of the bed's cgroup namespace: units of two beds never meet.
    bed_cgroup=$tree/gantry-bed.$$
    mkdir -p "$bed_cgroup" "$bed_work"/{mnt,share} "$bed_work"/data/{gantry,containers,docker,tmp}
    # Dies with us even if we are killed: setpriv's signal reaches unshare, unshare's reaches the bed's PID 1.
    (
        echo 0 >"$bed_cgroup/cgroup.procs" || exit 1
        exec setpriv --pdeathsig KILL unshare --kill-child --fork --pid --mount --uts --ipc --cgroup --net --propagation private \
            "$support/bed-init.sh" "$bed_work" "$1" "$2" "$top" "$3" </dev/null >"$bed_work/console" 2>&1 9>&-
    ) &
    local outer=$! tries=0
    disown $outer
    while [ -z "$bed_pid" ] && [ $tries -lt 100 ]; do
        sleep 0.02
        bed_pid=$(cat "/proc/$outer/task/$outer/children" 2>/dev/null | tr -d ' ' || true)
        tries=$((tries + 1))
    done
    local socket="/proc/$bed_pid/root/run/systemd/private" state
    until [ -S "$socket" ] && [ -d "/proc/$bed_pid/root/run/bed" ]; do
        sleep 0.05
        tries=$((tries + 1))
        [ -n "$bed_pid" ] && [ -d "/proc/$bed_pid" ] && [ $tries -lt 600 ] || {
            cat "$bed_work/console" >&2
            die "bed: systemd did not come up"
        }
    done
    state=$(bed_enter timeout 60 systemctl is-system-running --wait </dev/null 2>&1 || true)
    case $state in
        running) ;;
        degraded) say "bed: degraded"; bed_enter systemctl --no-pager --plain --failed </dev/null >&2 || true ;;
        *) bed_report "booting ended '$state'"; die "bed: did not boot" ;;
    esac
}

bed_report() {
    say "bed: $1; failed units and the end of the journal:"
    bed_enter systemctl --no-pager --plain --no-legend --failed </dev/null >&2 || true
    bed_enter journalctl --no-pager --quiet -n "${GANTRY_BED_JOURNAL_LINES:-25}" -o short-precise </dev/null >&2 || true
}

bed_cleanup() {
    local status=$?
    trap '' INT TERM HUP
    [ -z "$bed_watch" ] || kill "$bed_watch" 2>/dev/null || true
    if [ -n "$bed_pid" ]; then
        bed_loops "/proc/$bed_pid" >"$bed_work/loops" 2>/dev/null || true
        kill -KILL "$bed_pid" 2>/dev/null || true  # the end of a PID namespace's PID 1 ends all in it, and its mounts with them
    fi
    if [ -n "$bed_cgroup" ]; then bed_remove_cgroup "$bed_cgroup"; fi
    if [ -s "$bed_work/loops" ]; then xargs -r -n 1 losetup -d <"$bed_work/loops" 2>/dev/null || true; fi
    rm -rf --one-file-system "$bed_work" || say "bed: left over: $bed_work"
    exit $status
}

# Loop devices are the machine's, not the bed's: find those whose file lies on the bed's memory or in its data folder.
bed_loops() {  # PROC-FOLDER OF ITS PID 1
    local memory disk name device inode
    memory=$(awk '/ - tmpfs / {print $3}' "$1/mountinfo" | tr '\n' ' ')
    disk=$(stat -c %Hd:%Ld "$bed_work/data")
    losetup --list --noheadings -O NAME,BACK-MAJ:MIN,BACK-INO | while read -r name device inode; do
        if [[ " $memory" == *" $device "* ]] ||
            { [ "$device" = "$disk" ] && [ -n "$(find "$bed_work/data" -xdev -inum "$inode" -print -quit)" ]; }; then
            echo "$name"
        fi
    done
}

bed_remove_cgroup() {
    local tries=0
    echo 1 >"$1/cgroup.kill" 2>/dev/null || true
    until find "$1" -depth -type d -exec rmdir {} + 2>/dev/null || [ ! -d "$1" ]; do
        tries=$((tries + 1))
        [ $tries -lt 100 ] || { say "bed: cgroup '$1' is busy"; return 0; }
        sleep 0.05
    done
}

# Beds whose script was killed by SIGKILL could not tidy up.
bed_sweep() {  # CGROUP2-MOUNT
    local folder owner
    for folder in "$1"/gantry-bed.* /var/tmp/gantry-bed.*.*; do
        owner=${folder##*/gantry-bed.}
        [ -d "$folder" ] && [ ! -d "/proc/${owner%.*}" ] || continue
        case $folder in /var/tmp/*) rm -rf --one-file-system "$folder" ;; *) bed_remove_cgroup "$folder" ;; esac
    done
}
