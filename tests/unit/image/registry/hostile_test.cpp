// Registries that lie, stall, break off and run in circles: one clear error or a success, and a store in good order.
#include "fake_registry.hpp"

#include "image/hasher.hpp"

namespace gantry::image::test {

using ::testing::HasSubstr;

class HostileRegistry : public RegistryTest {
protected:
    FakeRegistry registry_;
    std::string name_ = registry_.host() + "/team/app:1";
    MadeImage image_ = make_image({make_layer("a", 5'000), make_layer("big", 400'000)});
    const MadeLayer& big_ = image_.layers[1];

    void SetUp() override { registry_.put("team/app", "1", image_); }

    // Requests whose target has the text are answered by change of the honest answer.
    void bend(const std::string& text, std::function<void(const Request&, Reply&)> change) {
        registry_.intercept([this, text, change](const Request& request) -> std::optional<Reply> {
            if (request.target.find(text) == std::string::npos) return std::nullopt;
            Reply reply = registry_.honest(request);
            change(request, reply);
            return reply;
        });
    }
    std::string big() const { return big_.digest.str(); }

    void expect_error(Errc code, const std::string& text) {
        const auto pulled = pull(name_);
        ASSERT_FALSE(pulled.ok());
        EXPECT_EQ(pulled.error().code(), code) << pulled.error().message();
        EXPECT_THAT(pulled.error().message(), HasSubstr(text));
        EXPECT_THAT(pulled.error().message(), HasSubstr("registry '" + registry_.host() + "'"));
        EXPECT_EQ(pulled.error().message().find('\n'), std::string::npos);
        EXPECT_FALSE(store_.find(name_).ok());
        expect_clean();
        // Nothing of it stands in the way of an honest pull.
        registry_.intercept({});
        const auto again = pull(name_);
        EXPECT_TRUE(again.ok()) << again.error().message();
        expect_clean();
    }

    void expect_success() {
        const auto pulled = pull(name_);
        ASSERT_TRUE(pulled.ok()) << pulled.error().message();
        expect_clean();
    }
};

TEST_F(HostileRegistry, LayerWithOtherContent) {
    bend(big(), [](const Request&, Reply& reply) { reply.body[200'000] = static_cast<char>(reply.body[200'000] + 1); });
    expect_error(Errc::corrupt, "digest");
    EXPECT_EQ(registry_.server().count("GET", big()), 2U);  // one that lied, one honest: no retries
}

TEST_F(HostileRegistry, LayerThatIsNoArchive) {
    const MadeLayer nonsense{std::string(2000, 'n'), digest_of(std::string(2000, 'n')), digest_of("else")};
    registry_.put("team/app", "2", make_image({nonsense}));
    const auto pulled = pull(registry_.host() + "/team/app:2");
    ASSERT_FALSE(pulled.ok());
    expect_clean();
}

TEST_F(HostileRegistry, ConfigWithOtherContent) {
    bend(image_.config_digest.str(), [](const Request&, Reply& reply) { reply.body[20] = '!'; });
    expect_error(Errc::corrupt, "has digest");
}

TEST_F(HostileRegistry, ConfigOfAnotherSize) {
    bend(image_.config_digest.str(), [](const Request&, Reply& reply) { reply.body += "  "; });
    expect_error(Errc::corrupt, "larger than");
}

TEST_F(HostileRegistry, ManifestWithOtherContent) {
    bend("/manifests/", [](const Request&, Reply& reply) { reply.body[60] = '!'; });
    expect_error(Errc::corrupt, "instead of");
}

TEST_F(HostileRegistry, LayerTooShort) {
    bend(big(), [](const Request&, Reply& reply) { reply.body.resize(1000); });
    expect_error(Errc::corrupt, "has 1000 bytes, the manifest says");
}

TEST_F(HostileRegistry, LayerTooShortWithoutALength) {
    bend(big(), [](const Request&, Reply& reply) { reply.body.resize(1000), reply.chunked = true; });
    expect_error(Errc::corrupt, "has 1000 bytes, the manifest says");
}

