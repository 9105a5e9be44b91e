// What the verifier refuses is told, and leaves nothing. Needs root and a bpffs of its own.
#include "load/object.hpp"
#include "load/pins.hpp"

#include "refused.skel.h"

#include <gmock/gmock.h>
#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>

using namespace gantry;
using testing::HasSubstr;

TEST(RefusedPrograms, SayWhatTheVerifierSaidAndLeaveNothing) {
    char name[] = "/tmp/gantry-refused-XXXXXX";
    const std::string folder = mkdtemp(name), pins = folder + "/gantry";
    if (geteuid() != 0 || mount("bpf", folder.c_str(), "bpf", 0, nullptr) != 0) GTEST_SKIP() << "needs root and a bpffs";
    std::size_t size = 0;
    const auto* bytes = static_cast<const char*>(refused_bpf__elf_bytes(&size));
    const auto load = [&](const std::string& into) { return bpf::load_and_pin({bytes, size}, "refused", into); };
    const auto made = bpf::make_pins(
        {pins, "refused", "1"}, folder + ".lock", [] { return false; }, load);
    ASSERT_FALSE(made.ok());
    EXPECT_THAT(made.error().message(), HasSubstr("load the refused programs"));
    EXPECT_THAT(made.error().message(), HasSubstr("outside of the packet"));
    EXPECT_TRUE(std::filesystem::is_empty(pins));
    umount2(folder.c_str(), MNT_DETACH);
    std::filesystem::remove(folder);
    std::filesystem::remove(folder + ".lock");
}

TEST(RefusedPrograms, NoBpffsIsSaidAsSuch) {
    const auto made = bpf::make_pins(
        {"/tmp/gantry", "refused", "1"}, "/tmp/gantry-refused.lock", [] { return false; },
        [](const std::string&) { return Result<>(); });
    ASSERT_FALSE(made.ok());
    EXPECT_THAT(made.error().message(), HasSubstr("no bpffs is mounted on '/tmp'"));
}
