// A container's definition: what NAME.toml says, checked. Plain data; every member has the meaning of the `docker run` flag
// named beside it. The TOML keys are documented in doc/gantry-definition.5.scd, which a test compares with the reader.
#pragma once

#include "base/names.hpp"
#include "config/policy.hpp"
#include "base/result.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace gantry::config {

using Microseconds = std::chrono::microseconds;

enum class MountType { bind, volume, tmpfs };
struct Mount {  // [[mounts]]; --mount, -v, --tmpfs
    MountType type = MountType::bind;
    std::string source;  // bind: absolute path on the host; volume: its name, empty for an anonymous one
    std::string target;  // absolute path in the container
    bool read_only = false;
    std::string propagation = "rprivate";  // bind: [r]private, [r]slave, [r]shared (mount_namespaces(7))
    bool recursive = true;                 // bind: with what is mounted below source
    bool create_source = false;            // bind: make a missing source folder, as -v does
    bool copy = true;                      // volume: an empty one starts with the image's files at target ("nocopy" is false)
    std::uint64_t size = 0;                // tmpfs: bytes, 0 for the kernel's default
    std::uint32_t mode = 01777;            // tmpfs
    std::vector<std::string> options;  // tmpfs: "exec", "suid", ...; nosuid, nodev and noexec hold unless named (as --tmpfs)
    bool operator==(const Mount&) const = default;
};

// "[HOST_ADDRESS:][HOST_PORT[-END]:]CONTAINER_PORT[-END][/tcp|udp|sctp]", or "published=...,target=..."; --publish
struct Port {
    std::string host_address;
    std::uint16_t host_port = 0, host_port_end = 0;            // 0: any free one
    std::uint16_t container_port = 0, container_port_end = 0;  // a single port is a range that ends where it starts
    std::string protocol = "tcp";
    std::optional<bool> bypass_firewall;  // open whatever the host's firewall says; absent: the engine's
    bool socket = false;                  // systemd holds the host's port and passes it: ctr@NAME.socket
    bool operator==(const Port&) const = default;
};

enum class NetworkMode { networks, none, host, container };
struct NetworkAttachment {  // [[networks]]; --network NAME, --ip, --ip6, --mac-address, --network-alias
    std::string name;
    std::string interface;  // empty: eth0, eth1, ... in the order given
    std::string ipv4, ipv6, mac;
    std::vector<std::string> aliases;
    bool default_route = false;                  // this one has it; where none says so, the first with a way out
    std::uint64_t rate_up = 0, rate_down = 0;    // bits a second that it sends, and is sent; 0: no limit
    std::map<std::string, std::string> options;  // the driver's
    std::string service;                         // it is one of the containers behind this name's address
    std::uint32_t service_weight = 1;            // how many of the service's connections it gets, beside the others' weights
    bool operator==(const NetworkAttachment&) const = default;
};

// [namespaces]; --pid, --ipc, --uts, --cgroupns, --userns. net is NetworkMode.
struct NamespaceMode {
    enum class Kind { private_, host, container } kind = Kind::private_;
    std::string container;  // kind container: its name
    bool operator==(const NamespaceMode&) const = default;
};

struct Ulimit {  // limits.ulimits.NAME = "SOFT:HARD"; --ulimit. RLIM_INFINITY is ~0.
    std::uint64_t soft = 0, hard = 0;
    bool operator==(const Ulimit&) const = default;
};

struct DeviceRate {  // --device-read-bps and its three siblings
    std::string device;
    std::uint64_t rate = 0;  // bytes or operations per second
    bool operator==(const DeviceRate&) const = default;
};

struct Limits {  // [limits]
    std::optional<std::uint64_t> memory, memory_reservation,
        memory_swap;  // bytes; swap as Docker: memory plus swap, ~0 unlimited
    std::optional<double> cpus;
    std::optional<std::uint32_t> cpu_weight;  // 1..10000, systemd's CPUWeight=; --cpu-shares is converted
    std::string cpuset, cpuset_mems;          // "0-1,3"
    std::optional<std::uint64_t> pids;
    std::optional<std::uint32_t> io_weight;  // 1..10000, IOWeight=; --blkio-weight is converted
    std::vector<DeviceRate> read_bps, write_bps, read_iops, write_iops;
    std::map<std::string, Ulimit> ulimits;  // "nofile" ... as in prlimit(1)
    std::optional<int> oom_score_adj;       // -1000..1000
    std::uint64_t shm_size = 64U << 20;     // bytes of /dev/shm, Docker's default
    bool operator==(const Limits&) const = default;
};

struct Device {  // "HOST[:CONTAINER[:rwm]]"; --device
    std::string host, container, permissions = "rwm";
    bool operator==(const Device&) const = default;
};

