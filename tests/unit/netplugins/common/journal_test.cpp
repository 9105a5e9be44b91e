#include "journal.hpp"

#include "os/file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

namespace gantry::net {
namespace {

class JournalTest : public testing::Test {
protected:
    void SetUp() override {
        char pattern[] = "/tmp/gantry-journal-XXXXXX";
        folder_ = mkdtemp(pattern);
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }
    static Attachment example() {
        Attachment attachment{
            "green", "web", "veth12345678", 7, "\x02gantr", {*Address::parse("10.88.0.2"), *Address::parse("fd00::2")}, {}, {}};
        attachment.ports.push_back({driver::Protocol::tcp, {}, 8080, *Address::parse("10.88.0.2"), 80});
        attachment.ports.push_back({driver::Protocol::sctp, *Address::parse("2001:db8::1"), 9, *Address::parse("fd00::2"), 10});
        attachment.resolvers.push_back({*Address::parse("fd00::2"), *Address::parse("fd00::1"), 811});
        return attachment;
    }
    std::filesystem::path folder_;
};

TEST_F(JournalTest, WhatIsWrittenIsRead) {
    Journal journal(folder_);
    ASSERT_TRUE(journal.write(example()).ok());
    const auto read = journal.read("green", "web");
    ASSERT_TRUE(read.ok());
    EXPECT_EQ(attachment_text(*read), attachment_text(example()));
    EXPECT_EQ(read->ports, example().ports);
    EXPECT_EQ(read->resolvers, example().resolvers);
    EXPECT_EQ(read->namespace_id, 7);
    EXPECT_EQ(read->mac, example().mac);
    EXPECT_THAT(*journal.containers("green"), testing::ElementsAre("web"));
    EXPECT_THAT(*journal.networks(), testing::ElementsAre("green"));
    ASSERT_TRUE(journal.erase("green", "web").ok());
    ASSERT_TRUE(journal.erase("green", "web").ok());
    EXPECT_EQ(journal.read("green", "web").error().code(), Errc::not_found);
}

TEST_F(JournalTest, AnInterruptedWriteIsNoContainer) {
    Journal journal(folder_);
    ASSERT_TRUE(journal.write(example()).ok());
    ASSERT_TRUE(os::write_file_atomic(folder_ / "green/.new-shop", "interf").ok());
    EXPECT_THAT(*journal.containers("green"), testing::ElementsAre("web"));
}

TEST_F(JournalTest, ForeignTextIsCorrupt) {
    for (const char* text :
         {"", "interface\n", "interface a b/c\nport tcp", "interface veth0\nport tcp * 80 10.88.0.2\n",
          "interface veth0\nresolver 10.88.0.2 fd00::1 811\n", "interface veth0\nresolver 10.88.0.2 10.88.0.1\n",
          "interface veth0\nport icmp * 80 10.88.0.2 80\n", "interface veth0\nport tcp * 99999 10.88.0.2 80\n",
          "interface veth0\nport tcp x 80 10.88.0.2 80\n", "interface veth0\nmac 02:67\n", "interface veth0\nsurprise\n",
          "interface ../../x\n"})
        EXPECT_FALSE(parse_attachment(text).ok()) << text;
}

TEST_F(JournalTest, NetworksRemember) {
    Journal journal(folder_);
    NetworkRules rules{"ebpf", "gtr-1", true, false, true, false, true};
    ASSERT_TRUE(journal.write_network("green", rules).ok());
    EXPECT_EQ(*journal.read_network("green"), rules);
    rules.internal = false;
    ASSERT_TRUE(journal.write_network("green", rules).ok());
    EXPECT_EQ(*journal.read_network("green"), rules);
    EXPECT_TRUE(journal.containers("green")->empty());
    // A note of before there were other drivers.
    ASSERT_TRUE(os::write_file_atomic(folder_ / "green/.network", "gtr-1 internal=1\n").ok());
    EXPECT_EQ(journal.read_network("green")->driver, "bridge");
    ASSERT_TRUE(journal.erase_network("green").ok());
    EXPECT_FALSE(journal.read_network("green").ok());
}

}  // namespace
}  // namespace gantry::net
