#include "macvlan_driver.hpp"

#include "fabric.hpp"
#include "inside.hpp"
#include "links.hpp"
#include "namespaces.hpp"

#include "base/hash.hpp"
#include "base/names.hpp"

#include <linux/if_link.h>

#include <algorithm>
#include <charconv>

namespace gantry::macvlan {

using driver::AttachRequest;
using driver::AttachStatus;
using driver::NetworkConfig;
using net::Attachment;
using net::Cidr;

namespace {

Result<std::uint32_t> parse_mode(const std::string& text) {
    if (text == "bridge") return std::uint32_t{MACVLAN_MODE_BRIDGE};
    if (text == "private") return std::uint32_t{MACVLAN_MODE_PRIVATE};
    if (text == "vepa") return std::uint32_t{MACVLAN_MODE_VEPA};
    return error(Errc::invalid, "option 'mode': '{}' is none of bridge, private and vepa", text);
}

Result<std::uint16_t> parse_vlan(const std::string& text) {
    std::uint16_t vlan = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), vlan);
    // 0 and 4095 are reserved (IEEE 802.1Q).
    if (problem != std::errc() || end != text.data() + text.size() || vlan < 1 || vlan > 4094)
        return error(Errc::invalid, "option 'vlan': '{}' is not a number from 1 to 4094", text);
    return vlan;
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
    return std::ranges::find(names, name) != names.end();
}

}  // namespace

std::string Parent::link() const {
    if (vlan == 0) return interface;
    const std::string name = fmt::format("{}.{}", interface, vlan);
    return name.size() <= 15 ? name : fmt::format("gtv-{:08x}", fnv1a(name) & 0xffffffffU);  // IFNAMSIZ
}

Result<Parent> take_parent(NetworkConfig& config) {
    Parent parent;
    parent.mode = MACVLAN_MODE_BRIDGE;
    driver::Options rest;
    for (const auto& [key, value] : config.options) {
        if (key == "parent") {
            TRY(net::check_interface_name("parent", value));
            parent.interface = value;
        } else if (key == "mode" || key == "macvlan_mode") {  // Docker's name
            parent.mode = TRY(parse_mode(value));
        } else if (key == "vlan") {
            parent.vlan = TRY(parse_vlan(value));
        } else if (key != "pool") {
            return error(Errc::invalid, "option '{}' is not known to driver 'macvlan' (parent, vlan, mode)", key);
        }
    }
    config.options.clear();
    if (parent.interface.empty()) return error(Errc::invalid, "option 'parent' is missing: the host's interface to the link");
    return parent;
}

MacvlanDriver::MacvlanDriver(const std::string& data_dir, const std::string& run_dir)
    : leases_(data_dir + "/leases"), journal_(run_dir + "/net") {}

// Whether the kernel has the kinds of interfaces is not known before one is made, and said then.
Result<> MacvlanDriver::probe() {
    TRY(Links::open());
    return {};
}

Result<NetworkConfig> MacvlanDriver::network_create(const NetworkConfig& wanted, const std::vector<NetworkConfig>& others) {
    NetworkConfig config = wanted, plain = wanted;
    TRY(take_parent(plain));
    std::erase_if(config.options, [](const auto& option) { return option.first == "pool"; });
    // The link has its addresses already: only its administrator knows which are free.
    if (config.subnets.empty())
        return error(Errc::invalid, "driver 'macvlan' needs the subnet of the link, and a range that is free");
    const net::NetworkPlan plan = TRY(net::plan_network(plain));
    for (const auto& other : others) {
        if (other.name == wanted.name) continue;
        for (const auto& subnet : other.subnets) {
            const auto cidr = Cidr::parse(subnet.cidr);
            if (!cidr.ok()) continue;  // another driver's, not ours to judge
            for (const auto& range : {plan.v4, plan.v6})
                if (range && cidr->overlaps(range->cidr))
                    return error(Errc::in_use, "subnet '{}' overlaps subnet '{}' of network '{}'", range->cidr.str(),
                                 subnet.cidr, other.name);
        }
    }
    for (auto& subnet : config.subnets)
        subnet.gateway = plan.range(TRY(Cidr::parse(subnet.cidr)).network.family)->gateway.str();
    return config;
}

Result<> MacvlanDriver::network_remove(const NetworkConfig& network) {
    NetworkConfig plain = network;
    const Parent parent = TRY(take_parent(plain));
    Links links = TRY(Links::open());
    for (const auto& container : TRY(journal_.containers(network.name))) {
        const auto attachment = journal_.read(network.name, container);
        if (attachment.ok() && TRY(net::namespace_lives(links.route(), attachment->namespace_id)))
            return error(Errc::in_use, "container '{}' is attached", container);
    }
    FirstError first;
    first.note(links.remove_link(parent, network.name));
    first.note(journal_.erase_network(network.name));
    first.note(leases_.remove_network(network.name));
    return first.result();
}

