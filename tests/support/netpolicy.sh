# Servers and clients on the network "pol", for tests of network policies in bed and VM.

# A container that answers on ports 80 and 81 of both families, and UDP 53.
server() {  # NAME LABELS [MORE]
    define "$1" "command = [\"sh\", \"-c\", \"httpd -p 80 -h /etc; httpd -p 81 -h /etc; trap exit TERM; sleep 3600 & wait\"]
${3:-}
[labels]
$2
[[networks]]
name = \"pol\""
    systemctl start "ctr@$1"
}
client() {  # NAME POLICY
    define "$1" "command = [\"payload\", \"sleep\"]
[network.policy]
$2
[[networks]]
name = \"pol\""
    systemctl start "ctr@$1"
}
inside() { gantry exec "$1" sh -c "$2"; }
address() { gantry inspect -f '{{(index .NetworkSettings.Networks "pol").IPAddress}}' "$1"; }
address6() { gantry inspect -f '{{(index .NetworkSettings.Networks "pol").GlobalIPv6Address}}' "$1"; }
# What CONTAINER gets from there, or the error.
page() { inside "$1" "printf 'GET /hostname HTTP/1.0\r\n\r\n' | nc -w 2 $2 $3" 2>&1 || true; }
reaches() { assert_contains "$(page "$@")" '200 OK'; }
refused() { assert_lacks "$(page "$@")" '200 OK'; }
end() { for name; do systemctl stop "ctr@$name"; rm "/etc/gantry/containers/$name.toml"; done; }
