# limit: 120
# What breaks from outside: a full disk, drivers that are missing or refuse, definitions and names made to do harm, crowds. Each costs
# one clear error, and a second start heals whatever was left.

setup_file() {
    load_busybox
}

# refused TEXT COMMAND...: fails with one line of error that has TEXT, and without control characters
refused() {
    local text=$1
    shift
    assert_fails timeout 20 "$@"
    assert_contains "$output" "$text"
    assert_eq 1 "$(grep -c . <<<"$output")" "lines of '$output'"
    [ ${#output} -lt 1500 ] || fail "${#output} bytes of error"
    ! grep -q '[[:cntrl:]]' <<<"$output" || fail "control characters in: $output"
}
# start_refused NAME TEXT: the unit fails with 125 and says why
start_refused() {
    assert_fails systemctl start "ctr@$1"
    assert_eq 125 "$(show "ctr@$1" ExecMainStatus)"
    assert_contains "$(show "ctr@$1" StatusText)" "$2"
    assert_eq 0 "$(main_pid "$1")"
    systemctl reset-failed "ctr@$1"
}

# --- full disks ---------------------------------------------------------------------------------------------------------------------

# small_disk SIZE: /var/lib/gantry is a file system of that size until the test ends
small_disk() {
    truncate -s "$1" /var/tmp/small
    mkfs.ext4 -q -F -m 0 -N 4000 /var/tmp/small
    mount -o loop /var/tmp/small /var/lib/gantry
    trap 'umount -l /var/lib/gantry' EXIT
}
fill() {
    local i
    head -c 1G /dev/zero >/var/lib/gantry/filler 2>/dev/null || true
    sync -f /var/lib/gantry
    # A folder needs a block of its own: in the end none can be made.
    for i in {1..2000}; do mkdir /var/lib/gantry/filler.$i 2>/dev/null || return 0; done
    fail 'the disk is not full'
}
drain() { rm -r /var/lib/gantry/filler*; }
full='no space left on device'

test_full_disk_during_load_and_pull() {
    registry_start
    push /tmp/busybox-image busybox
    small_disk 24M
    gantry images >/dev/null
    local room
    for room in 0 64 600 1500 2400; do
        head -c ${room}K /dev/zero >/var/lib/gantry/later
        fill
        rm /var/lib/gantry/later
        refused "$full" gantry load -q -i /tmp/busybox.tar
        refused "$full" gantry pull -q $registry/busybox
        assert_eq '' "$(gantry images -q)"
        drain
        # What a transfer left is kept for the next one, which heals it.
        gantry pull -q $registry/busybox
        gantry load -q -i /tmp/busybox.tar
        sound
        gantry rmi -f "$(gantry images -q | head -n 1)" >/dev/null
    done
}

test_full_disk_during_create_start_and_stop() {
    small_disk 24M
    gantry load -q -i /tmp/busybox.tar
    gantry tag "$(gantry images -q)" busybox
    define filled 'command = ["payload", "sleep"]'
    define linked 'command = ["payload", "sleep"]
network = "default"
ports = ["8098:80"]'
    start_and_stop linked
    gantry rm linked 2>/dev/null || true
    local before
    before=$(host_picture)
    fill
    refused "$full" gantry create --name never --network none busybox true
    refused "$full" gantry volume create never
    refused "$full" gantry network create never
    start_refused filled "$full"
    assert_status 125 gantry run --rm --network none busybox true
    assert_contains "$output" "$full"
    assert_picture "$before"
    drain
    assert_lacks "$(gantry ps -a)" never
    assert_lacks "$(gantry volume ls)" never
    assert_lacks "$(gantry network ls)" never
    sound
    systemctl start ctr@filled ctr@linked
    fill
    # What is written down about the end has no room, but the end comes all the same.
    systemctl stop ctr@filled ctr@linked
    drain
    sound
    assert_picture "$before"
    gantry create --name never --network none busybox true
    gantry rm never
}

# --- drivers ------------------------------------------------------------------------------------------------------------------------

test_drivers_that_are_missing_or_broken() {
    local folder before file
    folder=$(dirname "$(dirname "$(find / -xdev -path '*/gantry/*/storage/overlayfs.so' -not -path '/src/*' 2>/dev/null | head -n 1)")")
    [ -e "$folder/network/bridge.so" ] || fail "no drivers in '$folder'"
    define stored 'command = ["payload", "sleep"]'
    define networked 'command = ["payload", "sleep"]
network = "default"'
    start_and_stop stored networked
    before=$(host_picture)
    # shellcheck disable=SC2064  # the folder of now
    trap "[ ! -e /tmp/kept.so ] || { mv -f /tmp/kept.so $folder/\$file.so; }" EXIT
    for file in storage/overlayfs network/bridge; do
        local name=stored
        [ $file = storage/overlayfs ] || name=networked
        mv "$folder/$file.so" /tmp/kept.so
        start_refused $name 'no such driver is installed'
        printf 'not an object' >"$folder/$file.so"
        start_refused $name 'cannot be loaded'
        head -c 20000 /tmp/kept.so >"$folder/$file.so"
        start_refused $name 'cannot be loaded'
        cp "$(ldconfig -p | sed -n 's/.*libnl-3.so.200 .*=> //p' | head -n 1)" "$folder/$file.so"
        start_refused $name 'exports no symbol'
        rm "$folder/$file.so"
        cp "$folder/${file%/*}/noop.so" "$folder/$file.so"  # another driver's name in the descriptor
        start_refused $name noop
        rm "$folder/$file.so"
        mkfifo "$folder/$file.so"
        start_refused $name 'not a regular file'
        rm "$folder/$file.so"
        assert_fails timeout 20 gantry check /etc/gantry/containers/$name.toml
        assert_fails timeout 20 gantry system check
        timeout 20 gantry ps -a >/dev/null
        mv /tmp/kept.so "$folder/$file.so"
        assert_picture "$before"
        start_and_stop $name
        sound
    done
}

test_drivers_that_refuse() {
    define taken 'command = ["payload", "sleep"]
network = "default"
ports = ["8097:80"]'
    define outside 'command = ["payload", "sleep"]
[[networks]]
name = "bridge"
ipv4 = "192.0.2.9"'
    define unknown 'command = ["payload", "sleep"]
network = "nowhere"'
    define upper 'command = ["payload", "sleep"]'
    start_and_stop taken
    local before
    before=$(host_picture)
    ncat -l 127.0.0.1 8097 >/dev/null &
    local listener=$!
    eventually 5 bash -c 'ss -Htln | grep -q :8097'
    start_refused taken 8097
    kill $listener
    start_refused outside 192.0.2.9
    start_refused unknown nowhere
    # Overlayfs takes no overlay as its upper layer.
    local data=/var/lib/gantry/storage/overlayfs
    mkdir -p /var/tmp/over
    mount -t tmpfs over /var/tmp/over
    mkdir /var/tmp/over/{upper,work}
    mount -t overlay overlay -o lowerdir=$data,upperdir=/var/tmp/over/upper,workdir=/var/tmp/over/work $data
    start_refused upper overlayfs
    umount $data
    umount /var/tmp/over
    assert_picture "$before"
    sound
    start_and_stop taken upper
}

# --- definitions --------------------------------------------------------------------------------------------------------------------

test_a_megabyte_of_nonsense() {
    define bystander 'command = ["payload", "sleep"]'
    local before kind
    before=$(host_picture)
    nonsense() {
        case $1 in
            random) head -c 1000000 /dev/urandom ;;
            zeros) head -c 1000000 /dev/zero ;;
            text) for i in {1..22000}; do echo 'all work and no play makes jack a dull boy'; done ;;
            nested) printf 'a = '; printf '[%.0s' {1..200000} ;;
            tables) for i in {1..60000}; do echo "[t$i.a.b]"; done ;;
            dotted) printf 'a'; printf '.a%.0s' {1..300000}; echo ' = 1' ;;
            keys) for i in {1..60000}; do echo "key$i = $i"; done ;;
            string) printf 'image = "'; head -c 1000000 /dev/zero | tr '\0' x; echo '"' ;;
            ports) printf 'image = "busybox"\nports = ['; for i in {1..60000}; do printf '"%s:80",' "$i"; done; echo ']' ;;
            escapes) printf 'image = "busybox"\n"\\u001b[31m\\nred" = 1\n' ;;
        esac
    }
    for kind in random zeros text nested tables dotted keys string ports escapes; do
        nonsense $kind >/etc/gantry/containers/nonsense.toml
        refused nonsense.toml gantry check /etc/gantry/containers/nonsense.toml
        timeout 20 systemctl daemon-reload
        assert_fails timeout 20 systemctl start ctr@nonsense
        assert_eq 125 "$(show ctr@nonsense ExecMainStatus)"
        assert_contains "$(show ctr@nonsense StatusText)" nonsense
        timeout 20 gantry ps -a >/dev/null
        systemctl reset-failed ctr@nonsense
    done
    start_and_stop bystander
    # The second start.
    define nonsense 'command = ["payload", "sleep"]'
    start_and_stop nonsense
    assert_picture "$before"
    sound
}

