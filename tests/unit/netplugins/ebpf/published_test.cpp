// Published ports for clients outside, in this kernel: packets of TCP and errors of ICMP over the programs by BPF_PROG_RUN,
// whole as they come out, checksums included. Needs root; in a mount and a network namespace of its own.
#include "fixture.hpp"

#include <linux/pkt_cls.h>
#include <net/ethernet.h>

using namespace gantry;

namespace {

constexpr char syn = 0x02, ack = 0x10;

std::string number(unsigned value) { return {static_cast<char>(value >> 8), static_cast<char>(value & 0xff)}; }

// RFC 1071.
std::string checksum(std::string bytes) {
    if (bytes.size() % 2 != 0) bytes.push_back('\0');
    std::uint32_t sum = 0;
    for (std::size_t at = 0; at < bytes.size(); at += 2)
        sum += static_cast<unsigned>(static_cast<unsigned char>(bytes[at]) << 8 | static_cast<unsigned char>(bytes[at + 1]));
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    return number(~sum & 0xffff);
}

// An IP packet with the checksum of its payload, which is at `check` in it, put right. options: of IPv4.
std::string packet(const std::string& from, const std::string& to, char protocol, std::string payload, std::size_t check,
                   const std::string& options = "") {
    const std::string source = bytes_of(from), destination = bytes_of(to);
    const bool v4 = source.size() == 4;
    const std::string pseudo =
        source + destination + number(0) + number(static_cast<unsigned>(payload.size())) + std::string{'\0', protocol};
    const bool covers_addresses = !(v4 && protocol == IPPROTO_ICMP);
    payload.replace(check, 2, checksum((covers_addresses ? pseudo : "") + payload));
    if (!v4)
        return std::string("\x60\x00\x00\x00", 4) + number(static_cast<unsigned>(payload.size())) + protocol + '\x40' + source +
               destination + payload;
    std::string header{static_cast<char>(0x45 + options.size() / 4), '\0'};
    header += number(static_cast<unsigned>(20 + options.size() + payload.size())) + std::string("\x12\x34\x40\x00\x40", 5) +
              protocol + number(0) + source + destination + options;
    header.replace(10, 2, checksum(header));
    return header + payload;
}

struct End {
    std::string address;
    unsigned port;
};

std::string segment(const End& from, const End& to, char flags = ack, const std::string& options = "") {
    const std::string header =
        number(from.port) + number(to.port) + std::string(8, '\1') + '\x50' + flags + number(1000) + number(0) + number(0);
    return packet(from.address, to.address, IPPROTO_TCP, header + "some text", 16, options);
}

// "Too big" about a packet.
std::string too_big(const std::string& router, const std::string& to, const std::string& about) {
    const bool v4 = bytes_of(to).size() == 4;
    const std::string quoted = about.substr(0, v4 ? 28 : 48);
    if (v4) return packet(router, to, IPPROTO_ICMP, std::string("\x03\x04\x00\x00\x00\x00\x05\x14", 8) + quoted, 2);
    return packet(router, to, IPPROTO_ICMPV6, std::string("\x02\x00\x00\x00\x00\x00\x05\x14", 8) + quoted, 2);
}

std::string frame(const std::string& packet, const std::string& macs = std::string(6, '\x02') + std::string(6, '\x04')) {
    return macs + number(packet[0] >> 4 == 4 ? ETH_P_IP : ETH_P_IPV6) + packet;
}
std::string delivered(const std::string& packet) { return frame(packet, "CONTAIgatewa"); }

class PublishedPrograms : public RouteFixture {
protected:
    // What the frames are for has their MAC; its network is the loopback, the world is behind it.
    static void SetUpTestSuite() {
        enter(
            "ip link add up0 address 02:02:02:02:02:02 type veth peer name up1 && ip addr add 192.0.2.1/24 dev up0 &&"
            "ip addr add 2001:db8::1/64 dev up0 nodad && ip link set up1 up && ip link set up0 up &&"
            "ip route add 198.51.100.0/24 via 192.0.2.9 mtu lock 1300 && sysctl -qw net.ipv4.ip_forward=1"
            " net.ipv6.conf.all.forwarding=1 && ip link set lo up");
    }
    void SetUp() override {
        RouteFixture::SetUp();
        if (pins == nullptr) return;
        up = if_nametoindex("up0");
        // The container sends by "lo" here, as only an interface that is there can be run on.
        add(lo, lo, "10.88.0.2", "fd00::2");
        publish({"0.0.0.0", 8080}, {"10.88.0.2", 80}, 0);
        publish({"::", 8080}, {"fd00::2", 80}, 0);
        publish({"0.0.0.0", 8081}, {"10.88.0.2", 81}, route_bypass);
        publish({"::", 8081}, {"fd00::2", 81}, route_bypass);
        publish({"192.0.2.1", 8082}, {"10.88.0.2", 82}, 0);
    }
    void publish(const End& host, const End& container, std::uint16_t flags) {
        route_port port{route::address_of(bytes_of(host.address)), htons(static_cast<std::uint16_t>(host.port)), IPPROTO_TCP,
                        0};
        route_endpoint endpoint{route::address_of(bytes_of(container.address)),
                                htons(static_cast<std::uint16_t>(container.port)), flags};
        ASSERT_TRUE(pins->put(port, endpoint).ok());
    }
    int outside(const std::string& packet) { return run(pins->from_outside(), up, frame(packet)); }
    int let_in(const std::string& packet) { return run(pins->let_in(), up, frame(packet)); }
    int answer(const std::string& packet) { return run(pins->from_container(), lo, frame(packet)); }

