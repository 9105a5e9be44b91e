#include "support.hpp"

#include "image/image_text.hpp"

namespace gantry::image::test {
namespace {

Digest digest(char c) { return Digest::parse("sha256:" + std::string(64, c)).value(); }

ImageConfig full_config() {
    ImageConfig config;
    config.platform = {"linux", "arm64", "v8"};
    config.created = "2024-01-02T03:04:05Z";
    config.author = "A \"quoted\" author";
    config.user = "1000:1000";
    config.workdir = "/srv";
    config.stop_signal = "SIGQUIT";
    config.env = {"PATH=/usr/bin:/bin", "Z=1", "A=line\nbreak", "EMPTY="};
    config.entrypoint = {"/entry", "--flag"};
    config.command = {"run", ""};
    config.volumes = {"/data", "/var/lib/x"};
    config.exposed_ports = {"5000/tcp", "53/udp"};
    config.shell = {"/bin/bash", "-c"};
    config.on_build = {"RUN x", "COPY . ."};
    config.labels = {{"b", "2"}, {"a", "caf\xc3\xa9"}, {"empty", ""}};
    config.health = HealthCheck{{"CMD-SHELL", "true || exit 1"}, 30'000'000'000, 5, 7, 3, 11};
    config.diff_ids = {digest('1'), digest('2')};
    config.history = {{"2024-01-01T00:00:00Z", "RUN x", "buildkit", false, "me"}, {"", "CMD [\"y\"]", "", true, ""}};
    return config;
}

TEST(ImageText, AConfigurationComesBackAsItWas) {
    for (const ImageConfig& config : {full_config(), ImageConfig{}}) {
        const auto back = parse_image_config(image_config_text(config));
        ASSERT_TRUE(back.ok()) << back.error().message();
        EXPECT_TRUE(*back == config);
        EXPECT_EQ(image_config_text(*back), image_config_text(config));
    }
}

TEST(ImageText, AHealthCheckThatIsSwitchedOffStaysSo) {
    ImageConfig config;
    config.health = HealthCheck{{"NONE"}};
    const auto back = parse_image_config(image_config_text(config));
    ASSERT_TRUE(back.ok());
    ASSERT_TRUE(back->health.has_value());
    EXPECT_THAT(back->health->test, testing::ElementsAre("NONE"));
}

TEST(ImageText, TheOrderOfMembersIsTheSpecifications) {
    EXPECT_EQ(image_config_text(ImageConfig{}), R"({"architecture":"","os":"linux","rootfs":{"type":"layers","diff_ids":[]}})");
    const std::string text = image_config_text(full_config());
    EXPECT_TRUE(text.starts_with(
        R"({"created":"2024-01-02T03:04:05Z","author":"A \"quoted\" author","architecture":"arm64","os":"linux","variant":"v8",)"
        R"("config":{"User":"1000:1000","ExposedPorts":{"5000/tcp":{},"53/udp":{}},"Env":["PATH=/usr/bin:/bin",)"))
        << text;
    EXPECT_THAT(text, testing::HasSubstr(R"("Labels":{"a":"café","b":"2","empty":""})"));
    EXPECT_TRUE(text.ends_with(R"({"created_by":"CMD [\"y\"]","empty_layer":true}]})")) << text;
}

TEST(ImageText, SetsAreSortedWhateverTheirOrderWas) {
    ImageConfig one;
    one.volumes = {"/b", "/a", "/b"};
    ImageConfig two;
    two.volumes = {"/a", "/b"};
    EXPECT_EQ(image_config_text(one), image_config_text(two));
}

TEST(ImageText, BytesThatAreNotUtf8DoNotBreakIt) {
    ImageConfig config;
    config.env = {"X=\xff"};
    EXPECT_TRUE(parse_image_config(image_config_text(config)).ok());
}

TEST(ImageText, AManifestComesBackAsItWas) {
    Manifest manifest{oci_manifest_type,
                      {oci_config_type, digest('c'), 10, {}},
                      {{"application/vnd.oci.image.layer.v1.tar+gzip", digest('1'), 1ULL << 40, {"https://x/y"}}},
                      {{"org.opencontainers.image.ref.name", "x"}}};
    const auto back = parse_manifest(manifest_text(manifest));
    ASSERT_TRUE(back.ok()) << back.error().message();
    EXPECT_EQ(back->media_type, manifest.media_type);
    EXPECT_EQ(back->config, manifest.config);
    EXPECT_EQ(back->layers, manifest.layers);
    EXPECT_EQ(back->annotations, manifest.annotations);
    EXPECT_TRUE(manifest_text(manifest).starts_with(R"({"schemaVersion":2,"mediaType":)"));
}

TEST(PutImage, WritesBothBlobsAndOnlyWhatCanBeReadAgain) {
    const Scratch scratch;
    FolderDriver driver(scratch / "storage");
    auto store = Store::open(paths_below(scratch.path()), driver);
    ASSERT_TRUE(store.ok());
    ImageConfig config = full_config();
    config.diff_ids.clear();
    const auto digest = put_image(*store, config, {}, {{"a", "b"}});
    ASSERT_TRUE(digest.ok()) << digest.error().message();
    const auto image = store->add(*digest, ImageRef::parse("x:1").value(), std::nullopt);
    ASSERT_TRUE(image.ok()) << image.error().message();
    EXPECT_TRUE(store->config(*image).value() == config);
    EXPECT_EQ(store->manifest(*image).value().annotations.at("a"), "b");

    EXPECT_FALSE(put_image(*store, full_config(), {}).ok()) << "two layers, none given";
    config.labels["big"] = std::string(5U << 20, 'x');
    EXPECT_FALSE(put_image(*store, config, {}).ok());
    EXPECT_TRUE(std::filesystem::is_empty(scratch / "data/images/partial"));
}

}  // namespace
}  // namespace gantry::image::test
