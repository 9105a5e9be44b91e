# io.gantry1: the contract, activation, authorisation, jobs, and a daemon that may die at any moment.
# limit: 90

call() {  # OBJECT INTERFACE METHOD [SIGNATURE ARG...], at io.gantry1
    busctl --timeout=60 call io.gantry1 "$1" "io.gantry1.$2" "${@:3}"
}
created() {  # NAME: a container that sleeps
    gantry inspect "$1" >/dev/null 2>&1 || gantry create --name "$1" --network none busybox /bin/payload sleep >/dev/null
}

setup_file() {
    load_busybox
}

test_activation_by_the_bus_and_version() {
    systemctl stop gantryd
    ! unit_is gantryd active
    assert_match "$(prop /io/gantry1 Manager Version)" '^s "[0-9]+\.[0-9]+'
    unit_is gantryd active
    # Root's, whatever happens on the way.
    assert_eq 0 "$(stat -c %u "/proc/$(show gantryd MainPID)")"
}

# What a running gantryd answers to Introspect is what the XML files say: every method, signal and property with its types.
members() {
    python3 - "$1" <<'P'
import sys, xml.etree.ElementTree as tree
root = tree.parse(sys.argv[1]).getroot()
lines = []
for interface in root.iter('interface'):
    if not interface.get('name').startswith('io.gantry1.'):
        continue
    for member in interface:
        if member.tag not in ('method', 'signal', 'property'):
            continue
        args = [(a.get('name'), a.get('type'), a.get('direction', 'out' if member.tag == 'signal' else 'in')) for a in member.iter('arg')]
        notes = sorted((a.get('name'), a.get('value')) for a in member.iter('annotation') if a.get('name').endswith('EmitsChangedSignal'))
        if member.tag == 'signal':  # systemd leaves the direction of a signal's arguments out
            args = [(n, t) for n, t, d in args]
        lines.append(f"{interface.get('name')} {member.tag} {member.get('name')} {member.get('type', '')} {member.get('access', '')} {args} {notes}")
print('\n'.join(sorted(lines)))
P
}
same_contract() {  # INTERFACE OBJECT
    busctl introspect --xml-interface io.gantry1 "$2" >/tmp/live.xml
    members "/usr/share/dbus-1/interfaces/io.gantry1.$1.xml" >/tmp/contract
    members /tmp/live.xml >/tmp/live
    [ -s /tmp/contract ] || fail "io.gantry1.$1 has no members"
    diff /tmp/contract /tmp/live || fail "io.gantry1.$1 differs at $2"
}
test_xml_is_what_is_served() {
    created contract
    gantry volume create contract >/dev/null
    same_contract Manager /io/gantry1
    same_contract Container /io/gantry1/container/contract
    same_contract Volume /io/gantry1/volume/contract
    same_contract Network /io/gantry1/network/none
    same_contract Image "$(call /io/gantry1 Manager GetImage s busybox | cut -d'"' -f2)"
}

test_containers_are_objects_that_live() {
    created lively
    local object
    object=$(call /io/gantry1 Manager GetContainer s lively | cut -d'"' -f2)
    assert_eq /io/gantry1/container/lively "$object"
    assert_eq 's "created"' "$(prop "$object" Container State)"
    call "$object" Container Start
    unit_is ctr@lively active
    eventually 5 bash -c "busctl get-property io.gantry1 $object io.gantry1.Container State | grep -q running"
    assert_eq "u $(show ctr@lively MainPID)" "$(prop "$object" Container Pid)"
    call "$object" Container Pause
    eventually 5 bash -c "busctl get-property io.gantry1 $object io.gantry1.Container State | grep -q paused"
    call "$object" Container Unpause
    call "$object" Container Stop
    ! unit_is ctr@lively active
    call "$object" Container Remove bb true true
    assert_fails busctl get-property io.gantry1 "$object" io.gantry1.Container State
    assert_fails gantry inspect lively
}

test_changes_by_others_are_signalled() {
    created watched
    prop /io/gantry1 Manager Version
    busctl monitor --json=short io.gantry1 >/tmp/signals 2>/dev/null &
    local monitor=$!
    sleep 0.5
    systemctl start ctr@watched
    eventually 5 grep -q '"running"' /tmp/signals
    systemctl stop ctr@watched
    eventually 5 grep -q '"exited"' /tmp/signals
    gantry rm watched >/dev/null
    eventually 5 grep -q InterfacesRemoved /tmp/signals
    kill $monitor
}