TEST_F(HostileRegistry, LayerTooLong) {
    bend(big(), [](const Request&, Reply& reply) { reply.body += "more"; });
    expect_error(Errc::corrupt, "the manifest says");
}

TEST_F(HostileRegistry, LayerWithoutEnd) {
    bend(big(), [](const Request&, Reply& reply) { reply.body += std::string(1'000'000, 'x'), reply.chunked = true; });
    expect_error(Errc::corrupt, "larger than the");
}

TEST_F(HostileRegistry, StallsInALayerAndGoesOnByRange) {
    std::atomic<int> calls = 0;
    bend(big(), [&](const Request&, Reply& reply) {
        if (calls++ == 0) reply.stall_at = 100'000;
    });
    expect_success();
    const auto requests = registry_.server().requests();
    EXPECT_EQ(requests.back().header("range"), "bytes=100000-");
}

TEST_F(HostileRegistry, StallsForever) {
    settings_.retries = 2;
    bend(big(), [](const Request&, Reply& reply) { reply.stall_at = 0; });
    expect_error(Errc::timeout, "no data from");
}

TEST_F(HostileRegistry, StallsBeforeItAnswers) {
    settings_.retries = 1;
    bend("/manifests/", [](const Request&, Reply& reply) { reply.delay = std::chrono::seconds(3); });
    expect_error(Errc::timeout, "no data from");
}

TEST_F(HostileRegistry, DripsTooSlowly) {
    settings_.retries = 1;
    settings_.stall_rate = 100'000;
    bend(big(), [](const Request&, Reply& reply) { reply.drip = 10; });
    expect_error(Errc::timeout, "no data from");
}

