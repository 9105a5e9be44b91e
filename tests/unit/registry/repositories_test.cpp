// Repositories as roots of the store.
#include "support.hpp"

#include "image/hasher.hpp"
#include "image/partial_blob.hpp"
#include "image/repositories.hpp"
#include "os/file.hpp"

namespace gantry::image::test {
namespace {

namespace fs = std::filesystem;

struct RepositoriesTest : testing::Test {
    Scratch scratch;
    FolderDriver driver{scratch / "storage"};
    Store store = Store::open(paths_below(scratch.path()), driver).value();
    Repositories repositories{store};
    const RepositoryName app = RepositoryName::parse("team/app").value();

    Digest put(std::string_view text) {
        const Digest digest = digest_of(text);
        EXPECT_TRUE(put_blob(store, digest, text).ok());
        return digest;
    }
    // With a configuration and a layer of its own.
    RepositoryManifest manifest(const std::string& marker, std::vector<std::string> tags = {},
                                const std::optional<Digest>& subject = {}) {
        const Digest config = put("{\"x\":\"" + marker + "\"}"), layer = put("layer " + marker);
        const std::string text = fmt::format(
            R"({{"schemaVersion":2,"config":{{"mediaType":"a/b","digest":"{}","size":{}}},"layers":[{{"mediaType":"c/d","digest":"{}","size":{}}}]{}}})",
            config.str(), marker.size() + 8, layer.str(), marker.size() + 6,
            subject ? fmt::format(R"(,"subject":{{"digest":"{}"}})", subject->str()) : "");
        return {put(text), "application/vnd.oci.image.manifest.v1+json", text.size(), std::move(tags), subject};
    }
    void add(const RepositoryManifest& manifest) {
        const auto done = repositories.change(app, [&](Repository& repository) -> Result<> {
            repository.put(manifest);
            for (const std::string& tag : manifest.tags) repository.tag(tag, manifest.digest);
            return {};
        });
        ASSERT_TRUE(done.ok()) << done.error().message();
    }
    std::size_t blob_count() {
        std::size_t count = 0;
        for ([[maybe_unused]] const auto& entry : fs::directory_iterator(store.paths().images() + "/blobs/sha256")) ++count;
        return count;
    }
};

TEST_F(RepositoriesTest, WhatIsPushedStaysUntilItIsTakenOut) {
    EXPECT_EQ(repositories.read(app).error().code(), Errc::not_found);
    add(manifest("1", {"one"}));
    const auto read = repositories.read(app);
    ASSERT_TRUE(read.ok());
    EXPECT_EQ((*read)->tags(), std::vector<std::string>{"one"});
    EXPECT_EQ(repositories.list().value(), std::vector{app});
    EXPECT_EQ(store.sweep().value(), 0U);
    EXPECT_EQ(blob_count(), 3U);
    EXPECT_TRUE(store.check(false, true).value().empty());
    ASSERT_TRUE(repositories
                    .change(app,
                            [](Repository& all) -> Result<> {
                                all = {};
                                return {};
                            })
                    .ok());
    EXPECT_TRUE(repositories.list().value().empty());
    EXPECT_GT(store.sweep().value(), 0U);
    EXPECT_EQ(blob_count(), 0U);
}

TEST_F(RepositoriesTest, AnotherProcessChangesIt) {
    add(manifest("1", {"one"}));
    Repositories other(store);
    EXPECT_EQ((*other.read(app))->tags().size(), 1U);
    add(manifest("2", {"two"}));
    EXPECT_EQ((*other.read(app))->tags(), (std::vector<std::string>{"one", "two"}));
}

TEST_F(RepositoriesTest, ATagMovesAndStaysThroughASecondPush) {
    const RepositoryManifest first = manifest("1", {"x", "y"}), second = manifest("2", {"x"});
    add(first);
    add(second);
    auto read = *repositories.read(app);
    EXPECT_EQ(read->find_tag("x")->digest, second.digest);
    EXPECT_EQ(read->find_tag("y")->digest, first.digest);
    add({first.digest, first.media_type, first.size, {}, {}});
    EXPECT_EQ((*repositories.read(app))->find_tag("y")->digest, first.digest);
}

TEST_F(RepositoriesTest, AFailedChangeChangesNothing) {
    add(manifest("1", {"one"}));
    const auto failed = repositories.change(app, [](Repository& all) -> Result<> {
        all = {};
        return error(Errc::denied, "no");
    });
    EXPECT_FALSE(failed.ok());
    EXPECT_EQ((*repositories.read(app))->tags().size(), 1U);
}

TEST_F(RepositoriesTest, BlobsOfARepository) {
    const RepositoryManifest one = manifest("1", {"one"});
    add(one);
    const auto read = *repositories.read(app);
    EXPECT_EQ(repositories.named_blob(*read, digest_of("layer 1"))->size, 7U);
    EXPECT_FALSE(repositories.named_blob(*read, digest_of("layer 2")));
    EXPECT_EQ(repositories.contents(*read).size(), 3U);
}

TEST_F(RepositoriesTest, CollectTakesOldBlobsAndWhatNoTagLeadsTo) {
    const RepositoryManifest tagged = manifest("1", {"one"}), untagged = manifest("2");
    const RepositoryManifest signature = manifest("3", {}, tagged.digest), lost = manifest("4", {}, untagged.digest);
    for (const auto& each : {tagged, untagged, signature, lost}) add(each);
    const Digest old = put("old"), young = put("young");
    ASSERT_TRUE(repositories
                    .change(app,
                            [&](Repository& all) -> Result<> {
                                all.pending[old] = 1;
                                all.pending[young] = std::time(nullptr);
                                return {};
                            })
                    .ok());
    EXPECT_EQ(repositories.collect(app, false).value(), std::vector{old});
    EXPECT_THAT(repositories.collect(app, true).value(), testing::UnorderedElementsAre(untagged.digest, lost.digest));
    const auto read = *repositories.read(app);
    EXPECT_TRUE(read->find(tagged.digest) && read->find(signature.digest) && read->pending.contains(young));
}

TEST_F(RepositoriesTest, DamagedAndHostileFiles) {
    for (const char* text : {"", "x", "[]", R"({"entries":[1]})", R"({"entries":[{"digest":"x"}]})", R"({"pending":{"x":1}})"})
        EXPECT_FALSE(parse_repository(text).ok()) << text;
    fs::create_directories(store.paths().images() + "/roots/registry");
    ASSERT_TRUE(os::write_file_atomic(store.paths().images() + "/roots/registry/team+app.json", "{").ok());
    EXPECT_FALSE(repositories.read(app).ok());
    EXPECT_FALSE(repositories.change(app, [](Repository&) -> Result<> { return {}; }).ok());
    EXPECT_EQ(store.check(false, false).value().size(), 1U);
}

TEST_F(RepositoriesTest, Names) {
    for (const char* good : {"a", "a/b", "a.b/c_d/e__f/g---h", "0/1", "docker.io/library/nginx"})
        EXPECT_TRUE(RepositoryName::parse(good).ok()) << good;
    for (const char* bad : {"", "/", "a/", "/a", "a//b", "A", "a b", ".", "..", "a/../b", "a..b", "_a", "a_", "-a", "a+b",
                            "a:b", "a@b", "a.json/", "ä"})
        EXPECT_FALSE(RepositoryName::parse(bad).ok()) << bad;
    EXPECT_TRUE(is_tag("1.0_x-Y") && is_tag(std::string(128, 'a')) && is_tag("_"));
    EXPECT_FALSE(is_tag("") || is_tag("-a") || is_tag(".a") || is_tag("a/b") || is_tag(std::string(129, 'a')) || is_tag("a:b"));
}

TEST_F(RepositoriesTest, APartialBlobLeavesNothing) {
    const std::string folder = store.paths().images() + "/partial";
    {
        PartialBlob blob = PartialBlob::begin(store).value();
        ASSERT_TRUE(blob.write("hello ").ok() && blob.write("world").ok());
        EXPECT_TRUE(os::list_dir(folder).value().empty());
        EXPECT_EQ(blob.finish(digest_of("something else")).error().code(), Errc::corrupt);
    }
    for (const char* algorithm : {"sha256", "sha512"}) {
        PartialBlob blob = PartialBlob::begin(store).value();
        ASSERT_TRUE(blob.write("wrong").ok() && blob.restart().ok() && blob.write("hello").ok());
        const Digest digest = digest_of("hello", algorithm);
        ASSERT_TRUE(blob.finish(digest).ok());
        EXPECT_EQ(store.blob_text(digest).value(), "hello");
    }
    EXPECT_TRUE(os::list_dir(folder).value().empty());
}

TEST_F(RepositoriesTest, ManifestsOfBothKindsOrOfNone) {
    const auto refused = [](std::string_view text, std::string_view type) { return !manifest_facts(text, type).ok(); };
    constexpr const char* manifest_type = "application/vnd.oci.image.manifest.v1+json";
    constexpr const char* index_type = "application/vnd.oci.image.index.v1+json";
    EXPECT_TRUE(refused(R"({"schemaVersion":2,"manifests":[],"layers":[]})", index_type));
    EXPECT_TRUE(refused(R"({"schemaVersion":2,"manifests":[],"config":{}})", ""));
    EXPECT_TRUE(refused(R"({"schemaVersion":2,"manifests":[]})", manifest_type));
    EXPECT_TRUE(refused(R"({"schemaVersion":2})", index_type));
    EXPECT_TRUE(refused(R"({"schemaVersion":2,"manifests":[]})", "text/html"));
    EXPECT_TRUE(
        refused(R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]})", manifest_type));
    const auto index = manifest_facts(R"({"schemaVersion":2,"manifests":[]})", std::string(index_type) + "; charset=utf-8");
    ASSERT_TRUE(index.ok());
    EXPECT_EQ(index->media_type, index_type);
}

// Facts are remembered by the thousand; a table of contents may stand in annotations.
TEST_F(RepositoriesTest, FactsLeaveAnnotationsOfBlobsOut) {
    const auto blob = [](std::string_view name) {
        return fmt::format(R"({{"mediaType":"a/b","digest":"{}","size":1,"urls":["https://x"],"annotations":{{"a":"b"}}}})",
                           digest_of(name).str());
    };
    const auto facts =
        manifest_facts(fmt::format(R"({{"schemaVersion":2,"config":{},"layers":[{}]}})", blob("config"), blob("layer")), "");
    ASSERT_TRUE(facts.ok()) << facts.error().message();
    ASSERT_EQ(facts->blobs.size(), 2U);
    for (const Descriptor& one : facts->blobs) EXPECT_TRUE(one.annotations.empty());
    EXPECT_EQ(facts->blobs[1].urls.size(), 1U);
}

}  // namespace
}  // namespace gantry::image::test