# --- names --------------------------------------------------------------------------------------------------------------------------

hostile_names() {
    # One letter is too short for a name, and "z" begins no id.
    names=(.. . '' z '../../etc/passwd' a/b 'a b' -a "$(printf 'x%.0s' {1..300})" $'a\nb' $'a\eb' 'a%n' 'ab@c' 'ab:c' 'äöü' $'a\xff\xfe' '$(id)' 'a\b' ' ab')
}
# Resolvers of networks leave by themselves, half a minute after the last container.
tree() { find /etc /run/gantry /run/systemd/system /var/lib/gantry -xdev -not -path '*/storage/*' -not -path '/run/gantry/dns*' -not -name '.*' -not -name '*.lock' 2>/dev/null | sort; }

test_hostile_names_on_the_command_line() {
    local name names before
    hostile_names
    gantry create --name innocent --network none busybox true >/dev/null
    before=$(tree)
    for name in "${names[@]}"; do
        if [ -n "$name" ]; then  # none at all is made up
            refused name gantry create "--name=$name" --network none busybox true
            assert_fails timeout 20 gantry run --rm "--name=$name" --network none busybox true
        fi
        assert_fails timeout 20 gantry rename -- innocent "$name"
        [ -z "$name" ] || assert_fails timeout 20 gantry volume create -- "$name"
        assert_fails timeout 20 gantry network create -- "$name"
        for verb in start stop kill rm inspect logs attach wait pause 'exec' 'volume rm' 'volume inspect' 'network rm' 'network inspect' rmi history; do
            # shellcheck disable=SC2086
            assert_fails timeout 20 gantry $verb -- "$name" true
            [[ $output != *$'\e'* ]] || fail "an escape in: $output"
        done
        assert_fails timeout 20 gantry cp -- "$name:/etc/passwd" /tmp/copied
        assert_fails timeout 20 gantry create --network none -v "$name:relative" busybox true
    done
    assert_eq "$before" "$(tree)" 'what is there'
    gantry rm innocent >/dev/null
    sound
}