Result<> MacvlanDriver::network_reload(const NetworkConfig& network) {
    NetworkConfig plain = network;
    const Parent parent = TRY(take_parent(plain));
    // A network that nobody uses has no objects, and needs none.
    if (TRY(journal_.containers(network.name)).empty()) return {};
    return TRY(Links::open()).ensure_link(parent, network.name);
}

Result<MacvlanDriver::Plan> MacvlanDriver::plan(const AttachRequest& request) {
    AttachRequest plain = request;
    Plan plan;
    plan.parent = TRY(take_parent(plain.network));
    if (!request.ports.empty())
        return error(Errc::unsupported,
                     "driver 'macvlan' publishes no ports: the container is a host of the link, reachable as it is");
    plan.attach = TRY(net::plan_attach(plain));
    return plan;
}

Result<> MacvlanDriver::validate(const AttachRequest& request) {
    const Plan planned = TRY(plan(request));
    if (planned.attach.rate_up != 0 || planned.attach.rate_down != 0)
        return error(Errc::unsupported, "network driver 'macvlan' cannot limit rates");
    return leases_.check(planned.attach);
}

Result<AttachStatus> MacvlanDriver::prepare(const AttachRequest& request, int netns) {
    const Plan planned = TRY(plan(request));
    const net::AttachPlan& attach_plan = planned.attach;
    TRY_CONTEXT(detach(attach_plan.network.name, attach_plan.container), "remove what an earlier run left");
    const net::Leases::Taken leases = TRY(leases_.take(attach_plan));
    Attachment attachment{attach_plan.network.name, attach_plan.container, attach_plan.interface, -1, "", leases.all(), {}, {}};
    attachment.mac = attach_plan.mac.empty() ? net::mac_of(attachment.addresses.front()) : attach_plan.mac;
    AttachStatus status;
    auto attached = attach(planned, attachment, netns, status);
    if (attached.ok()) return status;
    // The error is the answer; what an undo could not remove is in the journal, for teardown() and recover().
    (void)detach(attach_plan.network.name, attach_plan.container).ok();
    leases_.undo(attach_plan, leases);
    return std::move(attached).error();
}

Result<> MacvlanDriver::attach(const Plan& plan, Attachment& attachment, int netns, AttachStatus& status) {
    Links links = TRY(Links::open());
    TRY(links.ensure_link(plan.parent, attachment.network));
    net::Inside inside = TRY(net::Inside::open(netns));
    attachment.namespace_id = TRY(net::namespace_id(links.route(), netns));
    // Made first: what is in the way inside is another's, and no undo of ours may remove it.
    TRY(links.make(plan.parent, plan.attach.interface, attachment.mac, plan.attach.network.mtu, netns));
    TRY(journal_.write(attachment));
    TRY(inside.configure(plan.attach, attachment.addresses, ""));
    status.network = attachment.network;
    status.interface = plan.attach.interface;
    status.mac = net::mac_text(attachment.mac);
    for (const auto& address : attachment.addresses) {
        const auto& range = plan.attach.network.range(address.family);
        status.addresses.push_back(fmt::format("{}/{}", address.str(), range->cidr.prefix));
        status.gateways.push_back(range->gateway.str());
    }
    return {};
}

Result<> MacvlanDriver::detach(const std::string& network, const std::string& container) {
    const auto attachment = journal_.read(network, container);
    if (!attachment.ok() && attachment.error().code() == Errc::not_found) return {};
    if (attachment.ok()) {
        Links links = TRY(Links::open());
        if (TRY(net::namespace_lives(links.route(), attachment->namespace_id)))
            TRY(links.remove(attachment->host_interface, attachment->namespace_id));
    }
    return journal_.erase(network, container);
}

Result<> MacvlanDriver::teardown(const std::string& container, const NetworkConfig& network, bool keep_lease) {
    TRY(ContainerName::parse(container));
    TRY(ObjectName::parse("network", network.name));
    FirstError first;
    first.note(detach(network.name, container));
    if (!keep_lease) first.note(leases_.release(network.name, container));
    return first.result();
}

Result<std::vector<driver::Lease>> MacvlanDriver::leases(const NetworkConfig& network) {
    TRY(ObjectName::parse("network", network.name));
    return leases_.list(network.name);
}

Result<std::vector<std::string>> MacvlanDriver::recover(const NetworkConfig& network, const std::vector<std::string>& alive,
                                                        const std::vector<std::string>& known, bool dry_run) {
    std::vector<std::string> findings;
    for (const auto& container : TRY(journal_.containers(network.name))) {
        if (contains(alive, container)) continue;
        findings.push_back(
            fmt::format("network '{}': attachment of container '{}', which is not running", network.name, container));
        if (!dry_run) TRY(detach(network.name, container));
    }
    for (const auto& lease : TRY(leases_.list(network.name))) {
        if (contains(known, lease.container)) continue;
        findings.push_back(fmt::format("network '{}': lease of '{}' by container '{}', which does not exist", network.name,
                                       lease.address, lease.container));
        if (!dry_run) TRY(leases_.release_address(lease));
    }
    return findings;
}

}  // namespace gantry::macvlan
