// A root that layers are unpacked into, and what is looked at afterwards.
#pragma once

#include "support.hpp"

#include <sys/stat.h>
#include <sys/xattr.h>

namespace gantry::image::test {

struct UnpackTest : testing::Test {
    Scratch scratch;
    const std::string root = scratch / "root";

    void good(const Tar& tar, driver::LayerFormat format = driver::LayerFormat::overlay) {
        const auto done = unpack(tar.text(), root, format);
        ASSERT_TRUE(done.ok()) << done.error().message();
    }
    struct stat info(const std::string& name) {
        struct stat info {};
        EXPECT_EQ(lstat((root + "/" + name).c_str(), &info), 0) << name;
        return info;
    }
    std::string text(const std::string& name) { return read_text(root + "/" + name); }
    std::string xattr(const std::string& name, const char* key) {
        char value[256];
        const ssize_t size = lgetxattr((root + "/" + name).c_str(), key, value, sizeof value);
        return size < 0 ? "none" : std::string(value, static_cast<std::size_t>(size));
    }
    bool whiteout(const std::string& name) {
        struct stat found {};
        return lstat((root + "/" + name).c_str(), &found) == 0 && S_ISCHR(found.st_mode) && found.st_rdev == 0;
    }
    bool opaque(const std::string& name) { return xattr(name, "trusted.overlay.opaque") == "y"; }
};

}  // namespace gantry::image::test
