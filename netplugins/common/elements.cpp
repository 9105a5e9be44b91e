#include "elements.hpp"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netinet/in.h>

namespace gantry::net {

using os::NetlinkMessage;

namespace {

constexpr const char* table = "gantry";
// NFTNL_UDATA_SET_ELEM_COMMENT and NFTNL_UDATA_RULE_COMMENT (libnftnl/udata.h), which `nft list` shows: type, length, text with
// its NUL.
constexpr char comment_type = 0;

NetlinkMessage nft_message(int command, std::uint16_t flags, std::uint8_t family = NFPROTO_INET) {
    NetlinkMessage message(static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | command), flags);
    return std::move(message.header(nfgenmsg{family, NFNETLINK_V0, 0}));
}

NetlinkMessage batch_message(std::uint16_t type) {
    NetlinkMessage message(type);
    message.header(nfgenmsg{AF_UNSPEC, NFNETLINK_V0, htons(NFNL_SUBSYS_NFTABLES)}).silent();
    return message;
}

NetlinkMessage element_message(int command, std::uint16_t flags, const Element& element) {
    NetlinkMessage message = nft_message(command, flags, element.table_family);
    message.put_text(NFTA_SET_ELEM_LIST_TABLE, table).put_text(NFTA_SET_ELEM_LIST_SET, element.set);
    message.nest(NFTA_SET_ELEM_LIST_ELEMENTS, [&](NetlinkMessage& list) {
        list.nest(NFTA_LIST_ELEM, [&](NetlinkMessage& item) {
            item.nest(NFTA_SET_ELEM_KEY, [&](NetlinkMessage& key) { key.put(NFTA_DATA_VALUE, element.key); });
            if (command != NFT_MSG_NEWSETELEM) return;
            if (!element.value.empty())
                item.nest(NFTA_SET_ELEM_DATA, [&](NetlinkMessage& value) { value.put(NFTA_DATA_VALUE, element.value); });
            if (!element.comment.empty()) {
                // A length of one byte: names are at most 128 each, so a long pair is cut, and comparisons cut the same way.
                const std::string text = element.comment.substr(0, 254);
                std::string data{comment_type, static_cast<char>(text.size() + 1)};
                item.put(NFTA_SET_ELEM_USERDATA, data + text + '\0');
            }
        });
    });
    return message;
}

void add_byte(std::string& bytes, std::uint8_t value) { bytes += {static_cast<char>(value), 0, 0, 0}; }

void add_port(std::string& bytes, std::uint16_t port) {
    bytes += {static_cast<char>(port >> 8), static_cast<char>(port & 0xff), 0, 0};
}

}  // namespace

Element port_element(const PortRule& rule, const std::string& owner) {
    Element element;
    element.set = fmt::format("{}{}", rule.host ? "one" : "any", rule.target.family == Family::v4 ? 4 : 6);
    add_byte(element.key, static_cast<std::uint8_t>(rule.protocol));
    if (rule.host) element.key += rule.host->bytes();
    add_port(element.key, rule.host_port);
    element.value = rule.target.bytes();
    add_port(element.value, rule.target_port);
    element.comment = owner;
    return element;
}

Element guard_element(const PortRule& rule, const std::string& owner) {
    Element element = port_element(rule, owner);
    element.set = "guarded_" + element.set;
    element.value.clear();
    return element;
}

Element resolver_element(const ResolverRule& rule, const std::string& owner) {
    Element element;
    element.set = rule.container.family == Family::v4 ? "resolver4" : "resolver6";
    element.key = rule.container.bytes() + rule.gateway.bytes();
    element.value = rule.gateway.bytes();
    add_port(element.value, rule.port);
    element.comment = owner;
    return element;
}

Element interface_element(const std::string& set, const std::string& interface) {
    std::string name = interface;
    name.resize(IFNAMSIZ, '\0');
    return {set, name, "", "", NFPROTO_INET};
}

Element interface_element(const std::string& set, const std::string& in, const std::string& out) {
    return {set, interface_element(set, in).key + interface_element(set, out).key, "", "", NFPROTO_INET};
}

Element family_element(const std::string& set, Family family) {
    return {set, std::string(1, static_cast<char>(family == Family::v4 ? NFPROTO_IPV4 : NFPROTO_IPV6)), "", "", NFPROTO_INET};
}

NetlinkMessage batch_begin() { return batch_message(NFNL_MSG_BATCH_BEGIN); }
NetlinkMessage batch_end() { return batch_message(NFNL_MSG_BATCH_END); }

NetlinkMessage add_element(const Element& element, bool exclusive) {
    return element_message(NFT_MSG_NEWSETELEM, static_cast<std::uint16_t>(NLM_F_CREATE | (exclusive ? NLM_F_EXCL : 0)),
                           element);
}
NetlinkMessage remove_element(const Element& element) { return element_message(NFT_MSG_DELSETELEM, 0, element); }
NetlinkMessage get_element(const Element& element) { return element_message(NFT_MSG_GETSETELEM, 0, element); }

NetlinkMessage get_set(const Element& element) {
    NetlinkMessage message = nft_message(NFT_MSG_GETSET, 0, element.table_family);
    message.put_text(NFTA_SET_TABLE, table).put_text(NFTA_SET_NAME, element.set);
    return message;
}

NetlinkMessage list_elements(const std::string& set) {
    NetlinkMessage message = nft_message(NFT_MSG_GETSETELEM, 0);
    message.put_text(NFTA_SET_ELEM_LIST_TABLE, table).put_text(NFTA_SET_ELEM_LIST_SET, set);
    return message;
}

NetlinkMessage get_chain(std::uint8_t family, const std::string& table_name, const std::string& chain) {
    NetlinkMessage message = nft_message(NFT_MSG_GETCHAIN, 0, family);
    message.put_text(NFTA_CHAIN_TABLE, table_name).put_text(NFTA_CHAIN_NAME, chain);
    return message;
}

NetlinkMessage list_rules(std::uint8_t family, const std::string& table_name, const std::string& chain) {
    NetlinkMessage message = nft_message(NFT_MSG_GETRULE, 0, family);
    message.put_text(NFTA_RULE_TABLE, table_name).put_text(NFTA_RULE_CHAIN, chain);
    return message;
}

std::string comment_of(std::string_view user_data) {
    std::string comment;
    while (user_data.size() >= 2) {
        const std::size_t size = static_cast<unsigned char>(user_data[1]);
        if (user_data[0] == comment_type) comment = os::attribute_text(user_data.substr(2, size));
        user_data.remove_prefix(std::min(user_data.size(), size + 2));
    }
    return comment;
}

std::vector<FoundElement> found_elements(const os::NetlinkReply& reply) {
    std::vector<FoundElement> found;
    reply.each(sizeof(nfgenmsg), {NFTA_SET_ELEM_LIST_ELEMENTS}, [&](std::string_view item) {
        FoundElement element;
        element.key = os::nested_attribute(item, {NFTA_SET_ELEM_KEY, NFTA_DATA_VALUE});
        element.value = os::nested_attribute(item, {NFTA_SET_ELEM_DATA, NFTA_DATA_VALUE});
        element.comment = comment_of(os::nested_attribute(item, {NFTA_SET_ELEM_USERDATA}));
        found.push_back(element);
    });
    return found;
}

}  // namespace gantry::net
