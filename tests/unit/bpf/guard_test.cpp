// What a container may say who it is: frames by BPF_PROG_RUN. Needs root and a bpffs of its own.
#include "guard/loader.hpp"
#include "guard/pins.hpp"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <netinet/in.h>
#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>

using namespace gantry;

namespace {

const std::string mac("\x02\x67\x0a\x58\x00\x07", 6), other_mac("\x02\x67\x0a\x58\x00\x08", 6), everybody(6, '\xff');

std::string number16(unsigned value) { return {static_cast<char>(value >> 8), static_cast<char>(value & 0xff)}; }

std::string ip(const char* text) {
    std::string out(16, '\0');
    if (inet_pton(AF_INET6, text, out.data()) == 1) return out;
    out.resize(4);
    EXPECT_EQ(inet_pton(AF_INET, text, out.data()), 1) << text;
    return out;
}

std::string frame(unsigned type, const std::string& payload, const std::string& from = mac) {
    return everybody + from + number16(type) + payload;
}
std::string v4(const char* source, unsigned first = 0x4500) {
    return number16(first) + number16(28) + std::string(4, '\0') + number16(64U << 8 | IPPROTO_UDP) + number16(0) + ip(source) +
           ip("10.88.0.9") + std::string(8, '\1');
}
std::string v6(const char* source, unsigned next, const std::string& payload) {
    return std::string("\x60\0\0\0", 4) + number16(static_cast<unsigned>(payload.size())) + static_cast<char>(next) + '\xff' +
           ip(source) + ip("ff02::1") + payload;
}
std::string arp(const std::string& sender_mac, const char* sender) {
    return number16(1) + number16(ETH_P_IP) + "\6\4" + number16(2) + sender_mac + ip(sender) + std::string(6, '\0') +
           ip("10.88.0.9");
}
std::string icmp6(unsigned type, const std::string& rest) { return static_cast<char>(type) + std::string(3, '\0') + rest; }
std::string offer(unsigned option, const std::string& link) { return static_cast<char>(option) + std::string("\1") + link; }
// Neighbour solicitation and advertisement (RFC 4861, sections 4.3 and 4.4).
std::string neighbour(unsigned type, const char* target, const std::string& options = "") {
    return icmp6(type, std::string(4, '\0') + ip(target) + options);
}
// An extension header of eight bytes.
std::string extended(unsigned next, const std::string& payload) {
    return static_cast<char>(next) + std::string(7, '\0') + payload;
}

constexpr const char *own4 = "10.88.0.7", *own6 = "fd00::7", *own_local = "fe80::67:aff:fe58:7", *nobody = "::";

class Guard : public testing::Test {
protected:
    void SetUp() override {
        char name[] = "/tmp/gantry-guard-XXXXXX";
        folder = mkdtemp(name);
        if (geteuid() != 0 || mount("bpf", folder.c_str(), "bpf", 0, nullptr) != 0) GTEST_SKIP() << "needs root and a bpffs";
        auto made = guard::Pins::open_or_make(folder + "/gantry", folder + ".lock", guard::load);
        ASSERT_TRUE(made.ok()) << made.error().message();
        pins = std::make_unique<guard::Pins>(std::move(made).value());
        have({ip(own4), ip(own6)});
    }
    void TearDown() override {
        umount2(folder.c_str(), MNT_DETACH);
        std::filesystem::remove(folder);
        std::filesystem::remove(folder + ".lock");
    }
    // Of the loopback interface, which BPF_PROG_RUN's frames come in by.
    void have(const std::vector<std::string>& addresses) { ASSERT_TRUE(pins->put(1, guard::port_of(mac, addresses)).ok()); }

    bool passes(const std::string& bytes) {
        __sk_buff context{};
        const auto ran = os::bpf_run(pins->program(), std::as_bytes(std::span(bytes)), context);
        EXPECT_TRUE(ran.ok()) << ran.error().message();
        if (!ran.ok()) return false;
        const auto verdict = static_cast<int>(*ran);
        EXPECT_TRUE(verdict == TC_ACT_UNSPEC || verdict == TC_ACT_SHOT) << verdict;
        return verdict == TC_ACT_UNSPEC;
    }