TEST_F(HostileRegistry, ClosesAgainAndAgain) {
    bend(big(), [](const Request&, Reply& reply) { reply.close_at = 70'000; });
    expect_success();
    EXPECT_GE(registry_.server().count("GET", big()), 5U);
}

TEST_F(HostileRegistry, ClosesAtOnceEveryTime) {
    settings_.retries = 3;
    bend(big(), [](const Request&, Reply& reply) { reply.hang_up = true; });
    expect_error(Errc::unavailable, "blob '" + big());
}

TEST_F(HostileRegistry, ClosesAndNeverResumes) {
    bend(big(), [this](const Request&, Reply& reply) { reply = {200, {}, big_.data}, reply.close_at = 100'000; });
    expect_error(Errc::unavailable, "blob");
    EXPECT_LE(registry_.server().count("GET", big()), 16U);
}

TEST_F(HostileRegistry, IgnoresRange) {
    std::atomic<int> calls = 0;
    bend(big(), [&](const Request&, Reply& reply) {
        reply = {200, {}, big_.data};
        if (calls++ == 0) reply.close_at = 100'000;
    });
    expect_success();
    EXPECT_EQ(registry_.server().count("GET", big()), 2U);
}

TEST_F(HostileRegistry, AnswersWithAnotherRange) {
    std::atomic<int> calls = 0;
    bend(big(), [&](const Request& request, Reply& reply) {
        if (calls++ == 0) reply.close_at = 100'000;
        if (!request.header("range").empty())
            reply = {206,
                     {{"Content-Range", fmt::format("bytes 5-{}/{}", big_.data.size() - 1, big_.data.size())}},
                     big_.data.substr(5)};
    });
    expect_success();
    EXPECT_TRUE(registry_.server().requests().back().header("range").empty());
}

TEST_F(HostileRegistry, AnswersWithARangeThatNobodyAskedFor) {
    bend(big(), [&](const Request&, Reply& reply) { reply.status = 206; });
    expect_error(Errc::corrupt, "not asked for");
}

TEST_F(HostileRegistry, CannotSatisfyARange) {
    std::atomic<int> calls = 0;
    bend(big(), [&](const Request& request, Reply& reply) {
        if (calls++ == 0) reply.close_at = 100'000;
        if (!request.header("range").empty()) reply = {416, {}, ""};
    });
    expect_success();
}

TEST_F(HostileRegistry, GivesPartsOfARange) {
    std::atomic<int> calls = 0;
    bend(big(), [&](const Request& request, Reply& reply) {
        if (calls++ == 0) reply.close_at = 100'000;
        if (request.header("range").empty()) return;
        const std::size_t first = std::stoul(request.header("range").substr(6)),
                          last = std::min(first + 99'999, big_.data.size() - 1);
        reply = {206,
                 {{"Content-Range", fmt::format("bytes {}-{}/{}", first, last, big_.data.size())}},
                 big_.data.substr(first, last - first + 1)};
    });
    expect_success();
}

TEST_F(HostileRegistry, UnknownManifest) {
    bend("/manifests/", [](const Request&, Reply& reply) { reply = error_reply(404, "MANIFEST_UNKNOWN", "manifest unknown"); });
    expect_error(Errc::not_found, "manifest 'team/app:1' is unknown (HTTP 404: manifest unknown)");
}

TEST_F(HostileRegistry, UnknownBlob) {
    bend(big(), [](const Request&, Reply& reply) { reply = error_reply(404, "BLOB_UNKNOWN", "blob\\u001b[31m unknown"); });
    expect_error(Errc::not_found, "is unknown (HTTP 404: blob [31m unknown)");
}

TEST_F(HostileRegistry, TooManyRequestsWithPatience) {
    std::atomic<int> calls = 0;
    bend(big(), [&](const Request&, Reply& reply) {
        if (calls++ == 0) reply = {429, {{"Retry-After", "1"}}, ""};
    });
    const auto start = std::chrono::steady_clock::now();
    expect_success();
    EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(900));
}

TEST_F(HostileRegistry, TooManyRequestsForTooLong) {
    bend("/manifests/", [](const Request&, Reply& reply) {
        reply = {429, {{"Retry-After", "86400"}}, R"({"message":"slow down"})"};
    });
    expect_error(Errc::unavailable, "too many requests (HTTP 429: slow down)");
    EXPECT_EQ(registry_.server().count("HEAD", "/manifests/1"), 2U);
}

TEST_F(HostileRegistry, FailsForAWhile) {
    std::atomic<int> calls = 0;
    bend("", [&](const Request&, Reply& reply) {
        if (calls++ % 3 != 2) reply = {503, {}, "<html>busy</html>"};
    });
    expect_success();
}

TEST_F(HostileRegistry, FailsForever) {
    settings_.retries = 2;
    bend("/manifests/", [](const Request&, Reply& reply) { reply = {500, {}, std::string(300'000, '{')}; });
    expect_error(Errc::unavailable, "HTTP 500");
    EXPECT_EQ(registry_.server().count("GET", "/manifests/1"), 3U);
}

TEST_F(HostileRegistry, RedirectsInCircles) {
    bend(big(), [](const Request& request, Reply& reply) { reply = {307, {{"Location", request.target}}, ""}; });
    expect_error(Errc::unavailable, "more than 10 redirects");
}

TEST_F(HostileRegistry, RedirectsToNowhere) {
    for (const char* target : {"file:///etc/passwd", "gopher://x/", "", "http://user:pw@127.0.0.1/"}) {
        bend(big(), [&](const Request&, Reply& reply) { reply = {302, {{"Location", target}}, ""}; });
        const auto pulled = pull(name_);
        ASSERT_FALSE(pulled.ok()) << target;
        EXPECT_THAT(pulled.error().message(), HasSubstr("registry '" + registry_.host() + "'"));
    }
    expect_clean();
}

TEST_F(HostileRegistry, GarbageManifests) {
    const char* oci = "application/vnd.oci.image.manifest.v1+json";
    const struct {
        std::string text, expected;
    } cases[] = {
        {"<html>login</html>", "not valid JSON"},
        {"[]", "not a JSON object"},
        {"{}", "schemaVersion"},
        {std::string(100'000, '['), "nested"},
        {R"({"schemaVersion":1,"name":"x","signatures":[]})", "schema 1"},
        {R"({"schemaVersion":2,"manifests":[],"layers":[]})", "both an index and an image"},
        {R"({"schemaVersion":2,"mediaType":"text/plain"})", "text/plain"},
        {R"({"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json"})", "the registry says"},
        {R"({"schemaVersion":2,"config":{"digest":"sha256:zz","size":1},"layers":[]})", "digest"},
        {R"({"schemaVersion":2,"layers":"x"})", "config"},
    };
    for (const auto& [text, expected] : cases) {
        registry_.put_manifest("team/app", "bad", text, oci);
        const auto pulled = pull(registry_.host() + "/team/app:bad");
        ASSERT_FALSE(pulled.ok()) << text.substr(0, 100);
        EXPECT_THAT(pulled.error().message(), HasSubstr(expected)) << text.substr(0, 100);
    }
    expect_clean();
}

TEST_F(HostileRegistry, HugeManifest) {
    registry_.put_manifest("team/app", "huge", "{\"schemaVersion\":2," + std::string(5U << 20, ' ') + "}",
                           "application/vnd.oci.image.manifest.v1+json");
    const auto pulled = pull(registry_.host() + "/team/app:huge");
    ASSERT_FALSE(pulled.ok());
    EXPECT_EQ(pulled.error().code(), Errc::invalid);
    EXPECT_THAT(pulled.error().message(), HasSubstr("is larger than 4194304 bytes"));
}

TEST_F(HostileRegistry, ArtifactsAreNoImages) {
    std::string text = image_.manifest;
    text.replace(text.find("application/vnd.oci.image.config.v1+json"), 40, "application/vnd.cncf.helm.config.v1+json");
    registry_.put_manifest("team/app", "chart", text, "application/vnd.oci.image.manifest.v1+json");
    const auto pulled = pull(registry_.host() + "/team/app:chart");
    ASSERT_FALSE(pulled.ok());
    EXPECT_THAT(pulled.error().message(), HasSubstr("not a container image but 'application/vnd.cncf.helm.config.v1+json'"));
}

TEST_F(HostileRegistry, ForeignLayersOnlyWhereAllowed) {
    FakeRegistry elsewhere;
    elsewhere.put_blob(big_.data);
    const std::string url = fmt::format("http://{}/v2/x/blobs/{}", elsewhere.host(), big());
    const MadeImage image = make_image({big_}, {.layer_urls = fmt::format(R"(["{}"])", url),
                                                .layer_type = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"});
    registry_.put("team/app", "1", image);
    bend(big(), [](const Request&, Reply& reply) { reply = error_reply(404, "BLOB_UNKNOWN", "blob unknown"); });
    const auto refused = pull(name_);
    ASSERT_FALSE(refused.ok());
    EXPECT_THAT(refused.error().message(), HasSubstr("only to be had from other addresses"));
    EXPECT_TRUE(elsewhere.server().requests().empty());
    engine_.registries[registry_.host()].foreign_layers = true;
    const auto pulled = pull(name_);
    EXPECT_TRUE(pulled.ok()) << pulled.error().message();
}

TEST_F(HostileRegistry, NobodyThere) {
    const auto pulled = pull("127.0.0.1:1/team/app:1");
    ASSERT_FALSE(pulled.ok());
    EXPECT_EQ(pulled.error().code(), Errc::unavailable);
    EXPECT_THAT(pulled.error().message(), HasSubstr("registry '127.0.0.1:1'"));
}

TEST_F(HostileRegistry, WhoeverIsNotLoopbackMustSpeakTls) {
    // The same server under a name that is not loopback's: reached through the resolver's own address of this host.
    engine_.registries.clear();
    const auto pulled = pull("0.0.0.0:" + std::to_string(registry_.server().port()) + "/team/app:1");
    ASSERT_FALSE(pulled.ok());
    EXPECT_TRUE(registry_.server().requests().empty());
}

TEST_F(HostileRegistry, InsecureWhereConfigured) {
    const std::string host = "0.0.0.0:" + std::to_string(registry_.server().port());
    engine_.registries[host].insecure = true;
    const auto pulled = pull(host + "/team/app:1");
    EXPECT_TRUE(pulled.ok()) << pulled.error().message();
}

}  // namespace gantry::image::test