test_errors_have_names() {
    assert_fails call /io/gantry1 Manager GetContainer s no-such-container
    assert_contains "$output" 'no such container'
    output=$(dbus-send --system --print-reply --dest=io.gantry1 /io/gantry1 io.gantry1.Manager.GetContainer string:no-such-container 2>&1) && fail 'no error'
    assert_contains "$output" io.gantry1.Error.NotFound
    assert_fails call /io/gantry1 Manager CreateContainer ss '../../etc/x' 'image = "busybox"'
    assert_fails call /io/gantry1 Manager CreateContainer ss nonsense 'immage = "busybox"'
    assert_contains "$output" image
}

test_reading_is_free_and_the_rest_is_refused() {
    created guarded
    as_alice busctl call io.gantry1 /io/gantry1 io.gantry1.Manager ListContainers >/dev/null
    eventually 5 as_alice busctl get-property io.gantry1 /io/gantry1/container/guarded io.gantry1.Container State
    local verb
    for verb in Start Stop Restart Pause Unpause GetDefinition; do
        assert_fails as_alice busctl call io.gantry1 /io/gantry1/container/guarded io.gantry1.Container $verb
    done
    assert_fails as_alice busctl call io.gantry1 /io/gantry1/container/guarded io.gantry1.Container Remove bb true true
    assert_fails as_alice busctl call io.gantry1 /io/gantry1 io.gantry1.Manager PullImage ss busybox ''
    assert_fails as_alice busctl call io.gantry1 /io/gantry1 io.gantry1.Manager SystemCheck bb true false
    ! unit_is ctr@guarded active
    gantry inspect guarded >/dev/null
}

test_a_rule_sees_the_containers_name() {
    created granted
    created guarded
    mkdir -p /etc/polkit-1/rules.d
    cat >/etc/polkit-1/rules.d/10-test.rules <<'R'
polkit.addRule(function(action, subject) {
    if (action.id == "io.gantry1.container.start" && action.lookup("container") == "granted" && subject.user == "alice")
        return polkit.Result.YES;
});
R
    systemctl restart polkit
    as_alice busctl call io.gantry1 /io/gantry1/container/granted io.gantry1.Container Start
    unit_is ctr@granted active
    assert_fails as_alice busctl call io.gantry1 /io/gantry1/container/guarded io.gantry1.Container Start
    gantry rm -f granted >/dev/null
}

test_pull_tells_its_progress() {
    registry_start
    busybox_image
    push /tmp/busybox-image pulled:1
    call /io/gantry1 Manager Subscribe
    busctl monitor --json=short io.gantry1 >/tmp/progress 2>/dev/null &
    local monitor=$! job
    sleep 0.5
    job=$(call /io/gantry1 Manager PullImage ss $registry/pulled:1 '' | cut -d'"' -f2)
    eventually 20 bash -c "busctl get-property io.gantry1 $job io.gantry1.Job State | grep -q done"
    same_contract Job "$job"
    kill $monitor
    assert_contains "$(cat /tmp/progress)" '"Progress"'
    assert_contains "$(cat /tmp/progress)" '"Finished"'
    gantry image inspect $registry/pulled:1 >/dev/null
    job=$(call /io/gantry1 Manager PullImage ss $registry/no-such-image '' | cut -d'"' -f2)
    eventually 20 bash -c "busctl get-property io.gantry1 $job io.gantry1.Job State | grep -q failed"
    assert_contains "$(prop "$job" Job ErrorName)" io.gantry1.Error.
}

