#include "fake_registry.hpp"

#include "image/download.hpp"

namespace gantry::image::test {

namespace {

class Downloads : public RegistryTest {
protected:
    Result<std::string> fetch(const std::string& url) {
        std::string text;
        const std::function<Result<>(std::string_view)> sink = [&](std::string_view piece) -> Result<> {
            text += piece;
            return {};
        };
        TRY(download(paths_, engine_, url, sink));
        return text;
    }
    static std::string big() {
        std::string text;
        for (int line = 0; text.size() < 1'000'000; ++line) text += fmt::format("line {}\n", line);
        return text;
    }
    // Serves big(); cut_at: where the first answer breaks off. etag: of every answer.
    static HttpServer::Handler broken_once(std::size_t cut_at, const std::string& etag, bool resumes) {
        return [=, first = std::make_shared<std::atomic<bool>>(true)](const Request& request) {
            Reply reply{200, {}, big()};
            if (!etag.empty()) reply.headers.emplace_back("ETag", etag);
            if (first->exchange(false)) {
                reply.close_at = cut_at;
                return reply;
            }
            const std::string range = request.header("range");
            if (range.empty() || !resumes) return reply;
            const std::size_t from = std::stoul(range.substr(6));
            reply.status = 206;
            reply.headers.emplace_back("Content-Range", fmt::format("bytes {}-{}/{}", from, big().size() - 1, big().size()));
            reply.body = big().substr(from);
            return reply;
        };
    }
};

TEST_F(Downloads, AFileAndAChunkedOne) {
    HttpServer server([](const Request& request) {
        Reply reply{200, {}, big()};
        reply.chunked = request.target == "/chunked";
        return reply;
    });
    for (const char* path : {"/file", "/chunked"}) {
        const auto got = fetch("http://" + server.host() + path);
        ASSERT_TRUE(got.ok()) << got.error().message();
        EXPECT_EQ(*got, big());
    }
    EXPECT_EQ(server.requests()[0].header("authorization"), "");
}

TEST_F(Downloads, ABrokenConnectionIsTakenUpAgain) {
    HttpServer server(broken_once(600'000, "\"v1\"", true));
    const auto got = fetch("http://" + server.host() + "/file");
    ASSERT_TRUE(got.ok()) << got.error().message();
    EXPECT_EQ(*got, big());
    EXPECT_EQ(server.requests().back().header("if-range"), "\"v1\"");
}

TEST_F(Downloads, WithoutTheSameVersionABrokenOneIsAnError) {
    for (const auto& [etag, resumes] :
         std::vector<std::pair<std::string, bool>>{{"", true}, {"W/\"v1\"", true}, {"\"v1\"", false}}) {
        HttpServer server(broken_once(600'000, etag, resumes));
        const auto got = fetch("http://" + server.host() + "/file");
        ASSERT_FALSE(got.ok()) << etag;
        EXPECT_EQ(got.error().code(), Errc::unavailable) << got.error().message();
    }
}

TEST_F(Downloads, RedirectsAreFollowedButNotForEver) {
    HttpServer server([](const Request& request) {
        if (request.target == "/end") return Reply{200, {}, "here"};
        if (request.target == "/loop") return Reply{302, {{"Location", "/loop"}}, ""};
        return Reply{301, {{"Location", "/end"}}, ""};
    });
    EXPECT_EQ(fetch("http://" + server.host() + "/start").value_or("?"), "here");
    const auto loop = fetch("http://" + server.host() + "/loop");
    ASSERT_FALSE(loop.ok());
    EXPECT_NE(loop.error().message().find("more than 10 redirects"), std::string::npos);
}

TEST_F(Downloads, ErrorsNameTheAddress) {
    HttpServer server([](const Request& request) { return Reply{std::stoi(request.target.substr(1)), {}, "no"}; });
    for (const auto& [status, code] : std::map<int, Errc>{{404, Errc::not_found}, {403, Errc::denied}, {400, Errc::invalid}}) {
        const std::string url = fmt::format("http://{}/{}", server.host(), status);
        const auto got = fetch(url);
        ASSERT_FALSE(got.ok());
        EXPECT_EQ(got.error().code(), code);
        EXPECT_NE(got.error().message().find("'" + url + "': HTTP status"), std::string::npos) << got.error().message();
    }
    EXPECT_EQ(fetch("ftp://x/y").error().code(), Errc::invalid);
    EXPECT_EQ(fetch("http://me:secret@x/y").error().code(), Errc::invalid);
}

TEST_F(Downloads, ASinkThatFailsEndsIt) {
    HttpServer server([](const Request&) { return Reply{200, {}, big()}; });
    const std::function<Result<>(std::string_view)> full = [](std::string_view) -> Result<> {
        return error(Errc::no_space, "full");
    };
    const auto got = download(paths_, engine_, "http://" + server.host() + "/file", full);
    ASSERT_FALSE(got.ok());
    EXPECT_EQ(got.error().code(), Errc::no_space);
}

}  // namespace

}  // namespace gantry::image::test
