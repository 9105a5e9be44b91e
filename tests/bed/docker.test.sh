# `alias docker=gantry`: the same words to Debian's docker and to gantry, the same output (but for ids, times and ports) and the same
# exit status.
# options: --peers
# limit: 120

setup_file() {
    load_busybox
    gantry rmi localhost/latest 2>/dev/null || true  # a name besides that the archive may give it
    systemctl start containerd docker
    gantry save busybox | docker load
    for engine in docker gantry; do
        $engine volume create --label kind=data vol
        $engine network create --label kind=net --subnet "$([ $engine = docker ] && echo 10.97.0.0/24 || echo 10.98.0.0/24)" net
        $engine run -d --name web --hostname web -l app=shop -l com.example.tier=front -e A=1 -v vol:/data -v /srv:/srv:ro --expose 9000-9001 \
            --restart on-failure:3 --stop-signal KILL busybox sleep 1000
        $engine run -d --name other --network net --stop-signal KILL busybox sleep 1001
        $engine run --name ended busybox sh -c 'exit 3' || true
        $engine run --name out busybox echo hello
        $engine create --name made -p 18000-18002:18000-18002 -p 18010:80/udp busybox sh -c 'a long command line that has to be cut'
    done
}

plain() {
    sed -E -e 's/(sha256:)?[0-9a-f]{64}/LONG/g' -e 's/\b[0-9a-f]{12}\b/SHORT/g' \
        -e 's/(Less than a second|About an? (minute|hour)|[0-9]+ (second|minute|hour)s?)/SPAN/g' \
        -e 's/[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:.]+ [+-][0-9]{4} [A-Z]+/TIME/g' -e 's/ :::/ [::]:/g' -e 's/ +$//'
}
# same WORD...: both engines say the same on standard output and end with the same status.
same() {
    local expected got status=0 other=0
    expected=$(docker "$@" 2>/tmp/docker.err </dev/null) || status=$?
    got=$(gantry "$@" 2>/tmp/gantry.err </dev/null) || other=$?
    assert_eq "$(plain <<<"$expected")" "$(plain <<<"$got")" "output of '$*' ($(head -n 1 /tmp/gantry.err))"
    assert_eq $status $other "status of '$*' ($(head -n 1 /tmp/docker.err) / $(head -n 1 /tmp/gantry.err))"
}
# same_sorted WORD...: where the order is nobody's promise.
same_sorted() {
    assert_eq "$(docker "$@" | plain | sort)" "$(gantry "$@" | plain | sort)" "output of '$*'"
}
same_heading() { assert_eq "$(docker "$@" | sed -n 1p | tr -s ' ')" "$(gantry "$@" | sed -n 1p | tr -s ' ')" "heading of '$*'"; }
up() { gantry start web other >/dev/null; }  # the end of a test stops all containers

test_control_verbs_echo_the_names() {
    up
    local verb
    same create --name cc busybox sleep 1002
    for verb in start pause unpause 'stop -t 0' start 'restart -t 0' 'kill -s KILL' wait 'rename' rm 'rm -f' 'rm'; do
        # shellcheck disable=SC2086
        if [ "$verb" = rename ]; then same rename cc dd && same rename dd cc; else same $verb cc; fi
    done
    same kill ended
    same pause ended
    same unpause web
    same start nosuch
    same wait ended out
    same stop ended out
}

test_wrong_use_has_the_same_status() {
    up
    same stop
    same run --nope busybox
    same ps --nope
    same ps extra
    same tag busybox
    same exec web
    same nosuchverb
    same network nosuchverb
    same inspect nosuch
    same rmi nosuch
    same network rm nosuch
    same volume rm nosuch
    same run --rm busybox nosuchcommand
    same run --rm busybox /etc
    assert_status 127 gantry exec web nosuchcommand  # Docker since 25; before it was 126
    same run --rm busybox sh -c 'exit 42'
    same run --rm busybox sh -c 'kill -9 $$'
    same exec web sh -c 'exit 43'
}

test_ps_looks_the_same() {
    up
    same_heading ps
    same_heading ps -s
    same ps -a --format '{{.Names}}|{{.Image}}|{{.Command}}|{{.State}}|{{.Status}}|{{.RunningFor}}|{{.CreatedAt}}'
    same ps -a --format '{{.Names}}|{{.ID}}|{{.Ports}}|{{.Networks}}|{{.LocalVolumes}}|{{.Label "app"}}|{{.Label "com.example.tier"}}'
    same ps -a --no-trunc --format '{{.ID}} {{.Command}}'
    same ps --format 'table {{.Names}}\t{{.Label "com.example.my-tier"}}'
    same_sorted ps -aq
    same ps -n 2 --format '{{.Names}}'
    same ps -l --format '{{.Names}}'
}

test_ps_filters_the_same() {
    up
    local filter
    for filter in name=web name=^web$ name=^/web$ 'name=^(web|out)$' name=o status=exited status=running status=created exited=3 exited=0 \
        label=app label=app=shop label=app=no label=com.example.tier=front network=net volume=vol volume=/data ancestor=busybox \
        health=none publish=18001 publish=18010/udp expose=9000 before=ended since=ended; do
        same ps -a --filter "$filter" --format '{{.Names}}'
    done
    same ps --filter name=web --filter name=other --filter status=running --format '{{.Names}}'
    same ps --filter nosuch=1
    same ps --filter status=nosuch
}

