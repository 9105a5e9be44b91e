// Logins: challenges, tokens, who gets credentials and who must not.
#include "fake_registry.hpp"

#include "base/base64.hpp"
#include "image/registry/auth_file.hpp"
#include "image/registry/challenge.hpp"

#include <fstream>
#include <sys/stat.h>

namespace gantry::image::test {

using ::testing::HasSubstr;

TEST(Challenge, Parses) {
    const auto list = registry::parse_challenges(
        {R"(Bearer realm="https://auth.example/token?x=1,2",service="registry.example",scope="repository:a/b:pull,push", Basic realm="a \"b\"")"});
    ASSERT_EQ(list.size(), 2U);
    EXPECT_EQ(list[0].scheme, "bearer");
    EXPECT_EQ(list[0].params.at("realm"), "https://auth.example/token?x=1,2");
    EXPECT_EQ(list[0].params.at("scope"), "repository:a/b:pull,push");
    EXPECT_EQ(list[1].scheme, "basic");
    EXPECT_EQ(list[1].params.at("realm"), "a \"b\"");
}

TEST(Challenge, OddAndBroken) {
    EXPECT_TRUE(registry::parse_challenges({""}).empty());
    EXPECT_EQ(registry::parse_challenges({"Negotiate abc==, Basic realm=x"}).size(), 2U);
    EXPECT_EQ(registry::parse_challenges({"Basic", "BEARER REALM=https://x/y"}).back().params.at("realm"), "https://x/y");
    EXPECT_EQ(registry::parse_challenges({R"(Bearer realm="never closed)"}).size(), 1U);
    for (const char* text : {"=", ",,,", "Bearer =", "\"", "a=b=c", "Bearer realm=", "Basic \x01"})
        registry::parse_challenges({text});
}

TEST(Base64, BothWays) {
    EXPECT_EQ(gantry::base64_encode("user:pass"), "dXNlcjpwYXNz");
    EXPECT_EQ(gantry::base64_encode("a"), "YQ==");
    EXPECT_EQ(gantry::base64_decode("YQ"), "a");
    EXPECT_EQ(gantry::base64_decode("dXNlcjpwYXNz"), "user:pass");
    EXPECT_FALSE(gantry::base64_decode("a").has_value());
    EXPECT_FALSE(gantry::base64_decode("a b=").has_value());
}

TEST(AuthKey, Normalized) {
    EXPECT_EQ(registry::normalized_auth_key("https://index.docker.io/v1/"), "docker.io");
    EXPECT_EQ(registry::normalized_auth_key("docker.io"), "docker.io");
    EXPECT_EQ(registry::normalized_auth_key("https://registry.example:5000/v2/"), "registry.example:5000");
    EXPECT_EQ(registry::normalized_auth_key("quay.io/team"), "quay.io/team");
}

// A registry behind a login; its token server is another one, as in the wild.
class Login : public RegistryTest {
protected:
    FakeRegistry tokens_, registry_;
    MadeImage image_ = make_image({make_layer("a", 5'000), make_layer("b", 5'000)});
    std::string name_ = registry_.host() + "/team/app:1";
    std::string basic_ = "Basic " + gantry::base64_encode("me:s3cret");
    std::atomic<int> generation_ = 1;  // tokens of older generations are refused
    std::string answer_ = R"({{"token":"t{}","expires_in":300}})";

    void SetUp() override { registry_.put("team/app", "1", image_); }

    void use_basic() {
        registry_.intercept([this](const Request& request) -> std::optional<Reply> {
            if (request.header("authorization") == basic_) return std::nullopt;
            return Reply{401, {{"WWW-Authenticate", "Basic realm=\"x\""}}, "{}"};
        });
    }

    void use_tokens(bool login_needed = true) {
        tokens_.intercept([this, login_needed](const Request& request) -> std::optional<Reply> {
            const bool refresh = request.method == "POST" &&
                                 request.body.find("refresh_token=id%2Btoken") != std::string::npos &&
                                 request.body.find("grant_type=refresh_token") != std::string::npos;
            if (login_needed && !refresh && request.header("authorization") != basic_)
                return Reply{401, {}, R"({"details":"incorrect username or password"})"};
            return Reply{200, {}, fmt::format(fmt::runtime(answer_), generation_.load())};
        });
        registry_.intercept([this](const Request& request) -> std::optional<Reply> {
            if (request.header("authorization") == fmt::format("Bearer t{}", generation_.load())) return std::nullopt;
            return Reply{401,
                         {{"WWW-Authenticate",
                           fmt::format(R"(Bearer realm="http://{}/token",service="reg istry",scope="repository:team/app:pull")",
                                       tokens_.host())}},
                         "{}"};
        });
    }

    void write_auth(const std::string& text, const std::string& path = "") {
        const std::string file = path.empty() ? paths_.etc + "/auth.json" : path;
        std::filesystem::create_directories(std::filesystem::path(file).parent_path());
        std::ofstream(file) << text;
    }
    void write_login() {
        write_auth(
            fmt::format(R"({{"auths":{{"{}":{{"auth":"{}"}}}}}})", registry_.host(), gantry::base64_encode("me:s3cret")));
    }
};

TEST_F(Login, BasicFromAFile) {
    use_basic();
    auto pulled = pull(name_);
    ASSERT_FALSE(pulled.ok());
    EXPECT_EQ(pulled.error().code(), Errc::denied);
    EXPECT_THAT(pulled.error().message(), HasSubstr("needs a login (HTTP 401"));
    write_login();
    pulled = pull(name_);
    EXPECT_TRUE(pulled.ok()) << pulled.error().message();
}

TEST_F(Login, WrongPasswordDoesNotLoop) {
    use_basic();
    write_auth(fmt::format(R"({{"auths":{{"{}":{{"username":"me","password":"wrong"}}}}}})", registry_.host()));
    const auto pulled = pull(name_);
    ASSERT_FALSE(pulled.ok());
    EXPECT_EQ(pulled.error().code(), Errc::denied);
    EXPECT_LE(registry_.server().requests().size(), 4U);
}

TEST_F(Login, AnonymousToken) {
    use_tokens(false);
    const auto pulled = pull(name_);
    ASSERT_TRUE(pulled.ok()) << pulled.error().message();
    ASSERT_EQ(tokens_.server().requests().size(), 1U);  // one token serves all threads
    const Request request = tokens_.server().requests().front();
    EXPECT_THAT(request.target, HasSubstr("service=reg%20istry&scope=repository%3Ateam%2Fapp%3Apull"));
    EXPECT_EQ(request.header("authorization"), "");
}

TEST_F(Login, TokenWithPassword) {
    use_tokens();
    write_login();
    const auto pulled = pull(name_);
    ASSERT_TRUE(pulled.ok()) << pulled.error().message();
    EXPECT_EQ(tokens_.server().requests().front().header("authorization"), basic_);
    for (const Request& request : registry_.server().requests()) EXPECT_NE(request.header("authorization"), basic_);
}

TEST_F(Login, TokenRefused) {
    use_tokens();
    const auto pulled = pull(name_);
    ASSERT_FALSE(pulled.ok());
    EXPECT_EQ(pulled.error().code(), Errc::denied);
    EXPECT_THAT(pulled.error().message(), HasSubstr("login required (HTTP 401: incorrect username or password)"));
}

TEST_F(Login, IdentityToken) {
    use_tokens();
    write_auth(fmt::format(R"({{"auths":{{"{}":{{"identitytoken":"id+token"}}}}}})", registry_.host()));
    const auto pulled = pull(name_);
    ASSERT_TRUE(pulled.ok()) << pulled.error().message();
    EXPECT_EQ(tokens_.server().requests().front().method, "POST");
}

TEST_F(Login, TokenThatEndsInMidPull) {
    use_tokens(false);
    engine_.pull_jobs = 1;
    auto inner = [this](const Request& request) {
        // The first layer's answer makes the token old.
        if (request.target.find(image_.layers[0].digest.str()) != std::string::npos) generation_ = 2;
    };
    const auto next = [this, inner](const Request& request) -> std::optional<Reply> {
        if (request.header("authorization") == fmt::format("Bearer t{}", generation_.load())) {
            inner(request);
            return std::nullopt;
        }
        return Reply{
            401, {{"WWW-Authenticate", fmt::format(R"(Bearer realm="http://{}/token",service="s")", tokens_.host())}}, "{}"};
    };
    registry_.intercept(next);
    const auto pulled = pull(name_);
    ASSERT_TRUE(pulled.ok()) << pulled.error().message();
    EXPECT_EQ(tokens_.server().requests().size(), 2U);
}

TEST_F(Login, RefusalsWithoutEnd) {
    use_tokens(false);
    generation_ = 1;
    answer_ = R"({{"token":"never","x":{}}})";
    const auto pulled = pull(name_);
    ASSERT_FALSE(pulled.ok());
    EXPECT_EQ(pulled.error().code(), Errc::denied);
    EXPECT_LE(registry_.server().requests().size(), 8U);
}

TEST_F(Login, TokenServersThatTalkNonsense) {
    use_tokens(false);
    for (const char* text : {"not json{{", "[]", "{{}}", R"({{"token":5}})", R"({{"token":"a\r\nX-Evil: 1"}})"}) {
        answer_ = text;
        const auto pulled = pull(name_);
        ASSERT_FALSE(pulled.ok()) << text;
        EXPECT_THAT(pulled.error().message(), HasSubstr("token server '" + tokens_.host() + "'"));
    }
}

TEST_F(Login, TokenServersThatAreNone) {
    for (const char* realm : {"file:///etc/passwd", "", "ftp://x/", "http://registry.invalid/token"}) {
        registry_.intercept([realm](const Request&) -> std::optional<Reply> {
            return Reply{401, {{"WWW-Authenticate", fmt::format("Bearer realm=\"{}\"", realm)}}, "{}"};
        });
        const auto pulled = pull(name_);
        ASSERT_FALSE(pulled.ok()) << realm;
    }
}

TEST_F(Login, NothingSecretFollowsARedirect) {
    use_basic();
    write_login();
    FakeRegistry storage;
    storage.put_blob(image_.layers[0].data);
    registry_.intercept([&](const Request& request) -> std::optional<Reply> {
        if (request.header("authorization") != basic_) return Reply{401, {{"WWW-Authenticate", "Basic realm=\"x\""}}, "{}"};
        if (request.target.find(image_.layers[0].digest.str()) == std::string::npos) return std::nullopt;
        return Reply{
            307, {{"Location", fmt::format("http://{}/v2/x/blobs/{}", storage.host(), image_.layers[0].digest.str())}}, ""};
    });
    auto pulled = pull(name_);
    ASSERT_TRUE(pulled.ok()) << pulled.error().message();
    ASSERT_EQ(storage.server().requests().size(), 1U);
    EXPECT_EQ(storage.server().requests().front().headers.count("authorization"), 0U);

    // Nor is a stranger's challenge answered.
    storage.intercept([](const Request&) -> std::optional<Reply> {
        return Reply{401, {{"WWW-Authenticate", "Basic realm=\"give\""}}, ""};
    });
    registry_.put("team/app", "2", make_image({image_.layers[1]}, {.marker = "2"}));
    registry_.intercept([&](const Request& request) -> std::optional<Reply> {
        if (request.header("authorization") != basic_) return Reply{401, {{"WWW-Authenticate", "Basic realm=\"x\""}}, "{}"};
        if (request.target.find("/blobs/") == std::string::npos) return std::nullopt;
        return Reply{307, {{"Location", fmt::format("http://{}/x", storage.host())}}, ""};
    });
    storage.server().forget();
    pulled = pull(registry_.host() + "/team/app:2");
    ASSERT_FALSE(pulled.ok());
    EXPECT_EQ(pulled.error().code(), Errc::denied);
    for (const Request& request : storage.server().requests()) EXPECT_EQ(request.headers.count("authorization"), 0U);
}

TEST_F(Login, WritesAndErasesAFile) {
    use_basic();
    const std::string file = scratch_ / "own/auth.json";
    setenv("REGISTRY_AUTH_FILE", file.c_str(), 1);
    write_auth(R"({"auths":{"other.example":{"auth":"YTpi"}},"more":[1]})", file);
    auto wrote = registry::login_with(paths_, engine_, registry_.host(), {"me", "wrong", ""}, settings_);
    ASSERT_FALSE(wrote.ok());
    EXPECT_EQ(wrote.error().code(), Errc::denied);
    EXPECT_THAT(wrote.error().message(), HasSubstr("wrong user or password"));
    EXPECT_THAT(read_text(file), ::testing::Not(HasSubstr(registry_.host())));

    wrote = registry::login_with(paths_, engine_, "http://" + registry_.host() + "/", {"me", "s3cret", ""}, settings_);
    ASSERT_TRUE(wrote.ok()) << wrote.error().message();
    EXPECT_EQ(*wrote, file);
    struct stat info {};
    ASSERT_EQ(stat(file.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600U);
    EXPECT_THAT(read_text(file), HasSubstr("other.example"));
    EXPECT_THAT(read_text(file), HasSubstr("more"));
    const auto pulled = pull(name_);
    EXPECT_TRUE(pulled.ok()) << pulled.error().message();

    const auto out = logout(paths_, registry_.host());
    ASSERT_TRUE(out.ok()) << out.error().message();
    EXPECT_THAT(read_text(file), ::testing::Not(HasSubstr(registry_.host())));
    EXPECT_THAT(read_text(file), HasSubstr("other.example"));
    EXPECT_EQ(logout(paths_, registry_.host()).error().code(), Errc::not_found);
}

TEST_F(Login, WithATokenServer) {
    use_tokens();
    auto wrote = registry::login_with(paths_, engine_, registry_.host(), {"me", "wrong", ""}, settings_);
    EXPECT_EQ(wrote.error().code(), Errc::denied);
    wrote = registry::login_with(paths_, engine_, registry_.host(), {"me", "s3cret", ""}, settings_);
    EXPECT_TRUE(wrote.ok()) << wrote.error().message();
}

TEST_F(Login, TheLongestPrefixAndDockersFile) {
    write_auth(
        R"({"auths":{"https://index.docker.io/v1/":{"auth":"aHViOng="},"quay.io":{"auth":"YTp4"},"quay.io/team":{"auth":"Yjp4"}}})",
        scratch_ / ".docker/config.json");
    const auto user = [&](const char* host, const char* path) {
        return (*registry::find_credentials(paths_, host, path))->user;
    };
    EXPECT_EQ(user("docker.io", "library/nginx"), "hub");
    EXPECT_EQ(user("quay.io", "team/app"), "b");
    EXPECT_EQ(user("quay.io", "teamwork/app"), "a");
    EXPECT_FALSE(registry::find_credentials(paths_, "example.org", "x")->has_value());
    write_auth("{ not json");
    EXPECT_FALSE(registry::find_credentials(paths_, "quay.io", "x").ok());
}

TEST_F(Login, CredentialHelpers) {
    const std::string bin = scratch_ / "bin";
    std::filesystem::create_directories(bin);
    const std::string helper = bin + "/docker-credential-test";
    std::ofstream(helper) << "#!/bin/sh\nread server\n[ \"$1\" = get ] || exit 1\n"
                             "[ \"$server\" = known.example ] || { echo 'credentials not found in native keychain'; exit 1; }\n"
                             "echo '{\"ServerURL\":\"x\",\"Username\":\"me\",\"Secret\":\"s\"}'\n";
    chmod(helper.c_str(), 0755);
    const std::string path = getenv("PATH");
    setenv("PATH", (bin + ":" + path).c_str(), 1);
    write_auth(
        R"({"credHelpers":{"known.example":"test","other.example":"test","evil.example":"../../bin/sh","none.example":"absent"}})");
    const auto found = registry::find_credentials(paths_, "known.example", "a");
    ASSERT_TRUE(found.ok()) << found.error().message();
    EXPECT_EQ((*found)->password, "s");
    EXPECT_FALSE(registry::find_credentials(paths_, "other.example", "a")->has_value());
    EXPECT_EQ(registry::find_credentials(paths_, "evil.example", "a").error().code(), Errc::invalid);
    EXPECT_EQ(registry::find_credentials(paths_, "none.example", "a").error().code(), Errc::not_found);
    setenv("PATH", path.c_str(), 1);
}

}  // namespace gantry::image::test
