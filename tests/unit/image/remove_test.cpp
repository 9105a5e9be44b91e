#include "support.hpp"

#include "image/filters.hpp"
#include "image/hasher.hpp"
#include "image/roots.hpp"
#include "image/usage.hpp"
#include "os/file.hpp"

namespace gantry::image::test {
namespace {

namespace fs = std::filesystem;

struct RemoveTest : testing::Test {
    Scratch scratch;
    FolderDriver driver{scratch / "storage"};
    Store store = Store::open(paths_below(scratch.path()), driver).value();
    const std::string base = Tar().file("base", "base").text();
    const std::string one = Tar().file("one", "one").text();
    const std::string two = Tar().file("two", "two!").text();
    Blobs first = put_image(store, {base, one}, "1");
    Blobs second = put_image(store, {base, two}, "2");

    static ImageRef ref(const std::string& text) { return ImageRef::parse(text).value(); }
    void name(const Blobs& blobs, const std::string& text) {
        const auto image = store.add(blobs.manifest, ref(text), std::nullopt);
        ASSERT_TRUE(image.ok()) << image.error().message();
    }
    std::size_t blob_count() {
        std::size_t count = 0;
        for ([[maybe_unused]] const auto& entry : fs::directory_iterator(store.paths().images() + "/blobs/sha256")) ++count;
        return count;
    }
    std::vector<std::string> layers() { return driver.layer_list().value(); }
    static std::string key(const Digest& digest) { return std::string(digest.hex()); }
};

TEST_F(RemoveTest, SharedLayersStay) {
    name(first, "one");
    name(second, "two");
    const auto lines = store.remove("one", {}, false);
    ASSERT_TRUE(lines.ok()) << lines.error().message();
    EXPECT_THAT(*lines,
                testing::ElementsAre("Untagged: one:latest", "Deleted: " + first.config.str(),
                                     "Deleted: " + digest_of(first.diff_ids[0].str() + " " + first.diff_ids[1].str()).str()));
    EXPECT_EQ(blob_count(), 4u);
    EXPECT_THAT(layers(), testing::UnorderedElementsAre(key(second.diff_ids[0]), key(second.diff_ids[1])));
    ASSERT_TRUE(store.remove("two", {}, false).ok());
    EXPECT_EQ(blob_count(), 0u);
    EXPECT_TRUE(layers().empty());
    EXPECT_EQ(store.remove("two", {}, false).error().code(), Errc::not_found);
}

TEST_F(RemoveTest, OneNameOfSeveral) {
    name(first, "one");
    name(first, "other/one:2");
    EXPECT_EQ(store.remove(key(first.config).substr(0, 8), {}, false).error().code(), Errc::in_use);
    EXPECT_THAT(*store.remove("one", {first.config}, false), testing::ElementsAre("Untagged: one:latest"));
    EXPECT_TRUE(store.find("other/one:2").ok());
    EXPECT_TRUE(store.remove(key(first.config), {}, false).ok());
    EXPECT_TRUE(store.list()->empty());
}

TEST_F(RemoveTest, UsedImagesAreKept) {
    name(first, "one");
    EXPECT_EQ(store.remove("one", {first.config}, false).error().code(), Errc::in_use);
    EXPECT_EQ(store.remove(first.config.str(), {first.config}, false).error().code(), Errc::in_use);
    EXPECT_TRUE(store.find("one").ok());
    EXPECT_THAT(*store.remove("one", {first.config}, true), testing::ElementsAre("Untagged: one:latest"));
    EXPECT_TRUE(store.find(first.config.str()).ok()) << "its containers go on to need it";
    EXPECT_TRUE(*driver.layer_exists(key(first.diff_ids[1])));
}

TEST_F(RemoveTest, DigestNames) {
    const std::string digest_name = "docker.io/library/one@" + first.manifest.str();
    ASSERT_TRUE(store.add(first.manifest, std::nullopt, digest_name).ok());
    EXPECT_EQ(store.find("one@" + first.manifest.str())->id, first.config);
    const auto lines = store.remove("one@" + first.manifest.str(), {}, false);
    ASSERT_TRUE(lines.ok());
    EXPECT_EQ(lines->front(), "Untagged: one@" + first.manifest.str());
    EXPECT_TRUE(store.list()->empty());
}

TEST_F(RemoveTest, NothingGoesWhileATransferRuns) {
    name(first, "one");
    {
        const auto held = store.hold();
        ASSERT_TRUE(store.remove("one", {}, false).ok());
        EXPECT_EQ(layers().size(), 3u);
        EXPECT_TRUE(store.add(first.manifest, ref("again"), std::nullopt).ok()) << "the transfer may still use what it found";
        ASSERT_TRUE(store.remove("again", {}, false).ok());
    }
    ASSERT_TRUE(store.prune(false, {}, {}).ok());
    EXPECT_TRUE(layers().empty());
    EXPECT_EQ(blob_count(), 0u);
}

TEST_F(RemoveTest, PruneTakesImagesWithoutNames) {
    name(first, "web");
    name(second, "web");
    const auto pruned = store.prune(false, {}, {});
    ASSERT_TRUE(pruned.ok());
    EXPECT_EQ(pruned->lines.front(), "deleted: " + first.config.str());
    EXPECT_GT(pruned->bytes, 3u);
    EXPECT_EQ(store.list()->size(), 1u);
    EXPECT_TRUE(store.prune(true, {second.config}, {})->lines.empty());
    EXPECT_FALSE(store.prune(true, {}, {})->lines.empty());
    EXPECT_TRUE(layers().empty());
}

TEST_F(RemoveTest, PruneFilters) {
    name(first, "one");
    EXPECT_TRUE(store.prune(true, {}, {{"until", "2023-01-01"}})->lines.empty());
    EXPECT_TRUE(store.prune(true, {}, {{"label", "m=2"}})->lines.empty());
    EXPECT_TRUE(store.prune(true, {}, {{"label!", "m"}})->lines.empty());
    EXPECT_FALSE(store.prune(true, {}, {{"nonsense", "x"}}).ok());
    EXPECT_FALSE(store.prune(true, {}, {{"until", "yesterday-ish"}}).ok());
    EXPECT_FALSE(store.prune(false, {}, {{"label", "m=1"}, {"until", "24h"}, {"dangling", "false"}})->lines.empty());
}

TEST(TimestampTest, Forms) {
    EXPECT_EQ(*parse_timestamp("1970-01-02"), 86400);
    EXPECT_EQ(*parse_timestamp("1970-01-01T00:00:10Z"), 10);
    EXPECT_EQ(*parse_timestamp("1970-01-01T00:00:10.123456789Z"), 10);
    EXPECT_EQ(*parse_timestamp("1970-01-01T02:00:00+02:00"), 0);
    EXPECT_FALSE(parse_timestamp("1970-01-01T02:00:00+2").ok());
    EXPECT_FALSE(parse_timestamp("soon").ok());
}

TEST_F(RemoveTest, SharedAndUniqueSizes) {
    name(first, "one");
    name(second, "two");
    const auto total = usage(store, {first.config});
    ASSERT_TRUE(total.ok());
    EXPECT_EQ(total->layers, 11u);
    EXPECT_EQ(total->reclaimable, 4u) << "of the second alone";
    ASSERT_EQ(total->images.size(), 2u);
    EXPECT_EQ(total->images[0].shared, 4u);
    EXPECT_EQ(total->images[0].unique, 3u);
    EXPECT_EQ(total->images[1].unique, 4u);
    EXPECT_GT(total->blobs, 1000u);
}

TEST_F(RemoveTest, HistoryIsNewestFirst) {
    name(first, "one");
    const auto lines = history(store, *store.find("one"));
    ASSERT_TRUE(lines.ok());
    ASSERT_EQ(lines->size(), 2u);
    EXPECT_EQ((*lines)[0].id, first.config.str());
    EXPECT_EQ((*lines)[0].size, 3u);
    EXPECT_EQ((*lines)[1].id, "<missing>");
    EXPECT_EQ((*lines)[1].created_by, "first");
    EXPECT_EQ((*lines)[1].size, 4u);
}

struct CheckTest : RemoveTest {
    std::vector<Finding> check(bool repair = false, bool deep = false) {
        auto findings = store.check(repair, deep);
        EXPECT_TRUE(findings.ok()) << findings.error().message();
        return findings.ok() ? *findings : std::vector<Finding>{};
    }
    void SetUp() override {
        name(first, "one");
        name(second, "two");
        ASSERT_TRUE(check(false, true).empty());
    }
    static std::string only(const std::vector<Finding>& findings) {
        return findings.size() == 1 ? findings[0].object + ": " + findings[0].problem
                                    : fmt::format("{} findings", findings.size());
    }
};

TEST_F(CheckTest, LostLayerIsUnpackedAgain) {
    ASSERT_TRUE(driver.layer_remove(key(first.diff_ids[1])).ok());
    EXPECT_THAT(only(check()), testing::HasSubstr("image 'one:latest': layer"));
    const auto repaired = check(true);
    ASSERT_EQ(repaired.size(), 1u);
    EXPECT_TRUE(repaired[0].repaired);
    EXPECT_EQ(read_text(driver.layer(key(first.diff_ids[1])) + "/one"), "one");
    EXPECT_TRUE(check(false, true).empty());
}

TEST_F(CheckTest, LostBlobIsToldOnce) {
    fs::remove(store.blob_path(first.layers[0].digest));
    EXPECT_THAT(only(check()), testing::HasSubstr("pull the image again"));
}

TEST_F(CheckTest, ChangedBlobIsRemovedByRepair) {
    const std::string path = store.blob_path(first.layers[1].digest);
    std::string text = read_text(path);
    text[20] ^= 1;
    ASSERT_TRUE(os::write_file_atomic(path, text).ok());
    EXPECT_TRUE(check(false, false).empty()) << "only a deep check reads it";
    EXPECT_THAT(only(check(false, true)), testing::HasSubstr("other content"));
    EXPECT_TRUE(os::path_exists(path));
    EXPECT_EQ(check(true, true).size(), 1u);
    EXPECT_FALSE(os::path_exists(path));
    ASSERT_TRUE(os::write_file_atomic(store.blob_path(first.layers[0].digest), "short").ok());
    EXPECT_EQ(check(false, false).size(), 2u) << "a wrong size is seen at once";
}

TEST_F(CheckTest, ChangedConfiguration) {
    ASSERT_TRUE(os::write_file_atomic(store.blob_path(first.config), "{}").ok());
    EXPECT_THAT(only(check()), testing::HasSubstr("other content"));
    EXPECT_TRUE(*driver.layer_exists(key(first.diff_ids[1])));
    check(true);
    EXPECT_TRUE(*driver.layer_exists(key(first.diff_ids[1]))) << "nothing is called an orphan while an image cannot be read";
}

TEST_F(CheckTest, OrphansOfACrash) {
    put_image(store, {Tar().file("orphan", "x").text()}, "3");
    ASSERT_TRUE(os::write_file_atomic(store.paths().images() + "/partial/" + std::string(64, 'a'), "part").ok());
    ASSERT_TRUE(os::write_file_atomic(store.paths().images() + "/blobs/sha256/x.tmp-1", "part").ok());
    ASSERT_TRUE(os::write_file_atomic(store.paths().images() + "/index.json.tmp-1", "part").ok());
    {
        const auto held = store.hold();
        EXPECT_TRUE(check().empty()) << "a transfer runs: they may be its";
    }
    EXPECT_EQ(check().size(), 3u + 1 + 1 + 2);
    for (const Finding& finding : check(true)) EXPECT_TRUE(finding.repaired) << finding.problem;
    EXPECT_TRUE(check().empty());
    EXPECT_EQ(store.list()->size(), 2u);
}

TEST_F(CheckTest, RootsKeepWhatTheyName) {
    const Blobs kept = put_image(store, {Tar().file("cached", "x").text()}, "3");
    const std::string folder = roots_folder(store.paths(), "build");
    ASSERT_TRUE(os::make_dirs(folder).ok());
    const std::string text = fmt::format(R"({{"manifests": ["{}"], "layers": ["{}"], "step": 1}})", kept.manifest.str(),
                                         std::string(kept.diff_ids[0].hex()));
    ASSERT_TRUE(os::write_file_atomic(folder + "/one.json", text).ok());
    EXPECT_TRUE(check().empty());
    ASSERT_TRUE(store.prune(false, {}, {}).ok());
    EXPECT_TRUE(store.has_blob(kept.config));
    EXPECT_TRUE(*driver.layer_exists(std::string(kept.diff_ids[0].hex())));

    ASSERT_TRUE(os::write_file_atomic(folder + "/one.json", R"({"blobs": ["nonsense"]})").ok());
    EXPECT_THAT(only(check()), testing::HasSubstr("blobs")) << "and nothing is called an orphan while it cannot be read";
    EXPECT_EQ(check(true).size(), 1u + 3 + 1) << "the root, its blobs and its layer";
    EXPECT_TRUE(check().empty());
    EXPECT_FALSE(store.has_blob(kept.config));
}

TEST_F(CheckTest, AStrayFileIsNoKindOfRoots) {
    ASSERT_TRUE(os::make_dirs(store.paths().images() + "/roots").ok());
    ASSERT_TRUE(os::write_file_atomic(store.paths().images() + "/roots/.DS_Store", "x").ok());
    const auto roots = read_roots(store.paths());
    ASSERT_TRUE(roots.ok()) << roots.error().message();
    EXPECT_TRUE(roots->empty());
    ASSERT_TRUE(store.remove(key(first.config), {}, true).ok());
    EXPECT_FALSE(store.has_blob(first.manifest)) << "what nobody needs must still be found";
}

TEST_F(CheckTest, ARootIsInForceWhileWhatItDependsOnIsNeeded) {
    const std::string folder = roots_folder(store.paths(), "push");
    ASSERT_TRUE(os::make_dirs(folder).ok());
    const std::string data = "made of a layer";
    ASSERT_TRUE(put_blob(store, digest_of(data), data).ok());
    const auto write = [&](const Digest& source) {
        return os::write_file_atomic(
            folder + "/one.json", fmt::format(R"({{"while": ["{}"], "blobs": ["{}"]}})", source.str(), digest_of(data).str()));
    };
    ASSERT_TRUE(write(first.layers[0].digest).ok());
    EXPECT_TRUE(check().empty());
    ASSERT_TRUE(store.prune(false, {}, {}).ok());
    EXPECT_TRUE(store.has_blob(digest_of(data)));
    ASSERT_TRUE(write(digest_of("nothing that is here")).ok());
    EXPECT_THAT(only(check()), testing::HasSubstr(digest_of(data).str()));
    ASSERT_TRUE(store.prune(false, {}, {}).ok());
    EXPECT_FALSE(store.has_blob(digest_of(data)));
    EXPECT_FALSE(os::path_exists(folder + "/one.json"));
}

TEST_F(CheckTest, DamagedIndexIsRebuilt) {
    const std::string path = store.paths().images() + "/index.json";
    ASSERT_TRUE(os::write_file_atomic(path, "{").ok());
    EXPECT_THAT(only(check()), testing::HasSubstr("index.json"));
    EXPECT_EQ(read_text(path), "{") << "no repair was asked for";
    EXPECT_TRUE(check(true).at(0).repaired);
    EXPECT_EQ(store.list()->size(), 2u);
    EXPECT_TRUE(store.find(first.config.str())->names.empty());
    EXPECT_TRUE(check(false, true).empty());
}

}  // namespace
}  // namespace gantry::image::test
