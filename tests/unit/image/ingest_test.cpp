#include "support.hpp"

#include "image/hasher.hpp"
#include "os/file.hpp"

namespace gantry::image::test {
namespace {

namespace fs = std::filesystem;

struct IngestTest : testing::Test {
    Scratch scratch;
    FolderDriver driver{scratch / "storage"};
    Store store = Store::open(paths_below(scratch.path()), driver).value();

    const std::string archive = Tar().folder("etc").file("etc/motd", std::string(700'000, 'm')).file("etc/small", "s").text();
    const Digest diff_id = digest_of(archive);
    const driver::LayerKey key{diff_id.hex()};

    Descriptor describe(const std::string& data) {
        return {"application/vnd.oci.image.layer.v1.tar", digest_of(data), data.size(), {}};
    }
    std::string partial(const Descriptor& blob) {
        return store.paths().images() + "/partial/" + std::string(blob.digest.hex());
    }
    bool staging_empty() { return fs::is_empty(scratch / "storage/staging"); }
};

TEST_F(IngestTest, EveryCompression) {
    for (const std::string& data :
         {archive, gzip(archive), zstd(archive), gzip(archive.substr(0, 1000)) + gzip(archive.substr(1000))}) {
        const Descriptor blob = describe(data);
        ASSERT_TRUE(driver.layer_remove(key).ok());
        auto layer = LayerIngest::begin(store, blob, diff_id, key, "");
        ASSERT_TRUE(layer.ok()) << layer.error().message();
        for (std::size_t at = 0; at < data.size(); at += 10'000)
            ASSERT_TRUE((*layer)->write(std::string_view(data).substr(at, 10'000)).ok());
        const auto done = (*layer)->finish();
        ASSERT_TRUE(done.ok()) << done.error().message();
        EXPECT_EQ(read_text(driver.layer(key) + "/etc/motd"), std::string(700'000, 'm'));
        EXPECT_EQ(*driver.layer_size(key), 700'001u);
        EXPECT_EQ(read_text(store.blob_path(blob.digest)), data);
        EXPECT_FALSE(os::path_exists(partial(blob)));
    }
}

TEST_F(IngestTest, WrongBlobDigestLeavesNothing) {
    std::string data = gzip(archive);
    const Descriptor blob = describe(data);
    data[data.size() / 2] ^= 1;
    const auto done = ingest(store, blob, diff_id, "", data);
    ASSERT_FALSE(done.ok());
    EXPECT_EQ(done.error().code(), Errc::corrupt);
    EXPECT_FALSE(store.has_blob(blob.digest));
    EXPECT_FALSE(os::path_exists(partial(blob)));
    EXPECT_FALSE(*driver.layer_exists(key));
    EXPECT_TRUE(staging_empty());
}

TEST_F(IngestTest, WrongDiffIdLeavesNothing) {
    const std::string data = gzip(archive);
    const Digest other = digest_of("other");
    const auto done = ingest(store, describe(data), other, "", data);
    ASSERT_FALSE(done.ok());
    EXPECT_EQ(done.error().code(), Errc::corrupt);
    EXPECT_FALSE(*driver.layer_exists(std::string(other.hex())));
    EXPECT_TRUE(staging_empty());
}

TEST_F(IngestTest, MoreThanAnnouncedIsRefusedAtOnce) {
    Descriptor blob = describe(archive);
    blob.size -= 1;
    auto layer = LayerIngest::begin(store, blob, diff_id, key, "");
    ASSERT_TRUE(layer.ok());
    EXPECT_EQ((*layer)->write(archive).error().code(), Errc::corrupt);
}

TEST_F(IngestTest, BrokenTransferResumes) {
    const std::string data = gzip(archive);
    const Descriptor blob = describe(data);
    {
        auto layer = LayerIngest::begin(store, blob, diff_id, key, "");
        ASSERT_TRUE((*layer)->write(std::string_view(data).substr(0, data.size() / 2)).ok());
    }
    EXPECT_EQ(fs::file_size(partial(blob)), data.size() / 2);
    EXPECT_TRUE(staging_empty());
    auto layer = LayerIngest::begin(store, blob, diff_id, key, "");
    ASSERT_TRUE(layer.ok());
    ASSERT_EQ((*layer)->offset(), data.size() / 2);
    ASSERT_TRUE((*layer)->write(std::string_view(data).substr(data.size() / 2)).ok());
    const auto done = (*layer)->finish();
    ASSERT_TRUE(done.ok()) << done.error().message();
    EXPECT_EQ(read_text(store.blob_path(blob.digest)), data);
}

TEST_F(IngestTest, EndingEarlyKeepsThePart) {
    const std::string data = gzip(archive);
    const Descriptor blob = describe(data);
    const auto done = ingest(store, blob, diff_id, "", std::string_view(data).substr(0, 100));
    ASSERT_FALSE(done.ok());
    EXPECT_EQ(done.error().code(), Errc::unavailable);
    EXPECT_EQ(fs::file_size(partial(blob)), 100u);
}

TEST_F(IngestTest, RestartForgetsThePart) {
    const std::string data = gzip(archive);
    const Descriptor blob = describe(data);
    {
        ASSERT_TRUE(
            LayerIngest::begin(store, blob, diff_id, key, "").value()->write(std::string_view(data).substr(0, 500)).ok());
    }
    auto layer = LayerIngest::begin(store, blob, diff_id, key, "");
    ASSERT_EQ((*layer)->offset(), 500u);
    ASSERT_TRUE((*layer)->restart().ok());
    EXPECT_EQ((*layer)->offset(), 0u);
    ASSERT_TRUE((*layer)->write(data).ok());
    EXPECT_TRUE((*layer)->finish().ok());
}

TEST_F(IngestTest, BadPartIsNotTrustedTwice) {
    const std::string data = gzip(archive);
    const Descriptor blob = describe(data);
    ASSERT_TRUE(os::write_file_atomic(partial(blob), "not the beginning of it").ok());
    auto first = ingest(store, blob, diff_id, "", data);
    ASSERT_FALSE(first.ok());
    EXPECT_FALSE(os::path_exists(partial(blob)));
    const auto second = ingest(store, blob, diff_id, "", data);
    EXPECT_TRUE(second.ok()) << second.error().message();
}

TEST_F(IngestTest, KeptBlobBringsALostLayerBack) {
    const std::string data = zstd(archive);
    const Descriptor blob = describe(data);
    ASSERT_TRUE(ingest(store, blob, diff_id, "", data).ok());
    EXPECT_EQ(LayerIngest::begin(store, blob, diff_id, key, "").error().code(), Errc::exists);
    ASSERT_TRUE(driver.layer_remove(key).ok());
    auto layer = LayerIngest::begin(store, blob, diff_id, key, "");
    ASSERT_TRUE(layer.ok());
    EXPECT_EQ((*layer)->offset(), data.size());
    ASSERT_TRUE((*layer)->finish().ok());
    EXPECT_EQ(read_text(driver.layer(key) + "/etc/small"), "s");
}

TEST_F(IngestTest, LostBlobOfALayerThatIsThere) {
    const std::string data = zstd(archive);
    const Descriptor blob = describe(data);
    ASSERT_TRUE(ingest(store, blob, diff_id, "", data).ok());
    fs::remove(store.blob_path(blob.digest));
    EXPECT_TRUE(ingest(store, blob, diff_id, "", data).ok());
    EXPECT_TRUE(store.has_blob(blob.digest));
    fs::remove(store.blob_path(blob.digest));
    EXPECT_FALSE(ingest(store, blob, digest_of("x"), "", data).ok()) << "the diff ID is compared although nothing is unpacked";
}

// 40 GiB of zeros by 1000 members of 40 MiB each: 40 MB compressed.
std::string bomb(const std::string& start) {
    const std::string member = gzip(std::string(40U << 20, '\0'));
    std::string data = gzip(start);
    for (int at = 0; at < 1000; ++at) data += member;
    return data;
}

TEST_F(IngestTest, BombInAFileIsRefusedByItsHeader) {
    const std::string data = bomb(Tar().raw({"zero", '0', {}, 0644, 0, 0, 0, 40ULL << 30}).text().substr(0, 512));
    const auto done = ingest(store, describe(data), diff_id, "", data);
    ASSERT_FALSE(done.ok());
    EXPECT_EQ(done.error().code(), Errc::invalid);
    EXPECT_THAT(done.error().message(), testing::HasSubstr("exceed the limit"));
    EXPECT_TRUE(staging_empty());
}

TEST_F(IngestTest, BombBehindTheArchiveIsCutOff) {
    const std::string data = bomb(Tar().file("a", "a").text());
    const auto done = ingest(store, describe(data), diff_id, "", data);
    ASSERT_FALSE(done.ok());
    EXPECT_EQ(done.error().code(), Errc::invalid);
    EXPECT_THAT(done.error().message(), testing::HasSubstr("times its size"));
    EXPECT_TRUE(staging_empty());
    EXPECT_FALSE(store.has_blob(describe(data).digest));
}

}  // namespace
}  // namespace gantry::image::test
