// Settings that exclude each other; most are Docker's rules (moby runconfig/hostconfig_unix.go, docker/cli opts).
#include "config/reader.hpp"
#include "config/schema.hpp"

#include <set>

namespace gantry::config {

namespace {

using Kind = NamespaceMode::Kind;
constexpr std::size_t most_ports = 2048;  // each is compared with each
constexpr std::uint64_t unlimited = ~std::uint64_t{0};

void check_network(const Definition& d, Reading& reading) {
    const bool has_mode = reading.has("network.mode") || (reading.has("network") && !reading.has("network.policy"));
    if (has_mode && reading.has("networks") && !(d.network_mode == NetworkMode::networks && d.networks.empty()))
        reading.fail_at("network", "it cannot be combined with 'networks'");
    std::set<std::string> names, interfaces;
    for (const NetworkAttachment& network : d.networks) {
        if (!names.insert(network.name).second)
            reading.fail_at("networks", fmt::format("network '{}' is named twice", network.name));
        if (!network.interface.empty() && !interfaces.insert(network.interface).second)
            reading.fail_at("networks", fmt::format("interface '{}' is named twice", network.interface));
        // The name would lead to the service's address and past it.
        if (!network.service.empty() && std::ranges::find(network.aliases, network.service) != network.aliases.end())
            reading.fail_at("networks",
                            fmt::format("'{}' is a service and an alias on network '{}'", network.service, network.name));
        if (network.service.empty() && network.service_weight != NetworkAttachment().service_weight)
            reading.fail_at("networks", fmt::format("network '{}' has a weight and no service", network.name));
    }
    if (std::ranges::count_if(d.networks, &NetworkAttachment::default_route) > 1)
        reading.fail_at("networks", "two networks are to have the default route");
    if (d.network_mode == NetworkMode::networks) return;
    const char* mode = d.network_mode == NetworkMode::host   ? "host"
                       : d.network_mode == NetworkMode::none ? "none"
                                                             : "container:NAME";
    const std::string clash = fmt::format("it cannot be combined with network = \"{}\"", mode);
    // Sockets are the host's and come in by themselves: the container needs no network for them.
    if (!std::ranges::all_of(d.ports, &Port::socket)) reading.fail_at("ports", clash);
    if (d.publish_all) reading.fail_at("publish_all", clash);
    if (d.network_mode != NetworkMode::container) return;
    // The other container's files are shared with its network namespace.
    if (!d.hostname.empty()) reading.fail_at("hostname", clash);
    if (!d.dns.empty()) reading.fail_at("dns", clash);
    if (!d.dns_search.empty()) reading.fail_at("dns_search", clash);
    if (!d.dns_options.empty()) reading.fail_at("dns_options", clash);
    if (!d.extra_hosts.empty()) reading.fail_at("extra_hosts", clash);
    if (!d.expose.empty()) reading.fail_at("expose", clash);
}

void check_sockets(const Definition& d, Reading& reading) {
    bool any = false, stream = true;
    for (const Port& port : d.ports) {
        if (!port.socket) continue;
        any = true;
        stream = stream && port.protocol == "tcp";
        const auto bad = [&](std::string_view why) { reading.fail_at("ports", fmt::format("'{}': {}", port_text(port), why)); };
        if (port.host_port == 0) bad("a socket needs a port of the host");
        if (port.protocol == "sctp") bad("a socket is tcp or udp");
        if (port.bypass_firewall) bad("a socket is the host's, whose firewall nothing bypasses");
    }
    if (any && d.auto_remove) reading.fail_at("auto_remove", "its sockets would be left: they start it again");
    if (!d.idle_stop) return;
    if (!any || !stream) reading.fail_at("idle_stop", "it needs ports that are sockets, all of them tcp");
    if (*d.idle_stop < std::chrono::seconds(1)) reading.fail_at("idle_stop", "less than a second");
}

void check_ports(const Definition& d, Reading& reading) {
    if (d.ports.size() > most_ports)
        return reading.fail_at("ports", fmt::format("more than {} entries, use ranges", most_ports));
    check_sockets(d, reading);
    for (std::size_t i = 0; i < d.ports.size(); ++i)
        for (std::size_t j = 0; j < i; ++j) {
            const Port &a = d.ports[i], &b = d.ports[j];
            if (a.host_port == 0 || b.host_port == 0 || a.protocol != b.protocol) continue;
            const bool same_address = a.host_address == b.host_address || a.host_address.empty() || b.host_address.empty();
            if (same_address && a.host_port <= b.host_port_end && b.host_port <= a.host_port_end)
                return reading.fail_at("ports",
                                       fmt::format("'{}' and '{}' want the same port of the host", port_text(b), port_text(a)));
        }
}

void check_mounts(const Definition& d, Reading& reading) {
    std::set<std::string> targets;
    for (const Mount& mount : d.mounts) {
        std::string target = mount.target;
        while (target.size() > 1 && target.ends_with('/')) target.pop_back();
        if (!target.empty() && !targets.insert(target).second) {
            const char* key = reading.has("volumes") ? "volumes" : reading.has("tmpfs") ? "tmpfs" : "mounts";
            return reading.fail_at(key, fmt::format("two mounts have the target '{}'", printable(target)));
        }
    }
    std::set<std::string> names;
    for (const Credential& credential : d.credentials)
        if (!names.insert(credential.name).second)
            return reading.fail_at("credentials", fmt::format("credential '{}' is named twice", credential.name));
}

void check_memory(const Limits& l, Reading& reading) {
    constexpr std::uint64_t least = 6U << 20;  // Docker's, and about what the kernel needs to start anything
    if (l.memory && *l.memory < least) reading.fail_at("limits.memory", "the least limit is 6 MB");
    if (l.memory_swap && !l.memory)
        reading.fail_at("limits.memory_swap", "it is memory and swap together and needs 'limits.memory'");
    if (l.memory_swap && l.memory && *l.memory_swap != unlimited && *l.memory_swap < *l.memory)
        reading.fail_at("limits.memory_swap", "it is memory and swap together, so it cannot be below 'limits.memory'");
    if (l.memory_reservation && l.memory && *l.memory_reservation > *l.memory)
        reading.fail_at("limits.memory_reservation", "it cannot be above 'limits.memory'");
}

void check_namespaces(const Definition& d, Reading& reading) {
    if (d.uts.kind == Kind::host && !d.hostname.empty())
        reading.fail_at("hostname", "it cannot be combined with namespaces.uts = \"host\"");
    if (d.uts.kind == Kind::host && !d.domainname.empty())
        reading.fail_at("domainname", "it cannot be combined with namespaces.uts = \"host\"");
    if (d.machine.value_or(false)) {
        // systemd needs to be process 1 and to have a cgroup of its own to write to.
        if (d.init) reading.fail_at("machine", "it cannot be combined with 'init'");
        if (d.pid.kind != Kind::private_) reading.fail_at("machine", "it cannot be combined with 'namespaces.pid'");
        if (d.cgroup.kind != Kind::private_) reading.fail_at("machine", "it cannot be combined with 'namespaces.cgroup'");
    }
    if (d.user.kind != Kind::private_) return;
    const std::string_view clash = "it cannot be combined with a user namespace of its own (namespaces.user)";
    if (d.security.privileged) reading.fail_at("security.privileged", clash);
    if (d.network_mode == NetworkMode::host || d.network_mode == NetworkMode::container) reading.fail_at("network", clash);
    if (d.pid.kind != Kind::private_) reading.fail_at("namespaces.pid", clash);
    if (d.ipc.kind != Kind::private_) reading.fail_at("namespaces.ipc", clash);
}

// Only what belongs to a namespace of the container's: anything else would change the host (runc's rule).
void check_sysctls(const Definition& d, Reading& reading) {
    for (const auto& [written, value] : d.sysctls) {
        std::string name = written;
        std::ranges::replace(name, '/', '.');
        static const std::set<std::string> ipc{"kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem",
                                               "kernel.shmall", "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced"};
        const std::string path = "sysctls";
        if (name.starts_with("net.")) {
            if (d.network_mode == NetworkMode::host || d.network_mode == NetworkMode::container)
                reading.fail_at(path,
                                fmt::format("'{}' would change a network namespace that is not the container's", written));
        } else if (ipc.contains(name) || name.starts_with("fs.mqueue.")) {
            if (d.ipc.kind != Kind::private_)
                reading.fail_at(path, fmt::format("'{}' would change an IPC namespace that is not the container's", written));
        } else if (name == "kernel.domainname" || name == "kernel.hostname") {
            reading.fail_at(path, fmt::format("use '{}' instead of '{}'", name.substr(7), written));
        } else {
            reading.fail_at(path, fmt::format("'{}' belongs to no namespace, it would change the host", printable(written)));
        }
    }
}

// Packet sockets are seen by no program on a cgroup: without a policy for the interface, one that may have them is bound by
// nothing.
void check_policy(const Definition& d, Reading& reading) {
    if (!d.policy.egress && !d.policy.ingress) return;
    if (d.security.privileged) return reading.fail_at("network.policy", "a privileged container can get around it");
    const auto has = [](const std::vector<std::string>& list, std::string_view name) {
        return std::ranges::any_of(list, [&](const std::string& capability) {
            return capability == name || capability == fmt::format("CAP_{}", name);
        });
    };
    if (has(d.security.cap_drop, "NET_RAW")) return;
    for (const char* name : {"NET_RAW", "ALL"})
        if (has(d.security.cap_add, name))
            reading.fail_at("network.policy", fmt::format("a container with capability {} can get around it", name));
}

void check_life(const Definition& d, Reading& reading) {
    if (d.auto_remove && d.restart != Restart::no) reading.fail_at("restart", "it cannot be combined with 'auto_remove'");
    if (d.health.disabled && !d.health.command.empty())
        reading.fail_at("health.disabled", "it cannot be combined with 'health.command'");
    if (d.health.disabled && d.ready == Ready::healthy)
        reading.fail_at("ready", "\"healthy\" needs a health check, which is disabled");
    for (const auto& [key, span] :
         {std::pair("health.interval", d.health.interval), std::pair("health.timeout", d.health.timeout)})
        if (span && *span < std::chrono::milliseconds(1)) reading.fail_at(key, "it must be at least 1ms");
    if (d.watchdog && *d.watchdog == Microseconds::zero()) reading.fail_at("watchdog", "it must be above zero");
}

}  // namespace

void check_contradictions(const Definition& d, Reading& reading) {
    if (d.image.empty() && !reading.has("image")) reading.fail({}, "key 'image' is missing");
    check_network(d, reading);
    check_ports(d, reading);
    check_mounts(d, reading);
    check_memory(d.limits, reading);
    check_namespaces(d, reading);
    check_sysctls(d, reading);
    check_policy(d, reading);
    check_life(d, reading);
}

}  // namespace gantry::config
