#include "os/netlink.hpp"

#include <linux/netlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netlink/msg.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <new>
#include <sys/uio.h>

namespace gantry::os {

namespace {

// A dump fills what the reader offers, up to 32 KiB (netlink_dump in net/netlink/af_netlink.c).
constexpr std::size_t receive_size = 32768;
constexpr int dump_attempts = 16;

NetlinkOutcome outcome_of(const nlmsghdr* message) {
    NetlinkOutcome outcome;
    if (message->nlmsg_len < NLMSG_LENGTH(sizeof(nlmsgerr))) return {EBADMSG, ""};
    const auto* answer = static_cast<const nlmsgerr*>(nlmsg_data(message));
    outcome.number = -answer->error;
    if (!(message->nlmsg_flags & NLM_F_ACK_TLVS)) return outcome;
    std::size_t offset = sizeof *answer;
    if (!(message->nlmsg_flags & NLM_F_CAPPED)) offset += answer->msg.nlmsg_len - sizeof(nlmsghdr);
    outcome.words = attribute_text(NetlinkReply(message).attribute(offset, {NLMSGERR_ATTR_MSG}));
    return outcome;
}

std::string_view payload_of(const nlattr* attribute) {
    if (!attribute) return {};
    return {static_cast<const char*>(nla_data(attribute)), static_cast<std::size_t>(nla_len(attribute))};
}

const nlattr* first_attribute(std::string_view nest) { return reinterpret_cast<const nlattr*>(nest.data()); }

}  // namespace

std::string_view nested_attribute(std::string_view nest, std::initializer_list<int> path) {
    for (const int type : path) nest = payload_of(nla_find(first_attribute(nest), static_cast<int>(nest.size()), type));
    return nest;
}

std::string attribute_text(std::string_view payload) { return std::string(payload.substr(0, payload.find('\0'))); }

NetlinkMessage::NetlinkMessage(std::uint16_t type, std::uint16_t flags)
    : message_(nlmsg_alloc_simple(type, NLM_F_REQUEST | NLM_F_ACK | flags), nlmsg_free) {
    if (!message_) throw std::bad_alloc();
}

NetlinkMessage& NetlinkMessage::append(const void* data, std::size_t size) {
    void* place = nlmsg_reserve(message_.get(), size, NLMSG_ALIGNTO);
    if (place)
        std::memcpy(place, data, size);
    else
        overflow_ = true;
    return *this;
}

NetlinkMessage& NetlinkMessage::put(int type, const void* data, std::size_t size) {
    if (nla_put(message_.get(), type, static_cast<int>(size), data) != 0) overflow_ = true;
    return *this;
}

NetlinkMessage& NetlinkMessage::put_be32(int type, std::uint32_t value) { return put_u32(type, htonl(value)); }

NetlinkMessage& NetlinkMessage::nest(int type, const std::function<void(NetlinkMessage&)>& fill) {
    nlattr* start = nla_nest_start(message_.get(), type);
    if (!start) {
        overflow_ = true;
        return *this;
    }
    fill(*this);
    // nla_nest_end() of libnl drops an empty nest; nothing of ours is one.
    nla_nest_end(message_.get(), start);
    return *this;
}

NetlinkMessage& NetlinkMessage::silent() {
    nlmsghdr* header = nlmsg_hdr(message_.get());
    header->nlmsg_flags = static_cast<std::uint16_t>(header->nlmsg_flags & ~NLM_F_ACK);
    return *this;
}

Error NetlinkOutcome::error(std::string_view what) const {
    const Error plain = Error::from_errno(number, what);
    if (words.empty()) return plain;
    // The kernel's words are the reason; the errno stays for those who decide on it.
    return Error::from_errno(number, fmt::format("{}: {}", what, words));
}

Result<> NetlinkOutcome::result(std::string_view what) const {
    if (ok()) return {};
    return error(what);
}

std::uint16_t NetlinkReply::type() const { return message_->nlmsg_type; }

const void* NetlinkReply::bytes(std::size_t size) const {
    return message_->nlmsg_len >= NLMSG_LENGTH(size) ? nlmsg_data(message_) : nullptr;
}

std::string_view NetlinkReply::attribute(std::size_t header_size, std::initializer_list<int> path) const {
    const std::size_t offset = NLMSG_HDRLEN + NLMSG_ALIGN(header_size);
    if (message_->nlmsg_len <= offset) return {};
    return nested_attribute({reinterpret_cast<const char*>(message_) + offset, message_->nlmsg_len - offset}, path);
}

void NetlinkReply::each(std::size_t header_size, std::initializer_list<int> path,
                        const std::function<void(std::string_view)>& visit) const {
    const std::string_view nest = attribute(header_size, path);
    int left = static_cast<int>(nest.size());
    for (const nlattr* at = first_attribute(nest); nla_ok(at, left); at = nla_next(at, &left)) visit(payload_of(at));
}

Result<NetlinkSocket> NetlinkSocket::open(int protocol) {
    Fd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
    if (!fd) return errno_error("open a netlink socket (protocol {})", protocol);
    const int on = 1;
    // Both only improve error texts and answers: kernels without them (before 4.12) work.
    setsockopt(fd.get(), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
    setsockopt(fd.get(), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
    // A range of thousands of ports is one batch, larger than the default of about 200 KB.
    const int large = 8 << 20;
    setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUFFORCE, &large, sizeof large);
    setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &large, sizeof large);
    return NetlinkSocket(std::move(fd));
}

unsigned NetlinkSocket::interface_index(const std::string& name) const {
    ifreq request{};
    name.copy(request.ifr_name, sizeof request.ifr_name - 1);
    return ioctl(fd_.get(), SIOCGIFINDEX, &request) == 0 ? static_cast<unsigned>(request.ifr_ifindex) : 0;
}

unsigned NetlinkSocket::interface_flags(const std::string& name) const {
    ifreq request{};
    name.copy(request.ifr_name, sizeof request.ifr_name - 1);
    return ioctl(fd_.get(), SIOCGIFFLAGS, &request) == 0 ? static_cast<unsigned short>(request.ifr_flags) : 0;
}

std::string NetlinkSocket::interface_mac(const std::string& name) const {
    ifreq request{};
    name.copy(request.ifr_name, sizeof request.ifr_name - 1);
    if (ioctl(fd_.get(), SIOCGIFHWADDR, &request) != 0 || request.ifr_hwaddr.sa_family != ARPHRD_ETHER) return "";
    return {request.ifr_hwaddr.sa_data, 6};
}

Result<> NetlinkSocket::send(std::vector<NetlinkMessage>& messages) {
    std::vector<char> bytes;
    for (auto& message : messages) {
        if (message.overflow_) return gantry::error(Errc::internal, "netlink message does not fit its buffer");
        nlmsghdr* header = nlmsg_hdr(message.message_.get());
        header->nlmsg_seq = ++sequence_;
        const char* start = reinterpret_cast<const char*>(header);
        bytes.insert(bytes.end(), start, start + header->nlmsg_len);
        bytes.resize(NLMSG_ALIGN(bytes.size()));
    }
    sockaddr_nl kernel{};
    kernel.nl_family = AF_NETLINK;
    for (;;) {
        const ssize_t sent =
            sendto(fd_.get(), bytes.data(), bytes.size(), 0, reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel);
        if (sent >= 0) return {};
        if (errno != EINTR) return errno_error("send to netlink");
    }
}

Result<bool> NetlinkSocket::receive(bool wait) {
    buffer_.resize(receive_size);
    for (;;) {
        sockaddr_nl from{};
        iovec part{buffer_.data(), buffer_.size()};
        msghdr header{};
        header.msg_name = &from;
        header.msg_namelen = sizeof from;
        header.msg_iov = &part;
        header.msg_iovlen = 1;
        const ssize_t got = recvmsg(fd_.get(), &header, MSG_TRUNC | (wait ? 0 : MSG_DONTWAIT));
        if (got < 0) {
            if (errno == EINTR) continue;
            if (errno == EAGAIN && !wait) return false;
            return errno_error("receive from netlink");
        }
        if (static_cast<std::size_t>(got) > buffer_.size())
            return gantry::error(Errc::internal, "netlink answer of {} bytes is larger than any should be", got);
        if (from.nl_pid != 0) continue;  // only the kernel is believed
        received_ = static_cast<std::size_t>(got);
        return true;
    }
}

Result<std::vector<NetlinkOutcome>> NetlinkSocket::exchange(std::vector<NetlinkMessage>& messages, const OnReply& on_reply) {
    const std::uint32_t first = sequence_ + 1;
    TRY(send(messages));
    std::vector<NetlinkOutcome> outcomes(messages.size());
    // rtnetlink and nfnetlink do the work inside sendto(2): every answer is in the queue by now.
    while (TRY(receive(false))) {
        int left = static_cast<int>(received_);
        for (auto* at = reinterpret_cast<nlmsghdr*>(buffer_.data()); nlmsg_ok(at, left); at = nlmsg_next(at, &left)) {
            const std::uint32_t index = at->nlmsg_seq - first;
            if (index >= messages.size()) continue;
            if (at->nlmsg_type == NLMSG_ERROR)
                outcomes[index] = outcome_of(at);
            else if (at->nlmsg_type >= NLMSG_MIN_TYPE && on_reply)
                on_reply(NetlinkReply(at));
        }
    }
    return outcomes;
}

Result<> NetlinkSocket::request(NetlinkMessage message, std::string_view what, const OnReply& on_reply) {
    std::vector<NetlinkMessage> messages;
    messages.push_back(std::move(message));
    const auto outcomes = TRY_CONTEXT(exchange(messages, on_reply), "{}", what);
    return outcomes.front().result(what);
}

Result<> NetlinkSocket::dump(const std::function<NetlinkMessage()>& make, std::string_view what,
                             const std::function<void()>& begin, const OnReply& on_reply) {
    for (int attempt = 0; attempt < dump_attempts; ++attempt) {
        std::vector<NetlinkMessage> messages;
        messages.push_back(make());
        nlmsghdr* header = nlmsg_hdr(messages.front().message_.get());
        header->nlmsg_flags |= NLM_F_DUMP;
        TRY_CONTEXT(send(messages), "{}", what);
        begin();
        bool done = false;
        bool interrupted = false;
        while (!done) {
            TRY_CONTEXT(receive(true), "{}", what);
            int left = static_cast<int>(received_);
            for (auto* at = reinterpret_cast<nlmsghdr*>(buffer_.data()); nlmsg_ok(at, left); at = nlmsg_next(at, &left)) {
                if (at->nlmsg_seq != sequence_) continue;
                if (at->nlmsg_flags & NLM_F_DUMP_INTR) interrupted = true;
                if (at->nlmsg_type == NLMSG_DONE) done = true;
                if (at->nlmsg_type == NLMSG_ERROR) {
                    if (const auto outcome = outcome_of(at); !outcome.ok()) return outcome.error(what);
                    done = true;
                }
                if (at->nlmsg_type >= NLMSG_MIN_TYPE) on_reply(NetlinkReply(at));
            }
        }
        if (!interrupted) return {};
    }
    return gantry::error(Errc::unavailable, "{}: the kernel's list keeps changing", what);
}

}  // namespace gantry::os