    unsigned up = 0;
};

TEST_F(PublishedPrograms, OnceLetInAConnectionIsTranslatedBothWays) {
    unsigned port = 40000;
    for (const auto& [client, host, container] :
         {std::array<std::string, 3>{"192.0.2.7", "192.0.2.1", "10.88.0.2"}, {"2001:db8::7", "2001:db8::1", "fd00::2"}}) {
        const End from{client, ++port}, to{host, 8080}, real{container, 80};
        EXPECT_EQ(outside(segment(from, to, syn)), TC_ACT_UNSPEC) << "the host's firewall is asked";
        EXPECT_EQ(outside(segment(from, to)), TC_ACT_UNSPEC) << "nothing is known of it";
        EXPECT_EQ(came_out, frame(segment(from, to)));
        EXPECT_EQ(let_in(segment(from, to, syn)), TC_ACT_REDIRECT);
        EXPECT_EQ(came_out, delivered(segment(from, real, syn)));
        EXPECT_EQ(outside(segment(from, to)), TC_ACT_REDIRECT);
        EXPECT_EQ(came_out, delivered(segment(from, real)));
        EXPECT_EQ(answer(segment(real, from)), TC_ACT_REDIRECT);
        EXPECT_EQ(came_out, frame(segment(to, from)));
        // The next from the same port is judged anew.
        EXPECT_EQ(outside(segment(from, to, syn)), TC_ACT_UNSPEC);
        // Nobody else's, and no other port's.
        EXPECT_EQ(outside(segment({client, port + 1000}, to)), TC_ACT_UNSPEC);
        EXPECT_EQ(answer(segment({container, 443}, from)), TC_ACT_REDIRECT);
        EXPECT_EQ(came_out, frame(segment({container, 443}, from))) << "the stack's";
    }
}

TEST_F(PublishedPrograms, PortsThatBypassTheFirewall) {
    for (const auto& [client, host, container] :
         {std::array<std::string, 3>{"192.0.2.7", "192.0.2.1", "10.88.0.2"}, {"2001:db8::7", "2001:db8::1", "fd00::2"}}) {
        const End from{client, 41000}, to{host, 8081}, real{container, 81};
        EXPECT_EQ(outside(segment(from, to, syn)), TC_ACT_REDIRECT);
        EXPECT_EQ(came_out, delivered(segment(from, real, syn)));
        EXPECT_EQ(answer(segment(real, from)), TC_ACT_REDIRECT);
        EXPECT_EQ(came_out, frame(segment(to, from)));
    }
    EXPECT_EQ(outside(segment({"192.0.2.7", 41000}, {"192.0.2.99", 8081}, syn)), TC_ACT_UNSPEC) << "not this host's";
    EXPECT_EQ(outside(segment({"192.0.2.7", 41000}, {"127.0.0.1", 8081}, syn)), TC_ACT_UNSPEC) << "its loopback";
    EXPECT_EQ(outside(segment({"2001:db8::7", 41000}, {"::1", 8081}, syn)), TC_ACT_UNSPEC) << "its loopback, v6";
    EXPECT_EQ(outside(segment({"10.88.0.2", 41000}, {"192.0.2.1", 8081}, syn)), TC_ACT_UNSPEC) << "in a container's name";
}

TEST_F(PublishedPrograms, AnAddressOfItsOwn) {
    const End from{"192.0.2.7", 42000};
    EXPECT_EQ(let_in(segment(from, {"192.0.2.1", 8082}, syn)), TC_ACT_REDIRECT);
    EXPECT_EQ(came_out, delivered(segment(from, {"10.88.0.2", 82}, syn)));
    EXPECT_EQ(let_in(segment(from, {"192.0.2.2", 8082}, syn)), TC_ACT_UNSPEC);
}

TEST_F(PublishedPrograms, WhatTheyDoNotTakeIsLeftAsItIs) {
    const End from{"192.0.2.7", 43000}, to{"192.0.2.1", 8080};
    ASSERT_EQ(let_in(segment(from, to, syn)), TC_ACT_REDIRECT);
    std::string fragment = segment(from, to);
    fragment[6] = '\x20';
    for (const auto& [what, packet] : std::initializer_list<std::pair<const char*, std::string>>{
             {"a fragment", fragment},
             {"UDP", packet(from.address, to.address, IPPROTO_UDP,
                            number(from.port) + number(to.port) + number(9) + number(0) + "x", 6)},
             {"an unpublished port", segment(from, {"192.0.2.1", 8090}, syn)},
         }) {
        EXPECT_EQ(outside(packet), TC_ACT_UNSPEC) << what;
        EXPECT_EQ(let_in(packet), TC_ACT_UNSPEC) << what;
        EXPECT_EQ(came_out, frame(packet)) << what;
    }
    // A frame for another host, seen by an interface that takes all.
    EXPECT_EQ(run(pins->from_outside(), up, frame(segment(from, to), std::string(12, '\x06'))), TC_ACT_UNSPEC);
    // With options in its header.
    EXPECT_EQ(outside(segment(from, to, ack, std::string(8, '\1'))), TC_ACT_REDIRECT);
    EXPECT_EQ(came_out, delivered(segment(from, {"10.88.0.2", 80}, ack, std::string(8, '\1'))));
    // What somebody wants the table to translate.
    const route_flow flow{route::address_of(bytes_of(from.address)), route::address_of(bytes_of(to.address)), htons(43000),
                          htons(8080)};
    ASSERT_TRUE(pins->put(flow, route_endpoint{{}, 0, route_leave}).ok());
    EXPECT_EQ(let_in(segment(from, to, syn)), TC_ACT_UNSPEC);
    EXPECT_EQ(outside(segment(from, to)), TC_ACT_UNSPEC);
    ASSERT_TRUE(pins->erase(flow).ok());
    EXPECT_EQ(let_in(segment(from, to, syn)), TC_ACT_REDIRECT);
}

TEST_F(PublishedPrograms, AContainerThatIsGoneIsNobodys) {
    const End from{"192.0.2.7", 44000}, to{"192.0.2.1", 8080};
    ASSERT_EQ(let_in(segment(from, to, syn)), TC_ACT_REDIRECT);
    ASSERT_TRUE(pins->erase(route::address_of(bytes_of("10.88.0.2"))).ok());
    EXPECT_EQ(outside(segment(from, to)), TC_ACT_UNSPEC);
    EXPECT_EQ(let_in(segment(from, to, syn)), TC_ACT_UNSPEC);
}

TEST_F(PublishedPrograms, ErrorsOfRouters) {
    unsigned port = 45000;
    for (const auto& [router, client, host, container] :
         {std::array<std::string, 4>{"192.0.2.9", "198.51.100.7", "192.0.2.1", "10.88.0.2"},
          {"2001:db8::9", "2001:db8::7", "2001:db8::1", "fd00::2"}}) {
        const End from{client, ++port}, to{host, 8080}, real{container, 80};
        EXPECT_EQ(outside(too_big(router, host, segment(to, from))), TC_ACT_UNSPEC) << "about nothing that is known";
        ASSERT_EQ(let_in(segment(from, to, syn)), TC_ACT_REDIRECT);
        EXPECT_EQ(outside(too_big(router, host, segment(to, from))), TC_ACT_REDIRECT);
        // The quoted header's own checksum is right, TCP's is not in what is quoted.
        EXPECT_EQ(came_out, delivered(too_big(router, container, segment(real, from))));
        EXPECT_EQ(outside(too_big(router, host, segment({container, 80}, from))), TC_ACT_UNSPEC) << "quotes another";
        const std::string echo = bytes_of(host).size() == 4
                                     ? packet(router, host, IPPROTO_ICMP, "\x08" + std::string(63, '\0'), 2)
                                     : packet(router, host, IPPROTO_ICMPV6, "\x80" + std::string(63, '\0'), 2);
        EXPECT_EQ(outside(echo), TC_ACT_UNSPEC);
    }
}

// The stack tells the container.
TEST_F(PublishedPrograms, AnswersThatAreTooLargeForTheWayAreTheStacks) {
    const End from{"198.51.100.7", 46000}, to{"192.0.2.1", 8080}, real{"10.88.0.2", 80};
    ASSERT_EQ(let_in(segment(from, to, syn)), TC_ACT_REDIRECT);
    EXPECT_EQ(answer(segment(real, from)), TC_ACT_REDIRECT);
    EXPECT_EQ(came_out, frame(segment(to, from)));
    const std::string large = segment(real, from) + std::string(1300, 'x');
    EXPECT_EQ(answer(large), TC_ACT_REDIRECT);
    EXPECT_EQ(came_out, frame(large));
}

}  // namespace
