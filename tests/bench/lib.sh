# What the benches share; runs inside a bed with peers. Ratios are taken within one run: the machine's own speed cancels out.
. /src/tests/support/lib.sh
export PAYLOAD=/src/build/payload

# own_disk: the data of all engines on a file system of its own, new, as mkfs.ext4 makes it, that other runs have left no trace on.
# (The disk under a bed may be an ext4 without a journal: that looks, for each new file, through all that was deleted in the last
# minutes.) Before anything is stored.
own_disk() {
    local name
    truncate -s 8G /var/lib/gantry/bench.ext4
    mkfs.ext4 -q -N 131072 -E lazy_itable_init=0,lazy_journal_init=0,nodiscard /var/lib/gantry/bench.ext4
    mkdir -p /run/bench-disk
    mount -o loop /var/lib/gantry/bench.ext4 /run/bench-disk
    for name in gantry containers docker; do
        mkdir -p "/run/bench-disk/$name"
        mount --bind "/run/bench-disk/$name" "/var/lib/$name"
    done
}

# make_layers: /var/tmp/layers/0 to 9, 20 MB each. Layers as real ones are: many small files and some large ones, data that compresses to about half.
make_layers() {
    python3 - <<'P'
import os, random
random.seed(1)
words = [bytes(random.getrandbits(8) for _ in range(random.randrange(2, 12))) for _ in range(4000)]
def data(size):
    out, n = [], 0
    while n < size:
        piece = random.choice(words) if random.random() < 0.8 else random.randbytes(24)
        out.append(piece); n += len(piece)
    return b"".join(out)[:size]
pool = data(8 << 20)
for layer in range(10):
    left = 20 << 20
    while left > 0:
        size = min(left, random.choice([700, 3000, 9000, 30000, 200000, 2000000]))
        folder = f"/var/tmp/layers/{layer}/usr/d{random.randrange(40)}"
        os.makedirs(folder, exist_ok=True)
        at = random.randrange(len(pool) - size)
        with open(f"{folder}/f{left}", "wb") as f:
            f.write(pool[at:at + size]); f.write(os.urandom(size // 8))
        left -= size + size // 8
P
}

now() { echo "${EPOCHREALTIME/[.,]/}"; }  # microseconds

# timed COMMAND...: sets $took (microseconds); the command must succeed.
timed() {
    local start
    start=$(now)
    "$@" >/tmp/bench.out 2>&1 || fail "'$*': $(tail -n 5 /tmp/bench.out)"
    took=$(($(now) - start))
}
median() { sort -n | awk '{v[NR] = $1} END {print NR % 2 ? v[(NR + 1) / 2] : int((v[NR / 2] + v[NR / 2 + 1]) / 2)}'; }
ms() { awk -v u="$1" 'BEGIN {printf "%.1f ms", u / 1000}'; }

missed=0
heading() { printf '\n| %-58s | %12s | %12s | %7s | %8s | %-6s |\n| --- | --- | --- | --- | --- | --- |\n' "$1" Gantry "$2" ratio 'at most' ''; }
# line WHAT OURS OTHERS LIMIT: times in microseconds; LIMIT is the largest ratio that is good enough.
line() {
    local verdict
    verdict=$(awk -v a="$2" -v b="$3" -v l="$4" 'BEGIN {print (a <= b * l) ? "PASS" : "MISSED"}')
    [ "$verdict" = PASS ] || missed=$((missed + 1))
    printf '| %-58s | %12s | %12s | %7s | %8s | %-6s |\n' "$1" "$(ms "$2")" "$(ms "$3")" \
        "$(awk -v a="$2" -v b="$3" 'BEGIN {printf "%.2f", a / b}')" "$4" "$verdict"
}
# statement WHAT VALUE yes|no
statement() {
    local verdict=PASS
    [ "$3" = yes ] || { verdict=MISSED; missed=$((missed + 1)); }
    printf '| %-58s | %12s | %12s | %7s | %8s | %-6s |\n' "$1" "$2" '' '' '' "$verdict"
}
versions() {
    printf 'kernel %s, systemd %s, %s, podman %s, docker %s, %s cores\n' "$(uname -r)" "$(systemctl --version | awk 'NR == 1 {print $2}')" \
        "$(gantry --version 2>/dev/null | head -n 1)" "$(podman --version | awk '{print $3}')" "$(docker --version | awk '{print $3}' | tr -d ,)" "$(nproc)"
}
