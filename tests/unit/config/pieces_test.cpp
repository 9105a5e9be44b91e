#include "support.hpp"

#include <csignal>

using namespace gantry;
using namespace gantry::config;

TEST(Port, takes_dockers_forms) {
    const auto port = [](std::string_view text) {
        const auto parsed = parse_port(text);
        return parsed.ok() ? port_text(*parsed) : parsed.error().message();
    };
    EXPECT_EQ(port("80"), "80/tcp");
    EXPECT_EQ(port("80/udp"), "80/udp");
    EXPECT_EQ(port("8080:80"), "8080:80/tcp");
    EXPECT_EQ(port("127.0.0.1:8080:80/sctp"), "127.0.0.1:8080:80/sctp");
    EXPECT_EQ(port("127.0.0.1::80"), "127.0.0.1::80/tcp");
    EXPECT_EQ(port("[::1]:8080:80"), "[::1]:8080:80/tcp");
    EXPECT_EQ(port("8000-8010:80-90"), "8000-8010:80-90/tcp");
    EXPECT_EQ(port("0:80"), "80/tcp");
    EXPECT_EQ(port("published=8080,target=80"), "8080:80/tcp");
    EXPECT_EQ(port("target=80,protocol=udp,mode=host"), "80/udp");
    EXPECT_EQ(port("host_ip=::1,published=8000-8001,target=80-81,protocol=sctp"), "[::1]:8000-8001:80-81/sctp");
    EXPECT_EQ(port("host_ip=127.0.0.1,target=80"), "127.0.0.1::80/tcp");
    EXPECT_EQ(port("published=80"), "port 'published=80': the container's port is missing (target=PORT)");
    EXPECT_EQ(port("target=80,colour=red"),
              "port 'target=80,colour=red': 'colour' is none of published, target, protocol, host_ip, bypass_firewall, socket");
    EXPECT_EQ(port("target=80,bypass_firewall=maybe"),
              "port 'target=80,bypass_firewall=maybe': bypass_firewall is true or false");
    EXPECT_EQ(parse_port("target=80,bypass_firewall=false")->bypass_firewall, std::optional(false));
    EXPECT_EQ(parse_port("target=80")->bypass_firewall, std::nullopt);
    EXPECT_TRUE(parse_port("published=80,target=80,socket")->socket);
    const auto single = parse_port("8080:80").value();
    EXPECT_EQ(single.host_port_end, 8080);
    EXPECT_EQ(single.container_port_end, 80);
}

TEST(Port, refuses_the_rest) {
    for (const char* bad : {"", "0", "65536", "x", "80/icmp", "8080:", ":80:", "a:b:c", "1.2.3:80:80", "::1:80:80", "90-80",
                            "8000-8010:80", "[::1]:80", "80:80:80:80", "-80", "80-", "80/", "1.2.3.4:80:80/TCP", " 80"})
        EXPECT_FALSE(parse_port(bad).ok()) << bad;
}

TEST(Port, written_text_reads_back) {
    for (const char* text : {"80/tcp", "127.0.0.1::80/udp", "[::1]::80-90/tcp", "1.2.3.4:1-2:3-4/tcp"}) {
        const auto port = parse_port(text).value();
        EXPECT_EQ(parse_port(port_text(port)).value(), port) << port_text(port);
    }
}

TEST(Device, takes_dockers_forms) {
    EXPECT_EQ(parse_device("/dev/sda").value(), (Device{"/dev/sda", "/dev/sda", "rwm"}));
    EXPECT_EQ(parse_device("/dev/sda:/dev/xvda").value(), (Device{"/dev/sda", "/dev/xvda", "rwm"}));
    EXPECT_EQ(parse_device("/dev/sda:r").value(), (Device{"/dev/sda", "/dev/sda", "r"}));
    EXPECT_EQ(parse_device("/dev/sda:/x:rw").value(), (Device{"/dev/sda", "/x", "rw"}));
    for (const char* bad :
         {"", "sda", "/etc/passwd", "/dev/../etc/passwd", "/dev/sda:x", "/dev/sda:/x:rwx", "/dev/sda:/x:r:w", "/dev/sda:/x:"})
        EXPECT_FALSE(parse_device(bad).ok()) << bad;
}