test_hostile_names_as_files_and_units() {
    local name names before
    hostile_names
    mkdir -p /etc/gantry/containers
    before=$(host_picture)
    for name in "${names[@]}"; do
        if [[ -n $name && $name != *..* && $name != . && $name != */* && ${#name} -lt 200 ]]; then
            printf 'image = "busybox"\nnetwork = "none"\ncommand = ["payload", "sleep"]\n' >"/etc/gantry/containers/$name.toml"
            assert_contains "$(gantry system check 2>&1 || true)" 'is never read'
        fi
        systemctl daemon-reload
        assert_fails timeout 20 systemctl start "ctr@$(systemd-escape -- "$name").service"
        [ ${#name} -gt 200 ] || assert_fails timeout 20 systemctl start "ctr@$name.service"
        [ -z "$name" ] || [ "${#name}" -gt 200 ] || rm -f "/etc/gantry/containers/${name//\//_}.toml"
    done
    timeout 20 gantry ps -a >/dev/null
    systemctl reset-failed
    systemctl daemon-reload
    assert_picture "$before"
    sound
}

test_hostile_names_on_the_bus() {
    local name names before
    hostile_names
    before=$(tree)
    call() { timeout 20 busctl call io.gantry1 /io/gantry1 io.gantry1.Manager "$@"; }
    for name in "${names[@]}"; do
        [[ $name != *$'\xff'* ]] || continue  # D-Bus carries UTF-8 only
        for method in GetContainer GetImage; do
            assert_fails call $method s -- "$name"
        done
        [ -z "$name" ] || assert_fails call CreateContainer ss -- "$name" $'image = "busybox"\nnetwork = "none"\n'
        assert_fails call CheckDefinition ss -- "$name" $'image = "busybox"\nnetwork = "none"\n'
    done
    assert_eq "$before" "$(tree)" 'what is there'
    call ListContainers >/dev/null
    sound
}

# --- crowds -------------------------------------------------------------------------------------------------------------------------

test_fifty_runs_of_one_name() {
    local before i won=0 pid pids=()
    gantry run --rm busybox true  # the default network is there
    before=$(host_picture)
    for i in {1..50}; do
        gantry run -d --name crowd -p 8096:80 busybox payload sleep >"/tmp/crowd.$i" 2>&1 &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do if wait "$pid"; then won=$((won + 1)); fi; done
    assert_eq 1 $won 'who got the name'
    assert_eq 49 "$(grep -l "container name 'crowd' is already in use" /tmp/crowd.* | wc -l)" 'who was told so'
    unit_is ctr@crowd active
    pids=()
    for i in {1..20}; do
        gantry rm -f crowd >/dev/null 2>&1 &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do wait "$pid" || true; done
    assert_lacks "$(gantry ps -aq -f name=crowd)" .
    eventually 5 bash -c '! gantry inspect crowd'
    assert_picture "$before"
    sound
}

test_fifty_starts_and_stops_with_a_network() {
    define busy 'command = ["payload", "sleep"]
network = "default"
ports = ["8095:80"]
stop_signal = "SIGKILL"'
    start_and_stop busy
    local i before
    before=$(host_picture)
    for i in {1..25}; do
        systemctl start ctr@busy >/dev/null 2>&1 &
        gantry stop busy >/dev/null 2>&1 &
        gantry start busy >/dev/null 2>&1 &
        systemctl restart ctr@busy >/dev/null 2>&1 &
    done
    wait
    systemctl stop ctr@busy
    systemctl reset-failed ctr@busy 2>/dev/null || true
    assert_picture "$before"
    sound
    systemctl start ctr@busy
    unit_is ctr@busy active
    systemctl stop ctr@busy
    assert_picture "$before"
}
