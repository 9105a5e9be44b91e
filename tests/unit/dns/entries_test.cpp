#include "container/names.hpp"
#include "dns/entries.hpp"
#include "dns/keeper.hpp"
#include "dns/servers.hpp"
#include "os/file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/stat.h>
#include <unistd.h>

namespace gantry::dns {

using container::resolv_conf;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

namespace {

Entry web() {
    Entry entry;
    entry.network = "blue";
    entry.container = "web";
    entry.addresses = {"10.88.0.5/16", "fd00::5/64"};
    entry.gateways = {"10.88.0.1", "fd00::1"};
    entry.names = {"www", "front"};
    entry.plain = {"0123456789ab"};
    return entry;
}

}  // namespace

TEST(HostName, is_letters_digits_hyphens_and_underscores) {
    for (const char* good : {"a", "web-1", "my_db", "api.example.com", "A9", "_srv"}) EXPECT_TRUE(is_host_name(good)) << good;
    for (const char* bad : {"", ".", "a.", ".a", "a..b", "a b", "a\nb", "a\tb", "a#b", "a/b", "\xc3\xa4"})
        EXPECT_FALSE(is_host_name(bad)) << bad;
    EXPECT_TRUE(is_host_name(std::string(63, 'a')));
    EXPECT_FALSE(is_host_name(std::string(64, 'a')));
    std::string longest;
    for (int i = 0; i < 126; ++i) longest += "a.";
    EXPECT_TRUE(is_host_name(longest + "a"));
    EXPECT_FALSE(is_host_name(longest + "ab"));
}

TEST(Text, has_a_line_for_each_address) {
    EXPECT_EQ(plain_text(web()),
              "# gateways 10.88.0.1 fd00::1\n"
              "10.88.0.5 web www front 0123456789ab web.blue www.blue front.blue\n"
              "fd00::5 web www front 0123456789ab web.blue www.blue front.blue\n");
    EXPECT_EQ(full_text(web()),
              "10.88.0.5 web.blue.ctr www.blue.ctr front.blue.ctr web.ctr\n"
              "fd00::5 web.blue.ctr www.blue.ctr front.blue.ctr web.ctr\n");
}

TEST(Text, holds_nothing_but_names_and_addresses) {
    Entry entry = web();
    entry.addresses = {"10.88.0.5\n10.0.0.1 evil", "fd00:0:0::5/64", "x"};
    entry.gateways = {"10.88.0.1\n1.2.3.4 evil", "10.88.0.1"};
    entry.names = {"a\n1.2.3.4 evil", "web", "localhost", "# x", "ok"};
    EXPECT_EQ(plain_text(entry), "# gateways 10.88.0.1\nfd00::5 web ok 0123456789ab web.blue ok.blue\n");
    EXPECT_EQ(full_text(entry), "fd00::5 web.blue.ctr ok.blue.ctr web.ctr\n");
    // A container's name may be more than a label holds.
    entry.container = std::string(100, 'a');
    EXPECT_EQ(full_text(entry), "fd00::5 web.blue.ctr ok.blue.ctr\n");
}

TEST(Text, tells_the_keeper_where_to_listen) {
    Entry entry = web();
    Place place;
    EXPECT_TRUE(read_place(plain_text(entry), place));
    EXPECT_EQ(place.gateways, entry.gateways);
    EXPECT_FALSE(place.internal);
    entry.internal = true;
    EXPECT_TRUE(read_place(plain_text(entry), place = {}));
    EXPECT_TRUE(place.internal);
    for (const char* other : {"", "# gateways", "# gateways x\n", "10.0.0.1 a\n", "# gateways internal\n"})
        EXPECT_FALSE(read_place(other, place = {})) << other;
}

TEST(Words, keep_to_one_interface) {
    const auto words = resolver_words(config::Paths(), {.network = "blue", .interface = "gtr-1"});
    for (const char* word :
         {"--interface=gtr-1", "--except-interface=lo", "--hostsdir=/run/gantry/dns/hosts/blue", "--local=/ctr/"})
        EXPECT_THAT(words, Contains(word));
    EXPECT_THAT(words, Not(Contains("--no-resolv")));
    EXPECT_THAT(resolver_words(config::Paths(), {.network = "blue", .interface = "gtr-1", .internal = true}),
                Contains("--no-resolv"));
}

TEST(Words, name_the_servers_of_a_further_resolver) {
    ResolverPlan plan{.network = "blue", .interface = "gtr-1"};
    plan.servers = {"192.0.2.1", "2001:db8::1"};
    plan.port = 811;
    const auto words = resolver_words(config::Paths(), plan);
    for (const char* word : {"--hostsdir=/run/gantry/dns/hosts/blue", "--port=811", "--no-resolv", "--strict-order",
                             "--server=192.0.2.1", "--server=2001:db8::1"})
        EXPECT_THAT(words, Contains(word));
}

TEST(Text, leads_to_a_further_resolver) {
    Entry entry = web();
    entry.servers = {"192.0.2.1", "x", "2001:db8::1"};
    entry.port = 811;
    EXPECT_TRUE(plain_text(entry).starts_with("# gateways 10.88.0.1 fd00::1 port 811\n"));
    EXPECT_EQ(servers_text(entry), "# gateways 10.88.0.1 fd00::1 servers 192.0.2.1 2001:db8::1\n");
    Place place;
    EXPECT_TRUE(read_place(plain_text(entry), place));
    EXPECT_EQ(place.port, 811);
    EXPECT_TRUE(read_place(servers_text(entry), place = {}));
    EXPECT_EQ(place.gateways, entry.gateways);
    EXPECT_EQ(place.servers, (std::vector<std::string>{"192.0.2.1", "2001:db8::1"}));
    EXPECT_EQ(split_resolver_name(resolver_name("blue", 811)), std::pair(std::string("blue"), std::uint16_t{811}));
    EXPECT_EQ(split_resolver_name("blue"), std::pair(std::string("blue"), std::uint16_t{0}));
}

TEST(Servers, are_asked_where_they_mean_the_same_to_the_host) {
    EXPECT_TRUE(can_ask({"192.0.2.1", "2001:db8::1", "10.0.0.1"}));
    for (const char* own : {"127.0.0.1", "127.0.0.11", "::1", "fe80::1", "fe80::1%eth0", "::ffff:127.0.0.1"})
        EXPECT_FALSE(can_ask({"192.0.2.1", own})) << own;
}

class Files : public testing::Test {
protected:
    void SetUp() override {
        char name[] = "/tmp/gantry-dns-XXXXXX";
        paths.run = mkdtemp(name);
        ASSERT_TRUE(os::make_dirs(paths.record("web")).ok());
    }
    void TearDown() override { ASSERT_TRUE(os::remove_tree(paths.run).ok()); }

