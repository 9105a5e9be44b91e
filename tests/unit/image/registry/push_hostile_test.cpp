#include "fake_registry.hpp"

#include "image/hasher.hpp"
#include "image/registry/blob_upload.hpp"
#include "os/file.hpp"

#include <fcntl.h>

#include <fstream>
#include <random>

namespace gantry::image::test {

using registry::Uploaded;

class UploadTest : public RegistryTest {
protected:
    FakeRegistry registry_;
    std::string data_ = noise(5'000'000);
    Digest digest_ = digest_of(data_);
    registry::UploadPlan plan_;
    std::atomic<int> breaks_ = 0;

    UploadTest() {
        plan_.chunk = 1U << 20;
        settings_.retries = 3;
    }
    static std::string noise(std::size_t bytes) {
        std::mt19937_64 source(11);
        std::string text(bytes, '\0');
        for (char& c : text) c = static_cast<char>(source());
        return text;
    }
    Result<Uploaded> upload() {
        const std::string file = scratch_ / "upload.bin";
        std::ofstream(file) << data_;
        const os::Fd fd = TRY(os::open(file, O_RDONLY));
        registry::HttpClient client(settings_);
        registry::Connection connection(
            client, TRY(registry::endpoint_of(paths_, engine_, registry_.host())), [] { return std::optional<Credentials>(); },
            [](const std::string&) { return registry::Tls{}; });
        registry::Repository repository(connection, "app", "pull,push");
        return registry::push_blob(repository, {digest_, data_.size(), fd.get()}, plan_);
    }
    std::uint64_t bytes_sent() {
        std::uint64_t sum = 0;
        for (const Request& request : registry_.server().requests()) sum += request.body.size();
        return sum;
    }
    std::string id_of(const Request& request) { return request.path().substr(request.path().rfind('/') + 1); }
    void arrived() { EXPECT_TRUE(registry_.blob(digest_) == data_); }
};

TEST_F(UploadTest, LargeOnesInPieces) {
    const auto done = upload();
    ASSERT_TRUE(done.ok()) << done.error().message();
    arrived();
    EXPECT_EQ(registry_.server().count("PATCH", "uploads"), 5u);
    EXPECT_EQ(registry_.server().count("PUT", "digest="), 1u);
    EXPECT_EQ(bytes_sent(), data_.size());
}

TEST_F(UploadTest, SmallOnesAtOnce) {
    plan_.chunk = 8U << 20;
    ASSERT_TRUE(upload().ok());
    arrived();
    EXPECT_EQ(registry_.server().requests().size(), 3u);  // HEAD, POST, PUT
}

TEST_F(UploadTest, GoesOnWhereTheRegistryStands) {
    registry_.intercept([&](const Request& request) -> std::optional<Reply> {
        if (request.method != "PATCH" || ++breaks_ != 3) return std::nullopt;
        registry_.take_upload(id_of(request), request.body.substr(0, 400'000));
        return Reply{.hang_up = true};
    });
    const auto done = upload();
    ASSERT_TRUE(done.ok()) << done.error().message();
    arrived();
    EXPECT_EQ(registry_.server().count("POST", "uploads"), 1u);
    EXPECT_EQ(bytes_sent(), data_.size() + (1U << 20) - 400'000);
}

TEST_F(UploadTest, BeginsAgainWhereTheRegistryForgot) {
    registry_.intercept([&](const Request& request) -> std::optional<Reply> {
        if (request.method == "PATCH" && ++breaks_ == 2) return Reply{.hang_up = true};
        if (request.method == "GET") return error_reply(404, "BLOB_UPLOAD_UNKNOWN", "no such upload");
        return std::nullopt;
    });
    ASSERT_TRUE(upload().ok());
    arrived();
    EXPECT_EQ(registry_.server().count("POST", "uploads"), 2u);
}

TEST_F(UploadTest, NonsenseAboutTheStateIsNotBelieved) {
    registry_.intercept([&](const Request& request) -> std::optional<Reply> {
        if (request.method == "PATCH" && ++breaks_ == 2) return Reply{.hang_up = true};
        if (request.method == "GET") return Reply{204, {{"Location", request.path()}, {"Range", "0-99999999"}}, ""};
        return std::nullopt;
    });
    ASSERT_TRUE(upload().ok());
    arrived();
}

TEST_F(UploadTest, APieceThatNeverArrivesEnds) {
    registry_.intercept([&](const Request& request) -> std::optional<Reply> {
        if (request.method == "PATCH") return Reply{.hang_up = true};
        return std::nullopt;
    });
    const auto done = upload();
    ASSERT_FALSE(done.ok());
    EXPECT_EQ(done.error().code(), Errc::unavailable);
    EXPECT_LT(registry_.server().requests().size(), 40u);
}

TEST_F(UploadTest, AlwaysForgottenEnds) {
    registry_.intercept([&](const Request& request) -> std::optional<Reply> {
        if (request.method == "PATCH" || request.method == "GET") return error_reply(404, "BLOB_UPLOAD_UNKNOWN", "what?");
        return std::nullopt;
    });
    const auto done = upload();
    ASSERT_FALSE(done.ok());
    EXPECT_LT(registry_.server().requests().size(), 20u);
}

TEST_F(UploadTest, ALostLastAnswerIsNoFailure) {
    registry_.intercept([&](const Request& request) -> std::optional<Reply> {
        if (request.method != "PUT") return std::nullopt;
        static_cast<void>(registry_.honest(request));
        return Reply{.hang_up = true};
    });
    ASSERT_TRUE(upload().ok());
    arrived();
    EXPECT_EQ(registry_.server().count("POST", "uploads"), 1u);
    EXPECT_EQ(registry_.server().count("PATCH", "uploads"), 5u);
}

TEST_F(UploadTest, PatienceAsTheRegistryAsks) {
    registry_.intercept([&](const Request& request) -> std::optional<Reply> {
        if (request.method == "HEAD" || request.method == "GET" || ++breaks_ % 2 == 0) return std::nullopt;
        return Reply{breaks_ % 3 == 0 ? 429 : 503, {{"Retry-After", "0"}}, ""};
    });
    settings_.retries = 8;
    const auto done = upload();
    ASSERT_TRUE(done.ok()) << done.error().message();
    arrived();
}

TEST_F(UploadTest, RefusalsAreOneLine) {
    for (const auto& [status, text] : {std::pair{401, "needs a login"},
                                       {403, "is denied"},
                                       {404, "the repository is unknown"},
                                       {405, "read-only"},
                                       {413, "larger than the registry takes"},
                                       {302, "HTTP 302"},
                                       {400, "evil line"}}) {
        registry_.intercept([&](const Request& request) -> std::optional<Reply> {
            if (request.method == "HEAD") return std::nullopt;
            return error_reply(status, "X", "evil\\nline");
        });
        const auto done = upload();
        ASSERT_FALSE(done.ok());
        EXPECT_THAT(done.error().message(), testing::HasSubstr(text));
        EXPECT_THAT(done.error().message(), testing::HasSubstr("registry '127.0.0.1:"));
        EXPECT_THAT(done.error().message(), testing::HasSubstr(digest_.str()));
    }
}

TEST_F(UploadTest, LocationsOfAllKinds) {
    int kind = 0;
    for (kind = 0; kind < 3; ++kind) {
        registry_.drop_blob(digest_);
        registry_.intercept([&](const Request& request) -> std::optional<Reply> {
            if (request.method != "POST") return std::nullopt;
            Reply reply = registry_.honest(request);
            const std::string place = reply.headers[0].second;
            if (kind == 0) reply.headers[0].second = "http://" + registry_.host() + place;
            if (kind == 1) reply.headers[0].second = place.substr(place.rfind('/') + 1);  // relative to .../uploads/
            if (kind == 2) {
                const std::string id = place.substr(place.rfind('/') + 1);
                reply.headers[0] = {"Docker-Upload-UUID", id.substr(0, id.find('?'))};
            }
            return reply;
        });
        const auto done = upload();
        ASSERT_TRUE(done.ok()) << kind << done.error().message();
        arrived();
    }
    registry_.drop_blob(digest_);
    for (const char* location : {"", "ftp://x/", "http://user:pw@127.0.0.1/"}) {
        registry_.intercept([&](const Request& request) -> std::optional<Reply> {
            if (request.method != "POST") return std::nullopt;
            return Reply{202, {{"Location", location}}, ""};
        });
        EXPECT_EQ(upload().error().code(), Errc::invalid) << location;
    }
}

TEST_F(UploadTest, TheLeastChunkIsHeeded) {
    registry_.intercept([&](const Request& request) -> std::optional<Reply> {
        if (request.method != "POST") return std::nullopt;
        Reply reply = registry_.honest(request);
        reply.headers.emplace_back("OCI-Chunk-Min-Length", "3000000");
        return reply;
    });
    ASSERT_TRUE(upload().ok());
    arrived();
    EXPECT_EQ(registry_.server().count("PATCH", "uploads"), 2u);
}

TEST_F(UploadTest, MountsWhereItMay) {
    plan_.mounts = {"somewhere", "team/other"};
    std::string good = "from=team%2Fother";
    registry_.intercept([&](const Request& request) -> std::optional<Reply> {
        if (request.target.find("mount=") == std::string::npos) return std::nullopt;
        if (request.target.find(good) != std::string::npos) return Reply{201, {}, ""};
        return error_reply(403, "DENIED", "no");
    });
    const auto done = upload();
    ASSERT_TRUE(done.ok());
    EXPECT_EQ(done->how, Uploaded::How::mounted);
    EXPECT_EQ(done->from, "team/other");
    // Nowhere: it is sent.
    good = "nothing";
    EXPECT_EQ(upload()->how, Uploaded::How::sent);
    arrived();
    EXPECT_EQ(upload()->how, Uploaded::How::existed);
}

TEST_F(UploadTest, AForgottenRegistryStallsNobody) {
    registry_.intercept([&](const Request& request) -> std::optional<Reply> {
        if (request.method != "PATCH") return std::nullopt;
        return Reply{.delay = std::chrono::seconds(60)};
    });
    settings_.retries = 1;
    settings_.answer_window = registry::Milliseconds(300);
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(upload().error().code(), Errc::timeout);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
}

TEST_F(UploadTest, ABlobThatIsShorterThanItShouldBe) {
    const std::uint64_t size = data_.size();
    plan_.chunk = 8U << 20;
    registry::HttpClient client(settings_);
    registry::Connection connection(
        client, registry::endpoint_of(paths_, engine_, registry_.host()).value(), [] { return std::optional<Credentials>(); },
        [](const std::string&) { return registry::Tls{}; });
    registry::Repository repository(connection, "app", "pull,push");
    std::ofstream(scratch_ / "short") << data_.substr(0, 3'000'000);
    const os::Fd fd = os::open(scratch_ / "short", O_RDONLY).value();
    const auto done = registry::push_blob(repository, {digest_, size, fd.get()}, plan_);
    ASSERT_FALSE(done.ok());
    EXPECT_EQ(done.error().code(), Errc::corrupt);
}

TEST(UploadRange, OnlyFromTheBeginning) {
    EXPECT_EQ(registry::parse_upload_range("0-99"), 100u);
    EXPECT_EQ(registry::parse_upload_range("bytes=0-99"), 100u);
    for (const char* bad : {"", "-", "5-99", "0-", "0-x", "0-18446744073709551615", "0-99999999999999999999999"})
        EXPECT_FALSE(registry::parse_upload_range(bad)) << bad;
}

}  // namespace gantry::image::test
