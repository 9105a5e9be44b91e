// Elements of the firewall's sets and maps as nfnetlink messages (linux/netfilter/nf_tables.h).
#pragma once

#include "plan.hpp"

#include "os/netlink.hpp"

namespace gantry::net {

// One element: the bytes of its key and, in a map, of its value, padded to 4 bytes a field as nftables registers are.
struct Element {
    std::string set, key, value, comment;
    std::uint8_t table_family = 1;  // NFPROTO_INET, NFPROTO_IPV4, NFPROTO_IPV6
};

Element port_element(const PortRule& rule, const std::string& owner);
// Of the set of ports that the host's firewall decides about.
Element guard_element(const PortRule& rule, const std::string& owner);
Element resolver_element(const ResolverRule& rule, const std::string& owner);
Element interface_element(const std::string& set, const std::string& interface);
// For a set of pairs; an empty name is an interface that is not known.
Element interface_element(const std::string& set, const std::string& in, const std::string& out);
Element family_element(const std::string& set, Family family);

os::NetlinkMessage batch_begin();
os::NetlinkMessage batch_end();
// exclusive: EEXIST where the key is there already; else that is no error (with the same value).
os::NetlinkMessage add_element(const Element& element, bool exclusive);
os::NetlinkMessage remove_element(const Element& element);
os::NetlinkMessage get_element(const Element& element);
// The element's set: ENOENT where the table has no such set, or is not there.
os::NetlinkMessage get_set(const Element& element);
os::NetlinkMessage list_elements(const std::string& set);

// A chain, and its rules, of any table.
os::NetlinkMessage get_chain(std::uint8_t family, const std::string& table_name, const std::string& chain);
os::NetlinkMessage list_rules(std::uint8_t family, const std::string& table_name, const std::string& chain);
// What `nft list` shows as the comment of an element or a rule, in its user data.
std::string comment_of(std::string_view user_data);

struct FoundElement {
    std::string key, value, comment;
};
// The elements that an answer to get_element() or list_elements() carries.
std::vector<FoundElement> found_elements(const os::NetlinkReply& reply);

}  // namespace gantry::net
