#include "noop_driver.hpp"

#include "base/names.hpp"

namespace gantry::noop {

Result<> NoopDriver::probe() { return {}; }

Result<driver::NetworkConfig> NoopDriver::network_create(const driver::NetworkConfig& wanted,
                                                         const std::vector<driver::NetworkConfig>& /*others*/) {
    TRY(ObjectName::parse("network", wanted.name));
    if (!wanted.subnets.empty()) return error(Errc::unsupported, "network driver noop gives out no addresses");
    for (const auto& [key, value] : wanted.options)
        if (key != "pool") return error(Errc::invalid, "network driver noop has no option '{}'", key);
    return wanted;
}

Result<> NoopDriver::network_remove(const driver::NetworkConfig& /*network*/) { return {}; }

Result<> NoopDriver::network_reload(const driver::NetworkConfig& /*network*/) { return {}; }

// What cannot be done is refused here, before anything of the container exists: a port that is silently not published is worse
// than a container that does not start.
Result<> NoopDriver::validate(const driver::AttachRequest& request) {
    TRY(ContainerName::parse(request.container));
    if (!request.ports.empty()) return error(Errc::unsupported, "network driver noop cannot publish ports");
    if (!request.ipv4.empty() || !request.ipv6.empty() || !request.mac.empty())
        return error(Errc::unsupported, "network driver noop gives out no addresses");
    if (request.rate_up != 0 || request.rate_down != 0)
        return error(Errc::unsupported, "network driver noop cannot limit rates");
    if (!request.options.empty())
        return error(Errc::invalid, "network driver noop has no option '{}'", request.options.front().first);
    return {};
}

Result<driver::AttachStatus> NoopDriver::prepare(const driver::AttachRequest& request, int /*netns*/) {
    TRY(validate(request));
    return driver::AttachStatus{.network = request.network.name};
}

Result<> NoopDriver::teardown(const std::string& /*container*/, const driver::NetworkConfig& /*network*/, bool /*keep_lease*/) {
    return {};
}

Result<std::vector<driver::Lease>> NoopDriver::leases(const driver::NetworkConfig& /*network*/) {
    return std::vector<driver::Lease>{};
}

Result<std::vector<std::string>> NoopDriver::recover(const driver::NetworkConfig& /*network*/,
                                                     const std::vector<std::string>& /*alive*/,
                                                     const std::vector<std::string>& /*known*/, bool /*dry_run*/) {
    return std::vector<std::string>{};
}

}  // namespace gantry::noop
