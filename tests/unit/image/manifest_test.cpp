#include "image/store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gantry::image {
namespace {

const std::string digest_a = "sha256:" + std::string(64, 'a');
const std::string digest_b = "sha256:" + std::string(64, 'b');

std::string manifest_with(const std::string& layers) {
    return R"({"schemaVersion":2,"config":{"mediaType":"c","digest":")" + digest_a + R"(","size":7},"layers":[)" + layers +
           "]}";
}

TEST(ManifestTest, ReadsWhatBothFormatsSay) {
    const auto manifest = parse_manifest(manifest_with(R"({"mediaType":"l","digest":")" + digest_b + R"(","size":12})"));
    ASSERT_TRUE(manifest.ok()) << manifest.error().message();
    EXPECT_EQ(manifest->config.digest.str(), digest_a);
    EXPECT_EQ(manifest->config.size, 7u);
    ASSERT_EQ(manifest->layers.size(), 1u);
    EXPECT_EQ(manifest->layers[0].digest.str(), digest_b);
    EXPECT_EQ(manifest->layers[0].size, 12u);
}

TEST(ManifestTest, ErrorsNameTheMember) {
    const auto message = [](const std::string& text) {
        const auto manifest = parse_manifest(text);
        return manifest.ok() ? std::string("accepted") : manifest.error().message();
    };
    EXPECT_THAT(message(""), testing::HasSubstr("not valid JSON"));
    EXPECT_THAT(message("[]"), testing::HasSubstr("not a JSON object"));
    EXPECT_THAT(message("{}"), testing::HasSubstr("schemaVersion"));
    EXPECT_THAT(message(R"({"schemaVersion":1})"), testing::HasSubstr("schema 1"));
    EXPECT_THAT(message(R"({"schemaVersion":2,"manifests":[]})"), testing::HasSubstr("index"));
    EXPECT_THAT(message(R"({"schemaVersion":2,"config":{},"layers":[]})"), testing::HasSubstr("'digest'"));
    EXPECT_THAT(message(manifest_with("3")), testing::HasSubstr("layer 1"));
    EXPECT_THAT(message(manifest_with(R"({"digest":"sha256:zz","size":1})")), testing::HasSubstr("layer 1"));
    EXPECT_THAT(message(manifest_with(R"({"digest":")" + digest_b + R"(","size":-1})")), testing::HasSubstr("negative"));
    EXPECT_THAT(message(manifest_with(R"({"digest":")" + digest_b + R"(","size":18446744073709551615})")),
                testing::HasSubstr("'size'"));
    EXPECT_THAT(message(manifest_with(R"({"digest":")" + digest_b + R"(","size":"1"})")), testing::HasSubstr("'size'"));
}

TEST(ManifestTest, BoundsSizeDepthAndLayers) {
    EXPECT_FALSE(parse_manifest(std::string(5U << 20, ' ')).ok());
    const auto deep =
        parse_manifest(R"({"schemaVersion":2,"x":)" + std::string(100'000, '[') + std::string(100'000, ']') + "}");
    ASSERT_FALSE(deep.ok());
    EXPECT_THAT(deep.error().message(), testing::HasSubstr("nested"));
    std::string layers;
    for (int at = 0; at < 513; ++at) layers += (at ? ",{\"digest\":\"" : "{\"digest\":\"") + digest_b + "\",\"size\":1}";
    const auto many = parse_manifest(manifest_with(layers));
    ASSERT_FALSE(many.ok());
    EXPECT_THAT(many.error().message(), testing::HasSubstr("512"));
}

TEST(ImageConfigTest, ReadsWhatDockerWrites) {
    const auto config = parse_image_config(
        R"({"architecture":"arm64","variant":"v8","os":"linux","created":"2024-05-01T00:00:00Z","author":"me",
            "config":{"User":"1:2","WorkingDir":"/w","Env":["A=b"],"Entrypoint":null,"Cmd":["sh"],"Volumes":{"/v":{}},
                      "ExposedPorts":{"80/tcp":{}},"Labels":{"k":"v"},"StopSignal":"SIGQUIT","Shell":["/bin/sh","-c"],"OnBuild":null,
                      "Healthcheck":{"Test":["CMD","x"],"Interval":3000000000,"Retries":4}},
            "rootfs":{"type":"layers","diff_ids":[")" +
        digest_a + R"("]},
            "history":[{"created_by":"one"},{"created_by":"two","empty_layer":true}]})");
    ASSERT_TRUE(config.ok()) << config.error().message();
    EXPECT_EQ(config->platform.str(), "linux/arm64/v8");
    EXPECT_EQ(config->user, "1:2");
    EXPECT_TRUE(config->entrypoint.empty());
    EXPECT_EQ(config->command, std::vector<std::string>{"sh"});
    EXPECT_EQ(config->volumes, std::vector<std::string>{"/v"});
    EXPECT_EQ(config->exposed_ports, std::vector<std::string>{"80/tcp"});
    EXPECT_EQ(config->labels.at("k"), "v");
    ASSERT_TRUE(config->health.has_value());
    EXPECT_EQ(config->health->interval, 3'000'000'000);
    EXPECT_EQ(config->health->retries, 4);
    EXPECT_EQ(config->diff_ids.size(), 1u);
    ASSERT_EQ(config->history.size(), 2u);
    EXPECT_TRUE(config->history[1].empty_layer);
}

TEST(ImageConfigTest, RefusesOtherTypes) {
    EXPECT_FALSE(parse_image_config("{}").ok());
    EXPECT_FALSE(parse_image_config(R"({"rootfs":{"diff_ids":[1]}})").ok());
    EXPECT_FALSE(parse_image_config(R"({"rootfs":{"diff_ids":[]},"config":{"Env":"A=b"}})").ok());
    EXPECT_FALSE(parse_image_config(R"({"rootfs":{"diff_ids":[]},"config":{"Healthcheck":{"Retries":-1}}})").ok());
    EXPECT_FALSE(parse_image_config(R"({"rootfs":{"diff_ids":[]},"history":[1]})").ok());
}

TEST(PlatformTest, NamesOfOthers) {
    EXPECT_EQ(Platform::parse("linux/x86_64")->str(), "linux/amd64");
    EXPECT_EQ(Platform::parse("aarch64")->str(), "linux/arm64");
    EXPECT_EQ(Platform::parse("linux/arm/v6")->str(), "linux/arm/v6");
    EXPECT_EQ(Platform::parse("linux")->str(), Platform::host().str());
    EXPECT_FALSE(Platform::parse("").ok());
    EXPECT_FALSE(Platform::parse("a/b/c/d").ok());
    EXPECT_FALSE(Platform::parse("linux/").ok());
}

}  // namespace
}  // namespace gantry::image