test_ports_are_grouped() {
    local engine
    # One after the other: they want the same ports of the host.
    for engine in docker gantry; do
        $engine run -d --name ports --stop-signal KILL -p 127.0.0.1:19000-19002:19000-19002 -p 127.0.0.1:19010:80/udp --expose 9000-9001 \
            busybox sleep 1003
        {
            $engine ps --filter name=ports --format '{{.Ports}}'
            $engine port ports | sort
            $engine port ports 80/udp
            $engine port ports 81 || echo "status $?"
        } >/tmp/ports.$engine
        $engine rm -f ports
    done
    assert_eq "$(cat /tmp/ports.docker)" "$(cat /tmp/ports.gantry)" 'ports'
}

test_other_lists_look_the_same() {
    up
    same_heading images
    same_heading images --digests
    same images busybox --format '{{.Repository}}|{{.Tag}}|{{.ID}}|{{.CreatedAt}}'
    same_heading history busybox
    same history --format '{{.CreatedBy}}|{{.Comment}}' busybox
    same_heading network ls
    same_sorted network ls --format '{{.Name}}|{{.Driver}}|{{.Scope}}|{{.Internal}}|{{.ID}}'
    same network ls --filter type=custom --format '{{.Name}} {{.Label "kind"}}'
    same network ls --filter name=^net$ --format '{{.Name}}'
    same_heading volume ls
    same volume ls --filter label=kind=data --format '{{.Name}}|{{.Driver}}|{{.Scope}}|{{.Labels}}|{{.Links}}'
    same volume ls -q --filter name=^vol$
    same volume ls -q --filter dangling=true
    same_heading stats --no-stream
    same_heading top web
    same_heading system df
    assert_eq "$(docker system df --format '{{.Type}}')" "$(gantry system df --format '{{.Type}}')"
}

test_json_has_all_fields() {
    up
    local words
    for words in 'ps -a' images 'network ls' 'volume ls' 'history busybox' 'stats --no-stream' 'system df'; do
        # shellcheck disable=SC2086
        assert_eq '' "$(comm -23 <(docker $words --format '{{json .}}' | jq -r 'keys[]' | sort -u) \
            <(gantry $words --format '{{json .}}' | jq -r 'keys[]' | sort -u) | grep -v '^Container$')" "fields missing from $words"
    done
}

test_inspect_has_all_fields_that_scripts_ask_for() {
    up
    local template
    for template in '{{.Name}}' '{{.State.Status}} {{.State.Running}} {{.State.Paused}} {{.State.ExitCode}} {{.State.OOMKilled}}' \
        '{{.Config.Image}} {{.Config.Hostname}} {{json .Config.Cmd}} {{json .Config.Entrypoint}} {{.Config.Tty}}' \
        '{{index .Config.Labels "app"}}' '{{.HostConfig.RestartPolicy.Name}} {{.HostConfig.RestartPolicy.MaximumRetryCount}}' \
        '{{len .NetworkSettings.Networks}}' \
        '{{range $k, $v := .NetworkSettings.Networks}}{{$k}} {{$v.IPPrefixLen}}{{end}}' '{{.RestartCount}} {{.Platform}}' \
        '{{json .HostConfig.CapAdd}} {{.HostConfig.Privileged}} {{.HostConfig.Memory}} {{.HostConfig.ShmSize}}' \
        '{{range .Config.Env}}{{println .}}{{end}}' '{{json .HostConfig.PortBindings}}'; do
        for name in web ended; do same inspect -f "$template" $name; done
    done
    same inspect -f '{{json .HostConfig.PortBindings}}' made
    same_sorted inspect -f '{{range .Mounts}}{{.Type}} {{.Destination}} {{.RW}}{{println}}{{end}}' web
    same inspect --type image -f '{{json .Config.Cmd}} {{.Os}} {{.Architecture}} {{len .RootFS.Layers}} {{json .RepoTags}}' busybox
    same network inspect -f '{{.Name}} {{.Driver}} {{.Scope}} {{.Internal}} {{.Labels}} {{len .Containers}}' net
    same volume inspect -f '{{.Name}} {{.Driver}} {{.Scope}} {{.Labels}}' vol
    same version -f '{{.Server.Os}}/{{.Server.Arch}} {{.Server.KernelVersion}} {{.Client.Arch}}'
    same info -f '{{.OSType}} {{.Architecture}} {{.NCPU}} {{.MemTotal}} {{.KernelVersion}} {{.Name}} {{.CgroupVersion}}'
}

test_removal_says_the_same() {
    up
    for engine in docker gantry; do $engine tag busybox again:1; $engine volume create gone; $engine network create gone; done
    same rmi again:1
    same volume rm gone
    same network rm gone
    same rmi busybox
    same volume rm vol
    same network rm net
    same rm web
    same rm -f other
    same network prune -f
}
