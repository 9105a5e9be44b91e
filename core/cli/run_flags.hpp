// The flags of `docker run` and `docker create` (docker-run(1)), and what they mean as a definition.
#pragma once

#include "config/definition.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace gantry::cli {

class Verb;

using Strings = std::vector<std::string>;

struct RunFlags {
    // Identity
    std::string name, cidfile, platform, pull = "missing", hostname, domainname;
    Strings labels, label_files, annotations;
    bool detach = false, rm = false, quiet = false, sig_proxy = true;
    std::string detach_keys;
    // Process
    std::optional<std::string> entrypoint;
    Strings env, env_files, group_add, attach;
    std::string user, workdir, stop_signal, systemd, restart;
    std::optional<int> stop_timeout;
    bool interactive = false, tty = false, init = false;
    // File systems
    Strings volumes, mounts, tmpfs, volumes_from, storage_opt;
    bool read_only = false;
    // Network
    Strings networks, network_aliases, publish, expose, dns, dns_search, dns_options, add_hosts, links;
    std::string ip, ip6, mac_address;
    bool publish_all = false;
    // Limits
    std::string memory, memory_reservation, memory_swap, cpus, cpuset_cpus, cpuset_mems, shm_size, pids_limit;
    std::optional<std::int64_t> cpu_shares, cpu_period, cpu_quota, blkio_weight, oom_score_adj;
    Strings ulimits, device_read_bps, device_write_bps, device_read_iops, device_write_iops;
    bool oom_kill_disable = false;
    // Security
    Strings cap_add, cap_drop, security_opt, devices, device_cgroup_rules, sysctls;
    bool privileged = false;
    std::string pid, ipc, uts, cgroupns, userns;
    // Health
    std::string health_cmd, health_interval, health_timeout, health_start_period;
    std::optional<std::uint32_t> health_retries;
    bool no_healthcheck = false;
    // Logs
    std::string log_driver;
    Strings log_opt;
    // Gantry's own
    std::string ready;
    Strings requires_units, after_units;

    // Docker's that have no meaning here, or only one possible value
    std::map<std::string, std::optional<std::string>> foreign;
    bool content_trust = false;

    Strings image_and_command;  // what follows the flags
};

// Binds every flag but those of the verb itself (detach, rm, pull ... are among them: create leaves some out).
void declare_run_flags(Verb& verb, RunFlags& flags, bool create);

// Those of Docker's that mean nothing here: known, hidden, refused unless their value changes nothing.
void declare_foreign_flags(Verb& verb, RunFlags& flags);
Result<> refuse_foreign_flags(const RunFlags& flags);

// Checks what flags say and turns them into a definition (image and command included). Reads --env-file and --label-file.
Result<config::Definition> definition_from(const RunFlags& flags);

}  // namespace gantry::cli
