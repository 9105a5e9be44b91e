// What every storage driver's tests stand on: the built .so, loaded as the engine loads it, over an empty data folder on a real
// disk (overlayfs takes no overlay as its upper layer), in a mount namespace of the test program's own (see main.cpp). Needs
// root.
#pragma once

#include "driver/loader.hpp"
#include "os/file.hpp"
#include "os/mount.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/fsuid.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstdlib>

namespace gantry::testing_support {

struct StorageCase {  // one driver under test
    const char* driver;
};

inline std::string key(int number) { return fmt::format("{:064x}", number); }

// The value of a Result that must be ok: EXPECT shows the error's text.
#define GOT(expression)                                                                                    \
    ({                                                                                                     \
        auto got_result_ = (expression);                                                                   \
        if (!got_result_.ok()) throw std::runtime_error(#expression ": " + got_result_.error().message()); \
        std::move(got_result_).value();                                                                    \
    })
#define EXPECT_GOOD(expression)                                           \
    do {                                                                  \
        auto good_result_ = (expression);                                 \
        EXPECT_TRUE(good_result_.ok()) << good_result_.error().message(); \
    } while (false)
#define EXPECT_REFUSED(expression, code_)                                                                                     \
    do {                                                                                                                      \
        auto bad_result_ = (expression);                                                                                      \
        if (bad_result_.ok())                                                                                                 \
            ADD_FAILURE() << #expression << " was not refused";                                                               \
        else                                                                                                                  \
            EXPECT_EQ(errc_name(bad_result_.error().code()), std::string(errc_name(code_))) << bad_result_.error().message(); \
    } while (false)

inline std::string mount_table() { return os::read_file("/proc/self/mountinfo").value_or("unreadable"); }

class StorageFixture : public testing::Test {
protected:
    void start(const char* driver_name) {
        ASSERT_EQ(geteuid(), 0U) << "storage drivers need root";
        const char* scratch = std::getenv("GANTRY_TEST_DISK");
        folder_ = fmt::format("{}/gantry-storage-XXXXXX", scratch ? scratch : "/var/tmp");
        ASSERT_NE(mkdtemp(folder_.data()), nullptr) << folder_;
        driver_name_ = driver_name;
        driver_ = load();
        ASSERT_TRUE(os::make_dirs(root()).ok());
        before_ = mount_table();
    }
    std::unique_ptr<driver::StorageDriver> load() {
        auto made = GOT(driver::Loader(GANTRY_BUILD_DIR "/drivers", folder_ + "/data", folder_ + "/run").storage(driver_name_));
        GOT(made->probe());
        return made;
    }
    void TearDown() override {
        umount2(root().c_str(), MNT_DETACH);
        if (!before_.empty()) {
            EXPECT_EQ(mount_table(), before_) << "a mount was left";
        }
        if (!folder_.empty()) EXPECT_GOOD(os::remove_tree(folder_));
    }

    [[nodiscard]] std::string root() const { return folder_ + "/root"; }

    // A layer with whatever `fill` puts into the folder it is given.
    void add_layer(int number, const std::function<void(const std::string&)>& fill = {}, int parent = -1) {
        auto staging = GOT(driver_->layer_begin(key(number), parent < 0 ? "" : key(parent)));
        if (fill) fill(staging.path);
        GOT(driver_->layer_commit(std::move(staging), 100 + static_cast<std::uint64_t>(number)));
    }
    static void put(const std::string& path, std::string_view text) { GOT(os::write_file_atomic(path, text, 0644, false)); }
    static void put_folder(const std::string& path) { GOT(os::make_dirs(path)); }
    // A deletion as the driver's layer format wants it.
    void put_deletion(const std::string& path) {
        if (driver_->layer_format() == driver::LayerFormat::overlay) {
            ASSERT_EQ(mknod(path.c_str(), S_IFCHR, makedev(0, 0)), 0);
        } else {
            ASSERT_TRUE(os::remove_tree(path).ok());
        }
    }

    static driver::RootfsRequest request(const std::string& container, std::initializer_list<int> layers) {
        driver::RootfsRequest made{.container = container};
        for (const int layer : layers) made.layers.push_back(key(layer));
        return made;
    }
    // Prepares and attaches on root(), runs body, takes it away again.
    void with_rootfs(const driver::RootfsRequest& wanted, const std::function<void()>& body) {
        EXPECT_GOOD(driver_->validate(wanted));
        {
            auto rootfs = GOT(driver_->prepare(wanted));
            GOT(os::attach_mount(rootfs.mount.get(), AT_FDCWD, root()));
        }
        body();
        GOT(os::unmount(root(), MNT_DETACH));
    }
    [[nodiscard]] std::string text(const std::string& path) const { return os::read_file(root() + path).value_or("(missing)"); }

    std::string driver_name_, folder_, before_;
    std::unique_ptr<driver::StorageDriver> driver_;
};

}  // namespace gantry::testing_support
