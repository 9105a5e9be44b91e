# Sourced by dev and everything in tests/support that runs on the developer's machine. Needs $top: the root of the checkout.
support=$top/tests/support
cache=${GANTRY_DEV_CACHE:-/var/cache/gantry-dev}  # outlives build folders and is shared by all checkouts
export CCACHE_DIR=${CCACHE_DIR:-/var/cache/ccache-gantry}
# What ccache asks for with precompiled headers (ccache(1)), and so that checkouts in different folders share their objects.
export CCACHE_SLOPPINESS=${CCACHE_SLOPPINESS:-pch_defines,time_macros,include_file_mtime,include_file_ctime}
export CCACHE_BASEDIR=${CCACHE_BASEDIR:-$top} CCACHE_NOHASHDIR=1

# The Debian that this is (bookworm, trixie): what is built here runs in beds and machines of the same.
suite=${GANTRY_SUITE:-$(. /etc/os-release && echo "${VERSION_CODENAME:-bookworm}")}

# packages_of FILE GROUP...: the packages of these groups, out of lines "GROUP PACKAGE[@SUITE] WHY".
packages_of() {
    local file=$1
    shift
    awk -v groups="$*" -v suite="$suite" 'BEGIN {n = split(groups, names, " "); for (i = 1; i <= n; i++) wanted[names[i]] = 1}
        /^#/ || !($1 in wanted) {next} split($2, part, "@") == 1 || part[2] == suite {print part[1]}' "$file" | sort -u
}

say() { printf '\e[2m-- %s\e[0m\n' "$*" >&2; }
die() {
    printf 'dev: %s\n' "$*" >&2
    exit 125
}
need_root() { [ "$(id -u)" = 0 ] || die "'$1' needs root: it makes namespaces, mounts and cgroups"; }

# quiet LOG COMMAND...: output goes to LOG and is shown only if the command fails.
quiet() {
    local log=$1 status=0
    shift
    "$@" >"$log" 2>&1 || status=$?
    [ "$status" = 0 ] || { tail -n 60 "$log" >&2; say "'$*' failed with status $status, whole output in $log"; }
    return "$status"
}