    std::string folder;
    std::unique_ptr<guard::Pins> pins;
};

}  // namespace

TEST_F(Guard, ItsOwnFramesPass) {
    EXPECT_TRUE(passes(frame(ETH_P_IP, v4(own4))));
    EXPECT_TRUE(passes(frame(ETH_P_IP, v4(own4, 0x4600))));
    EXPECT_TRUE(passes(frame(ETH_P_ARP, arp(mac, own4))));
    EXPECT_TRUE(passes(frame(ETH_P_ARP, arp(mac, "0.0.0.0"))));
    for (const char* source : {own6, own_local}) {
        EXPECT_TRUE(passes(frame(ETH_P_IPV6, v6(source, IPPROTO_UDP, std::string(8, '\1')))));
        EXPECT_TRUE(passes(frame(ETH_P_IPV6, v6(source, IPPROTO_FRAGMENT, std::string(16, '\1')))));
        EXPECT_TRUE(passes(frame(ETH_P_IPV6, v6(source, IPPROTO_ICMPV6, icmp6(128, std::string(4, '\0'))))));
        EXPECT_TRUE(passes(frame(ETH_P_IPV6, v6(source, IPPROTO_ICMPV6, neighbour(135, "fd00::9", offer(1, mac))))));
        EXPECT_TRUE(passes(frame(ETH_P_IPV6, v6(source, IPPROTO_ICMPV6, neighbour(136, own6, offer(2, mac))))));
        EXPECT_TRUE(passes(frame(ETH_P_IPV6, v6(source, IPPROTO_ICMPV6, neighbour(136, own_local)))));
        EXPECT_TRUE(passes(frame(ETH_P_IPV6, v6(source, IPPROTO_ICMPV6, icmp6(133, std::string(4, '\0') + offer(1, mac))))));
    }
    EXPECT_TRUE(passes(frame(ETH_P_IPV6, v6(nobody, IPPROTO_ICMPV6, neighbour(135, own6)))));
    EXPECT_TRUE(
        passes(frame(ETH_P_IPV6, v6(nobody, IPPROTO_HOPOPTS, extended(IPPROTO_ICMPV6, icmp6(143, std::string(24, '\0')))))));
}

TEST_F(Guard, AnothersNameDoesNot) {
    EXPECT_FALSE(passes(frame(ETH_P_IP, v4("10.88.0.8"))));
    EXPECT_FALSE(passes(frame(ETH_P_IP, v4("0.0.0.0"))));
    EXPECT_FALSE(passes(frame(ETH_P_IP, v4(own4, 0x6500))));
    EXPECT_FALSE(passes(frame(ETH_P_IP, v4(own4), other_mac)));
    EXPECT_FALSE(passes(frame(ETH_P_ARP, arp(mac, "10.88.0.1"))));
    EXPECT_FALSE(passes(frame(ETH_P_ARP, arp(other_mac, own4))));
    EXPECT_FALSE(passes(frame(ETH_P_ARP, arp(mac, own4), other_mac)));
    EXPECT_FALSE(passes(frame(ETH_P_IPV6, v6("fd00::8", IPPROTO_UDP, std::string(8, '\1')))));
    EXPECT_FALSE(passes(frame(ETH_P_IPV6, v6("fe80::1", IPPROTO_UDP, std::string(8, '\1')))));
    EXPECT_FALSE(passes(frame(ETH_P_IPV6, v6(nobody, IPPROTO_UDP, std::string(8, '\1')))));
    EXPECT_FALSE(passes(frame(ETH_P_IPV6, v6(nobody, IPPROTO_ICMPV6, icmp6(128, std::string(4, '\0'))))));
    EXPECT_FALSE(passes(frame(ETH_P_IPV6, v6(own6, IPPROTO_UDP, std::string(8, '\1')), other_mac)));
}

