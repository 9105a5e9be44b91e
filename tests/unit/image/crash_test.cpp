// Whatever stops a transfer, the store is consistent, and the next transfer heals what is left. Needs root (a tmpfs of its
// own).
#include "support.hpp"

#include "image/hasher.hpp"
#include "image/transfer.hpp"
#include "os/file.hpp"

#include <csignal>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

namespace gantry::image::test {
namespace {

namespace fs = std::filesystem;

struct CrashTest : testing::Test {
    Scratch scratch;
    const std::string file = scratch / "archive.tar";
    std::vector<std::string> layers;

    void SetUp() override {
        for (int layer = 0; layer < 4; ++layer) {
            Tar tar;
            for (int at = 0; at < 60; ++at)
                tar.file(fmt::format("l{}/f{}", layer, at), std::string(20'000, static_cast<char>('a' + layer)));
            layers.push_back(tar.text());
        }
        FolderDriver driver(scratch / "source_storage");
        Store store = Store::open(paths_below(scratch / "source"), driver).value();
        const Blobs blobs = put_image(store, layers);
        ASSERT_TRUE(store.add(blobs.manifest, ImageRef::parse("web:1").value(), std::nullopt).ok());
        ASSERT_TRUE(save(store, {"web:1"}, ArchiveFormat::docker_archive, file).ok());
    }
    pid_t load_in_child(const std::string& root) {
        const pid_t child = fork();
        if (child != 0) return child;
        FolderDriver driver(root + "/storage");
        Store store = Store::open(paths_below(root), driver).value();
        _exit(load(store, file, {}).ok() ? 0 : 1);
    }
    static int status_of(pid_t child) {
        int status = 0;
        EXPECT_EQ(waitpid(child, &status, 0), child);
        return status;
    }
};

TEST_F(CrashTest, KilledAtAnyMoment) {
    const std::string root = scratch / "killed";
    int killed = 0;
    for (int after = 1; after < 60; after += 4) {
        const pid_t child = load_in_child(root);
        std::this_thread::sleep_for(std::chrono::milliseconds(after));
        kill(child, SIGKILL);
        killed += WIFSIGNALED(status_of(child));

        FolderDriver driver(root + "/storage");
        Store store = Store::open(paths_below(root), driver).value();
        const auto images = store.list();
        ASSERT_TRUE(images.ok()) << images.error().message();
        for (const Image& image : *images) EXPECT_TRUE(store.config(image).ok());
        const auto findings = store.check(after % 8 == 1, true);
        ASSERT_TRUE(findings.ok()) << findings.error().message();
        for (const Finding& finding : *findings)
            EXPECT_EQ(finding.object, "image store") << finding.problem << ": an image is damaged";
        if (!images->empty()) {
            ASSERT_TRUE(store.remove("web:1", {}, false).ok());
        }
    }
    EXPECT_GT(killed, 0);
    FolderDriver driver(root + "/storage");
    Store store = Store::open(paths_below(root), driver).value();
    ASSERT_TRUE(load(store, file, {}).ok());
    const auto findings = store.check(false, true);
    ASSERT_TRUE(findings.ok());
    for (const Finding& finding : *findings)
        EXPECT_TRUE(finding.problem.find("temporary") != std::string::npos ||
                    finding.problem.find("part-") != std::string::npos)
            << finding.problem;
    ASSERT_TRUE(store.check(true, false).ok());
    EXPECT_TRUE(store.check(false, true)->empty());
}

TEST_F(CrashTest, TwoProcessesLoadTheSame) {
    const std::string root = scratch / "both";
    const pid_t one = load_in_child(root);
    const pid_t two = load_in_child(root);
    EXPECT_EQ(status_of(one), 0);
    EXPECT_EQ(status_of(two), 0);
    FolderDriver driver(root + "/storage");
    Store store = Store::open(paths_below(root), driver).value();
    EXPECT_EQ(store.list()->size(), 1u);
    EXPECT_TRUE(store.check(false, true)->empty());
}

TEST_F(CrashTest, FullDisk) {
    ASSERT_EQ(unshare(CLONE_NEWNS), 0) << "needs root";
    ASSERT_EQ(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
    const std::string root = scratch / "full";
    fs::create_directories(root);
    int full = 0;
    bool done = false;
    for (int kilobytes = 300; kilobytes < 20'000 && !done; kilobytes = kilobytes * 3 / 2) {
        ASSERT_EQ(mount("full", root.c_str(), "tmpfs", 0, fmt::format("size={}k", kilobytes).c_str()), 0);
        {
            FolderDriver driver(root + "/storage");
            Store store = Store::open(paths_below(root), driver).value();
            const auto loaded = load(store, file, {});
            done = loaded.ok();
            if (!done) {
                ++full;
                EXPECT_EQ(loaded.error().code(), Errc::no_space) << loaded.error().message();
                EXPECT_TRUE(store.list()->empty());
                EXPECT_TRUE(fs::is_empty(root + "/data/images/partial")) << "a full disk keeps no part";
                EXPECT_TRUE(fs::is_empty(root + "/storage/staging"));
                EXPECT_TRUE(store.check(true, true).ok());
            }
            EXPECT_TRUE(store.check(false, true)->empty());
        }
        ASSERT_EQ(umount(root.c_str()), 0);
    }
    EXPECT_TRUE(done);
    EXPECT_GT(full, 3);
}

}  // namespace
}  // namespace gantry::image::test
