#include "cli/run_flags.hpp"

#include "cli/verb.hpp"

namespace gantry::cli {

namespace {

void declare_identity(Verb& verb, RunFlags& flags, bool create) {
    verb.add_option("--name", flags.name, "name of the container").value("NAME");
    verb.add_option("--cidfile", flags.cidfile, "write the container's id to this file").value("FILE");
    verb.add_option("--platform", flags.platform, "platform of the image, OS/ARCH[/VARIANT]").value("OS/ARCH[/VARIANT]");
    verb.add_option("--pull", flags.pull, "pull the image first: always, missing or never")
        .value("WHEN")
        .one_of({"always", "missing", "never"});
    verb.add_option("-h,--hostname", flags.hostname, "host name in the container").value("NAME");
    verb.add_option("--domainname", flags.domainname, "NIS domain name in the container").value("NAME");
    verb.add_option("-l,--label", flags.labels, "set a label, KEY[=VALUE]").value("KEY[=VALUE]");
    verb.add_option("--label-file", flags.label_files, "read labels from a file").value("FILE");
    verb.add_option("--annotation", flags.annotations, "set an annotation, KEY=VALUE").value("KEY=VALUE");
    verb.add_flag("--rm", flags.rm, "remove the container when it ends");
    verb.add_flag("-q,--quiet", flags.quiet, "no output of the pull");
    if (create) return;
    verb.add_flag("-d,--detach", flags.detach, "do not wait for the container; print its id");
    verb.add_flag("--sig-proxy,!--no-sig-proxy", flags.sig_proxy, "pass signals on to the container");
    verb.add_option("--detach-keys", flags.detach_keys, "keys that detach from the container").value("KEYS");
}

void declare_process(Verb& verb, RunFlags& flags) {
    verb.add_option("--entrypoint", flags.entrypoint, "replace the image's entry point").value("COMMAND");
    verb.add_option("-e,--env", flags.env, "set an environment variable, NAME[=VALUE]").value("NAME[=VALUE]");
    verb.add_option("--env-file", flags.env_files, "read environment variables from a file").value("FILE");
    verb.add_option("-u,--user", flags.user, "user and group, NAME|UID[:GROUP|GID]").value("USER[:GROUP]");
    verb.add_option("--group-add", flags.group_add, "additional group").value("GROUP");
    verb.add_option("-w,--workdir", flags.workdir, "working directory in the container").value("FOLDER");
    verb.add_option("-a,--attach", flags.attach, "attach to stdin, stdout or stderr").value("STREAM");
    verb.add_flag("-i,--interactive", flags.interactive, "keep standard input open");
    verb.add_flag("-t,--tty", flags.tty, "allocate a terminal");
    verb.add_flag("--init", flags.init, "run a reaper as the container's first process");
    verb.add_option("--systemd", flags.systemd, "machine container: true (if the command is an init system), false or always")
        .value("WHEN")
        .one_of({"true", "false", "always"});
    verb.add_option("--stop-signal", flags.stop_signal, "signal that stops the container").value("SIGNAL");
    verb.add_option("--stop-timeout", flags.stop_timeout, "seconds before it is killed").value("SECONDS");
    verb.add_option("--restart", flags.restart, "restart policy: no, always, unless-stopped, on-failure[:N]").value("POLICY");
    verb.add_option("--ready", flags.ready, "when the unit is active: started, notify or healthy").value("WHEN");
    verb.add_option("--requires", flags.requires_units, "container or unit that must run first").value("NAME");
    verb.add_option("--after", flags.after_units, "container or unit to start after").value("NAME");
}

void declare_files(Verb& verb, RunFlags& flags) {
    verb.add_option("-v,--volume", flags.volumes, "bind or volume, [SOURCE:]TARGET[:OPTIONS]").value("VOLUME");
    verb.add_option("--mount", flags.mounts, "mount, type=...,source=...,target=...").value("MOUNT");
    verb.add_option("--tmpfs", flags.tmpfs, "tmpfs, TARGET[:OPTIONS]").value("TARGET[:OPTIONS]");
    verb.add_option("--volumes-from", flags.volumes_from, "mounts of another container").value("CONTAINER[:ro]");
    verb.add_option("--storage-opt", flags.storage_opt, "option of the storage driver, size=BYTES").value("KEY=VALUE");
    verb.add_flag("--read-only", flags.read_only, "read-only root file system");
}

void declare_network(Verb& verb, RunFlags& flags) {
    verb.add_option("--network,--net", flags.networks, "network, none, host or container:NAME").value("NETWORK");
    verb.add_option("--network-alias,--net-alias", flags.network_aliases, "further name on the network").value("NAME");
    verb.add_option("-p,--publish", flags.publish, "publish a port, [[ADDRESS:]HOST:]CONTAINER[/PROTOCOL]").value("PORT");
    verb.add_flag("-P,--publish-all", flags.publish_all, "publish every exposed port");
    verb.add_option("--expose", flags.expose, "expose a port or range").value("PORT");
    verb.add_option("--ip", flags.ip, "IPv4 address").value("ADDRESS");
    verb.add_option("--ip6", flags.ip6, "IPv6 address").value("ADDRESS");
    verb.add_option("--mac-address", flags.mac_address, "MAC address").value("ADDRESS");
    verb.add_option("--dns", flags.dns, "name server").value("ADDRESS");
    verb.add_option("--dns-search", flags.dns_search, "search domain").value("DOMAIN");
    verb.add_option("--dns-option,--dns-opt", flags.dns_options, "resolver option").value("OPTION");
    verb.add_option("--add-host", flags.add_hosts, "further line of /etc/hosts, NAME:ADDRESS").value("NAME:ADDRESS");
    verb.add_option("--link", flags.links, "not supported: use a network").hidden();
}

void declare_limits(Verb& verb, RunFlags& flags) {
    verb.add_option("-m,--memory", flags.memory, "memory limit, bytes with b, k, m or g").value("BYTES");
    verb.add_option("--memory-reservation", flags.memory_reservation, "soft memory limit").value("BYTES");
    verb.add_option("--memory-swap", flags.memory_swap, "memory plus swap, -1 for unlimited swap").value("BYTES");
    verb.add_option("--cpus", flags.cpus, "number of CPUs").value("NUMBER");
    verb.add_option("-c,--cpu-shares", flags.cpu_shares, "CPU weight, 2 to 262144").value("NUMBER");
    verb.add_option("--cpu-period", flags.cpu_period, "CPU period in microseconds").value("MICROSECONDS");
    verb.add_option("--cpu-quota", flags.cpu_quota, "CPU quota in microseconds").value("MICROSECONDS");
    verb.add_option("--cpuset-cpus", flags.cpuset_cpus, "CPUs to run on, 0-3 or 0,1").value("LIST");
    verb.add_option("--cpuset-mems", flags.cpuset_mems, "memory nodes, 0-3 or 0,1").value("LIST");
    verb.add_option("--pids-limit", flags.pids_limit, "number of processes, -1 for unlimited").value("NUMBER");
    verb.add_option("--blkio-weight", flags.blkio_weight, "I/O weight, 10 to 1000").value("NUMBER");
    verb.add_option("--device-read-bps", flags.device_read_bps, "read rate, DEVICE:BYTES").value("DEVICE:BYTES");
    verb.add_option("--device-write-bps", flags.device_write_bps, "write rate, DEVICE:BYTES").value("DEVICE:BYTES");
    verb.add_option("--device-read-iops", flags.device_read_iops, "reads a second, DEVICE:NUMBER").value("DEVICE:NUMBER");
    verb.add_option("--device-write-iops", flags.device_write_iops, "writes a second, DEVICE:NUMBER").value("DEVICE:NUMBER");
    verb.add_option("--ulimit", flags.ulimits, "resource limit, NAME=SOFT[:HARD]").value("NAME=SOFT[:HARD]");
    verb.add_option("--oom-score-adj", flags.oom_score_adj, "OOM preference, -1000 to 1000").value("NUMBER");
    verb.add_flag("--oom-kill-disable", flags.oom_kill_disable, "not supported by cgroup v2").hidden();
    verb.add_option("--shm-size", flags.shm_size, "size of /dev/shm").value("BYTES");
}

void declare_security(Verb& verb, RunFlags& flags) {
    verb.add_option("--cap-add", flags.cap_add, "add a capability").value("CAPABILITY");
    verb.add_option("--cap-drop", flags.cap_drop, "drop a capability").value("CAPABILITY");
    verb.add_option("--security-opt", flags.security_opt,
                    "no-new-privileges, seccomp=FILE|unconfined, systempaths=unconfined, apparmor=unconfined, label=disable")
        .value("OPTION");
    verb.add_flag("--privileged", flags.privileged, "all capabilities and devices, no seccomp filter");
    verb.add_option("--device", flags.devices, "host device, HOST[:CONTAINER[:rwm]]").value("DEVICE");
    verb.add_option("--device-cgroup-rule", flags.device_cgroup_rules, "device rule, 'c MAJOR:MINOR rwm'").value("RULE");
    verb.add_option("--sysctl", flags.sysctls, "namespaced kernel parameter, NAME=VALUE").value("NAME=VALUE");
    verb.add_option("--pid", flags.pid, "PID namespace: host or container:NAME").value("MODE");
    verb.add_option("--ipc", flags.ipc, "IPC namespace: private, host or container:NAME").value("MODE");
    verb.add_option("--uts", flags.uts, "UTS namespace: host").value("MODE");
    verb.add_option("--cgroupns", flags.cgroupns, "cgroup namespace: private or host").value("MODE");
    verb.add_option("--userns", flags.userns, "user namespace: host or private").value("MODE");
}

void declare_rest(Verb& verb, RunFlags& flags) {
    verb.add_option("--health-cmd", flags.health_cmd, "command of the health check").value("COMMAND");
    verb.add_option("--health-interval", flags.health_interval, "time between probes").value("DURATION");
    verb.add_option("--health-timeout", flags.health_timeout, "longest time of a probe").value("DURATION");
    verb.add_option("--health-start-period", flags.health_start_period, "time in which failures do not count")
        .value("DURATION");
    verb.add_option("--health-retries", flags.health_retries, "failures in a row that make it unhealthy").value("NUMBER");
    verb.add_flag("--no-healthcheck", flags.no_healthcheck, "ignore the image's health check");
    verb.add_option("--log-driver", flags.log_driver, "journald (json-file and local mean the same here) or none")
        .value("DRIVER");
    verb.add_option("--log-opt", flags.log_opt, "further journal field, labels=... or env=...").value("KEY=VALUE");
}

}  // namespace

void declare_run_flags(Verb& verb, RunFlags& flags, bool create) {
    declare_identity(verb, flags, create);
    declare_process(verb, flags);
    declare_files(verb, flags);
    declare_network(verb, flags);
    declare_limits(verb, flags);
    declare_security(verb, flags);
    declare_rest(verb, flags);
    declare_foreign_flags(verb, flags);
    verb.take_rest();  // the first word that is no flag is the image; all behind it belongs to the container
}

}  // namespace gantry::cli