TEST_F(Guard, NeighbourDiscoveryIsAboutItselfAlone) {
    for (const unsigned next : {unsigned{IPPROTO_ICMPV6}, unsigned{IPPROTO_DSTOPTS}}) {
        const auto sent = [&](const char* source, const std::string& message) {
            return frame(ETH_P_IPV6, v6(source, next, next == IPPROTO_ICMPV6 ? message : extended(IPPROTO_ICMPV6, message)));
        };
        EXPECT_FALSE(passes(sent(own6, neighbour(136, "fd00::1", offer(2, mac)))));
        EXPECT_FALSE(passes(sent(own_local, neighbour(136, own6, offer(2, other_mac)))));
        EXPECT_FALSE(passes(sent(own_local, neighbour(136, own6, offer(14, mac) + offer(2, other_mac)))));
        EXPECT_FALSE(passes(sent(own6, neighbour(135, "fd00::9", offer(1, other_mac)))));
        EXPECT_FALSE(passes(sent(nobody, neighbour(135, "fd00::9"))));
        EXPECT_FALSE(passes(sent(own_local, icmp6(134, std::string(12, '\0')))));
        EXPECT_FALSE(passes(sent(own_local, icmp6(137, std::string(36, '\0')))));
        EXPECT_FALSE(passes(sent(own_local, icmp6(133, std::string(4, '\0') + offer(1, other_mac)))));
        // Options that go nowhere: of no length, and cut short.
        EXPECT_FALSE(passes(sent(own6, neighbour(136, own6, std::string(8, '\0')))));
        EXPECT_FALSE(passes(sent(own6, neighbour(136, own6, std::string("\2\1", 2)))));
    }
}

TEST_F(Guard, NothingElsePasses) {
    EXPECT_FALSE(
        passes(frame(0x0026, std::string("\x42\x42\x03", 3) + std::string(35, '\0'))));  // a bridge's own protocol (STP, 802.2)
    EXPECT_FALSE(passes(frame(ETH_P_8021Q, number16(7) + number16(ETH_P_IP) + v4(own4))));
    EXPECT_FALSE(passes(frame(ETH_P_LLDP, std::string(40, '\0'))));
    EXPECT_FALSE(passes(frame(ETH_P_IPV6, v6(own6, IPPROTO_ICMPV6, ""))));
    std::string chain = icmp6(136, "");
    for (int i = 0; i < 12; ++i) chain = extended(i == 0 ? unsigned{IPPROTO_ICMPV6} : unsigned{IPPROTO_DSTOPTS}, chain);
    EXPECT_FALSE(passes(frame(ETH_P_IPV6, v6(own6, IPPROTO_DSTOPTS, chain))));
}

TEST_F(Guard, WhatAContainerHasNotItCannotSay) {
    have({ip(own4)});
    EXPECT_TRUE(passes(frame(ETH_P_IP, v4(own4))));
    EXPECT_FALSE(passes(frame(ETH_P_IPV6, v6(own6, IPPROTO_UDP, std::string(8, '\1')))));
    have({ip(own6)});
    EXPECT_FALSE(passes(frame(ETH_P_IP, v4("0.0.0.0"))));
    EXPECT_FALSE(passes(frame(ETH_P_ARP, arp(mac, own4))));
    ASSERT_TRUE(pins->erase(1).ok());
    EXPECT_FALSE(passes(frame(ETH_P_IPV6, v6(own6, IPPROTO_UDP, std::string(8, '\1')))));
}

TEST_F(Guard, EntriesOfInterfacesThatAreGoneAreSwept) {
    for (std::uint32_t index = 2; index < 40; ++index) ASSERT_TRUE(pins->put(index, guard::port_of(mac, {})).ok());
    std::set<std::uint32_t> seen;
    const auto sweep = [&] {
        const auto exists = [&](std::uint32_t index) { return seen.insert(index), index == 1 || index == 7; };
        ASSERT_TRUE(pins->sweep(1, exists).ok());
    };
    sweep();
    EXPECT_EQ(seen.size(), 4U);
    for (int start = 0; start < 40; ++start) sweep();
    EXPECT_EQ(seen.size(), 38U);
    seen.clear();
    sweep();
    EXPECT_THAT(seen, testing::ElementsAre(7U));
    EXPECT_TRUE(passes(frame(ETH_P_IP, v4(own4))));
}