    config::Paths paths;
};

TEST_F(Files, come_and_go) {
    EXPECT_FALSE(has_resolver(paths));
    ASSERT_TRUE(os::make_dirs(hosts_folder(paths)).ok());
    EXPECT_TRUE(has_resolver(paths));
    const mode_t before = umask(0077);
    EXPECT_TRUE(publish(paths, web()).ok());
    EXPECT_TRUE(publish(paths, web()).ok());
    umask(before);
    EXPECT_TRUE(is_published(paths, "blue", "web"));
    EXPECT_EQ(os::read_file(hosts_folder(paths) + "/blue/web").value(), plain_text(web()));
    EXPECT_EQ(os::read_file(full_folder(paths) + "/blue@web").value(), full_text(web()));
    struct stat info {};
    EXPECT_EQ(stat((hosts_folder(paths) + "/blue").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0755U);
    EXPECT_EQ(stat((hosts_folder(paths) + "/blue/web").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0644U);
    const auto all = list(paths);
    ASSERT_TRUE(all.ok());
    ASSERT_EQ(all->size(), 1U);
    EXPECT_EQ(all->front().container + "/" + all->front().network, "web/blue");
    EXPECT_TRUE(withdraw(paths, "blue", "web").ok());
    EXPECT_TRUE(withdraw(paths, "blue", "web").ok());
    EXPECT_FALSE(is_published(paths, "blue", "web"));
    EXPECT_TRUE(list(paths)->empty());
}

TEST_F(Files, of_a_further_resolver_come_and_go) {
    ASSERT_TRUE(os::make_dirs(hosts_folder(paths)).ok());
    Entry entry = web();
    entry.servers = {"192.0.2.1"};
    entry.port = reserve_port(paths, "blue", entry.servers).value();
    EXPECT_GE(entry.port, first_server_port);
    EXPECT_EQ(reserve_port(paths, "green", entry.servers).value(), entry.port) << "a set has one port";
    const std::uint16_t other = reserve_port(paths, "blue", {"192.0.2.1", "192.0.2.2"}).value();
    EXPECT_NE(other, entry.port);
    ASSERT_TRUE(publish(paths, entry).ok());
    EXPECT_EQ(published_port(paths, "blue", "web"), entry.port);
    const std::string file = fmt::format("{}/blue@{}/web", hosts_folder(paths), entry.port);
    EXPECT_EQ(os::read_file(file).value(), servers_text(entry));
    EXPECT_EQ(list(paths)->size(), 1U) << "it is not two";
    ASSERT_TRUE(forget_servers(paths).ok());
    EXPECT_TRUE(is_reserved(paths, entry.port, entry.servers)) << "a folder holds it";
    ASSERT_TRUE(withdraw(paths, "blue", "web").ok());
    EXPECT_FALSE(os::path_exists(file));
    EXPECT_TRUE(list(paths)->empty());
    forget_network(paths, "blue");
    EXPECT_FALSE(is_reserved(paths, other, {"192.0.2.1", "192.0.2.2"}));
    forget_network(paths, "green");
    EXPECT_FALSE(is_reserved(paths, entry.port, entry.servers));
    EXPECT_EQ(os::list_dir(paths.run + "/dns/servers")->size(), 1U) << "the lock";
}

TEST_F(Files, of_a_port_that_became_anothers_are_an_error) {
    ASSERT_TRUE(os::make_dirs(hosts_folder(paths)).ok());
    Entry entry = web();
    entry.servers = {"192.0.2.1"};
    entry.port = reserve_port(paths, "blue", entry.servers).value();
    forget_network(paths, "blue");
    ASSERT_EQ(reserve_port(paths, "blue", {"192.0.2.9"}).value(), entry.port);
    EXPECT_FALSE(publish(paths, entry).ok());
}

TEST_F(Files, say_when_all_ports_are_taken) {
    ASSERT_TRUE(os::make_dirs(hosts_folder(paths)).ok());
    Result<std::uint16_t> reserved = error(Errc::internal, "");
    for (int i = 0; i <= last_server_port - first_server_port + 1; ++i)
        reserved = reserve_port(paths, "blue", {fmt::format("192.0.2.{}", i + 1)});
    ASSERT_FALSE(reserved.ok());
    EXPECT_EQ(reserved.error().code(), Errc::no_space);
}

TEST_F(Files, lead_a_container_to_the_network_with_a_way_out) {
    std::vector<container::Record::Network> networks(2);
    networks[0].config.name = "closed";
    networks[0].config.internal = true;
    networks[0].status.gateways = {"10.1.0.1"};
    networks[1].config.name = "blue";
    networks[1].status.gateways = {"10.88.0.1", "fd00::1"};
    EXPECT_FALSE(container::resolver_of(paths, "web", networks).ours);
    ASSERT_TRUE(os::make_dirs(hosts_folder(paths)).ok());
    Entry entry = web();
    ASSERT_TRUE(publish(paths, entry).ok());
    entry.network = "closed";
    ASSERT_TRUE(publish(paths, entry).ok());
    const auto resolver = container::resolver_of(paths, "web", networks);
    EXPECT_TRUE(resolver.ours);
    EXPECT_EQ(resolver.servers, std::vector<std::string>{"10.88.0.1"});
    EXPECT_EQ(resolver.search, (std::vector<std::string>{"closed.ctr", "blue.ctr"}));
    networks[0].status.dns = {"10.1.0.53"};
    EXPECT_EQ(container::resolver_of(paths, "web", networks).servers, std::vector<std::string>{"10.1.0.53"});
    EXPECT_FALSE(container::resolver_of(paths, "web", networks).ours);
}

TEST(ResolvConf, leads_to_the_resolver_before_the_hosts) {
    const char* host = "# comment\nnameserver 127.0.0.53\nnameserver 192.0.2.1\nsearch corp.example\noptions edns0\n";
    const container::Resolver resolver{{"10.88.0.1"}, {"blue.ctr"}, true};
    config::Definition definition;
    EXPECT_EQ(resolv_conf(host, definition, true, {}), "nameserver 192.0.2.1\nsearch corp.example\noptions edns0\n");
    EXPECT_EQ(resolv_conf(host, definition, true, resolver),
              "nameserver 10.88.0.1\nsearch blue.ctr corp.example\noptions edns0\n");
    EXPECT_EQ(resolv_conf(host, definition, false, {}),
              "nameserver 127.0.0.53\nnameserver 192.0.2.1\nsearch corp.example\noptions edns0\n");
    definition.dns_search = {"my.example"};
    EXPECT_THAT(resolv_conf(host, definition, true, resolver), HasSubstr("search blue.ctr my.example\n"));
    definition.dns_search = {"."};
    EXPECT_THAT(resolv_conf(host, definition, true, resolver), Not(HasSubstr("search")));
    definition.dns_search.clear();
    definition.dns = {"192.0.2.2"};
    EXPECT_EQ(resolv_conf(host, definition, true, resolver), "nameserver 192.0.2.2\nsearch corp.example\noptions edns0\n");
    const container::Resolver asks{{"10.88.0.1"}, {"blue.ctr"}, true, true};
    EXPECT_EQ(resolv_conf(host, definition, true, asks), "nameserver 10.88.0.1\nsearch blue.ctr corp.example\noptions edns0\n");
}

}  // namespace gantry::dns
