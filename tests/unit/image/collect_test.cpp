#include "support.hpp"

#include "image/collect.hpp"
#include "image/hasher.hpp"
#include "image/roots.hpp"
#include "image/usage.hpp"
#include "os/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>

namespace gantry::image::test {
namespace {

constexpr std::int64_t now = 1'000'000;

struct CollectTest : testing::Test {
    Scratch scratch;
    FolderDriver driver{scratch / "storage"};
    Store store = Store::open(paths_below(scratch.path()), driver).value();
    std::vector<Digest> in_use;
    std::uint64_t budget = 1;  // the disk is full until so many bytes less are in the store
    std::uint64_t full = 0;

    static void touch(const std::string& path, std::int64_t time) {
        const timespec times[2] = {{time, 0}, {time, 0}};
        ASSERT_EQ(utimensat(AT_FDCWD, path.c_str(), times, 0), 0) << path;
    }
    Digest image(const std::string& name, std::int64_t used) {
        const Blobs blobs = put_image(store, {Tar().file("file", std::string(10'000, name[0]) + name).text()}, name);
        const auto added = store.add(
            blobs.manifest, name == "nameless" ? std::nullopt : std::optional(ImageRef::parse(name).value()), std::nullopt);
        EXPECT_TRUE(added.ok());
        touch(store.blob_path(blobs.manifest), used);
        return blobs.config;
    }
    void cached(const std::string& step, std::int64_t used) {
        const Blobs blobs = put_image(store, {Tar().file("file", std::string(10'000, step[0]) + step).text()}, step);
        CachedStep made{step, "2024-01-02T03:04:05Z", {}};
        const std::string key(blobs.diff_ids[0].hex());
        made.layer = CachedStep::Layer{blobs.layers[0], key, blobs.diff_ids[0], driver.layer_size(key).value()};
        ASSERT_TRUE(BuildCache(store).put(digest_of(step), made).ok());
        touch(fmt::format("{}/{}.json", roots_folder(store.paths(), "build"), digest_of(step).hex()), used);
    }
    std::uint64_t size() {
        const StoreUsage total = usage(store, {}).value();
        std::uint64_t bytes = total.blobs;
        const auto keys = driver.layer_list().value();
        for (const auto& key : keys) bytes += driver.layer_size(key).value();
        return bytes;
    }
    Collected collect(bool dry_run = false, std::uint64_t keep = 0) {
        full = size();
        CollectOptions options;
        options.unused_since = now;
        options.dry_run = dry_run;
        options.keep_cache = keep;
        options.excess = [&](unsigned) -> Result<std::uint64_t> {
            const std::uint64_t freed = full - std::min(full, size());
            return budget - std::min(budget, freed);
        };
        options.in_use = [&]() -> Result<std::vector<Digest>> { return in_use; };
        auto done = image::collect(store, options);
        EXPECT_TRUE(done.ok()) << done.error().message();
        return done.ok() ? *done : Collected{};
    }
    static std::vector<std::string> names(const Collected& done) {
        std::vector<std::string> list;
        for (const auto& item : done.items) list.push_back(item.name);
        return list;
    }
};

TEST_F(CollectTest, CacheThenNamelessThenTheLongestUnused) {
    image("docker.io/library/old:1", 10);
    image("docker.io/library/older:1", 5);
    image("nameless", 20);
    cached("RUN a", 100);
    cached("RUN b", 50);
    budget = 1'000'000;
    const Collected done = collect();
    EXPECT_THAT(names(done),
                testing::ElementsAre("RUN b", "RUN a", "", "docker.io/library/older:1", "docker.io/library/old:1"));
    EXPECT_GT(done.missing, 0U);
    EXPECT_EQ(done.missing, budget - full + size());
    EXPECT_TRUE(store.list()->empty());
    EXPECT_TRUE(driver.layer_list()->empty());
    EXPECT_TRUE(store.check(false, true)->empty());
}

TEST_F(CollectTest, NoMoreThanNeeded) {
    image("docker.io/library/old:1", 10);
    image("docker.io/library/older:1", 5);
    cached("RUN a", 100);
    budget = 30'000;  // more than the cache entry gives back, less than with one image
    EXPECT_THAT(names(collect(true)), testing::ElementsAre("RUN a", "docker.io/library/older:1"));
    EXPECT_EQ(store.list()->size(), 2U) << "a dry run";
    EXPECT_EQ(list_cache(store)->size(), 1U);
    const Collected done = collect();
    EXPECT_THAT(names(done), testing::ElementsAre("RUN a", "docker.io/library/older:1"));
    EXPECT_EQ(done.missing, 0U);
    EXPECT_GE(done.bytes, budget);
    budget = 0;
    EXPECT_TRUE(collect().items.empty()) << "the disk is not full";
}

TEST_F(CollectTest, WhatStays) {
    in_use.push_back(image("docker.io/library/used:1", 10));
    image("docker.io/library/young:1", now);
    cached("RUN young", now);
    cached("RUN kept", 5);
    budget = 1'000'000;
    const Collected done = collect(false, 25'000);
    EXPECT_TRUE(done.items.empty());
    EXPECT_EQ(done.missing, budget);
    EXPECT_THAT(names(collect()), testing::ElementsAre("RUN kept"));
    EXPECT_EQ(store.list()->size(), 2U);
}

TEST_F(CollectTest, NothingDuringATransfer) {
    image("docker.io/library/old:1", 10);
    const auto held = store.hold();
    const Collected done = collect();
    EXPECT_TRUE(done.transfer);
    EXPECT_TRUE(done.items.empty());
    EXPECT_EQ(store.list()->size(), 1U);
}

TEST_F(CollectTest, NothingOfADamagedStore) {
    image("docker.io/library/old:1", 10);
    ASSERT_TRUE(os::make_dirs(roots_folder(store.paths(), "registry")).ok());
    ASSERT_TRUE(os::write_file_atomic(roots_folder(store.paths(), "registry") + "/x.json", "{").ok());
    CollectOptions options;
    options.unused_since = now;
    options.excess = [](unsigned) { return Result<std::uint64_t>(1); };
    options.in_use = [] { return Result<std::vector<Digest>>(std::vector<Digest>()); };
    const auto done = image::collect(store, options);
    ASSERT_FALSE(done.ok());
    EXPECT_EQ(done.error().code(), Errc::corrupt);
    EXPECT_EQ(store.list()->size(), 1U);
}

TEST_F(CollectTest, UsageCountsEachLayerOnceAndForOne) {
    const Digest first = image("docker.io/library/a:1", 10);
    const Digest second = image("docker.io/library/b:1", 10);
    cached("RUN a", 5);
    const auto layer_of = [&](const Digest& id) {
        return driver.layer_size(store.layer_keys(store.config(store.find(id.str()).value()).value())[0]).value();
    };
    StoreUsage total = usage(store, {first}).value();
    EXPECT_EQ(total.layers, layer_of(first) + layer_of(second)) << "the cache's layer is not an image's";
    EXPECT_EQ(total.reclaimable, layer_of(second));
    for (const ImageUsage& one : total.images) EXPECT_EQ(one.shared, 0U);

    // A root that has an image's layer: removing the image would not free it.
    const std::string key = store.layer_keys(store.config(store.find(second.str()).value()).value())[0];
    ASSERT_TRUE(os::make_dirs(roots_folder(store.paths(), "registry")).ok());
    ASSERT_TRUE(
        os::write_file_atomic(roots_folder(store.paths(), "registry") + "/x.json", fmt::format(R"({{"layers":["{}"]}})", key))
            .ok());
    total = usage(store, {first}).value();
    EXPECT_EQ(total.layers, layer_of(first) + layer_of(second));
    EXPECT_EQ(total.reclaimable, 0U);
    for (const ImageUsage& one : total.images) EXPECT_EQ(one.unique == 0, one.image.id == second);
}

}  // namespace
}  // namespace gantry::image::test
