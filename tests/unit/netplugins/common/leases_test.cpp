#include "leases.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <set>

namespace gantry::net {
namespace {

class LeasesTest : public testing::Test {
protected:
    void SetUp() override {
        char pattern[] = "/tmp/gantry-leases-XXXXXX";
        folder_ = mkdtemp(pattern);
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }
    static AttachPlan plan(const std::string& container, const std::string& v4 = "10.88.0.0/29", const std::string& v6 = "") {
        driver::AttachRequest request{
            .container = container, .network = {.name = "green", .driver = "bridge"}, .interface = "eth0"};
        if (!v4.empty()) request.network.subnets.push_back({v4, "", ""});
        if (!v6.empty()) request.network.subnets.push_back({v6, "", ""});
        return plan_attach(request).value();
    }
    std::filesystem::path folder_;
};

TEST_F(LeasesTest, APoolIsUsedUpWithoutItsReservedAddresses) {
    Leases leases(folder_);
    std::set<std::string> seen;
    for (int number = 0; number < 5; ++number) {
        const auto taken = leases.take(plan(fmt::format("c{}", number + 10)));
        ASSERT_TRUE(taken.ok()) << taken.error().message();
        EXPECT_TRUE(seen.insert(taken->v4->str()).second);
    }
    for (const char* reserved : {"10.88.0.0", "10.88.0.1", "10.88.0.7"}) EXPECT_FALSE(seen.contains(reserved));
    const auto full = leases.take(plan("late"));
    ASSERT_FALSE(full.ok());
    EXPECT_EQ(full.error().code(), Errc::no_space);
    EXPECT_EQ(leases.list("green")->size(), 5U);
    EXPECT_EQ(link_text(folder_ / "green/containers/late"), "");
}

TEST_F(LeasesTest, TheAddressStaysAlthoughANearerOneIsFreed) {
    Leases leases(folder_);
    std::vector<std::string> names;
    for (int number = 0; number < 5; ++number) names.push_back(fmt::format("c{}", number + 10));
    std::map<std::string, std::string> first;
    for (const auto& name : names) first[name] = leases.take(plan(name))->v4->str();
    for (const auto& gone : names) {
        ASSERT_TRUE(leases.release("green", gone).ok());
        for (const auto& name : names)
            if (name != gone) {
                EXPECT_EQ(leases.take(plan(name))->v4->str(), first[name]);
            }
        leases.take(plan(gone)).value();
        first[gone] = leases.take(plan(gone))->v4->str();
    }
}

TEST_F(LeasesTest, BothFamiliesShareTheNumber) {
    Leases leases(folder_);
    const auto taken = leases.take(plan("web", "10.88.0.0/16", "fd00::/64"));
    ASSERT_TRUE(taken.ok());
    EXPECT_EQ(static_cast<std::uint64_t>(taken->v4->value & 0xffff), static_cast<std::uint64_t>(taken->v6->value & 0xffff));
    EXPECT_EQ(leases.list("green")->size(), 2U);
}

TEST_F(LeasesTest, AStaticAddressReplacesTheLeaseAndIsRefusedToOthers) {
    Leases leases(folder_);
    const std::string before = leases.take(plan("web", "10.88.0.0/16"))->v4->str();
    AttachPlan wanted = plan("web", "10.88.0.0/16");
    wanted.v4 = *Address::parse("10.88.200.1");
    ASSERT_TRUE(leases.take(wanted).ok());
    EXPECT_THAT(*leases.list("green"), testing::SizeIs(1));
    EXPECT_EQ(leases.list("green")->front().address, "10.88.200.1");
    wanted.container = "db";
    EXPECT_EQ(leases.check(wanted).error().message(), "address '10.88.200.1' is leased to 'web'");
    EXPECT_EQ(leases.take(wanted).error().code(), Errc::in_use);
    EXPECT_THAT(*leases.list("green"), testing::SizeIs(1)) << "a refused start left " << before;
}

TEST_F(LeasesTest, UndoGivesBackOnlyWhatIsNew) {
    Leases leases(folder_);
    const AttachPlan web = plan("web");
    const auto taken = leases.take(web);
    leases.undo(web, leases.take(web).value());
    EXPECT_EQ(leases.list("green")->size(), 1U);
    leases.undo(web, *taken);
    EXPECT_TRUE(leases.list("green")->empty());
    EXPECT_TRUE(leases.release("green", "web").ok());
}

TEST_F(LeasesTest, AManyProcessesGetDifferentAddresses) {
    std::vector<pid_t> children;
    for (int child = 0; child < 8; ++child) {
        const pid_t pid = fork();
        if (pid == 0) {
            Leases leases(folder_);
            bool good = true;
            for (int number = 0; number < 25; ++number)
                good = good && leases.take(plan(fmt::format("c{}-{}", child, number), "10.88.0.0/24")).ok();
            _exit(good ? 0 : 1);
        }
        children.push_back(pid);
    }
    for (const pid_t pid : children) {
        int status = 1;
        waitpid(pid, &status, 0);
        EXPECT_EQ(status, 0);
    }
    const auto all = Leases(folder_).list("green");
    EXPECT_EQ(all->size(), 200U);
    std::set<std::string> owners;
    for (const auto& lease : *all) owners.insert(lease.container);
    EXPECT_EQ(owners.size(), 200U);
}

TEST_F(LeasesTest, AnOrphanOfACrashIsFreedByItsAddress) {
    Leases leases(folder_);
    const auto taken = leases.take(plan("web")).value();
    std::filesystem::remove(folder_ / "green/containers/web");
    ASSERT_TRUE(leases.release_address({"green", "web", taken.v4->str()}).ok());
    EXPECT_TRUE(leases.list("green")->empty());
}

}  // namespace
}  // namespace gantry::net
