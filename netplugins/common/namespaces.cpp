#include "namespaces.hpp"

#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cerrno>

namespace gantry::net {

using os::NetlinkMessage;
using os::NetlinkReply;

Result<std::int32_t> namespace_id(os::NetlinkSocket& route, int netns) {
    const char* what = "number a network namespace";
    std::vector<NetlinkMessage> messages;
    const std::int32_t any = -1;
    messages.emplace_back(RTM_NEWNSID);
    messages.back()
        .header(rtgenmsg{AF_UNSPEC})
        .put_u32(NETNSA_FD, static_cast<unsigned>(netns))
        .put(NETNSA_NSID, &any, sizeof any);
    messages.emplace_back(RTM_GETNSID);
    messages.back().header(rtgenmsg{AF_UNSPEC}).put_u32(NETNSA_FD, static_cast<unsigned>(netns));
    std::int32_t id = any;
    const auto outcomes =
        TRY_CONTEXT(route.exchange(messages,
                                   [&](const NetlinkReply& reply) {
                                       id = os::attribute_value<std::int32_t>(reply.attribute(sizeof(rtgenmsg), {NETNSA_NSID}));
                                   }),
                    "{}", what);
    // It has one already where another network of the container came first.
    if (!outcomes[0].ok() && outcomes[0].number != EEXIST) return outcomes[0].error(what);
    TRY(outcomes[1].result(what));
    return id;
}

Result<bool> namespace_lives(os::NetlinkSocket& route, std::int32_t id) {
    // The kernel answers for a namespace that something still holds, and for no other (get_net_ns_by_id); Linux 4.20.
    NetlinkMessage alive(RTM_GETNSID);
    alive.header(rtgenmsg{AF_UNSPEC}).put(NETNSA_NSID, &id, sizeof id);
    auto answer = route.request(std::move(alive), "look at a network namespace");
    if (answer.ok()) return true;
    if (answer.error().sys() == ENOENT) return false;
    return std::move(answer).error();
}

}  // namespace gantry::net
