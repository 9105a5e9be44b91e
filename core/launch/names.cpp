#include "launch/names.hpp"

#include "os/netns.hpp"

namespace gantry::launch {

Result<> Names::publish(const std::vector<container::Record::Network>& networks, int netns) {
    if (!plan_.build.empty()) return {};
    const std::string hostname = container::host_name_of(plan_.definition, plan_.id);
    std::vector<dns::Asked> asked;
    for (const auto& network : networks) {
        networks_.push_back(network.config.name);
        if (!TRY(container::publish_names(plan_.paths, plan_.name, plan_.definition, hostname, network))) continue;
        const std::string full = fmt::format("{}.{}.{}", plan_.name.str(), network.config.name, dns::domain);
        if (network.status.addresses.empty() || !dns::is_host_name(full)) continue;
        const bool v6 = network.status.addresses.front().find(':') != std::string::npos;
        asked.push_back({network.status.gateways.front(), full, v6});
    }
    resolver_ = container::resolver_of(plan_.paths, plan_.name.str(), networks);
    if (asked.empty()) return {};
    // From inside: a firewall of the host in the way is found out here, and not by the container.
    const auto visit = TRY(os::NetnsVisit::enter(netns));
    for (dns::Asked& one : asked) unreachable_ |= !questions_.add(std::move(one)).ok();
    return {};
}

void Names::withdraw() noexcept {
    for (const std::string& network : networks_)
        [[maybe_unused]] const auto ignored = dns::withdraw(plan_.paths, network, plan_.name.str());
}

bool Names::wait() { return !unreachable_ && questions_.wait(std::chrono::seconds(1), std::chrono::seconds(5)); }

}  // namespace gantry::launch
