// Addresses of a network that are no container's.
#include "driver.hpp"

#include "base/names.hpp"

namespace gantry::net {

using driver::NetworkConfig;

namespace {

// "KIND:NAME", which is no container.
Result<std::string> check_owner(const std::string& owner) {
    const auto colon = owner.find(':');
    if (colon == std::string::npos) return error(Errc::invalid, "'{}' owns no address: it must be KIND:NAME", owner);
    TRY(ObjectName::parse("owner", owner.substr(0, colon)));
    TRY(ObjectName::parse("owner", owner.substr(colon + 1)));
    return owner;
}

}  // namespace

Result<std::vector<std::string>> Driver::reserve(const std::string& owner, const NetworkConfig& network) {
    AttachPlan plan;
    plan.network = TRY(plan_network(network));
    plan.container = TRY(check_owner(owner));
    std::vector<std::string> addresses;
    for (const auto& address : TRY(leases_.take(plan)).all()) addresses.push_back(address.str());
    return addresses;
}

Result<> Driver::release(const std::string& owner, const NetworkConfig& network) {
    TRY(ObjectName::parse("network", network.name));
    return leases_.release(network.name, TRY(check_owner(owner)));
}

}  // namespace gantry::net
