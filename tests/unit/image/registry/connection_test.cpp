// One registry: how its scheme is found out, and what its answers about manifests mean.
#include "fake_registry.hpp"

#include "image/hasher.hpp"
#include "image/registry/blob_upload.hpp"
#include "image/registry/choose.hpp"

#include <future>

namespace gantry::image::test {

using registry::Repository;

class ConnectionTest : public RegistryTest {
protected:
    std::unique_ptr<registry::HttpClient> client_;

    std::unique_ptr<registry::Connection> connect(const std::string& host) {
        registry::Endpoint endpoint{.registry = host, .host = host, .prefix = "", .plain_allowed = true, .tls = {}};
        client_ = std::make_unique<registry::HttpClient>(settings_);
        return std::make_unique<registry::Connection>(
            *client_, std::move(endpoint), [] { return std::optional<Credentials>(); },
            [](const std::string&) { return registry::Tls{}; });
    }
};

// What is the engine's image only goes when that is removed: such a registry wants to be given it.
TEST_F(ConnectionTest, AnEnginesImageIsNotThere) {
    FakeRegistry fake;
    const MadeImage image = make_image({make_layer("a", 100)});
    fake.put("team/app", "1", image);
    const auto connection = connect(fake.host());
    Repository repository(*connection, "team/app", "pull,push");
    EXPECT_TRUE(has_manifest(repository, image.digest).value());
    EXPECT_TRUE(has_tag(repository, "1", image.digest));
    EXPECT_FALSE(has_manifest(repository, digest_of("another")).value());
    fake.intercept([&](const Request& request) -> std::optional<Reply> {
        Reply reply = fake.honest(request);
        reply.headers.emplace_back(registry::engine_image_header, "yes");
        return reply;
    });
    EXPECT_FALSE(has_manifest(repository, image.digest).value());
    EXPECT_FALSE(has_tag(repository, "1", image.digest));
    EXPECT_EQ(repository.head("1").value(), image.digest);
}

TEST_F(ConnectionTest, TheFirstRequestDoesNotMakeTheOthersWait) {
    std::promise<void> slow, fast;
    auto slow_came = slow.get_future(), fast_came = fast.get_future();
    HttpServer server([&](const Request& request) {
        Reply reply;
        if (request.path() == "/v2/slow") {
            slow.set_value();
            reply.body = fast_came.wait_for(std::chrono::seconds(5)) == std::future_status::ready ? "beside" : "after";
        }
        if (request.path() == "/v2/fast") fast.set_value();
        return reply;
    });
    settings_.stall_window = registry::Milliseconds(10'000);
    const auto connection = connect(server.host());
    auto first = std::async(std::launch::async, [&] { return connection->perform({"GET", "slow", ""}); });
    slow_came.wait();
    EXPECT_EQ(connection->perform({"GET", "fast", ""}).response.status, 200);
    EXPECT_EQ(first.get().response.body, "beside");
}

}  // namespace gantry::image::test
