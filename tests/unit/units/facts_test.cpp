#include "support.hpp"

#include "os/file.hpp"

#include <filesystem>

using namespace gantry;
using namespace gantry::container;

namespace {

class Facts : public testing::Test {
protected:
    void SetUp() override {
        std::filesystem::remove_all(paths_.data);
        ASSERT_TRUE(os::make_dirs(paths_.images() + "/blobs/sha256").ok());
    }
    void TearDown() override { std::filesystem::remove_all(paths_.data); }

    void image(const std::string& config) { put("/blobs/sha256/" + hex_, config); }
    void index(const std::string& image_name) {
        put("/index.json", R"({"schemaVersion":2,"manifests":[{"mediaType":"x","digest":"sha256:1","size":1,"annotations":{
            "io.containerd.image.name":")" +
                               image_name + R"(","io.gantry.image.id":"sha256:)" + hex_ + R"("}}]})");
    }
    void put(const std::string& path, const std::string& text) {
        ASSERT_TRUE(os::write_file_atomic(paths_.images() + path, text, 0644, false).ok());
    }
    UnitFacts read(std::string_view text) { return FactsReader(paths_).facts(name(), definition(text), "/x.toml"); }

    config::Paths paths_{.data = testing::TempDir() + "facts"};
    std::string hex_ = std::string(64, 'c');
};

}  // namespace

TEST_F(Facts, come_from_the_image_by_id_and_by_name) {
    image(
        R"({"config":{"StopSignal":"SIGQUIT","Entrypoint":null,"Cmd":["/sbin/init"],"Healthcheck":{"Test":["CMD","true"],"Interval":5000000000,"Retries":2}}})");
    const UnitFacts by_id = read("image_id = \"sha256:" + hex_ + "\"");
    EXPECT_EQ(by_id.stop_signal, "SIGQUIT");
    EXPECT_TRUE(by_id.entrypoint.empty());
    EXPECT_EQ(by_id.command, std::vector<std::string>{"/sbin/init"});
    EXPECT_TRUE(by_id.image_health);
    EXPECT_EQ(by_id.image_interval, std::chrono::seconds(5));
    EXPECT_FALSE(by_id.image_timeout.has_value());
    EXPECT_EQ(by_id.image_retries, 2U);
    EXPECT_EQ(by_id.definition_file, "/x.toml");
    EXPECT_EQ(read("").stop_signal, "");
    index("docker.io/library/nginx:latest");
    EXPECT_EQ(read("").stop_signal, "SIGQUIT");
    index("docker.io/library/nginx:other");
    EXPECT_EQ(read("").stop_signal, "");
}

TEST_F(Facts, stay_empty_for_images_that_make_no_sense) {
    for (const char* text : {"", "[]", "{\"config\":1}", "{\"config\":{\"StopSignal\":1,\"Healthcheck\":[]}}",
                             "{\"config\":{\"Healthcheck\":{\"Test\":[]}}}", "{\"config\":{\"Healthcheck\":{\"Test\":[1]}}}",
                             "{\"config\":{\"Healthcheck\":{\"Test\":[\"NONE\"]}}}", "{"}) {
        image(text);
        const UnitFacts known = read("image_id = \"sha256:" + hex_ + "\"");
        EXPECT_FALSE(known.image_health) << text;
        EXPECT_EQ(known.stop_signal, "") << text;
    }
    put("/index.json", "[[[");
    EXPECT_EQ(read("").stop_signal, "");
    put("/index.json", R"({"manifests":[1,{"annotations":[]},{"annotations":{"io.gantry.image.id":7}}]})");
    EXPECT_EQ(read("").stop_signal, "");
}

TEST_F(Facts, id_is_the_definitions_or_derived) {
    EXPECT_EQ(read("").id.size(), 64U);
    EXPECT_EQ(read("").id, read("").id);
    EXPECT_EQ(read("id = \"" + std::string(64, 'd') + "\"").id, std::string(64, 'd'));
}
