#include "launch/files.hpp"

#include "os/file.hpp"

#include <fcntl.h>

namespace gantry::launch {

namespace {

// Its name for itself, and by the first label where it has more than one: given whole or with the domain apart, as Docker does.
std::string own_names(const Plan& plan) {
    const std::string& domain = plan.definition.domainname;
    const std::string full = domain.empty() ? plan.hostname : fmt::format("{}.{}", plan.hostname, domain);
    const auto dot = full.find('.');
    return dot == std::string::npos ? full : fmt::format("{} {}", full, full.substr(0, dot));
}

std::string hosts(const Plan& plan, const std::vector<driver::AttachStatus>& networks) {
    std::string text =
        "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::\tip6-localnet\nff00::\tip6-mcastprefix\n"
        "ff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n";
    std::string gateway;
    for (const auto& network : networks)
        if (gateway.empty() && !network.gateways.empty()) gateway = network.gateways.front();
    for (const auto& [name, address] : plan.definition.extra_hosts) {
        const std::string resolved = address == "host-gateway" ? (plan.own_net ? gateway : "127.0.0.1") : address;
        if (!resolved.empty()) text += fmt::format("{}\t{}\n", resolved, name);
    }
    const std::string names = own_names(plan);
    for (const auto& network : networks)
        for (const std::string& address : network.addresses)
            text += fmt::format("{}\t{}\n", address.substr(0, address.find('/')), names);
    if (networks.empty()) text += fmt::format("127.0.1.1\t{}\n", names);
    return text;
}

Result<> overwrite(const std::string& file, std::string_view text) {
    const os::Fd fd = TRY(os::open(file, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0644));
    return os::write_all(fd.get(), text, file);
}

}  // namespace

Result<> write_files(const Plan& plan) {
    TRY(overwrite(plan.record_dir() + "/hostname", plan.hostname + "\n"));
    TRY(overwrite(plan.record_dir() + "/resolv.conf",
                  container::resolv_conf(container::host_resolv_conf(), plan.definition, plan.own_net, {})));
    // Another container's network: that one's files are taken (open_files).
    if (plan.own_net || plan.definition.network_mode == config::NetworkMode::container)
        return overwrite(plan.record_dir() + "/hosts", hosts(plan, {}));
    const std::string host = os::read_file("/etc/hosts", 1U << 20).value_or("127.0.0.1\tlocalhost\n");
    std::string extra;
    for (const auto& [name, address] : plan.definition.extra_hosts)
        extra += fmt::format("{}\t{}\n", address == "host-gateway" ? "127.0.0.1" : address, name);
    return overwrite(plan.record_dir() + "/hosts", host + extra);
}

Result<> complete_files(const Plan& plan, const std::vector<driver::AttachStatus>& networks,
                        const container::Resolver& resolver) {
    if (networks.empty()) return {};
    TRY(overwrite(plan.record_dir() + "/hosts", hosts(plan, networks)));
    if (resolver.servers.empty()) return {};
    return write_resolv_conf(plan, resolver);
}

Result<> write_resolv_conf(const Plan& plan, const container::Resolver& resolver) {
    return overwrite(plan.record_dir() + "/resolv.conf",
                     container::resolv_conf(container::host_resolv_conf(), plan.definition, plan.own_net, resolver));
}

}  // namespace gantry::launch
