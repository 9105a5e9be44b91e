// Published ports and the host's own firewall.
#include "host.hpp"

#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace gantry::net {
namespace {

using driver::Protocol;
using testing::HasSubstr;

class FirewallLive : public LiveHost {
protected:
    void SetUp() override {
        LiveHost::SetUp();
        world_ = outside();
        config_ = network();
        web_ = new_netns();
        server_ = listen_in(web_.get(), Protocol::tcp, 80);
    }
    void publish(std::vector<driver::PublishedPort> ports) {
        auto wanted = request("web", config_);
        wanted.ports = std::move(ports);
        must_prepare(wanted, web_.get());
    }
    static driver::PublishedPort open_port(std::uint16_t host_port, std::uint16_t container_port,
                                           const std::string& address = "") {
        driver::PublishedPort port = published(host_port, container_port, Protocol::tcp, address);
        port.bypass_firewall = true;
        return port;
    }
    // An administrator's table; rules of its input chain, whose policy is to drop.
    void firewall(const std::string& rules) {
        EXPECT_EQ(run("nft -f - <<'E'\ntable inet own\ndelete table inet own\ntable inet own { chain input {\n"
                      "type filter hook input priority 0; policy drop;\nct state established,related accept\niif lo accept\n"
                      "meta l4proto icmpv6 accept\n" +
                      rules + "\n}\n}\nE\n"),
                  "");
    }
    bool reached(const std::string& address, std::uint16_t port) {
        return connect_from(world_.get(), address, port, server_.get()).connected;
    }
    bool closed(const std::string& address, std::uint16_t port) {
        return closed_to(world_.get(), address, port, server_.get());
    }
    os::Fd world_, web_, server_;
    driver::NetworkConfig config_;
};

TEST_F(FirewallLive, WhatItDropsStaysClosedAndWhatItAcceptsIsOpen) {
    publish({published(8080, 80), published(8081, 80)});
    firewall("tcp dport 8081 accept");
    for (const char* address : {"192.0.2.1", "2001:db8::1"}) {
        EXPECT_TRUE(closed(address, 8080)) << address;
        EXPECT_TRUE(reached(address, 8081)) << address;
    }
    EXPECT_EQ(connect_from(world_.get(), "192.0.2.1", 8081, server_.get()).peer, "192.0.2.2");
    EXPECT_EQ(connect_from(world_.get(), "2001:db8::1", 8081, server_.get()).peer, "2001:db8::2");
    // Opened and closed again while it is published.
    firewall("tcp dport { 8080, 8081 } accept");
    EXPECT_TRUE(reached("192.0.2.1", 8080));
    firewall("");
    EXPECT_TRUE(closed("192.0.2.1", 8080));
    EXPECT_TRUE(closed("2001:db8::1", 8081));
}

TEST_F(FirewallLive, ARejectIsHeardAtOnce) {
    publish({published(8080, 80)});
    firewall("tcp dport 8080 reject with tcp reset");
    EXPECT_EQ(connect_from(world_.get(), "192.0.2.1", 8080, server_.get()).problem, ECONNREFUSED);
    EXPECT_EQ(connect_from(world_.get(), "2001:db8::1", 8080, server_.get()).problem, ECONNREFUSED);
}

TEST_F(FirewallLive, Datagrams) {
    const os::Fd udp = listen_in(web_.get(), Protocol::udp, 53);
    publish({published(5353, 53, Protocol::udp), published(5354, 53, Protocol::udp)});
    firewall("udp dport 5353 accept");
    EXPECT_EQ(datagram_from(world_.get(), "192.0.2.1", 5353, udp.get()), "192.0.2.2");
    EXPECT_EQ(datagram_from(world_.get(), "2001:db8::1", 5353, udp.get()), "2001:db8::2");
    EXPECT_EQ(datagram_from(world_.get(), "192.0.2.1", 5354, udp.get()), "");
    EXPECT_EQ(datagram_from(world_.get(), "2001:db8::1", 5354, udp.get()), "");
}

TEST_F(FirewallLive, APortMayBypassIt) {
    publish({open_port(8080, 80), published(8081, 80)});
    firewall("");
    EXPECT_TRUE(reached("192.0.2.1", 8080));
    EXPECT_TRUE(reached("2001:db8::1", 8080));
    EXPECT_TRUE(closed("192.0.2.1", 8081));
}

TEST_F(FirewallLive, TheMoreSpecificPortDecides) {
    run("ip addr add 192.0.2.10/24 dev uplink");
    publish({open_port(8080, 80), published(8080, 81, Protocol::tcp, "192.0.2.10"), published(8081, 80),
             open_port(8081, 80, "192.0.2.10")});
    firewall("");
    EXPECT_TRUE(reached("192.0.2.1", 8080));
    EXPECT_TRUE(closed("192.0.2.10", 8080));
    EXPECT_TRUE(closed("192.0.2.1", 8081));
    EXPECT_TRUE(reached("192.0.2.10", 8081));
    // To the container's port 81, where nobody listens, and not to the other one's 80.
    firewall("tcp dport 8080 accept");
    EXPECT_EQ(connect_from(world_.get(), "192.0.2.10", 8080, server_.get()).problem, ECONNREFUSED);
}

TEST_F(FirewallLive, TheHostAndItsContainersAreNoOutsiders) {
    publish({published(8080, 80)});
    firewall("");
    const os::Fd other = new_netns();
    must_prepare(request("other", config_), other.get());
    for (const char* address : {"192.0.2.1", "2001:db8::1"}) {
        EXPECT_TRUE(connect_from(host(), address, 8080, server_.get()).connected) << address;
        EXPECT_TRUE(connect_from(other.get(), address, 8080, server_.get()).connected) << address;
    }
}

TEST_F(FirewallLive, ReversePathFilters) {
    publish({published(8080, 80)});
    // firewalld's IPv6_rpfilter=strict, as it writes it.
    run("nft -f - <<'E'\ntable inet own_filter { chain prerouting {\ntype filter hook prerouting priority filter + 10; policy "
        "accept;\n"
        "icmpv6 type { nd-router-advert, nd-neighbor-solicit } accept\n"
        "meta nfproto ipv6 fib saddr . mark . iif oif missing drop\n}\n}\nE\n");
    for (const char* mode : {"1", "2", "0"}) {
        run(fmt::format("sysctl -w net.ipv4.conf.all.rp_filter={}", mode));
        EXPECT_TRUE(reached("192.0.2.1", 8080)) << mode;
        EXPECT_TRUE(reached("2001:db8::1", 8080)) << mode;
    }
    // They still do their work for everybody else.
    run("sysctl -w net.ipv4.conf.all.rp_filter=1; ip addr add 198.51.100.1/24 dev lo");
    run("ip addr add 198.51.100.7/32 dev cable; ip route replace 192.0.2.0/24 dev cable src 198.51.100.7", world_.get());
    EXPECT_TRUE(closed("192.0.2.1", 8080));
}

TEST_F(FirewallLive, AConnectionKeepsTheMarkThatItCameWith) {
    publish({published(8080, 80)});
    // Without the programs of driver ebpf, which take a connection past all chains that come after the input chains.
    run("rm -rf " + (folder_ / "bpf/gantry").string());
    run("nft 'table inet own_mark { chain p { type filter hook prerouting priority mangle; iifname uplink ct mark set 7; }; "
        "}'");
    run("nft 'table inet own_see { chain f { type filter hook forward priority filter + 1; ct direction original ct mark 7 "
        "meta mark 7 "
        "counter; }; }'");
    EXPECT_TRUE(reached("192.0.2.1", 8080));
    EXPECT_THAT(run("nft list table inet own_see"), HasSubstr("counter packets 1 "));
}

TEST_F(FirewallLive, WhatIsTakenAwayComesBack) {
    publish({published(8080, 80)});
    const os::Fd other = new_netns();
    const auto start_another = [&] {
        auto wanted = request("other", config_);
        wanted.ports = {published(8090, 80)};
        must_prepare(wanted, other.get());
    };
    for (const char* harm : {"ip link del gtr-in0", "nft flush ruleset", "nft delete table ip6 gantry", "ip rule flush"}) {
        run(harm);
        start_another();
        // The next start mends what it finds missing; rules and routes are the reload's.
        if (std::string(harm) == "ip rule flush") run("ip rule add pref 32766 lookup main; ip rule add pref 0 lookup local");
        ASSERT_TRUE(driver_->network_reload(config_).ok());
        firewall("tcp dport 8080 accept");
        EXPECT_TRUE(reached("192.0.2.1", 8080)) << harm;
        EXPECT_TRUE(reached("2001:db8::1", 8080)) << harm;
        firewall("");
        EXPECT_TRUE(closed("192.0.2.1", 8080)) << harm;
    }
    run("ip link del gtr-in1");
    start_another();
    firewall("tcp dport 8080 accept");
    EXPECT_TRUE(reached("192.0.2.1", 8080)) << "mended by a start alone";
}

TEST_F(FirewallLive, NothingOfAPortIsLeftBehind) {
    publish({published(8080, 80), open_port(8081, 80)});
    EXPECT_THAT(run("nft list set inet gantry guarded_any4"), HasSubstr("tcp . 8080"));
    ASSERT_TRUE(driver_->teardown("web", config_, true).ok());
    for (const char* set : {"set inet gantry guarded_any4", "set inet gantry guarded_any6", "map inet gantry any4"})
        EXPECT_EQ(run(fmt::format("nft list {}", set)).find("elements"), std::string::npos) << set;
    // Also where half of it is gone already.
    publish({published(8080, 80), published(8082, 80)});
    run("nft delete element inet gantry guarded_any4 '{ tcp . 8080 }'");
    ASSERT_TRUE(driver_->teardown("web", config_, true).ok());
    for (const char* set : {"set inet gantry guarded_any4", "map inet gantry any4", "map inet gantry any6"})
        EXPECT_EQ(run(fmt::format("nft list {}", set)).find("elements"), std::string::npos) << set;
}

TEST_F(FirewallLive, ACheckTellsWhatDecides) {
    publish(
        {published(8080, 80), published(5353, 53, Protocol::udp), published(3868, 3868, Protocol::sctp), open_port(8081, 80)});
    run("ip route add default via 192.0.2.2; ip route add default via 2001:db8::2");
    const auto checked = [&](const std::string& source = "") {
        std::string text;
        auto checks = driver_->check_ports("web", config_, source);
        if (!checks.ok()) return checks.error().message();
        for (const auto& check : *checks)
            text += fmt::format("{} {} {}: {}\n", check.port.host_port, check.destination, check.open, check.decision);
        return text;
    };
    EXPECT_EQ(checked("192.0.2.2"),
              "8080 192.0.2.1 true: nothing is in its way\n5353 192.0.2.1 true: nothing is in its way\n"
              "3868 192.0.2.1 true: nothing is in its way\n8081 192.0.2.1 true: nothing is in its way\n");
    firewall("udp dport 5353 accept\ntcp dport 8080 reject");
    const std::string closed_by = "false: table inet own, chain input: policy drop\n";
    const auto wanted = [&](const std::string& address) {
        return fmt::format(
            "8080 {0} false: table inet own, chain input: tcp dport 8080 reject\n"
            "5353 {0} true: table inet own, chain input: udp dport 5353 accept\n3868 {0} {1}"
            "8081 {0} true: nothing is in its way\n",
            address, closed_by);
    };
    EXPECT_EQ(checked("192.0.2.2"), wanted("192.0.2.1"));
    EXPECT_EQ(checked("2001:db8::2"), wanted("2001:db8::1"));
    EXPECT_EQ(run("nft list tables").find("gantry_check"), std::string::npos);
    EXPECT_EQ(run("ss -Htn", web_.get()), "") << "the container was asked";
    EXPECT_THAT(checked("192.0.2.1"), HasSubstr("is an address of this host itself"));
    run("nft flush ruleset");
    EXPECT_THAT(checked("192.0.2.2"), HasSubstr("nothing translates it"));
}

TEST_F(FirewallLive, PortsOfAnAttachedContainer) {
    must_prepare(request("web", config_), web_.get());
    auto wanted = request("web", config_);
    wanted.ports = {published(8080, 80), published(0, 80)};
    const auto added = driver_->publish(wanted);
    ASSERT_TRUE(added.ok()) << added.error().message();
    ASSERT_EQ(added->size(), 2U);
    EXPECT_TRUE(reached("192.0.2.1", 8080));
    EXPECT_TRUE(reached("2001:db8::1", added->back().host_port));
    EXPECT_TRUE(connect_from(host(), "127.0.0.1", 8080, server_.get()).connected);
    EXPECT_TRUE(connect_from(web_.get(), "192.0.2.1", 8080, server_.get()).connected);
    wanted.ports = {published(8081, 80), published(8080, 81)};
    EXPECT_EQ(driver_->publish(wanted).error().code(), Errc::exists);
    EXPECT_TRUE(closed("192.0.2.1", 8081));
    const os::Fd other = new_netns();
    auto another = request("other", config_);
    another.ports = {published(8090, 80)};
    must_prepare(another, other.get());
    wanted.ports = {published(8081, 80), published(8090, 80)};
    EXPECT_EQ(driver_->publish(wanted).error().code(), Errc::in_use);
    EXPECT_TRUE(closed("192.0.2.1", 8081));
    EXPECT_EQ(driver_->unpublish("web", config_, {published(8080, 80), published(9999, 80)}).error().code(), Errc::not_found);
    EXPECT_TRUE(reached("192.0.2.1", 8080));
    EXPECT_TRUE(driver_->unpublish("web", config_, {published(8080, 80)}).ok());
    EXPECT_TRUE(closed("192.0.2.1", 8080));
    EXPECT_TRUE(reached("192.0.2.1", added->back().host_port));
    // All of them are in the note: they come back after a flush, and go with the container.
    run("nft flush ruleset");
    ASSERT_TRUE(driver_->network_reload(config_).ok());
    EXPECT_TRUE(reached("192.0.2.1", added->back().host_port));
    ASSERT_TRUE(driver_->teardown("web", config_, true).ok());
    EXPECT_THAT(run("nft list map inet gantry any4"), testing::Not(HasSubstr("bridge/web")));
    EXPECT_EQ(driver_->publish(wanted).error().code(), Errc::not_found);
}

}  // namespace
}  // namespace gantry::net
