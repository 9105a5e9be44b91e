#include "config/reader.hpp"
#include "container/ports.hpp"

#include <gtest/gtest.h>

using namespace gantry;

namespace {

// The texts of what is left, or "none" where nothing was meant.
std::string left(const std::vector<std::string>& ports, const std::string& wanted) {
    std::vector<config::Port> list;
    for (const auto& text : ports) list.push_back(config::parse_port(text).value());
    const auto rest = container::without_port(list, config::parse_port(wanted).value());
    if (!rest) return "none";
    std::string text;
    for (const auto& port : *rest) text += config::port_text(port) + " ";
    return text;
}

}  // namespace

TEST(Ports, AreTakenOutByTheContainersPortOrTheHostsToo) {
    const std::vector<std::string> ports{"8080:80", "8081:80", "53/udp", "127.0.0.1:8082:80"};
    EXPECT_EQ(left(ports, "80"), "53/udp ");
    EXPECT_EQ(left(ports, "8081:80"), "8080:80/tcp 53/udp 127.0.0.1:8082:80/tcp ");
    EXPECT_EQ(left(ports, "127.0.0.1::80"), "8080:80/tcp 8081:80/tcp 53/udp ");
    EXPECT_EQ(left(ports, "53/udp"), "8080:80/tcp 8081:80/tcp 127.0.0.1:8082:80/tcp ");
    EXPECT_EQ(left(ports, "53"), "none");
    EXPECT_EQ(left(ports, "8083:80"), "none");
    EXPECT_EQ(left(ports, "127.0.0.2:8082:80"), "none");
}

TEST(Ports, OfARangeLeaveWhatIsBeforeAndBehind) {
    EXPECT_EQ(left({"8000-8004:80-84"}, "82"), "8000-8001:80-81/tcp 8003-8004:83-84/tcp ");
    EXPECT_EQ(left({"8000-8004:80-84"}, "8000:80"), "8001-8004:81-84/tcp ");
    EXPECT_EQ(left({"8000-8004:80-84"}, "83-90"), "8000-8002:80-82/tcp ");
    EXPECT_EQ(left({"8000-8004:80-84"}, "8001-8002:81-82"), "8000:80/tcp 8003-8004:83-84/tcp ");
    EXPECT_EQ(left({"8000-8004:80-84"}, "9000:80"), "none");
    EXPECT_EQ(left({"65534-65535:65534-65535"}, "65535"), "65534:65534/tcp ");
}