struct Security {                                // [security]
    std::vector<std::string> cap_add, cap_drop;  // "NET_ADMIN", "ALL"; with or without CAP_
    std::string seccomp = "default";             // "default", "unconfined" or the path of a profile in Docker's JSON
    bool no_new_privileges = false;
    bool privileged = false;
    std::vector<std::string> masked_paths, readonly_paths;  // in addition to the default ones
    bool unmask_all = false;                                // --security-opt systempaths=unconfined
    bool operator==(const Security&) const = default;
};

enum class OnUnhealthy { none, restart, stop };
struct Health {                        // [health]; --health-*. No command: the image's, if any.
    std::vector<std::string> command;  // exec form, or {"CMD-SHELL", "..."} as in the image's configuration
    bool disabled = false;             // --no-healthcheck
    std::optional<Microseconds> interval, timeout, start_period;  // defaults 30 s, 30 s, 0 (Dockerfile reference)
    std::optional<std::uint32_t> retries;                         // default 3
    OnUnhealthy on_unhealthy = OnUnhealthy::none;
    bool operator==(const Health&) const = default;
};

enum class Restart { no, always, on_failure, unless_stopped };
enum class Ready {
    started,
    notify,
    healthy
};  // what makes the unit active: exec succeeded, the payload's READY=1, a good probe

struct Credential {  // [[credentials]]; systemd's LoadCredential= and SetCredential= (systemd.exec(5))
    std::string name;
    std::string path;                  // absolute, or the name of one the system got
    std::optional<std::string> value;  // instead of path
    bool encrypted = false;
    bool operator==(const Credential&) const = default;
};

struct Definition {
    std::string id;  // 64 hexadecimal digits; empty in hand-written files (see derived_container_id)
    std::string image;
    std::string image_id;      // "sha256:...": written by create, so that a moved tag does not change an existing container
    std::int64_t created = 0;  // seconds since 1970, written by create
    std::optional<std::vector<std::string>> entrypoint;  // empty list: the image's is cleared
    std::optional<std::vector<std::string>> command;
    std::vector<std::pair<std::string, std::string>> env;  // in order; later ones win
    std::vector<std::string> env_files;
    std::string run_as;               // key `user`: "USER|UID[:GROUP|GID]"
    std::vector<std::string> groups;  // --group-add
    std::string workdir, hostname, domainname;
    std::map<std::string, std::string> labels, annotations;
    std::string description;  // the unit's Description=

    std::vector<Mount> mounts;
    NetworkMode network_mode = NetworkMode::networks;
    std::string network_container;            // for NetworkMode::container
    std::vector<NetworkAttachment> networks;  // empty with NetworkMode::networks: the default network
    NetworkPolicy policy;                     // [network.policy]
    std::vector<Port> ports;
    bool publish_all = false;               // -P
    std::optional<Microseconds> idle_stop;  // with socket ports: stopped when it had no connection for so long
    std::vector<std::string> expose;        // "80/tcp", shown only
    std::vector<std::string> dns, dns_search, dns_options;
    std::vector<std::pair<std::string, std::string>> extra_hosts;  // name, address or "host-gateway"

    Restart restart = Restart::no;
    std::uint32_t restart_max = 0;              // on-failure:N, 0 for no limit
    std::optional<Microseconds> restart_delay;  // RestartSec=; default 100 ms
    bool auto_remove = false;                   // --rm
    std::optional<std::string> stop_signal;     // "SIGTERM", "15"; the image's where absent
    std::optional<Microseconds> stop_timeout;   // default 10 s; max() for no limit (so start_timeout)
    Ready ready = Ready::started;
    std::optional<Microseconds> start_timeout;         // TimeoutStartSec=
    std::optional<Microseconds> watchdog;              // WatchdogSec=
    std::vector<std::string> requires_, wants, after;  // container names, or units by their full name

    Limits limits;
    Security security;
    bool read_only = false;
    std::vector<Device> devices;
    std::vector<std::string> device_cgroup_rules;  // "c 42:* rmw"
    std::map<std::string, std::string> sysctls;
    NamespaceMode pid, ipc, uts, cgroup, user;  // user: private means a user namespace of its own; default host
    bool init = false;
    std::optional<bool> machine;  // --systemd; absent: where the command is an init system (is_machine)
    bool tty = false;
    bool open_stdin = false;
    Health health;
    std::vector<Credential> credentials;
    bool log_to_journal = true;                     // [log] driver = "journal" or "none"
    bool log_direct = false;                        // no pipe of ours between container and journal
    std::map<std::string, std::string> log_fields;  // more journal fields
    std::string storage_driver;                     // empty: the engine's
    std::uint64_t storage_size = 0;                 // --storage-opt size=

    Definition() { user.kind = NamespaceMode::Kind::host; }
    bool operator==(const Definition&) const = default;
};
}  // namespace gantry::config