test_push_tells_its_progress_and_digest() {
    registry_start
    load_busybox
    gantry tag busybox $registry/pushed:1
    call /io/gantry1 Manager Subscribe
    busctl monitor --json=short io.gantry1 >/tmp/progress 2>/dev/null &
    local monitor=$! job
    sleep 0.5
    job=$(call /io/gantry1 Manager PushImage 'ssa{ss}' $registry/pushed:1 '' 1 compression zstd | cut -d'"' -f2)
    eventually 20 bash -c "busctl get-property io.gantry1 $job io.gantry1.Job State | grep -q done"
    same_contract Job "$job"
    kill $monitor
    assert_contains "$(cat /tmp/progress)" '"Pushed"'
    digest=$(skopeo inspect --tls-verify=false --format '{{.Digest}}' docker://$registry/pushed:1)
    assert_contains "$(cat /tmp/progress)" "1: digest: $digest size: "
    assert_contains "$(prop "$(prop "$job" Job Product | cut -d'"' -f2)" Image Digests)" "$registry/pushed@$digest"
    job=$(call /io/gantry1 Manager PushImage 'ssa{ss}' $registry/no-such-image '' 0 | cut -d'"' -f2)
    eventually 20 bash -c "busctl get-property io.gantry1 $job io.gantry1.Job State | grep -q failed"
    assert_contains "$(prop "$job" Job ErrorName)" io.gantry1.Error.NotFound
    assert_fails call /io/gantry1 Manager PushImage 'ssa{ss}' $registry/pushed:1 '' 1 compresion zstd
    assert_fails as_alice busctl call io.gantry1 /io/gantry1 io.gantry1.Manager PushImage 'ssa{ss}' $registry/pushed:1 '' 0
}

test_killing_the_daemon_harms_nothing() {
    created survivor
    systemctl start ctr@survivor
    local pid
    pid=$(show ctr@survivor MainPID)
    prop /io/gantry1 Manager Version
    local daemon
    daemon=$(show gantryd MainPID)
    systemctl kill -s KILL gantryd
    eventually 5 bash -c "[ \$(systemctl show -P MainPID gantryd) != $daemon ]"
    assert_eq "$pid" "$(show ctr@survivor MainPID)"
    assert_contains "$(prop /io/gantry1/container/survivor Container State)" running
    gantry rm -f survivor >/dev/null
}

test_killing_the_daemon_at_work_harms_nothing() {
    busybox_layers
    mkdir -p /var/tmp/fresh
    head -c 1000000 /dev/urandom >/var/tmp/fresh/data
    oci_image /var/tmp/fresh-image "$busybox_config" /var/tmp/fresh "${busybox_layers[@]}"
    systemd-run --quiet --unit=liar python3 /src/tests/support/lying-registry.py /var/tmp/fresh-image 5001 /tmp/liar.log
    eventually 10 curl -sf http://127.0.0.1:5001/v2/
    gantry volume create killed >/dev/null
    local i before
    before=$(host_picture)
    # In the middle of a pull: the layers that came stay, the next pull is given the rest.
    call /io/gantry1 Manager PullImage ss 127.0.0.1:5001/stall/image '' >/dev/null
    eventually 10 grep -q 'GET /v2/stall/image/blobs' /tmp/liar.log
    sleep 0.5
    systemctl kill -s KILL gantryd
    eventually 10 call /io/gantry1 Manager ListContainers
    gantry pull -q 127.0.0.1:5001/fine/image
    gantry system check --repair >/dev/null || true  # what belongs to the name that never came
    # At any moment of creating, starting and removing.
    for i in {1..12}; do
        (
            call /io/gantry1 Manager CreateContainer ss "killed$i" $'image = "busybox"\nnetwork = "none"\ncommand = ["payload", "sleep"]\n'
            call "/io/gantry1/container/killed$i" Container Start
            call "/io/gantry1/container/killed$i" Container Remove bb true true
        ) >/dev/null 2>&1 &
        local caller=$!
        sleep "0.0$((i * 7 % 10))$i"
        systemctl kill -s KILL gantryd 2>/dev/null || true
        wait $caller || true
        if gantry inspect "killed$i" >/dev/null 2>&1; then
            gantry start "killed$i" >/dev/null
            gantry rm -f "killed$i" >/dev/null
        else
            gantry create --name "killed$i" --network none busybox payload sleep >/dev/null
            gantry rm "killed$i" >/dev/null
        fi
        assert_eq 'no problems found' "$(gantry system check 2>&1)"
    done
    systemctl reset-failed
    assert_picture "$before"
}

test_it_leaves_when_idle() {
    mkdir -p /etc/gantry
    cp /etc/gantry/gantry.toml /tmp/gantry.toml
    printf '[daemon]\nidle_exit = "1s"\n' >/etc/gantry/gantry.toml
    systemctl stop gantryd
    prop /io/gantry1 Manager Version
    unit_is gantryd active
    eventually 6 bash -c '! systemctl is-active -q gantryd'
    assert_eq success "$(show gantryd Result)"
    cp /tmp/gantry.toml /etc/gantry/gantry.toml
}

test_the_service_is_hardened() {
    local exposure
    exposure=$(systemd-analyze security --no-pager gantryd.service | sed -n 's/.*exposure level for gantryd.service: \([0-9.]*\).*/\1/p')
    awk -v e="$exposure" 'BEGIN {exit !(e < 4)}' || fail "exposure $exposure"
}
