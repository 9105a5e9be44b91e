// Requests without a network: rights, uploads, quota.
#include "registry/api.hpp"
#include "support.hpp"

#include "image/hasher.hpp"

namespace gantry::registry {
namespace {

using namespace image::test;

struct ApiTest : testing::Test {
    Scratch scratch;
    FolderDriver driver{scratch / "storage"};
    image::Store store = image::Store::open(paths_below(scratch.path()), driver).value();
    Api api{store, Tokens::open(scratch / "key").value()};
    config::RegistryServer server;

    Request request(std::string method, std::string_view target) {
        auto settings = std::make_shared<Settings>();
        settings->server = server;
        Request made;
        made.settings = settings;
        made.method = std::move(method);
        made.route = parse_target(target).value();
        made.host = "registry.example:5000";
        return made;
    }
    Answer ask(Request made, std::string_view data = {}) {
        if (auto refused = api.admit(made)) return std::move(*refused);
        if (!Api::is_upload(made)) {
            made.body = data;
            return api.handle(made);
        }
        made.content_length = data.size();
        auto begun = api.begin_upload(made);
        if (auto* refused = std::get_if<Answer>(&begun)) return std::move(*refused);
        auto& claim = std::get<Uploads::Claim>(begun);
        if (auto written = api.write(*claim, data); !written.ok()) return failure(written.error());
        return api.end_upload(made, claim);
    }
    Answer ask(std::string method, std::string_view target, std::string_view data = {}) {
        return ask(request(std::move(method), target), data);
    }
    static std::string header(const Answer& answer, std::string_view name) {
        for (const auto& [key, value] : answer.headers)
            if (key == name) return value;
        return {};
    }
    int push(const std::string& repository, std::string_view data) {
        return ask("POST", fmt::format("/v2/{}/blobs/uploads/?digest={}", repository, image::digest_of(data).str()), data)
            .status;
    }
    std::string manifest_text(std::string_view layer) {
        const auto descriptor = [](std::string_view type, std::string_view data) {
            return fmt::format(R"({{"mediaType":"{}","digest":"{}","size":{}}})", type, image::digest_of(data).str(),
                               data.size());
        };
        return fmt::format(R"({{"schemaVersion":2,"config":{},"layers":[{}]}})", descriptor("a/b", "{}"),
                           descriptor("c/d", layer));
    }
};

TEST_F(ApiTest, PushAndPull) {
    EXPECT_EQ(push("a", "{}"), 201);
    EXPECT_EQ(push("a", "layer"), 201);
    const std::string text = manifest_text("layer");
    EXPECT_EQ(ask("PUT", "/v2/a/manifests/x", text).status, 201);
    const Answer got = ask("GET", "/v2/a/manifests/x");
    EXPECT_EQ(got.body, text);
    EXPECT_EQ(header(got, "Docker-Content-Digest"), image::digest_of(text).str());
    const Answer blob = ask("GET", "/v2/a/blobs/" + image::digest_of("layer").str());
    EXPECT_EQ(blob.status, 200);
    EXPECT_EQ(blob.length, 5U);
    // The blobs are in one repository, and not in another.
    EXPECT_EQ(ask("GET", "/v2/b/blobs/" + image::digest_of("layer").str()).status, 404);
    EXPECT_EQ(ask("PUT", "/v2/b/manifests/x", text).status, 404);
}

TEST_F(ApiTest, AManifestWithAWrongSizeIsRefused) {
    push("a", "{}");
    push("a", "layer");
    std::string text = manifest_text("layer");
    text.replace(text.find("\"size\":5"), 8, "\"size\":6");
    EXPECT_EQ(ask("PUT", "/v2/a/manifests/x", text).status, 400);
    EXPECT_EQ(ask("PUT", "/v2/a/manifests/.x", manifest_text("layer")).status, 400);
}

TEST_F(ApiTest, AnUploadBelongsToOneRequestAtATime) {
    const Answer begun = ask("POST", "/v2/a/blobs/uploads/");
    ASSERT_EQ(begun.status, 202);
    const std::string location = header(begun, "Location");
    const auto first = request("PATCH", location);
    auto held = api.begin_upload(first);
    ASSERT_TRUE(std::holds_alternative<Uploads::Claim>(held));
    EXPECT_EQ(ask("PATCH", location, "x").status, 409);
    EXPECT_EQ(ask("GET", location).status, 409);
    held = Answer{};
    EXPECT_EQ(ask("PATCH", location, "x").status, 202);
    EXPECT_EQ(ask("PATCH", "/v2/b" + location.substr(5), "x").status, 404);
    EXPECT_FALSE(api.tidy());
    EXPECT_EQ(ask("DELETE", location).status, 204);
    EXPECT_TRUE(api.tidy());
}

TEST_F(ApiTest, Quota) {
    server.repository_quota = 10;
    EXPECT_EQ(push("a", "1234567"), 201);
    EXPECT_EQ(push("a", "abcdefg"), 403);
    EXPECT_EQ(push("a", "abc"), 201);
    EXPECT_EQ(push("b", "abcdefg"), 201);
    server.quota = 18;
    EXPECT_EQ(push("c", "xyzxyz"), 403);
    // The same blob in several repositories is there once.
    EXPECT_EQ(push("c", "a"), 201);
    EXPECT_EQ(ask("DELETE", "/v2/b/blobs/" + image::digest_of("abcdefg").str()).status, 202);
    EXPECT_EQ(push("c", "xyzxyz"), 201);
}

TEST_F(ApiTest, WhoHasNoRightHearsOfLogins) {
    server.htpasswd = scratch / "htpasswd";
    Answer answer = ask("GET", "/v2/");
    EXPECT_EQ(answer.status, 401);
    EXPECT_EQ(header(answer, "WWW-Authenticate"), "Basic realm=\"gantry-registry\"");
    server.rules = {{{"public/*"}, {"anonymous"}, false}, {{"**"}, {"*"}, true}};
    answer = ask("GET", "/v2/");
    EXPECT_EQ(answer.status, 401);
    EXPECT_EQ(header(answer, "WWW-Authenticate"),
              "Bearer realm=\"http://registry.example:5000/v2/token\",service=\"gantry-registry\"");
    // The token of nobody is good for what needs no login, and for nothing else.
    const std::string body = ask("GET", "/v2/token").body;
    const std::string token = body.substr(10, body.find('"', 10) - 10);
    const auto with_token = [&](std::string method, std::string_view target) {
        Request made = request(std::move(method), target);
        made.authorization = "Bearer " + token;
        return ask(std::move(made)).status;
    };
    EXPECT_EQ(with_token("GET", "/v2/"), 200);
    EXPECT_EQ(with_token("GET", "/v2/public/x/tags/list"), 404);
    EXPECT_EQ(with_token("GET", "/v2/secret/tags/list"), 401);
    EXPECT_EQ(with_token("POST", "/v2/public/x/blobs/uploads/"), 401);
    Request forged = request("GET", "/v2/");
    forged.host = "evil\"\r\nX: y";
    EXPECT_EQ(header(ask(forged), "WWW-Authenticate"), "Basic realm=\"gantry-registry\"");
}

TEST_F(ApiTest, TheEnginesImagesAreServedUnderTheirNames) {
    const Blobs blobs = put_image(store, {Tar().file("a", "b").text()});
    for (const char* name : {"docker.io/library/box:1", "localhost:5000/own/box:2", "registry.example:5000/other/box:3"})
        ASSERT_TRUE(store.add(blobs.manifest, ImageRef::parse(name).value(), std::nullopt).ok());
    EXPECT_EQ(ask("GET", "/v2/docker.io/library/box/manifests/1").status, 200);
    EXPECT_EQ(ask("GET", "/v2/own/box/manifests/2").status, 200);
    EXPECT_EQ(ask("GET", "/v2/other/box/manifests/3").status, 404);
    EXPECT_EQ(ask("GET", "/v2/own/box/blobs/" + blobs.layers[0].digest.str()).status, 200);
    server.names = {"registry.example:5000"};
    EXPECT_EQ(ask("GET", "/v2/other/box/manifests/3").status, 200);
    EXPECT_EQ(ask("GET", "/v2/own/box/manifests/" + blobs.manifest.str()).status, 200);
    EXPECT_EQ(ask("DELETE", "/v2/own/box/manifests/2").status, 403);
    EXPECT_EQ(ask("GET", "/v2/_catalog").body, "{\"repositories\":[\"docker.io/library/box\",\"other/box\",\"own/box\"]}\n");
    server.engine_images = false;
    EXPECT_EQ(ask("GET", "/v2/own/box/manifests/2").status, 404);
}

TEST_F(ApiTest, AnIndexOfTheEnginesImagesOutlivesThem) {
    const Blobs blobs = put_image(store, {Tar().file("a", "b").text()});
    ASSERT_TRUE(store.add(blobs.manifest, ImageRef::parse("localhost:5000/own/box:2").value(), std::nullopt).ok());
    const std::string nested = "/v2/own/box/manifests/" + blobs.manifest.str();
    EXPECT_EQ(header(ask("GET", nested), "gantry-engine-image"), "yes");
    const std::string index =
        fmt::format(R"({{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{{"mediaType":)"
                    R"("application/vnd.oci.image.manifest.v1+json","digest":"{}","size":{}}}]}})",
                    blobs.manifest.str(), store.blob_text(blobs.manifest).value().size());
    ASSERT_EQ(ask("PUT", "/v2/own/box/manifests/all", index).status, 201);
    EXPECT_EQ(header(ask("GET", nested), "gantry-engine-image"), "") << "the repository has it now";
    ASSERT_TRUE(store.remove("localhost:5000/own/box:2", {}, false).ok());
    EXPECT_EQ(ask("GET", "/v2/own/box/manifests/all").status, 200);
    EXPECT_EQ(ask("GET", nested).status, 200);
    EXPECT_EQ(ask("GET", "/v2/own/box/blobs/" + blobs.layers[0].digest.str()).status, 200);
}

TEST_F(ApiTest, ACacheIsNotPushedTo) {
    server.upstreams = {{"hub", "docker.io/library"}, {"hub/deep", "quay.io"}};
    const auto source = [&](const char* name) {
        return Upstream::source(server, image::RepositoryName::parse(name).value()).value_or("");
    };
    EXPECT_EQ(source("hub/nginx"), "docker.io/library/nginx");
    EXPECT_EQ(source("hub/deep/x"), "quay.io/x");
    EXPECT_EQ(source("hub"), "");
    EXPECT_EQ(source("hubs/x"), "");
    EXPECT_EQ(push("hub/nginx", "x"), 405);
    server.upstreams = {{"*", "docker.io"}, {"quay", "quay.io"}};
    EXPECT_EQ(source("quay/x"), "quay.io/x");
    EXPECT_EQ(source("library/nginx"), "docker.io/library/nginx");
}

}  // namespace
}  // namespace gantry::registry
