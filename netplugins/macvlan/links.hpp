// The kernel's side of it: VLANs of a parent, and interfaces on top that are made in a container's namespace.
#pragma once

#include "macvlan_driver.hpp"

namespace gantry::macvlan {

class Links {
public:
    static Result<Links> open();

    // The parent's VLAN, if one is asked for, made where it is missing, and up. Errc::not_found: no such parent.
    Result<> ensure_link(const Parent& parent, const std::string& network);
    // Removes the VLAN if it was made for this network.
    Result<> remove_link(const Parent& parent, const std::string& network);
    // A macvlan on the link, in netns, down. mac: six bytes. mtu 0: the link's.
    Result<> make(const Parent& parent, const std::string& interface, const std::string& mac, std::uint32_t mtu, int netns);
    // Of a namespace that this one knows by that number; gone already, or with the namespace, is no error.
    Result<> remove(const std::string& interface, std::int32_t namespace_id);

    os::NetlinkSocket& route() { return route_; }

private:
    explicit Links(os::NetlinkSocket route) : route_(std::move(route)) {}
    os::NetlinkSocket route_;
};

}  // namespace gantry::macvlan
