// The files that say who is behind a service.
#include "container/service_files.hpp"

#include "os/file.hpp"

#include <gmock/gmock.h>

#include <unistd.h>

using namespace gantry;
using namespace gantry::container;
using namespace gantry::container::detail;
using testing::ElementsAre;
using testing::IsEmpty;

namespace {

class ServiceFiles : public testing::Test {
protected:
    void SetUp() override {
        char pattern[] = "/tmp/gantry-services-XXXXXX";
        ASSERT_NE(mkdtemp(pattern), nullptr);
        paths.run = pattern;
    }
    void TearDown() override { EXPECT_TRUE(os::remove_tree(paths.run).ok()); }
    void write(const std::string& container, MemberState state, std::uint32_t weight) {
        const MemberFile file{
            {container, state, weight, {"10.88.0.2/16", "fd00::2/64"}}, {"10.88.0.9", "fd00::9"}, {"10.88.0.1"}, true};
        const auto written = write_member(paths, "front", "web", file);
        ASSERT_TRUE(written.ok()) << written.error().message();
    }
    std::vector<std::string> names() {
        std::vector<std::string> out;
        const auto members = read_members(paths, "front", "web").value();
        for (const auto& file : members) out.push_back(file.member.container);
        return out;
    }
    config::Paths paths;
};

TEST_F(ServiceFiles, ReadBackAsTheyWereWritten) {
    for (const MemberState state : {MemberState::waiting, MemberState::serving, MemberState::leaving}) {
        write("a.b-c", state, 1000);
        const auto read = read_member(paths, "front", "web", "a.b-c").value();
        ASSERT_TRUE(read);
        EXPECT_EQ(read->member.state, state);
        EXPECT_EQ(read->member.weight, 1000U);
        EXPECT_THAT(read->member.addresses, ElementsAre("10.88.0.2/16", "fd00::2/64"));
        EXPECT_THAT(read->service_addresses, ElementsAre("10.88.0.9", "fd00::9"));
        EXPECT_THAT(read->gateways, ElementsAre("10.88.0.1"));
        EXPECT_TRUE(read->internal);
    }
}

TEST_F(ServiceFiles, WhatIsNoMemberIsNone) {
    EXPECT_THAT(names(), IsEmpty());
    write("b1", MemberState::serving, 1);
    write("a1", MemberState::serving, 1);
    // Left by a process that was killed while it wrote, and damaged.
    ASSERT_TRUE(os::write_file_atomic(paths.run + "/services/front/web/c1.member.tmp-1f", "state serving\n").ok());
    ASSERT_TRUE(os::write_file_atomic(paths.run + "/services/front/web/d1.member", "state serving\n").ok());
    EXPECT_THAT(names(), ElementsAre("a1", "b1"));
    EXPECT_FALSE(read_member(paths, "front", "web", "d1").ok());
    EXPECT_FALSE(read_member(paths, "front", "web", "e1").value());
}

TEST_F(ServiceFiles, AnythingElseIsRefused) {
    const std::string good = "state serving\nweight 3\naddresses 10.0.0.2\nservice 10.0.0.9\ngateways\n";
    ASSERT_TRUE(parse_member("a1", good).ok());
    for (const char* text :
         {"", "state serving\n", "state serving\nweight 1\n", "state ready\nweight 1\nservice 10.0.0.9\n",
          "state serving\nweight -1\nservice 10.0.0.9\n", "state serving\nweight 99999999999\nservice 10.0.0.9\n",
          "state serving waiting\nweight 1\nservice 10.0.0.9\n"})
        EXPECT_FALSE(parse_member("a1", text).ok()) << text;
    EXPECT_FALSE(parse_member("a1", good + "more\n").ok());
}

TEST_F(ServiceFiles, TheLastOneTakesTheFoldersAlong) {
    write("a1", MemberState::serving, 1);
    remove_empty(paths, "front", "web");
    EXPECT_THAT(folders_in(services_folder(paths)).value(), ElementsAre("front"));
    for (int i = 0; i < 2; ++i) ASSERT_TRUE(erase_member(paths, "front", "web", "a1").ok());
    remove_empty(paths, "front", "web");
    EXPECT_THAT(folders_in(services_folder(paths)).value(), IsEmpty());
}

}  // namespace
