// TLS with an authority of our own, made for the test.
#include "fake_registry.hpp"

#include "os/process.hpp"

namespace gantry::image::test {

using ::testing::HasSubstr;

class TlsRegistry : public RegistryTest {
protected:
    std::unique_ptr<FakeRegistry> registry_;
    MadeImage image_ = make_image({make_layer("a", 200'000)});

    void SetUp() override {
        const auto made = os::run({{"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                                    "-nodes", "-keyout", scratch_ / "key.pem", "-out", scratch_ / "cert.pem", "-days", "2",
                                    "-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1"},
                                   {}});
        ASSERT_TRUE(made.ok() && made->status == 0) << (made.ok() ? made->errors : made.error().message());
        registry_ = std::make_unique<FakeRegistry>(scratch_ / "cert.pem", scratch_ / "key.pem");
        registry_->put("team/app", "1", image_);
    }
    Result<PullResult> pull_it() { return pull(registry_->host() + "/team/app:1"); }
};

TEST_F(TlsRegistry, UnknownAuthorityIsRefusedAndNothingPlainIsTried) {
    const auto pulled = pull_it();
    ASSERT_FALSE(pulled.ok());
    EXPECT_EQ(pulled.error().code(), Errc::denied);
    EXPECT_THAT(pulled.error().message(), HasSubstr("certificate"));
    EXPECT_TRUE(registry_->server().requests().empty());
}

TEST_F(TlsRegistry, AuthorityFromTheFolder) {
    const std::string folder = paths_.etc + "/certs.d/" + registry_->host();
    std::filesystem::create_directories(folder);
    std::filesystem::copy(scratch_ / "cert.pem", folder + "/ca.crt");
    const auto pulled = pull_it();
    EXPECT_TRUE(pulled.ok()) << pulled.error().message();
}

TEST_F(TlsRegistry, AuthorityFromTheConfiguration) {
    engine_.registries[registry_->host()].ca = scratch_ / "cert.pem";
    EXPECT_TRUE(pull_it().ok());
    engine_.registries[registry_->host()].ca = scratch_ / "missing.pem";
    const auto pulled = pull(registry_->host() + "/team/app:2");
    ASSERT_FALSE(pulled.ok());
}

TEST_F(TlsRegistry, WrongName) {
    engine_.registries[registry_->host()].ca = scratch_ / "cert.pem";
    const std::string other = "localhost:" + std::to_string(registry_->server().port());
    engine_.registries[other].ca = scratch_ / "cert.pem";
    const auto pulled = pull(other + "/team/app:1");
    ASSERT_FALSE(pulled.ok());
    EXPECT_EQ(pulled.error().code(), Errc::denied);
}

TEST_F(TlsRegistry, UncheckedWhereConfigured) {
    engine_.registries[registry_->host()].insecure = true;
    const auto pulled = pull_it();
    EXPECT_TRUE(pulled.ok()) << pulled.error().message();
}

TEST_F(TlsRegistry, NoWayBackToPlainHttp) {
    FakeRegistry plain;
    plain.put_blob(image_.layers[0].data);
    engine_.registries[registry_->host()].ca = scratch_ / "cert.pem";
    registry_->intercept([&](const Request& request) -> std::optional<Reply> {
        if (request.target.find(image_.layers[0].digest.str()) == std::string::npos) return std::nullopt;
        return Reply{
            302, {{"Location", fmt::format("http://{}/v2/x/blobs/{}", plain.host(), image_.layers[0].digest.str())}}, ""};
    });
    const auto pulled = pull_it();
    ASSERT_FALSE(pulled.ok());
    EXPECT_THAT(pulled.error().message(), HasSubstr("does not use TLS"));
    EXPECT_TRUE(plain.server().requests().empty());
}

}  // namespace gantry::image::test
