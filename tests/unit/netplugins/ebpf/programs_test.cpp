// The programs of the data path in this kernel, over packets by BPF_PROG_RUN (which takes no frame that is too short for its
// header, so that case is not here). Needs root; in a mount and a network namespace of its own.
#include "fixture.hpp"

#include <linux/pkt_cls.h>
#include <net/ethernet.h>

using namespace gantry;

namespace {

std::string ethernet(std::uint16_t type) {
    return std::string(6, '\x02') + std::string(6, '\x04') + static_cast<char>(type >> 8) + static_cast<char>(type & 0xff);
}

std::string v4(const char* source, const char* destination) {
    return ethernet(ETH_P_IP) + std::string("\x45\x00\x00\x1c\x00\x00\x00\x00\x40\x11\x00\x00", 12) + bytes_of(source) +
           bytes_of(destination) + std::string(8, '\0');
}

std::string v6(const char* source, const char* destination) {
    return ethernet(ETH_P_IPV6) + std::string("\x60\x00\x00\x00\x00\x08\x11\x40", 8) + bytes_of(source) +
           bytes_of(destination) + std::string(8, '\0');
}

class RoutePrograms : public RouteFixture {
protected:
    static void SetUpTestSuite() { enter("true"); }
    void SetUp() override {
        RouteFixture::SetUp();
        if (pins == nullptr) return;
        // The only interface here is the loopback: it is the wire, and the network too.
        add(lo, lo, "10.88.0.2", "fd00::2");
        add(77, lo, "10.88.0.3", "fd00::3");  // another of the network
        add(78, 99, "10.89.0.3", "fd01::3");  // one of another network
    }
    int from(const std::string& frame) { return run(pins->from_container(), lo, frame); }
    int to(const std::string& frame) { return run(pins->to_container(), lo, frame); }
    [[nodiscard]] std::string header() const { return came_out.substr(0, 12); }
};

TEST_F(RoutePrograms, FromAContainer) {
    struct Case {
        const char* what;
        std::string frame;
        int verdict;
        bool rewritten;  // straight to the other's interface
    };
    const std::string tagged =
        std::string(12, '\x02') + std::string("\x81\x00\x00\x05\x08\x00", 6) + v4("10.88.0.2", "10.88.0.3").substr(14);
    for (const auto& [what, frame, verdict, rewritten] : std::initializer_list<Case>{
             {"to its neighbour", v4("10.88.0.2", "10.88.0.3"), TC_ACT_REDIRECT, true},
             {"to its neighbour, v6", v6("fd00::2", "fd00::3"), TC_ACT_REDIRECT, true},
             {"to the world", v4("10.88.0.2", "192.0.2.1"), TC_ACT_REDIRECT, false},
             {"to the world, v6", v6("fd00::2", "2001:db8::1"), TC_ACT_REDIRECT, false},
             {"to another network: the stack decides", v4("10.88.0.2", "10.89.0.3"), TC_ACT_REDIRECT, false},
             {"to another network, v6", v6("fd00::2", "fd01::3"), TC_ACT_REDIRECT, false},
             {"as its neighbour", v4("10.88.0.3", "10.88.0.2"), TC_ACT_SHOT, false},
             {"as its neighbour to the world", v4("10.88.0.3", "192.0.2.1"), TC_ACT_SHOT, false},
             {"as its neighbour, v6", v6("fd00::3", "fd00::2"), TC_ACT_SHOT, false},
             {"as nobody", v4("0.0.0.0", "255.255.255.255"), TC_ACT_SHOT, false},
             {"as nobody, v6", v6("::", "ff02::1:ff00:2"), TC_ACT_SHOT, false},
             {"link-local", v6("fe80::2", "fd00::1"), TC_ACT_SHOT, false},
             {"mapped", v6("::ffff:10.88.0.2", "fd00::3"), TC_ACT_SHOT, false},
             {"to a group", v4("10.88.0.2", "224.0.0.251"), TC_ACT_SHOT, false},
             {"to a group, v6", v6("fd00::2", "ff02::fb"), TC_ACT_SHOT, false},
             {"broadcast", v4("10.88.0.2", "255.255.255.255"), TC_ACT_SHOT, false},
             {"ARP", ethernet(ETH_P_ARP) + std::string(28, '\0'), TC_ACT_SHOT, false},
             {"VLAN", tagged, TC_ACT_SHOT, false},
             {"IPv6 in a frame of IPv4", ethernet(ETH_P_IP) + v6("fd00::2", "fd00::3").substr(14), TC_ACT_SHOT, false},
         }) {
        EXPECT_EQ(from(frame), verdict) << what;
        if (verdict != TC_ACT_SHOT) EXPECT_EQ(header(), rewritten ? "CONTAIgatewa" : frame.substr(0, 12)) << what;
    }
}

TEST_F(RoutePrograms, WithoutAnAddressOfAFamilyNothingOfIt) {
    route_wire wire{};
    wire.network = lo;
    ASSERT_TRUE(pins->put(lo, wire).ok());
    EXPECT_EQ(from(v4("0.0.0.0", "10.88.0.3")), TC_ACT_SHOT);
    EXPECT_EQ(from(v6("::", "fd00::3")), TC_ACT_SHOT);
}

TEST_F(RoutePrograms, ToAContainer) {
    EXPECT_EQ(to(v4("192.0.2.1", "10.88.0.2")), TC_ACT_REDIRECT);
    EXPECT_EQ(header(), "CONTAIgatewa");
    EXPECT_EQ(to(v6("2001:db8::1", "fd00::2")), TC_ACT_REDIRECT);
    EXPECT_EQ(header(), "CONTAIgatewa");
    EXPECT_EQ(to(v4("192.0.2.1", "10.88.0.99")), TC_ACT_SHOT) << "nobody's";
    EXPECT_EQ(to(v4("192.0.2.1", "10.89.0.3")), TC_ACT_SHOT) << "another network's";
    EXPECT_EQ(to(ethernet(ETH_P_ARP) + std::string(28, '\0')), TC_ACT_SHOT);
}

TEST_F(RoutePrograms, AnErasedAddressIsNobodys) {
    const route_address address = route::address_of(bytes_of("10.88.0.2"));
    ASSERT_TRUE(pins->erase(address).ok());
    ASSERT_TRUE(pins->erase(address).ok());
    EXPECT_EQ(to(v4("192.0.2.1", "10.88.0.2")), TC_ACT_SHOT);
    EXPECT_EQ(from(v4("10.88.0.2", "10.88.0.3")), TC_ACT_SHOT) << "its wire is gone with it";
}

}  // namespace
