#include "driver/loader.hpp"

#include "driver/descriptor.hpp"
#include "driver/older_storage.hpp"
#include "noop_driver.hpp"
#include "os/file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

using namespace gantry;
using namespace gantry::driver;
using testing::HasSubstr;

namespace {

struct Bad {
    const char* name;
    const char* says;
};

class LoaderRefuses : public testing::TestWithParam<Bad> {};

TEST_P(LoaderRefuses, WithOneClearError) {
    Loader loader(GANTRY_BUILD_DIR "/bad-drivers", "/nowhere", "/nowhere");
    auto driver = loader.storage(GetParam().name);
    ASSERT_FALSE(driver.ok());
    const std::string& message = driver.error().message();
    EXPECT_THAT(message, HasSubstr(GetParam().says));
    EXPECT_THAT(message, HasSubstr(std::string("storage driver '") + GetParam().name + "'"));
    EXPECT_THAT(message, testing::Not(HasSubstr("\n")));
}

INSTANTIATE_TEST_SUITE_P(Descriptors, LoaderRefuses,
                         testing::Values(Bad{"magic", "magic 0x1234"}, Bad{"size", "size of 16 bytes"},
                                         Bad{"too-big", "size of 4096 bytes"}, Bad{"major", "built for driver ABI 2."},
                                         Bad{"minor", "needs driver ABI 1.9, newer than"}, Bad{"kind", "driver of network"},
                                         Bad{"strange-kind", "driver of kind 7"}, Bad{"no-name", "calls itself ''"},
                                         Bad{"other-name", "calls itself 'renamed'"}, Bad{"no-version", "no version"},
                                         Bad{"no-create", "no create function"}, Bad{"create-fails", "could not be created"},
                                         Bad{"no-symbol", "exports no symbol 'gantry_driver'"},
                                         Bad{"function", "is no data object"}, Bad{"short", "has 8 bytes"},
                                         Bad{"unresolved", "gantry_test_nobody_defines_this"},
                                         Bad{"missing", "no such driver is installed"}),
                         [](const auto& bad) {
                             std::string name = bad.param.name;
                             std::ranges::replace(name, '-', '_');
                             return name;
                         });

class LoaderFolder : public testing::Test {
protected:
    void SetUp() override {
        char pattern[] = "/tmp/gantry-loader-XXXXXX";
        ASSERT_NE(mkdtemp(pattern), nullptr);
        folder_ = pattern;
        ASSERT_TRUE(os::make_dirs(folder_ + "/storage").ok());
    }
    void TearDown() override { EXPECT_TRUE(os::remove_tree(folder_).ok()); }
    std::string refusal(const std::string& name) {
        auto driver = Loader(folder_, "/nowhere", "/nowhere").storage(name);
        return driver.ok() ? "" : driver.error().message();
    }
    std::string folder_;
};

TEST_F(LoaderFolder, RefusesWhatIsNoSharedObject) {
    ASSERT_TRUE(os::write_file_atomic(folder_ + "/storage/text.so", std::string(4096, 'x')).ok());
    ASSERT_TRUE(os::write_file_atomic(folder_ + "/storage/empty.so", "").ok());
    ASSERT_TRUE(os::write_file_atomic(folder_ + "/storage/cut.so", std::string("\x7f"
                                                                               "ELF\2\1\1",
                                                                               7) +
                                                                       std::string(20, '\0'))
                    .ok());
    ASSERT_TRUE(os::make_dirs(folder_ + "/storage/folder.so").ok());
    EXPECT_THAT(refusal("text"), HasSubstr("ELF"));
    EXPECT_THAT(refusal("empty"), HasSubstr("file too short"));
    EXPECT_THAT(refusal("cut"), HasSubstr("file too short"));
    EXPECT_THAT(refusal("folder"), HasSubstr("not a regular file"));
}

TEST_F(LoaderFolder, NamesAreNoPaths) {
    for (const char* name : {"", "..", "../x", "a/b", "/etc/passwd", "Über", "a b", "-x", "A"})
        EXPECT_THAT(refusal(name), HasSubstr("is not a driver's name")) << name;
    EXPECT_THAT(refusal(std::string(65, 'a')), HasSubstr("is not a driver's name"));
}

TEST_F(LoaderFolder, ListOfAnEmptyOrMissingFolderIsEmpty) {
    EXPECT_TRUE(Loader(folder_, "", "").list().empty());
    EXPECT_TRUE(Loader(folder_ + "/missing", "", "").list().empty());
}

TEST(LoaderList, NamesEveryProblemAndStillListsTheRest) {
    const auto drivers = Loader(GANTRY_BUILD_DIR "/bad-drivers", "", "").list();
    EXPECT_EQ(drivers.size(), 16U);
    for (const DriverInfo& info : drivers) {
        // "create-fails" has a good descriptor: list() creates nothing.
        EXPECT_EQ(info.problem.empty(), info.name == "create-fails") << info.name;
        EXPECT_EQ(info.kind, GANTRY_DRIVER_STORAGE);
    }
}

TEST(Descriptor, AnOlderSizeOfTheSameAbiIsTaken) {
    const auto make = [](const HostContext*) -> void* { return nullptr; };
    gantry_driver_descriptor descriptor{
        GANTRY_DRIVER_MAGIC, 48, GANTRY_DRIVER_ABI_MAJOR, 0, GANTRY_DRIVER_STORAGE, "x", "1", make};
    EXPECT_TRUE(check_descriptor(&descriptor, 48, "x", GANTRY_DRIVER_STORAGE).ok());
    EXPECT_TRUE(check_descriptor(&descriptor, 0, "x", GANTRY_DRIVER_STORAGE).ok());
    descriptor.version = "a\nb";
    EXPECT_FALSE(check_descriptor(&descriptor, 48, "x", GANTRY_DRIVER_STORAGE).ok());
}

// As if built before those functions were: calling them would jump to wherever the table ends.
class Older : public noop::NoopDriver {
public:
    using NoopDriver::NoopDriver;
    Result<os::Fd> layer_files(const LayerKey&) override { std::abort(); }
};
class Old final : public Older {
public:
    using Older::Older;
    Result<WritableFiles> writable_files(const std::string&, const std::vector<LayerKey>&) override { std::abort(); }
    Result<> layer_adopt(const std::string&, const LayerKey&, std::uint64_t) override { std::abort(); }
};
class Since11 final : public Older {
public:
    using Older::Older;
    Result<WritableFiles> writable_files(const std::string&, const std::vector<LayerKey>&) override { return WritableFiles{}; }
    Result<> layer_adopt(const std::string&, const LayerKey&, std::uint64_t) override { return {}; }
};

TEST_F(LoaderFolder, ADriverOfAbi10IsNotAskedForWhatItDoesNotHave) {
    const std::string data = folder_ + "/data";
    const HostContext host{data.c_str(), "/nowhere"};
    const auto driver = adapt_older_storage(std::make_unique<Old>(host), 0);
    ASSERT_TRUE(driver->probe().ok());
    auto staging = driver->layer_begin(std::string(64, 'a'), "");
    ASSERT_TRUE(staging.ok()) << staging.error().message();
    EXPECT_TRUE(driver->layer_commit(std::move(staging).value(), 7).ok());
    EXPECT_EQ(driver->layer_size(std::string(64, 'a')).value_or(0), 7U);
    EXPECT_EQ(driver->writable_files("web", {}).error().code(), Errc::unsupported);
    EXPECT_EQ(driver->layer_adopt("web", std::string(64, 'b'), 1).error().code(), Errc::unsupported);
    EXPECT_EQ(driver->layer_files(std::string(64, 'a')).error().code(), Errc::unsupported);
}

TEST_F(LoaderFolder, ADriverOfAbi11IsAskedForWhatItHas) {
    const HostContext host{"/nowhere", "/nowhere"};
    const auto driver = adapt_older_storage(std::make_unique<Since11>(host), 1);
    EXPECT_TRUE(driver->writable_files("web", {}).ok());
    EXPECT_TRUE(driver->layer_adopt("web", std::string(64, 'b'), 1).ok());
    EXPECT_EQ(driver->layer_files(std::string(64, 'a')).error().code(), Errc::unsupported);
}

}  // namespace
