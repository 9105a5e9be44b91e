// Netlink requests and their answers, on libnl-3 (whose types stay in the .cpp): several requests in one system call, with the
// kernel's own words (extended acknowledgement, kernel 4.12) in the errors.
#pragma once

#include "base/result.hpp"
#include "os/fd.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct nl_msg;
struct nlattr;
struct nlmsghdr;

namespace gantry::os {

// One request: a family header (ifinfomsg, nfgenmsg, ...) and attributes. What does not fit a page is an error when it is sent.
class NetlinkMessage {
public:
    // NLM_F_REQUEST and NLM_F_ACK are added.
    NetlinkMessage(std::uint16_t type, std::uint16_t flags = 0);

    template <class Header>
    NetlinkMessage& header(const Header& header) {
        return append(&header, sizeof header);
    }
    NetlinkMessage& put(int type, const void* data, std::size_t size);
    NetlinkMessage& put(int type, std::string_view bytes) { return put(type, bytes.data(), bytes.size()); }
    NetlinkMessage& put_text(int type, const std::string& text) { return put(type, text.c_str(), text.size() + 1); }
    NetlinkMessage& put_u8(int type, std::uint8_t value) { return put(type, &value, sizeof value); }
    NetlinkMessage& put_u16(int type, std::uint16_t value) { return put(type, &value, sizeof value); }
    NetlinkMessage& put_u32(int type, std::uint32_t value) { return put(type, &value, sizeof value); }
    NetlinkMessage& put_be32(int type, std::uint32_t value);
    // The attributes that fill() puts, inside one of this type.
    NetlinkMessage& nest(int type, const std::function<void(NetlinkMessage&)>& fill);
    // Raw bytes at the end: the ifinfomsg inside VETH_INFO_PEER.
    NetlinkMessage& append(const void* data, std::size_t size);
    // No NLM_F_ACK: inside an nfnetlink batch only failures and the last message are answered.
    NetlinkMessage& silent();

private:
    friend class NetlinkSocket;
    std::unique_ptr<nl_msg, void (*)(nl_msg*)> message_;
    bool overflow_ = false;
};

// What the kernel said to one message: 0 or an errno value, and its words if it had any.
struct NetlinkOutcome {
    int number = 0;
    std::string words;
    [[nodiscard]] bool ok() const { return number == 0; }
    // "what: strerror (words)".
    [[nodiscard]] Error error(std::string_view what) const;
    [[nodiscard]] Result<> result(std::string_view what) const;
};

// An answer that carries data. Attributes are checked against the message's length.
class NetlinkReply {
public:
    explicit NetlinkReply(const nlmsghdr* message) : message_(message) {}
    [[nodiscard]] std::uint16_t type() const;
    // nullptr where the message is too short for it.
    template <class Header>
    [[nodiscard]] const Header* header() const {
        return static_cast<const Header*>(bytes(sizeof(Header)));
    }
    // The payload of an attribute behind a header of that size, at any depth of nesting; empty where there is none.
    [[nodiscard]] std::string_view attribute(std::size_t header_size, std::initializer_list<int> path) const;
    // Calls visit with the payload of each attribute inside the nest that path names.
    void each(std::size_t header_size, std::initializer_list<int> path,
              const std::function<void(std::string_view)>& visit) const;

private:
    [[nodiscard]] const void* bytes(std::size_t size) const;
    const nlmsghdr* message_;
};

// The same, for the payload of an attribute that holds attributes.
std::string_view nested_attribute(std::string_view nest, std::initializer_list<int> path);

// The value of a fixed-size payload, zero where the payload is shorter.
template <class Value>
Value attribute_value(std::string_view payload) {
    Value value{};
    if (payload.size() >= sizeof value) payload.copy(reinterpret_cast<char*>(&value), sizeof value);
    return value;
}
// A NUL-terminated string's text.
std::string attribute_text(std::string_view payload);

class NetlinkSocket {
public:
    using OnReply = std::function<void(const NetlinkReply&)>;

    // NETLINK_ROUTE, NETLINK_NETFILTER; in the calling thread's network namespace, for good.
    static Result<NetlinkSocket> open(int protocol);

    // All messages in one sendmsg(2): one outcome each, in order. The kernel goes on behind a failed one (in an nfnetlink batch
    // it then undoes everything). An error is returned only where the socket itself failed.
    Result<std::vector<NetlinkOutcome>> exchange(std::vector<NetlinkMessage>& messages, const OnReply& on_reply = {});
    // One message; what is for the error.
    Result<> request(NetlinkMessage message, std::string_view what, const OnReply& on_reply = {});
    // One message with NLM_F_DUMP: repeated from the start when the kernel's lists changed meanwhile (NLM_F_DUMP_INTR); begin
    // is called at each start.
    Result<> dump(const std::function<NetlinkMessage()>& make, std::string_view what, const std::function<void()>& begin,
                  const OnReply& on_reply);

    // Of an interface in the socket's namespace; 0 where it has none of that name. By ioctl(2), which unlike RTM_GETLINK never
    // waits for the RTNL lock.
    [[nodiscard]] unsigned interface_index(const std::string& name) const;
    [[nodiscard]] unsigned interface_flags(const std::string& name) const;
    // Its six-byte MAC; empty where there is none.
    [[nodiscard]] std::string interface_mac(const std::string& name) const;

private:
    explicit NetlinkSocket(Fd fd) : fd_(std::move(fd)) {}
    Result<> send(std::vector<NetlinkMessage>& messages);
    // One datagram; false: nothing is there and wait is false.
    Result<bool> receive(bool wait);

    Fd fd_;
    std::uint32_t sequence_ = 0;
    std::vector<char> buffer_;
    std::size_t received_ = 0;
};

}  // namespace gantry::os
