#include "driver.hpp"

#include "conntrack.hpp"
#include "filter_tables.hpp"
#include "firewall.hpp"
#include "forwarding.hpp"
#include "host_ports.hpp"
#include "pool.hpp"

#include "base/names.hpp"
#include "os/file.hpp"

#include <sys/random.h>

#include <algorithm>
#include <thread>

namespace gantry::net {

using driver::AttachRequest;
using driver::AttachStatus;
using driver::NetworkConfig;
using driver::PublishedPort;

namespace {

// Ports tried for host_port 0 before the range counts as full.
constexpr int port_attempts = 64;

std::uint64_t random_number() {
    std::uint64_t number = 0;
    [[maybe_unused]] const ssize_t got = getrandom(&number, sizeof number, 0);
    return number;
}

// A new name each time: the interface of the run before may not be gone yet, the kernel removes it in its own time.
std::string new_interface_name() { return fmt::format("veth{:08x}", random_number() & 0xffffffffU); }

std::vector<std::uint16_t> ports_of(const std::vector<ResolverRule>& resolvers) {
    std::vector<std::uint16_t> ports;
    for (const auto& resolver : resolvers)
        if (std::ranges::find(ports, resolver.port) == ports.end()) ports.push_back(resolver.port);
    return ports;
}

Result<std::vector<PortRule>> fixed_rules(const AttachRequest& request, const std::vector<Address>& addresses) {
    std::vector<PortRule> rules;
    for (const auto& port : request.ports) {
        if (port.host_port == 0) continue;
        for (auto& rule : TRY(port_rules(port, addresses))) rules.push_back(std::move(rule));
    }
    return rules;
}

// A free port of the ephemeral range for one that asks for any.
Result<PublishedPort> choose_port(PublishedPort port, const std::vector<Address>& addresses, Firewall& firewall,
                                  const std::string& owner, const std::vector<PublishedPort>& chosen) {
    const PortSpan span = ephemeral_ports();
    const unsigned size = span.last - span.first + 1U;
    Result<> last;
    for (int attempt = 0; attempt < port_attempts; ++attempt) {
        port.host_port = static_cast<std::uint16_t>(span.first + random_number() % size);
        const auto same = [&](const PublishedPort& other) {
            return other.protocol == port.protocol && other.host_port == port.host_port;
        };
        if (std::ranges::any_of(chosen, same)) continue;
        const auto rules = TRY(port_rules(port, addresses));
        last = check_bind(rules);
        if (last.ok()) last = firewall.check_free(rules, owner);
        if (last.ok()) return port;
        if (last.error().code() != Errc::in_use) return std::move(last).error();
    }
    return error(Errc::no_space, "no free host port for {}/{} found between {} and {}", port.container_port,
                 protocol_name(port.protocol), span.first, span.last);
}

// Stand-ins where no address is leased yet: for checks that only need the family.
std::vector<Address> some_addresses(const NetworkPlan& network) {
    std::vector<Address> addresses;
    for (const auto& range : {network.v4, network.v6})
        if (range) addresses.push_back(range->gateway);
    return addresses;
}

void note_first(Result<>& first, Result<> done) {
    if (first.ok() && !done.ok()) first = std::move(done);
}

// The namespace of a container that ended is gone with its last process, or some milliseconds later: sockets are given up
// behind an RCU grace period. One that lives on (a running container is disconnected, another shares the namespace) loses the
// interface.
Result<> remove_unless_dying(Fabric& fabric, const Attachment& attachment) {
    for (int attempt = 0; attempt < 20; ++attempt) {
        if (TRY(fabric.dies_alone(attachment.host_interface, attachment.namespace_id))) return {};
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return fabric.remove(attachment.host_interface);
}

}  // namespace

Driver::Driver(std::string data_dir, const std::string& run_dir, OpenFabric open_fabric)
    : leases_(std::move(data_dir) + "/leases"), journal_(run_dir + "/net"), open_fabric_(std::move(open_fabric)) {}

Result<> Driver::probe() {
    TRY(TRY(open_fabric_())->probe());
    TRY_CONTEXT(Firewall::open(journal_), "nftables is needed");
    return {};
}

Result<NetworkConfig> Driver::network_create(const NetworkConfig& wanted, const std::vector<NetworkConfig>& others) {
    const NetworkPlan plan = TRY(plan_network(wanted));
    const auto fabric = TRY(open_fabric_());
    std::vector<Cidr> taken = TRY(fabric->routes());
    std::vector<std::string> owners(taken.size());
    for (const auto& other : others) {
        if (other.name == wanted.name) continue;
        for (const auto& subnet : other.subnets) {
            auto cidr = Cidr::parse(subnet.cidr);
            if (!cidr.ok()) continue;  // another driver's, not ours to judge
            taken.push_back(*cidr);
            owners.push_back(other.name);
        }
        // Other drivers of this room give their interfaces the same names; what plan_network() does not take is none of them.
        const auto other_plan = plan_network(other);
        if (other_plan.ok() && other_plan->bridge == plan.bridge)
            return error(Errc::exists, "bridge '{}' belongs to network '{}'", plan.bridge, other.name);
    }
    NetworkConfig config = wanted;
    if (config.subnets.empty()) {
        std::vector<Pool> pools;
        for (const auto& [key, value] : config.options)
            if (key == "pool") pools.push_back(TRY(parse_pool(value)));
        if (pools.empty()) pools = default_pools();
        for (const Family family : {Family::v4, Family::v6}) {
            const bool any = std::ranges::any_of(pools, [&](const Pool& pool) { return pool.cidr.network.family == family; });
            if (!any || !kernel_has(family)) continue;
            const Cidr chosen = TRY(choose_subnet(pools, family, taken));
            config.subnets.push_back({chosen.str(), "", ""});
        }
    } else {
        for (const auto& range : {plan.v4, plan.v6}) {
            if (!range) continue;
            for (std::size_t at = 0; at < taken.size(); ++at) {
                if (!taken[at].overlaps(range->cidr)) continue;
                const std::string who = owners[at].empty()
                                            ? fmt::format("this host's route to '{}'", taken[at].str())
                                            : fmt::format("subnet '{}' of network '{}'", taken[at].str(), owners[at]);
                return error(Errc::in_use, "subnet '{}' overlaps {}", range->cidr.str(), who);
            }
        }
    }
    std::erase_if(config.options, [](const auto& option) { return option.first == "pool"; });
    for (auto& subnet : config.subnets) {
        const auto complete = TRY(plan_network(config)).range(TRY(Cidr::parse(subnet.cidr)).network.family);
        subnet.gateway = complete->gateway.str();
    }
    return config;
}

Result<> Driver::network_remove(const NetworkConfig& network) {
    const NetworkPlan plan = TRY(plan_network(network));
    const auto fabric = TRY(open_fabric_());
    const std::vector<PortLink> ports = TRY(fabric->ports(plan));
    for (const auto& container : TRY(journal_.containers(plan.name))) {
        const auto attachment = journal_.read(plan.name, container);
        const auto here = [&](const PortLink& port) { return attachment.ok() && port.name == attachment->host_interface; };
        if (std::ranges::any_of(ports, here)) return error(Errc::in_use, "container '{}' is attached", container);
    }
    Result<> first;
    for (const auto& container : TRY(journal_.containers(plan.name))) note_first(first, detach(plan.name, container));
    for (const auto& port : ports) note_first(first, fabric->remove(port.name));
    note_first(first, fabric->remove_network(plan));
    auto firewall = Firewall::open(journal_);
    note_first(first, firewall.ok() ? firewall->remove_network(rules_of(plan)) : Result<>(firewall.error()));
    note_first(first, leave_filter_tables(journal_, plan));
    note_first(first, journal_.erase_network(plan.name));
    note_first(first, leases_.remove_network(plan.name));
    return first;
}

Result<> Driver::network_reload(const NetworkConfig& network) {
    const NetworkPlan plan = TRY(plan_network(network));
    const auto fabric = TRY(open_fabric_());
    Firewall firewall = TRY(Firewall::open(journal_));
    const auto containers = TRY(journal_.containers(plan.name));
    // A network that nobody uses has no objects, and needs none.
    const auto known = journal_.read_network(plan.name);
    if (!known.ok() && TRY(journal_.networks()).empty()) return {};
    if (known.ok()) TRY(take_over(plan, *fabric));
    Result<> first = firewall.rebuild();
    if (!known.ok()) return first;
    note_first(first, fabric->ensure_network(plan, true));
    note_first(first, ensure_forwarding(plan, firewall));
    bool loopback = false;
    std::vector<ResolverRule> resolvers;
    for (const auto& container : containers) {
        const auto attachment = journal_.read(plan.name, container);
        if (!attachment.ok()) continue;
        resolvers.insert(resolvers.end(), attachment->resolvers.begin(), attachment->resolvers.end());
        loopback = loopback || !attachment->ports.empty();
        if (!TRY(fabric->dies_alone(attachment->host_interface, attachment->namespace_id)))
            note_first(first, fabric->reconnect(plan, *attachment));
    }
    if (loopback && plan.v4) note_first(first, allow_host_loopback(plan));
    note_first(first, pass_filter_tables(journal_, plan, ports_of(resolvers), true));
    return first;
}

Result<> Driver::validate(const AttachRequest& request) {
    const AttachPlan plan = TRY(plan_attach(request));
    if (plan.network.v6 && !kernel_has(Family::v6))
        return error(Errc::unsupported, "subnet '{}': this kernel has no IPv6", plan.network.v6->cidr.str());
    if ((plan.rate_up != 0 || plan.rate_down != 0) && !TRY(open_fabric_())->limits_rates())
        return error(Errc::unsupported, "network driver '{}' cannot limit rates", request.network.driver);
    TRY(leases_.check(plan));
    if (request.ports.empty()) return {};
    const auto rules = TRY(fixed_rules(request, some_addresses(plan.network)));
    Firewall firewall = TRY(Firewall::open(journal_));
    TRY(firewall.check_free(rules, owner_name(plan.network.name, plan.container)));
    return check_bind(rules);
}

Result<AttachStatus> Driver::prepare(const AttachRequest& request, int netns) {
    const AttachPlan plan = TRY(plan_attach(request));
    TRY_CONTEXT(detach(plan.network.name, plan.container), "remove what an earlier run left");
    const Leases::Taken leases = TRY(leases_.take(plan));
    Attachment attachment{plan.network.name, plan.container, new_interface_name(), -1, "", leases.all(), {}, {}};
    attachment.resolvers = resolver_rules(plan, attachment.addresses);
    attachment.mac = plan.mac.empty() ? mac_of(attachment.addresses.front()) : plan.mac;
    AttachStatus status;
    auto attached = attach(request, plan, netns, attachment, status);
    if (attached.ok()) return status;
    // The error is the answer; what an undo could not remove is in the journal, for teardown() and recover().
    (void)detach(plan.network.name, plan.container).ok();
    leases_.undo(plan, leases);
    return std::move(attached).error();
}

Result<> Driver::take_over(const NetworkPlan& plan, Fabric& fabric) {
    const auto known = journal_.read_network(plan.name);
    if (!known.ok() || known->driver == plan.driver) return journal_.write_network(plan.name, rules_of(plan));
    TRY(os::make_dirs(journal_.folder(), 0755));
    const os::Fd lock = TRY(os::lock_file(journal_.folder() + "/.driver"));
    // Another start may have been faster.
    if (const auto now = journal_.read_network(plan.name); !now.ok() || now->driver == plan.driver)
        return journal_.write_network(plan.name, rules_of(plan));
    for (const auto& container : TRY(journal_.containers(plan.name))) {
        const auto attachment = journal_.read(plan.name, container);
        if (!attachment.ok() || TRY(fabric.dies_alone(attachment->host_interface, attachment->namespace_id))) continue;
        return error(Errc::in_use, "container '{}' is on network '{}' by driver '{}': stop its containers to change the driver",
                     container, plan.name, known->driver);
    }
    TRY(fabric.remove_network(plan));
    return journal_.write_network(plan.name, rules_of(plan));
}

Result<> Driver::attach(const AttachRequest& request, const AttachPlan& plan, int netns, Attachment& attachment,
                        AttachStatus& status) {
    const Wire wire{attachment.host_interface, attachment.mac, attachment.addresses, !request.ports.empty()};
    const auto fabric = TRY(open_fabric_());
    attachment.namespace_id = TRY(fabric->namespace_id(netns));
    TRY(take_over(plan.network, *fabric));
    TRY(publish(request, plan, attachment, status));
    TRY(fabric->publish(attachment));
    TRY(fabric->ensure_network(plan.network));
    TRY(pass_filter_tables(journal_, plan.network, ports_of(attachment.resolvers), false));
    if (!attachment.ports.empty() && plan.network.v4) TRY(allow_host_loopback(plan.network));
    TRY(fabric->connect(plan, wire, netns));
    status.network = plan.network.name;
    status.interface = plan.interface;
    status.mac = mac_text(wire.mac);
    for (const auto& address : attachment.addresses) {
        const auto& range = plan.network.range(address.family);
        status.addresses.push_back(fmt::format("{}/{}", address.str(), range->cidr.prefix));
        status.gateways.push_back(range->gateway.str());
    }
    return {};
}

Result<> Driver::publish(const AttachRequest& request, const AttachPlan& plan, Attachment& attachment, AttachStatus& status) {
    Firewall firewall = TRY(Firewall::open(journal_));
    const Attachment before = attachment;
    status.ports = TRY(choose_and_publish(request, plan, firewall, before, attachment));
    TRY(ensure_forwarding(plan.network, firewall));
    forget_connections(attachment.ports);
    return {};
}

Result<std::vector<PublishedPort>> Driver::choose_and_publish(const AttachRequest& request, const AttachPlan& plan,
                                                              Firewall& firewall, const Attachment& before, Attachment& added) {
    const std::string owner = owner_name(plan.network.name, plan.container);
    const std::vector<PortRule> fixed = TRY(fixed_rules(request, before.addresses));
    for (const auto& rule : fixed)
        for (const auto& own : before.ports)
            if (own.protocol == rule.protocol && own.host == rule.host && own.host_port == rule.host_port)
                return error(Errc::exists, "port {}/{} is published by it already", rule.host_port,
                             protocol_name(rule.protocol));
    // Two starts can choose the same free port: the map refuses the second, which then chooses again.
    Result<> done;
    std::vector<PublishedPort> published;
    for (int attempt = 0; attempt < 8; ++attempt) {
        added.ports = fixed;
        published.clear();
        for (const auto& port : request.ports) {
            published.push_back(port.host_port != 0 ? port
                                                    : TRY(choose_port(port, before.addresses, firewall, owner, published)));
            if (port.host_port != 0) continue;
            for (auto& rule : TRY(port_rules(published.back(), before.addresses))) added.ports.push_back(std::move(rule));
        }
        Attachment whole = added;
        whole.ports.insert(whole.ports.begin(), before.ports.begin(), before.ports.end());
        TRY(journal_.write(whole));
        done = firewall.publish(rules_of(plan.network), added);
        if (done.ok()) return published;
        if (done.error().code() != Errc::in_use || added.ports.size() == fixed.size()) break;
    }
    TRY(journal_.write(before));
    return std::move(done).error();
}

// Everything outside the namespace but the lease.
Result<> Driver::detach(const std::string& network, const std::string& container) {
    auto attachment = journal_.read(network, container);
    if (!attachment.ok() && attachment.error().code() == Errc::not_found) return {};
    if (!attachment.ok()) {
        // A broken note says nothing: its ports are found by their owner's name.
        Firewall firewall = TRY(Firewall::open(journal_));
        TRY(firewall.remove_owner(owner_name(network, container)));
        return journal_.erase(network, container);
    }
    Result<> first;
    const auto fabric = TRY(open_fabric_());
    if (!attachment->ports.empty() || !attachment->resolvers.empty()) {
        auto firewall = Firewall::open(journal_);
        note_first(first, firewall.ok() ? firewall->unpublish(*attachment) : Result<>(firewall.error()));
    }
    note_first(first, fabric->forget(*attachment));
    note_first(first, remove_unless_dying(*fabric, *attachment));
    if (first.ok()) note_first(first, journal_.erase(network, container));
    return first;
}

Result<> Driver::teardown(const std::string& container, const NetworkConfig& network, bool keep_lease) {
    TRY(ContainerName::parse(container));
    TRY(ObjectName::parse("network", network.name));
    if (!keep_lease) {
        // The address may be another's soon; where it stays the container's, the next start forgets what must be.
        if (const auto attachment = journal_.read(network.name, container); attachment.ok()) forget_targets(attachment->ports);
    }
    Result<> first = detach(network.name, container);
    if (!keep_lease) note_first(first, leases_.release(network.name, container));
    return first;
}

Result<std::vector<driver::Lease>> Driver::leases(const NetworkConfig& network) {
    TRY(ObjectName::parse("network", network.name));
    return leases_.list(network.name);
}

Result<std::vector<std::string>> Driver::recover(const NetworkConfig& network, const std::vector<std::string>& alive,
                                                 const std::vector<std::string>& known, bool dry_run) {
    const NetworkPlan plan = TRY(plan_network(network));
    std::vector<std::string> findings;
    const auto missing = [](const std::vector<std::string>& names, const std::string& name) {
        return std::ranges::find(names, name) == names.end();
    };
    for (const auto& container : TRY(journal_.containers(plan.name))) {
        if (!missing(alive, container)) continue;
        findings.push_back(
            fmt::format("network '{}': attachment of container '{}', which is not running", plan.name, container));
        if (!dry_run) TRY(detach(plan.name, container));
    }
    Firewall firewall = TRY(Firewall::open(journal_));
    for (const auto& owner : TRY(firewall.owners())) {
        if (!owner.starts_with(plan.name + "/") || !missing(alive, owner.substr(plan.name.size() + 1))) continue;
        findings.push_back(fmt::format("network '{}': published ports of '{}', which is not running", plan.name,
                                       owner.substr(plan.name.size() + 1)));
        if (!dry_run) TRY(firewall.remove_owner(owner));
    }
    const auto fabric = TRY(open_fabric_());
    const std::string prefix = link_alias(plan.name, "");
    for (const auto& port : TRY(fabric->ports(plan))) {
        if (!port.alias.starts_with(prefix) || !missing(alive, port.alias.substr(prefix.size()))) continue;
        if (TRY(fabric->dies_alone(port.name))) continue;
        findings.push_back(fmt::format("network '{}': interface '{}' of '{}', which is not running", plan.name, port.name,
                                       port.alias.substr(prefix.size())));
        if (!dry_run) TRY(fabric->remove(port.name));
    }
    for (const auto& lease : TRY(leases_.list(plan.name))) {
        if (!missing(known, lease.container)) continue;
        findings.push_back(fmt::format("network '{}': lease of '{}' by container '{}', which does not exist", plan.name,
                                       lease.address, lease.container));
        if (!dry_run) TRY(leases_.release_address(lease));
    }
    return findings;
}

}  // namespace gantry::net
