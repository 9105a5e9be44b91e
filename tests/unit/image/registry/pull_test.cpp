#include "fake_registry.hpp"

#include <fstream>

namespace gantry::image::test {

namespace fs = std::filesystem;

class Pull : public RegistryTest {
protected:
    FakeRegistry registry_;
    std::string name_ = registry_.host() + "/team/app:1";
    MadeImage image_ = make_image({make_layer("a", 50'000), make_layer("b", 300'000, true), make_layer("c", 10)});

    bool said(const std::string& status) {
        const std::scoped_lock lock(mutex_);
        return std::ranges::any_of(progress_, [&](const Progress& progress) { return progress.status == status; });
    }
};

TEST_F(Pull, BringsAnImage) {
    registry_.put("team/app", "1", image_);
    const auto pulled = pull(name_);
    ASSERT_TRUE(pulled.ok()) << pulled.error().message();
    EXPECT_EQ(pulled->image.id, image_.config_digest);
    EXPECT_EQ(pulled->image.manifest, image_.digest);
    EXPECT_EQ(pulled->digest, image_.digest);
    EXPECT_EQ(pulled->name, name_);
    EXPECT_FALSE(pulled->up_to_date);
    EXPECT_EQ(fs::file_size(layer_file(image_.layers[1], "b")), 300'000U);
    EXPECT_TRUE(said("1: Pulling from " + registry_.host() + "/team/app"));
    EXPECT_TRUE(said("Pull complete"));
    ASSERT_TRUE(store_.find(name_).ok());
    expect_clean();
}

TEST_F(Pull, DockerSchema2AndByDigest) {
    const MadeImage docker = make_image({make_layer("a", 1000)}, {.docker = true});
    registry_.put("team/app", "1", docker);
    const auto pulled = pull(registry_.host() + "/team/app@" + docker.digest.str());
    ASSERT_TRUE(pulled.ok()) << pulled.error().message();
    EXPECT_TRUE(pulled->image.names.empty());
    EXPECT_EQ(pulled->image.digests.size(), 1U);
    EXPECT_EQ(registry_.server().count("HEAD", "manifests"), 0U);
}

TEST_F(Pull, AgainAsksOnlyWhatTheTagIs) {
    registry_.put("team/app", "1", image_);
    ASSERT_TRUE(pull(name_).ok());
    registry_.server().forget();
    const auto again = pull(name_);
    ASSERT_TRUE(again.ok()) << again.error().message();
    EXPECT_TRUE(again->up_to_date);
    EXPECT_EQ(registry_.server().requests().size(), 1U);
}

TEST_F(Pull, SharedLayersAreNotFetchedAgain) {
    registry_.put("team/app", "1", image_);
    ASSERT_TRUE(pull(name_).ok());
    auto layers = image_.layers;
    layers.push_back(make_layer("d", 100));
    const MadeImage second = make_image(layers, {.marker = "second"});
    registry_.put("team/app", "2", second);
    registry_.server().forget();
    ASSERT_TRUE(pull(registry_.host() + "/team/app:2").ok());
    EXPECT_EQ(registry_.server().count("GET", "/blobs/"), 2U);  // the configuration and one layer
    EXPECT_TRUE(said("Already exists"));
}

TEST_F(Pull, TheSameLayerTwiceInOneImage) {
    const MadeLayer layer = make_layer("a", 1000);
    const MadeImage twice = make_image({layer, make_layer("b", 10), layer});
    registry_.put("team/app", "1", twice);
    const auto pulled = pull(name_);
    ASSERT_TRUE(pulled.ok()) << pulled.error().message();
    EXPECT_EQ(registry_.server().count("GET", layer.digest.str()), 1U);
}

TEST_F(Pull, TwoAtOnceFetchOnce) {
    registry_.put("team/app", "1", image_);
    registry_.intercept([&](const Request& request) -> std::optional<Reply> {
        if (request.target.find("/blobs/") == std::string::npos) return std::nullopt;
        Reply reply = registry_.honest(request);
        reply.delay = std::chrono::milliseconds(100);
        return reply;
    });
    std::vector<Result<PullResult>> results(4, error(Errc::internal, "not run"));
    {
        std::vector<std::jthread> threads;
        for (auto& result : results) threads.emplace_back([&] { result = pull(name_); });
    }
    for (const auto& result : results) ASSERT_TRUE(result.ok()) << result.error().message();
    for (const MadeLayer& layer : image_.layers) EXPECT_EQ(registry_.server().count("GET", layer.digest.str()), 1U);
    expect_clean();
}

TEST_F(Pull, ChoosesThePlatform) {
    const MadeImage arm6 = make_image({make_layer("v6", 10)}, {.architecture = "arm", .variant = "v6", .marker = "v6"});
    const MadeImage arm5 = make_image({make_layer("v5", 10)}, {.architecture = "arm", .variant = "v5", .marker = "v5"});
    const Digest index = registry_.put_index(
        "team/app", "1", {{{"linux", "arm", "v5"}, arm5}, {{"linux", "arm", "v6"}, arm6}, {Platform::host(), image_}});
    auto pulled = pull(name_);
    ASSERT_TRUE(pulled.ok()) << pulled.error().message();
    EXPECT_EQ(pulled->image.id, image_.config_digest);
    EXPECT_EQ(pulled->digest, index);
    EXPECT_TRUE(pull(name_)->up_to_date);

    options_.platform = Platform{"linux", "arm", "v7"};
    pulled = pull(name_);
    ASSERT_TRUE(pulled.ok()) << pulled.error().message();
    EXPECT_EQ(pulled->image.id, arm6.config_digest);

    options_.platform = Platform{"linux", "s390x", ""};
    const auto none = pull(name_);
    ASSERT_FALSE(none.ok());
    EXPECT_EQ(none.error().code(), Errc::not_found);
    EXPECT_THAT(none.error().message(), ::testing::HasSubstr("no image for platform 'linux/s390x'"));
    EXPECT_THAT(none.error().message(), ::testing::HasSubstr("linux/arm/v6"));
    expect_clean();
}

TEST_F(Pull, AnotherPlatformThanAskedFor) {
    registry_.put("team/app", "1", image_);
    options_.platform = Platform{"linux", "s390x", ""};
    const auto pulled = pull(name_);
    ASSERT_FALSE(pulled.ok());
    EXPECT_THAT(pulled.error().message(), ::testing::HasSubstr("not for 'linux/s390x'"));
}

TEST_F(Pull, ShortNames) {
    registry_.put("library/app", "1", image_);
    registry_.put("library/other", "latest", image_);
    FakeRegistry empty;
    engine_.search_registries = {empty.host(), registry_.host()};
    engine_.aliases["short"] = registry_.host() + "/library/other";
    auto pulled = pull("library/app:1");
    ASSERT_TRUE(pulled.ok()) << pulled.error().message();
    EXPECT_EQ(pulled->name, registry_.host() + "/library/app:1");
    pulled = pull("short");
    ASSERT_TRUE(pulled.ok()) << pulled.error().message();
    EXPECT_EQ(pulled->name, registry_.host() + "/library/other:latest");
    const auto none = pull("library/absent");
    ASSERT_FALSE(none.ok());
    EXPECT_EQ(none.error().code(), Errc::not_found);
    EXPECT_THAT(none.error().message(), ::testing::HasSubstr("in none of the 2 registries"));
}

TEST_F(Pull, ARegistryThatIsDownIsNotPassedOver) {
    registry_.put("library/app", "1", image_);
    engine_.search_registries = {"127.0.0.1:1", registry_.host()};
    const auto pulled = pull("library/app:1");
    ASSERT_FALSE(pulled.ok());
    EXPECT_EQ(pulled.error().code(), Errc::unavailable);
}

TEST_F(Pull, MirrorsFirstThenTheRegistry) {
    registry_.put("team/app", "1", image_);
    FakeRegistry mirror;
    mirror.put("proxy/team/app", "1", image_);
    engine_.registries[registry_.host()].mirrors = {"127.0.0.1:1", mirror.host() + "/proxy"};
    auto pulled = pull(name_);
    ASSERT_TRUE(pulled.ok()) << pulled.error().message();
    EXPECT_EQ(pulled->name, name_);
    EXPECT_TRUE(registry_.server().requests().empty());

    const MadeImage other = make_image({make_layer("other", 10)});
    registry_.put("team/app", "2", other);
    pulled = pull(registry_.host() + "/team/app:2");
    ASSERT_TRUE(pulled.ok()) << pulled.error().message();
    EXPECT_GT(mirror.server().count("GET", "proxy/team/app/manifests/2"), 0U);
}

TEST_F(Pull, AMirrorThatLosesABlobIsHelpedOut) {
    registry_.put("team/app", "1", image_);
    FakeRegistry mirror;
    mirror.put("team/app", "1", image_);
    mirror.intercept([&](const Request& request) -> std::optional<Reply> {
        if (request.target.find(image_.layers[1].digest.str()) == std::string::npos) return std::nullopt;
        return error_reply(404, "BLOB_UNKNOWN", "gone");
    });
    engine_.registries[registry_.host()].mirrors = {mirror.host()};
    const auto pulled = pull(name_);
    ASSERT_TRUE(pulled.ok()) << pulled.error().message();
    EXPECT_EQ(registry_.server().requests().size(), 1U);
}

TEST_F(Pull, BlockedRegistry) {
    registry_.put("team/app", "1", image_);
    engine_.registries[registry_.host()].blocked = true;
    const auto pulled = pull(name_);
    ASSERT_FALSE(pulled.ok());
    EXPECT_EQ(pulled.error().code(), Errc::denied);
    EXPECT_TRUE(registry_.server().requests().empty());
}

TEST_F(Pull, CancelledWhileTheRegistryStalls) {
    registry_.put("team/app", "1", image_);
    settings_.stall_window = registry::Milliseconds(60'000);
    std::atomic<bool> begun = false;
    registry_.intercept([&](const Request& request) -> std::optional<Reply> {
        if (request.target.find(image_.layers[1].digest.str()) == std::string::npos) return std::nullopt;
        Reply reply = registry_.honest(request);
        reply.stall_at = 100'000;
        begun = true;
        begun.notify_all();
        return reply;
    });
    std::atomic<bool> cancel = false;
    options_.cancel = &cancel;
    std::chrono::steady_clock::time_point asked;
    std::jthread later([&] {
        begun.wait(false);
        std::this_thread::sleep_for(std::chrono::milliseconds(500));  // for what is sent before the stall
        asked = std::chrono::steady_clock::now();
        cancel = true;
    });
    const auto pulled = pull(name_);
    const auto took = std::chrono::steady_clock::now() - asked;
    ASSERT_FALSE(pulled.ok());
    EXPECT_EQ(pulled.error().code(), Errc::cancelled);
    EXPECT_LT(took, settings_.stall_window / 2);
    expect_clean();

    // What came is kept, and the next pull goes on from there.
    const auto size = fs::file_size(paths_.images() + "/partial/" + std::string(image_.layers[1].digest.hex()));
    EXPECT_GT(size, 0U);
    cancel = false;
    registry_.intercept({});
    registry_.server().forget();
    const auto again = pull(name_);
    ASSERT_TRUE(again.ok()) << again.error().message();
    for (const Request& request : registry_.server().requests()) {
        if (request.target.find(image_.layers[1].digest.str()) == std::string::npos) continue;
        EXPECT_EQ(request.header("range"), fmt::format("bytes={}-", size));
    }
}

TEST_F(Pull, KeptBytesThatWereWrongAreThrownAway) {
    registry_.put("team/app", "1", image_);
    fs::create_directories(paths_.images() + "/partial");
    std::ofstream(paths_.images() + "/partial/" + std::string(image_.layers[1].digest.hex())) << std::string(1000, 'x');
    const auto pulled = pull(name_);
    ASSERT_TRUE(pulled.ok()) << pulled.error().message();
    expect_clean();
}

}  // namespace gantry::image::test
