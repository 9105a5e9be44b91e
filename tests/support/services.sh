# Containers behind services, and who asks them, for tests in bed and VM.

service_programs() {
    mkdir -p /run/srv
    cp "$support"/service-*.py /run/srv/
}
host_programs='volumes = ["/usr:/usr:ro", "/usr/lib:/lib:ro", "/usr/lib64:/lib64:ro", "/run/srv:/srv:ro"]'
# A container behind the service "web" of a network.
backend() {  # NAME NETWORK WEIGHT [MORE]
    define "$1" "command = [\"/usr/bin/python3\", \"/srv/service-server.py\", \"$1\"]
$host_programs
${4:-}
[[networks]]
name = \"$2\"
service = \"web\"
service_weight = $3"
    systemctl start "ctr@$1"
    eventually 10 listens "$1"
}
listens() { grep -q ':0050 ' "/proc/$(main_pid "$1")/net/tcp6"; }
client() {  # NAME NETWORK [MORE]
    define "$1" "command = [\"payload\", \"sleep\"]
$host_programs
${3:-}
[[networks]]
name = \"$2\""
    systemctl start "ctr@$1"
}
end() { for name; do systemctl stop "ctr@$name"; rm "/etc/gantry/containers/$name.toml"; done; }
# What definitions that were removed by hand leave is taken away; nothing else is wrong.
tidy() { gantry system check --repair >/dev/null || true; sound; }
inside() { gantry exec "$1" sh -c "$2"; }
services() { gantry network services --format json "$@"; }
addresses() { services "$1" | jq -r '.Addresses' | tr -d ','; }  # NETWORK: of its one service, IPv4 first
address() { gantry inspect -f "{{(index .NetworkSettings.Networks \"$2\").IPAddress}}" "$1"; }
ask() { python3 /run/srv/service-client.py "$@"; }
from() { local name=$1; shift; inside "$name" "python3 /srv/service-client.py $*"; }
times() { awk -v name="$2" '$1 == name {print $2}' <<<"$1"; }  # TEXT NAME
# All answered, and NAME as often as it should be, give or take a fifth of COUNT.
spread() {  # TEXT NAME SHARE-OF-100 COUNT
    assert_contains "$1" 'failed 0'
    local got
    got=$(times "$1" "$2")
    ((${got:-0} > $4 * ($3 - 20) / 100 && ${got:-0} < $4 * ($3 + 20) / 100)) || fail "$2 was chosen ${got:-0} times of $4: $1"
}
