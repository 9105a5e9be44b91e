# Debian packages of the developer's machine.

# need_packages GROUP...: installs what packages.txt lists for these groups and the machine lacks. Asks the network only then.
need_packages() {
    local wanted missing
    wanted=$(packages_of "$support/packages.txt" "$@")
    # shellcheck disable=SC2086  # package names are words
    missing=$(comm -23 <(echo "$wanted") \
        <(dpkg-query -W -f '${db:Status-Status} ${Package}\n' $wanted 2>/dev/null | awk '$1 == "installed" {print $2}' | sort -u))
    [ -n "$missing" ] || return 0
    # shellcheck disable=SC2086
    install_packages $missing
}

install_packages() (
    [ "$(id -u)" = 0 ] || die "missing packages, install them as root: $*"
    exec 9>/run/lock/gantry-dev-apt.lock
    flock 9
    say "installing $*"
    export DEBIAN_FRONTEND=noninteractive
    # A developer's machine must not find itself running services because of a build: refuse them while we install.
    local policy=/usr/sbin/policy-rc.d
    if [ ! -e $policy ]; then
        printf '#!/bin/sh\nexit 101\n' >$policy
        chmod 755 $policy
        trap 'rm -f /usr/sbin/policy-rc.d' EXIT INT TERM HUP
    fi
    mkdir -p "$cache"
    local options=(-y -q --no-install-recommends -o DPkg::Lock::Timeout=300)
    quiet "$cache/apt.log" apt-get install "${options[@]}" "$@" 2>/dev/null && exit 0
    quiet "$cache/apt-update.log" apt-get update -q || true  # a broken third-party source must not stop us; the next line tells
    quiet "$cache/apt.log" apt-get install "${options[@]}" "$@" || die "cannot install packages: $*"
)
