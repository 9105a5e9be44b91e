#include "launch/names.hpp"

#include "os/netns.hpp"

namespace gantry::launch {

Result<> Names::publish(const Networks& attached, int netns) {
    if (!plan_.build.empty()) return {};
    const auto networks = attached.record();
    std::vector<dns::Asked> asked;
    for (std::size_t i = 0; i < networks.size(); ++i) {
        const auto& network = networks[i];
        networks_.push_back(network.config.name);
        const std::uint16_t port = attached.resolver_port(i);
        if (!TRY(container::publish_names(plan_.paths, plan_.name, plan_.id, plan_.definition, network, port))) continue;
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
