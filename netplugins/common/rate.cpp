#include "rate.hpp"

#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <cerrno>
#include <limits>

namespace gantry::net {

using os::NetlinkMessage;

namespace {

constexpr std::uint32_t bucket = 1U << 16, queue = 2U << 16;  // their handles, "1:" and "2:"

NetlinkMessage queue_message(unsigned index, const char* kind, std::uint32_t parent, std::uint32_t handle) {
    tcmsg header{};
    header.tcm_ifindex = static_cast<int>(index);
    header.tcm_parent = parent;
    header.tcm_handle = handle;
    NetlinkMessage message(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE);
    message.header(header).put_text(TCA_KIND, kind);
    return message;
}

NetlinkMessage no_bucket_message(unsigned index) {
    tcmsg header{};
    header.tcm_ifindex = static_cast<int>(index);
    header.tcm_parent = TC_H_ROOT;
    header.tcm_handle = bucket;
    NetlinkMessage message(RTM_DELQDISC);
    message.header(header);
    return message;
}

NetlinkMessage bucket_message(unsigned index, std::uint64_t rate) {
    const std::uint64_t bytes = rate / 8;
    // What may go at once: five milliseconds' worth, so that a timer that fires late costs no rate, and at least what one send
    // of a socket is (GSO; the bucket takes larger ones apart).
    const auto burst = static_cast<std::uint32_t>(std::clamp<std::uint64_t>(bytes / 200, 16U << 10, 64U << 20));
    tc_tbf_qopt options{};
    options.rate.linklayer = TC_LINKLAYER_ETHERNET;  // packets as long as they are: no table of times
    options.rate.rate = static_cast<std::uint32_t>(std::min<std::uint64_t>(bytes, std::numeric_limits<std::uint32_t>::max()));
    // Of the queue that the next message replaces, where the kernel can: fifty milliseconds.
    options.limit = static_cast<std::uint32_t>(std::clamp<std::uint64_t>(bytes / 20, 64U << 10, 64U << 20));
    NetlinkMessage message = queue_message(index, "tbf", TC_H_ROOT, bucket);
    message.nest(TCA_OPTIONS, [&](NetlinkMessage& nest) {
        nest.put(TCA_TBF_PARMS, &options, sizeof options).put_u32(TCA_TBF_BURST, burst);
        if (bytes > std::numeric_limits<std::uint32_t>::max()) nest.put(TCA_TBF_RATE64, &bytes, sizeof bytes);
    });
    return message;
}

}  // namespace

Result<> limit_rate(os::NetlinkSocket& route, const std::string& interface, std::uint64_t rate) {
    const unsigned index = route.interface_index(interface);
    if (index == 0) return error(Errc::not_found, "limit the rate of '{}': there is no such interface", interface);
    std::vector<NetlinkMessage> messages;
    if (rate == 0) {
        messages.push_back(no_bucket_message(index));
        const auto outcomes = TRY(route.exchange(messages));
        // There was none: a queue of another kind, or that of the kernel, which has no handle.
        if (outcomes[0].number == ENOENT || outcomes[0].number == EINVAL) return {};
        return outcomes[0].result(fmt::format("take away the limit of '{}'", interface));
    }
    messages.push_back(bucket_message(index, rate));
    messages.push_back(queue_message(index, "fq_codel", bucket | 1, queue));
    const auto outcomes = TRY(route.exchange(messages));
    if (outcomes[0].number == ENOENT)
        return error(Errc::unsupported, "limit the rate of '{}': this kernel has no sch_tbf", interface);
    TRY(outcomes[0].result(fmt::format("limit the rate of '{}'", interface)));
    // Without it one queue serves all flows: slower for those beside a large one, not wrong.
    return {};
}

}  // namespace gantry::net
