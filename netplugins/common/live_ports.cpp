// What changes of a container that is attached: its ports, rates and default route.
#include "driver.hpp"
#include "conntrack.hpp"
#include "firewall.hpp"
#include "forwarding.hpp"

#include "base/names.hpp"

#include <algorithm>

namespace gantry::net {

using driver::AttachRequest;
using driver::NetworkConfig;
using driver::PublishedPort;

namespace {

bool same_port(const PortRule& one, const PortRule& other) {
    return one.protocol == other.protocol && one.host == other.host && one.host_port == other.host_port;
}

Result<Attachment> read_attached(const Journal& journal, const std::string& network, const std::string& container) {
    auto attachment = journal.read(network, container);
    if (!attachment.ok() && attachment.error().code() == Errc::not_found)
        return error(Errc::not_found, "container '{}' is not attached to network '{}'", container, network);
    return attachment;
}

}  // namespace

Result<std::vector<PublishedPort>> Driver::publish(const AttachRequest& request) {
    const AttachPlan plan = TRY(plan_attach(request));
    const Attachment before = TRY(read_attached(journal_, plan.network.name, plan.container));
    Firewall firewall = TRY(Firewall::open(journal_));
    Attachment added = before;
    const auto published = TRY(choose_and_publish(request, plan, firewall, before, added));
    const auto finish = [&]() -> Result<> {
        TRY(ensure_forwarding(plan.network, firewall));
        const auto fabric = TRY(open_fabric_());
        TRY(fabric->publish(added));
        if (!before.ports.empty()) return {};
        if (plan.network.v4) TRY(allow_host_loopback(plan.network));
        return fabric->reconnect(plan.network, added);
    };
    if (auto finished = finish(); !finished.ok()) {
        // The error is the answer; what an undo could not remove is in the journal. The resolvers were there before.
        added.resolvers.clear();
        if (firewall.unpublish(added).ok()) (void)journal_.write(before).ok();
        return std::move(finished).error();
    }
    forget_connections(added.ports);
    return published;
}

Result<> Driver::unpublish(const std::string& container, const NetworkConfig& network,
                           const std::vector<PublishedPort>& ports) {
    TRY(ContainerName::parse(container));
    TRY(ObjectName::parse("network", network.name));
    Attachment attachment = TRY(read_attached(journal_, network.name, container));
    Attachment gone = attachment;
    gone.ports.clear();
    gone.resolvers.clear();
    for (const auto& port : ports) {
        for (auto& rule : TRY(port_rules(port, attachment.addresses))) {
            const auto found =
                std::ranges::find_if(attachment.ports, [&](const PortRule& own) { return same_port(own, rule); });
            if (found == attachment.ports.end())
                return error(Errc::not_found, "port {}/{} is not published by '{}'", port.host_port,
                             protocol_name(port.protocol), container);
            gone.ports.push_back(*found);
            attachment.ports.erase(found);
        }
    }
    TRY(TRY(open_fabric_())->unpublish(gone));
    // The note goes last: what it names is removed by anyone.
    TRY(TRY(Firewall::open(journal_)).unpublish(gone));
    TRY(journal_.write(attachment));
    forget_connections(gone.ports);
    return {};
}

Result<> Driver::change(const AttachRequest& request, int netns) {
    const AttachPlan plan = TRY(plan_attach(request));
    const Attachment attachment = TRY(read_attached(journal_, plan.network.name, plan.container));
    const auto fabric = TRY(open_fabric_());
    if ((plan.rate_up != 0 || plan.rate_down != 0) && !fabric->limits_rates())
        return error(Errc::unsupported, "network driver '{}' cannot limit rates", request.network.driver);
    return fabric->change(plan, attachment, netns);
}

}  // namespace gantry::net
