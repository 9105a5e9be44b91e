#include "attach.hpp"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include <cerrno>

namespace gantry::net {

using os::InterfaceSide;
using os::NetlinkMessage;

namespace {

NetlinkMessage tc_message(std::uint16_t type, std::uint16_t flags, unsigned interface, std::uint32_t parent,
                          std::uint32_t handle, std::uint32_t info) {
    tcmsg header{};
    header.tcm_family = AF_UNSPEC;
    header.tcm_ifindex = static_cast<int>(interface);
    header.tcm_parent = parent;
    header.tcm_handle = handle;
    header.tcm_info = info;
    NetlinkMessage message(type, flags);
    message.header(header);
    return message;
}

}  // namespace

Result<> attach_program(os::NetlinkSocket& route, int program, const std::string& name, unsigned interface,
                        InterfaceSide side) {
    auto attached = os::bpf_attach_interface(program, interface, side);
    if (attached.ok() || attached.error().code() != Errc::unsupported) return attached;
    return attach_filter(route, program, name, interface, side);
}

Result<> attach_filter(os::NetlinkSocket& route, int program, const std::string& name, unsigned interface, InterfaceSide side) {
    std::vector<NetlinkMessage> messages;
    messages.push_back(
        tc_message(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, interface, TC_H_CLSACT, TC_H_MAKE(TC_H_CLSACT, 0), 0));
    messages.back().put_text(TCA_KIND, "clsact");
    const std::uint32_t parent = TC_H_MAKE(TC_H_CLSACT, side == InterfaceSide::ingress ? TC_H_MIN_INGRESS : TC_H_MIN_EGRESS);
    // Priority 1 of every protocol; the same handle again replaces it.
    messages.push_back(tc_message(RTM_NEWTFILTER, NLM_F_CREATE, interface, parent, 1, TC_H_MAKE(1U << 16, htons(ETH_P_ALL))));
    messages.back().put_text(TCA_KIND, "bpf").nest(TCA_OPTIONS, [&](NetlinkMessage& options) {
        options.put_u32(TCA_BPF_FD, static_cast<std::uint32_t>(program))
            .put_text(TCA_BPF_NAME, name)
            .put_u32(TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT);
    });
    const auto outcomes = TRY(route.exchange(messages));
    // Of a kind that the kernel does not know.
    if (outcomes[0].number == ENOENT || outcomes[1].number == ENOENT)
        return error(Errc::unsupported,
                     "this kernel has no filters of BPF programs (CONFIG_NET_SCH_INGRESS, CONFIG_NET_CLS_BPF)");
    if (!outcomes[0].ok() && outcomes[0].number != EEXIST) return outcomes[0].error("make queueing discipline clsact");
    return outcomes[1].result("attach a BPF program as a filter");
}

}  // namespace gantry::net
