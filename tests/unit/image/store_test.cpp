#include "support.hpp"

#include "image/hasher.hpp"
#include "os/file.hpp"

namespace gantry::image::test {
namespace {

namespace fs = std::filesystem;

struct StoreTest : testing::Test {
    Scratch scratch;
    FolderDriver driver{scratch / "storage"};
    Store store = Store::open(paths_below(scratch.path()), driver).value();
    const std::string base = Tar().file("base", "base").text();
    const std::string top = Tar().file("top", "top").text();

    static ImageRef ref(const std::string& text) { return ImageRef::parse(text).value(); }
};

TEST_F(StoreTest, AnImageIsFoundByAllItsNames) {
    const Blobs blobs = put_image(store, {base, top});
    const auto image = store.add(blobs.manifest, ref("web:1.0"), "docker.io/library/web@" + blobs.manifest.str());
    ASSERT_TRUE(image.ok()) << image.error().message();
    EXPECT_EQ(image->id, blobs.config);
    EXPECT_EQ(image->size, 7u);
    EXPECT_EQ(image->created, "2024-01-02T03:04:05Z");
    for (const std::string& text :
         {std::string("web:1.0"), std::string("docker.io/library/web:1.0"), std::string("library/web:1.0"), blobs.config.str(),
          std::string(blobs.config.hex()), std::string(blobs.config.hex().substr(0, 12)), "web@" + blobs.manifest.str()}) {
        const auto found = store.find(text);
        ASSERT_TRUE(found.ok()) << text << ": " << found.error().message();
        EXPECT_EQ(found->id, blobs.config);
    }
    EXPECT_EQ(store.find("web").error().code(), Errc::not_found);
    EXPECT_EQ(store.find("other:1.0").error().code(), Errc::not_found);
    EXPECT_EQ(store.config(*image)->command, std::vector<std::string>{"/bin/x"});
    EXPECT_EQ(store.manifest(*image)->layers.size(), 2u);
}

TEST_F(StoreTest, AMovedNameLeavesTheOldImageWithoutOne) {
    const Blobs first = put_image(store, {base}, "1");
    const Blobs second = put_image(store, {base, top}, "2");
    ASSERT_TRUE(store.add(first.manifest, ref("web"), std::nullopt).ok());
    ASSERT_TRUE(store.add(second.manifest, ref("web"), std::nullopt).ok());
    EXPECT_EQ(store.find("web")->id, second.config);
    EXPECT_TRUE(store.find(first.config.str())->names.empty());
    EXPECT_EQ(store.list()->size(), 2u);
}

TEST_F(StoreTest, NothingIncompleteBecomesAnImage) {
    const Blobs blobs = put_image(store, {base, top});
    ASSERT_TRUE(driver.layer_remove(std::string(blobs.diff_ids[1].hex())).ok());
    EXPECT_EQ(store.add(blobs.manifest, ref("web"), std::nullopt).error().code(), Errc::corrupt);
    EXPECT_TRUE(store.list()->empty());
    EXPECT_FALSE(store.add(digest_of("nothing"), ref("web"), std::nullopt).ok());
}

TEST_F(StoreTest, TheIndexSpeaksToOtherTools) {
    const Blobs blobs = put_image(store, {base});
    ASSERT_TRUE(store.add(blobs.manifest, ref("web:1.0"), std::nullopt).ok());
    const std::string index = read_text(store.paths().images() + "/index.json");
    EXPECT_THAT(index, testing::HasSubstr(R"("org.opencontainers.image.ref.name": "docker.io/library/web:1.0")"));
    EXPECT_THAT(index, testing::HasSubstr(R"("io.containerd.image.name": "docker.io/library/web:1.0")"));
    EXPECT_THAT(read_text(store.paths().images() + "/oci-layout"), testing::HasSubstr("1.0.0"));
}

TEST_F(StoreTest, EntriesOfOtherToolsAreImagesToo) {
    const Blobs blobs = put_image(store, {base, top});
    ASSERT_TRUE(os::write_file_atomic(
                    store.paths().images() + "/index.json",
                    R"({"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":")" +
                        blobs.manifest.str() + R"(","size":1,"platform":{"os":"linux","architecture":"amd64"},
                                          "annotations":{"org.opencontainers.image.ref.name":"docker.io/library/u:1"}}]})")
                    .ok());
    const auto image = store.find("u:1");
    ASSERT_TRUE(image.ok()) << image.error().message();
    EXPECT_EQ(image->id, blobs.config);
    EXPECT_EQ(image->size, 7u);
    ASSERT_TRUE(store.tag(*image, ref("mine")).ok());
    EXPECT_THAT(read_text(store.paths().images() + "/index.json"), testing::HasSubstr("\"platform\""));
}

TEST_F(StoreTest, ADamagedIndexIsNamed) {
    ASSERT_TRUE(os::write_file_atomic(store.paths().images() + "/index.json", "{\"manifests\":").ok());
    const auto list = store.list();
    ASSERT_FALSE(list.ok());
    EXPECT_EQ(list.error().code(), Errc::corrupt);
    EXPECT_THAT(list.error().message(), testing::HasSubstr("index.json"));
}

TEST_F(StoreTest, ABlobThatIsNotWhatItsNameSays) {
    const Blobs blobs = put_image(store, {base});
    const auto image = store.add(blobs.manifest, ref("web"), std::nullopt);
    ASSERT_TRUE(os::write_file_atomic(store.blob_path(blobs.config), "{}").ok());
    EXPECT_EQ(store.config(*image).error().code(), Errc::corrupt);
    EXPECT_EQ(put_blob(store, digest_of("a"), "b").error().code(), Errc::corrupt);
    const Blobs again = put_image(store, {base});
    EXPECT_EQ(again.config, blobs.config);
    EXPECT_TRUE(store.config(*image).ok()) << "putting the right one mends it";
}

TEST_F(StoreTest, LayerKeysFollowTheFormat) {
    ImageConfig config;
    config.diff_ids = {digest_of("a"), digest_of("b")};
    EXPECT_EQ(store.layer_keys(config),
              (std::vector<std::string>{std::string(digest_of("a").hex()), std::string(digest_of("b").hex())}));
    FolderDriver applied(scratch / "other", driver::LayerFormat::applied);
    const Store chained = Store::open(paths_below(scratch.path()), applied).value();
    const std::string chain = digest_of("a").str() + " " + digest_of("b").str();
    EXPECT_EQ(chained.layer_keys(config)[1], digest_of(chain).hex());
}

}  // namespace
}  // namespace gantry::image::test
