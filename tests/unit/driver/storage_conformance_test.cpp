// What the storage interface promises, asked of every driver. A new driver adds its line at the end.
#include "storage_fixture.hpp"

#include <sys/wait.h>

#include <atomic>
#include <chrono>
#include <thread>

using namespace gantry;
using namespace gantry::testing_support;
using testing::ElementsAre;
using testing::IsEmpty;

namespace {

class StorageConformance : public StorageFixture, public testing::WithParamInterface<StorageCase> {
protected:
    void SetUp() override { start(GetParam().driver); }
};

TEST_P(StorageConformance, ProbeMayBeRepeated) { EXPECT_GOOD(driver_->probe()); }

TEST_P(StorageConformance, ACommittedLayerIsListedAndKnownToAnotherProcess) {
    EXPECT_FALSE(GOT(driver_->layer_exists(key(1))));
    add_layer(1);
    EXPECT_TRUE(GOT(load()->layer_exists(key(1))));
    EXPECT_EQ(GOT(driver_->layer_size(key(1))), 101U);
    EXPECT_THAT(GOT(driver_->layer_list()), ElementsAre(key(1)));
    EXPECT_REFUSED(driver_->layer_begin(key(1), ""), Errc::exists);
    EXPECT_REFUSED(driver_->layer_size(key(2)), Errc::not_found);
}

TEST_P(StorageConformance, ARemovedLayerIsGoneAndMayComeBack) {
    add_layer(1);
    EXPECT_GOOD(driver_->layer_remove(key(1)));
    EXPECT_GOOD(driver_->layer_remove(key(1)));
    EXPECT_THAT(GOT(driver_->layer_list()), IsEmpty());
    add_layer(1);
    EXPECT_TRUE(GOT(driver_->layer_exists(key(1))));
}

TEST_P(StorageConformance, AnAbortedStagingLeavesNothing) {
    auto staging = GOT(driver_->layer_begin(key(1), ""));
    put(staging.path + "/file", "x");
    const std::string path = staging.path;
    EXPECT_GOOD(driver_->layer_abort(std::move(staging)));
    EXPECT_FALSE(os::path_exists(path));
    EXPECT_FALSE(GOT(driver_->layer_exists(key(1))));
    EXPECT_THAT(GOT(driver_->recover(true)), IsEmpty());
    add_layer(1);
}

TEST_P(StorageConformance, KeysAreNoPaths) {
    for (const std::string& bad :
         {std::string(), std::string(".."), std::string("../x"), std::string(63, 'a'), std::string(65, 'a'),
          std::string(64, 'A'), std::string(64, '/'), std::string(61, 'a') + "/.."}) {
        EXPECT_REFUSED(driver_->layer_begin(bad, ""), Errc::invalid);
        EXPECT_REFUSED(driver_->layer_exists(bad), Errc::invalid);
        EXPECT_REFUSED(driver_->layer_remove(bad), Errc::invalid);
    }
}

TEST_P(StorageConformance, ASecondStagingOfAKeyWaitsForTheFirst) {
    auto first = GOT(driver_->layer_begin(key(1), ""));
    std::atomic<bool> done = false;
    std::string second_says;
    std::thread second([&] {
        auto staging = driver_->layer_begin(key(1), "");
        second_says = staging.ok() ? "staged" : errc_name(staging.error().code());
        done = true;
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    EXPECT_FALSE(done);
    EXPECT_GOOD(driver_->layer_commit(std::move(first), 1));
    second.join();
    EXPECT_EQ(second_says, errc_name(Errc::exists));
}

TEST_P(StorageConformance, AfterAnAbortTheWaitingStagingGetsItsTurn) {
    auto first = GOT(driver_->layer_begin(key(1), ""));
    bool staged = false;
    std::thread second([&] {
        auto staging = driver_->layer_begin(key(1), "");
        staged = staging.ok() && driver_->layer_commit(std::move(staging).value(), 7).ok();
    });
    EXPECT_GOOD(driver_->layer_abort(std::move(first)));
    second.join();
    EXPECT_TRUE(staged);
    EXPECT_EQ(GOT(driver_->layer_size(key(1))), 7U);
}

// A process that stages, writes and dies.
void crash_while_staging(driver::StorageDriver& driver, int number) {
    const pid_t pid = fork();
    ASSERT_GE(pid, 0);
    if (pid == 0) {
        auto staging = driver.layer_begin(key(number), "");
        if (staging.ok()) (void)os::write_file_atomic(staging->path + "/half", "x", 0644, false);
        _exit(staging.ok() ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(waitpid(pid, &status, 0), pid);
    ASSERT_EQ(status, 0);
}

TEST_P(StorageConformance, WhatACrashLeftIsReportedOnceAndRemoved) {
    crash_while_staging(*driver_, 1);
    EXPECT_FALSE(GOT(driver_->layer_exists(key(1))));
    EXPECT_THAT(GOT(driver_->recover(true)), testing::SizeIs(1));
    EXPECT_THAT(GOT(driver_->recover(false)), testing::SizeIs(1));
    EXPECT_THAT(GOT(driver_->recover(false)), IsEmpty());
}

TEST_P(StorageConformance, AStagingAfterACrashStartsEmpty) {
    crash_while_staging(*driver_, 1);
    auto staging = GOT(driver_->layer_begin(key(1), ""));
    EXPECT_THAT(GOT(os::list_dir(staging.path)), IsEmpty());
    EXPECT_GOOD(driver_->layer_commit(std::move(staging), 1));
    EXPECT_THAT(GOT(driver_->recover(true)), IsEmpty());
}

TEST_P(StorageConformance, RecoverLeavesALiveStagingAlone) {
    auto staging = GOT(driver_->layer_begin(key(1), ""));
    EXPECT_THAT(GOT(load()->recover(false)), IsEmpty());
    EXPECT_TRUE(os::path_exists(staging.path));
    EXPECT_GOOD(driver_->layer_commit(std::move(staging), 1));
}

TEST_P(StorageConformance, AMissingLayerIsNamedAndNothingIsLeft) {
    add_layer(1);
    const auto wanted = request("web", {1, 2});
    EXPECT_REFUSED(driver_->validate(wanted), Errc::not_found);
    auto rootfs = driver_->prepare(wanted);
    ASSERT_FALSE(rootfs.ok());
    EXPECT_THAT(rootfs.error().message(), testing::HasSubstr(key(2)));
    EXPECT_THAT(GOT(driver_->list()), IsEmpty());
}

TEST_P(StorageConformance, LifeOfAWritableLayer) {
    add_layer(1);
    EXPECT_FALSE(GOT(driver_->status("web")).exists);
    with_rootfs(request("web", {1}), [&] { put(root() + "/file", "x"); });
    EXPECT_TRUE(GOT(driver_->status("web")).exists);
    EXPECT_THAT(GOT(driver_->list()), ElementsAre("web"));
    EXPECT_THAT(GOT(driver_->recover(false)), IsEmpty());
    EXPECT_GOOD(driver_->rename("web", "shop"));
    EXPECT_THAT(GOT(driver_->list()), ElementsAre("shop"));
    EXPECT_GOOD(driver_->teardown("shop"));
    EXPECT_GOOD(driver_->teardown("shop"));
    EXPECT_FALSE(GOT(driver_->status("shop")).exists);
    EXPECT_THAT(GOT(driver_->list()), IsEmpty());
    EXPECT_THAT(GOT(driver_->recover(true)), IsEmpty());
}

TEST_P(StorageConformance, AReadOnlyRootHasNoWritableLayer) {
    add_layer(1);
    auto wanted = request("web", {1});
    wanted.read_only = true;
    with_rootfs(wanted, [&] {
        EXPECT_EQ(open((root() + "/file").c_str(), O_WRONLY | O_CREAT, 0644), -1);
        EXPECT_EQ(errno, EROFS);
    });
    EXPECT_THAT(GOT(driver_->list()), IsEmpty());
    EXPECT_FALSE(GOT(driver_->status("web")).exists);
    EXPECT_THAT(GOT(driver_->diff("web", {key(1)})), IsEmpty());
}

TEST_P(StorageConformance, RenameTakesNoNameThatIsTaken) {
    add_layer(1);
    for (const char* name : {"one", "two"}) with_rootfs(request(name, {1}), [] {});
    EXPECT_REFUSED(driver_->rename("one", "two"), Errc::exists);
    EXPECT_GOOD(driver_->rename("never-started", "three"));
    EXPECT_THAT(GOT(driver_->list()), ElementsAre("one", "two"));
}

TEST_P(StorageConformance, ContainerNamesAreNoPaths) {
    add_layer(1);
    for (const char* bad : {"", "..", "../x", "a/b", ".hidden", "a b", "a\n"}) {
        EXPECT_REFUSED(driver_->prepare(request(bad, {1})), Errc::invalid);
        EXPECT_REFUSED(driver_->teardown(bad), Errc::invalid);
        EXPECT_REFUSED(driver_->status(bad), Errc::invalid);
        EXPECT_REFUSED(driver_->diff(bad, {key(1)}), Errc::invalid);
        EXPECT_REFUSED(driver_->rename("web", bad), Errc::invalid);
    }
}

TEST_P(StorageConformance, UnknownOptionsAreRefusedByName) {
    add_layer(1);
    auto wanted = request("web", {1});
    wanted.options = {"no_such_option=1"};
    auto validated = driver_->validate(wanted);
    ASSERT_FALSE(validated.ok());
    EXPECT_THAT(validated.error().message(), testing::HasSubstr("no_such_option"));
    EXPECT_REFUSED(driver_->prepare(wanted), Errc::invalid);
}

TEST_P(StorageConformance, ASizeLimitIsEnforcedOrRefused) {
    add_layer(1);
    auto wanted = request("web", {1});
    wanted.size_limit = 4 << 20;
    if (auto validated = driver_->validate(wanted); !validated.ok()) {
        EXPECT_EQ(validated.error().code(), Errc::unsupported) << validated.error().message();
        EXPECT_REFUSED(driver_->prepare(wanted), Errc::unsupported);
        EXPECT_THAT(GOT(driver_->list()), IsEmpty()) << "a refused start left a writable layer";
        return;
    }
    with_rootfs(wanted, [&] { EXPECT_FALSE(os::write_file_atomic(root() + "/big", std::string(8 << 20, 'x')).ok()); });
}

TEST_P(StorageConformance, PrepareForManyContainersAtOnce) {
    add_layer(1);
    std::vector<std::thread> threads;
    std::atomic<int> good = 0;
    for (int number = 0; number < 8; ++number)
        threads.emplace_back([&, number] { good += driver_->prepare(request(fmt::format("c{}", number), {1})).ok() ? 1 : 0; });
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(good, 8);
    EXPECT_EQ(GOT(driver_->list()).size(), 8U);
}

// A driver may say that it cannot; then it says so of everything, and touches nothing.
TEST_P(StorageConformance, AWritableLayerBecomesALayerOrIsLeftAlone) {
    add_layer(1);
    with_rootfs(request("web", {1}), [&] { put(root() + "/file", "x"); });
    auto files = driver_->writable_files("web", {key(1)});
    auto adopted = driver_->layer_adopt("web", key(2), 1);
    if (!adopted.ok()) {
        EXPECT_EQ(adopted.error().code(), Errc::unsupported) << adopted.error().message();
        EXPECT_REFUSED(std::move(files), Errc::unsupported);
        EXPECT_TRUE(GOT(driver_->status("web")).exists);
        EXPECT_THAT(GOT(driver_->layer_list()), ElementsAre(key(1)));
        return;
    }
    EXPECT_EQ(GOT(std::move(files)).below.size(), 1U);
    EXPECT_FALSE(GOT(driver_->status("web")).exists);
    EXPECT_EQ(GOT(load()->layer_size(key(2))), 1U);
    EXPECT_THAT(GOT(driver_->recover(true)), IsEmpty());
    EXPECT_THAT(GOT(driver_->list()), IsEmpty());
}

// A driver may say that it cannot.
TEST_P(StorageConformance, TheFilesOfALayerAreOnTheFileSystemOfStagings) {
    add_layer(1);
    const auto files = driver_->layer_files(key(1));
    if (!files.ok()) {
        EXPECT_EQ(files.error().code(), Errc::unsupported) << files.error().message();
        return;
    }
    EXPECT_REFUSED(driver_->layer_files(key(7)), Errc::not_found);
    EXPECT_REFUSED(driver_->layer_files("../x"), Errc::invalid);
    auto staging = GOT(driver_->layer_begin(key(2), ""));
    struct stat one {
    }, other{};
    ASSERT_EQ(fstat(files->get(), &one), 0);
    ASSERT_EQ(stat(staging.path.c_str(), &other), 0);
    EXPECT_TRUE(S_ISDIR(one.st_mode));
    EXPECT_EQ(one.st_dev, other.st_dev);
    EXPECT_GOOD(driver_->layer_abort(std::move(staging)));
}

INSTANTIATE_TEST_SUITE_P(Drivers, StorageConformance, testing::Values(StorageCase{"overlayfs"}, StorageCase{"noop"}),
                         [](const auto& one) { return std::string(one.param.driver); });

}  // namespace
