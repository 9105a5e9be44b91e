#include "container/volume_store.hpp"
#include "scratch.hpp"

#include <thread>

using namespace gantry;
using container::VolumeInfo;

namespace {
VolumeInfo named(const std::string& name) {
    VolumeInfo volume;
    volume.name = name;
    return volume;
}
}  // namespace

TEST(VolumeStore, a_volume_is_made_once_and_read_back) {
    test::Scratch scratch;
    VolumeInfo wanted = named("data");
    wanted.labels = {{"k", "v"}, {"bytes", "\xff\xfe"}};
    auto made = container::make_volume(scratch.paths, wanted);
    ASSERT_TRUE(made.ok()) << made.error().message();
    EXPECT_TRUE(os::path_exists(made->path));
    EXPECT_EQ(container::make_volume(scratch.paths, wanted).error().code(), Errc::exists);
    auto read = container::read_volume(scratch.paths, "data");
    ASSERT_TRUE(read.ok());
    EXPECT_EQ(read->labels.at("k"), "v");
    EXPECT_EQ(read->created, made->created);
    ASSERT_TRUE(container::erase_volume(scratch.paths, "data").ok());
    ASSERT_TRUE(container::erase_volume(scratch.paths, "data").ok());
    EXPECT_EQ(container::read_volume(scratch.paths, "data").error().code(), Errc::not_found);
    EXPECT_TRUE(container::sweep_volumes(scratch.paths, false)->empty());
}

TEST(VolumeStore, what_it_cannot_do_it_refuses) {
    test::Scratch scratch;
    VolumeInfo nfs = named("nfs");
    nfs.options = {{"type", "nfs"}};
    EXPECT_EQ(container::make_volume(scratch.paths, nfs).error().code(), Errc::unsupported);
    VolumeInfo foreign = named("x1");
    foreign.driver = "ceph";
    EXPECT_EQ(container::make_volume(scratch.paths, foreign).error().code(), Errc::unsupported);
    for (const char* name : {"../x", "a b", ".new-1", ""})
        EXPECT_EQ(container::make_volume(scratch.paths, named(name)).error().code(), Errc::invalid);
    EXPECT_TRUE(container::read_volumes(scratch.paths)->empty());
}

TEST(VolumeStore, parallel_first_uses_share_one_volume) {
    test::Scratch scratch;
    std::atomic<int> good = 0;
    {
        std::vector<std::jthread> threads;
        for (int index = 0; index < 8; ++index)
            threads.emplace_back([&] { good += container::ensure_volume(scratch.paths, named("shared")).ok() ? 1 : 0; });
    }
    EXPECT_EQ(good, 8);
    EXPECT_EQ(os::list_dir(scratch.paths.volumes())->size(), 1U);
}

TEST(VolumeStore, a_broken_description_loses_no_data) {
    test::Scratch scratch;
    ASSERT_TRUE(container::make_volume(scratch.paths, named("data")).ok());
    ASSERT_TRUE(os::write_file_atomic(scratch.paths.volumes() + "/data/volume.json", "{\"created\": [[[").ok());
    auto read = container::read_volume(scratch.paths, "data");
    ASSERT_TRUE(read.ok());
    EXPECT_GT(read->created, 0);
}

TEST(VolumeStore, leftovers_are_found_and_swept) {
    test::Scratch scratch;
    ASSERT_TRUE(container::make_volume(scratch.paths, named("data")).ok());
    ASSERT_TRUE(os::make_dirs(scratch.paths.volumes() + "/.gone-1/_data/deep").ok());
    ASSERT_TRUE(os::make_dirs(scratch.paths.volumes() + "/.new-1").ok());
    EXPECT_EQ(container::sweep_volumes(scratch.paths, false)->size(), 2U);
    EXPECT_EQ(container::sweep_volumes(scratch.paths, true)->size(), 2U);
    EXPECT_TRUE(container::sweep_volumes(scratch.paths, false)->empty());
    EXPECT_EQ(container::read_volumes(scratch.paths)->size(), 1U);
}

TEST(VolumeStore, anonymous_names_are_a_function_of_container_and_target) {
    const auto name = container::anonymous_volume_name("id", "/data");
    EXPECT_EQ(name.size(), 64U);
    EXPECT_EQ(name, container::anonymous_volume_name("id", "/data"));
    EXPECT_NE(name, container::anonymous_volume_name("id", "/data2"));
    EXPECT_NE(name, container::anonymous_volume_name("id2", "/data"));
}