TEST(Ulimit, takes_prlimits_forms) {
    EXPECT_EQ(parse_ulimit("1024").value(), (Ulimit{1024, 1024}));
    EXPECT_EQ(parse_ulimit("1024:2048").value(), (Ulimit{1024, 2048}));
    EXPECT_EQ(parse_ulimit("0:unlimited").value(), (Ulimit{0, ~0ULL}));
    EXPECT_EQ(parse_ulimit("-1").value(), (Ulimit{~0ULL, ~0ULL}));
    for (const char* bad : {"", ":", "2:1", "x", "1:", "-2", "1:2:3", "unlimited:1"})
        EXPECT_FALSE(parse_ulimit(bad).ok()) << bad;
}

TEST(RestartPolicy, is_dockers) {
    EXPECT_EQ(parse_restart("on-failure:5").value(), std::pair(Restart::on_failure, 5U));
    EXPECT_EQ(parse_restart("unless-stopped").value().first, Restart::unless_stopped);
    for (const char* text : {"no", "always", "unless-stopped", "on-failure", "on-failure:3"}) {
        const auto policy = parse_restart(text).value();
        EXPECT_EQ(restart_text(policy.first, policy.second), text);
    }
    for (const char* bad : {"", "yes", "always:3", "on-failure:", "on-failure:-1", "on-failure:x", "on-failure:99999999999"})
        EXPECT_FALSE(parse_restart(bad).ok()) << bad;
}

TEST(Signal, takes_names_and_numbers) {
    EXPECT_EQ(parse_signal("TERM").value(), SIGTERM);
    EXPECT_EQ(parse_signal("SIGTERM").value(), SIGTERM);
    EXPECT_EQ(parse_signal("sigquit").value(), SIGQUIT);
    EXPECT_EQ(parse_signal("15").value(), 15);
    EXPECT_EQ(parse_signal("SIGRTMIN+3").value(), SIGRTMIN + 3);
    EXPECT_EQ(parse_signal("SIGRTMAX-1").value(), SIGRTMAX - 1);
    for (const char* bad : {"", "0", "65", "SIGNOPE", "SIGRTMIN+99", "RTMIN+", "-9", "SIG"})
        EXPECT_FALSE(parse_signal(bad).ok()) << bad;
}

TEST(Namespace, joins_named_containers_only) {
    EXPECT_EQ(parse_namespace("container:db").value().container, "db");
    EXPECT_EQ(parse_namespace("shareable").value().kind, NamespaceMode::Kind::private_);
    for (const char* bad : {"", "container:", "container:../x", "ns:/proc/1/ns/net", "public"})
        EXPECT_FALSE(parse_namespace(bad).ok()) << bad;
}

TEST(DeviceRate, needs_device_and_rate) {
    EXPECT_EQ(parse_device_rate("/dev/sda:10mb", true).value(), (DeviceRate{"/dev/sda", 10U << 20}));
    EXPECT_EQ(parse_device_rate("/dev/sda:1000", false).value(), (DeviceRate{"/dev/sda", 1000}));
    for (const char* bad : {"/dev/sda", "sda:1", "/dev/sda:0", "/dev/sda:x"})
        EXPECT_FALSE(parse_device_rate(bad, true).ok()) << bad;
    EXPECT_FALSE(parse_device_rate("/dev/sda:1k", false).ok());
}

TEST(Pieces, Rates) {
    EXPECT_EQ(parse_rate("100mbit").value(), 100'000'000U);
    EXPECT_EQ(parse_rate("8kbit").value(), 8000U);
    EXPECT_EQ(parse_rate("1gbit").value(), 1'000'000'000U);
    EXPECT_EQ(parse_rate("12345bit").value(), 12345U);
    for (const char* bad : {"", "100", "mbit", "1.5mbit", "100MB", "-1mbit", "1kbit", "99999999999gbit", "100mbit "})
        EXPECT_FALSE(parse_rate(bad).ok()) << bad;
    for (const char* text : {"100mbit", "8kbit", "40gbit", "12345bit"}) EXPECT_EQ(rate_text(parse_rate(text).value()), text);
}
