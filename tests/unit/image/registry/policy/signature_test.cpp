// Pulls under a policy, with signatures made by gpg(1) and by OpenSSL.
#include "../fake_registry.hpp"

#include "base/base64.hpp"
#include "image/hasher.hpp"
#include "image/registry/policy/openpgp.hpp"
#include "image/registry/policy/public_key.hpp"
#include "os/process.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>

#include <fstream>

namespace gantry::image::test {

namespace fs = std::filesystem;
using namespace registry;

namespace {

using Key = std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)>;

Key new_key(const std::string& kind) {
    EVP_PKEY* key = kind == "ec" ? EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256")
                    : kind == "ed"
                        ? EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")
                        : EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", static_cast<std::size_t>(kind == "rsa" ? 2048 : 1024));
    return {key, EVP_PKEY_free};
}

std::string public_pem(const Key& key) {
    const std::unique_ptr<BIO, int (*)(BIO*)> text(BIO_new(BIO_s_mem()), BIO_free);
    PEM_write_bio_PUBKEY(text.get(), key.get());
    char* data = nullptr;
    const long size = BIO_get_mem_data(text.get(), &data);
    return {data, static_cast<std::size_t>(size)};
}

std::string sign(const Key& key, const std::string& text) {
    const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    const EVP_MD* digest = EVP_PKEY_get_base_id(key.get()) == EVP_PKEY_ED25519 ? nullptr : EVP_sha256();
    EVP_DigestSignInit(context.get(), nullptr, digest, nullptr, key.get());
    std::string signature(1024, 0);
    std::size_t size = signature.size();
    EXPECT_EQ(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                             reinterpret_cast<const unsigned char*>(text.data()), text.size()),
              1);
    signature.resize(size);
    return signature;
}

std::string claims(const std::string& type, const Digest& manifest, const std::string& reference) {
    return fmt::format(
        R"({{"critical":{{"type":"{}","image":{{"docker-manifest-digest":"{}"}},"identity":{{"docker-reference":"{}"}}}},"optional":null}})",
        type, manifest.str(), reference);
}

}  // namespace

TEST(PublicKey, Kinds) {
    for (const char* kind : {"ec", "ed", "rsa"}) {
        const Key key = new_key(kind), other = new_key(kind);
        const auto good = PublicKey::of(public_pem(key)), wrong = PublicKey::of(public_pem(other));
        ASSERT_TRUE(good.ok() && wrong.ok()) << kind;
        std::string signature = sign(key, "text");
        EXPECT_TRUE(good->verifies("text", signature)) << kind;
        EXPECT_FALSE(good->verifies("texT", signature)) << kind;
        EXPECT_FALSE(good->verifies("text", "")) << kind;
        EXPECT_FALSE(wrong->verifies("text", signature)) << kind;
        signature[signature.size() / 2] = static_cast<char>(signature[signature.size() / 2] ^ 1);
        EXPECT_FALSE(good->verifies("text", signature)) << kind;
    }
    EXPECT_FALSE(PublicKey::of(public_pem(new_key("rsa1024"))).ok());
    EXPECT_FALSE(PublicKey::of("").ok());
    EXPECT_FALSE(PublicKey::of("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n").ok());
}

class SignedPull : public RegistryTest {
protected:
    FakeRegistry registry_;
    std::string name_ = registry_.host() + "/team/app:1";
    MadeImage image_ = make_image({make_layer("a", 1000)});
    Key key_ = new_key("ec");
    fs::path base_ = fs::path(paths_.etc).parent_path();

    SignedPull() {
        registry_.put("team/app", "1", image_);
        fs::create_directories(paths_.etc);
        setenv("HOME", base_.c_str(), 1);
    }
    void policy(const std::string& requirements) {
        std::ofstream(paths_.etc + "/policy.json") << R"({"default":[{"type":"reject"}],"transports":{"docker":{")"
                                                   << registry_.host() << R"(":[)" << requirements << "]}}}";
    }
    void sigstore_policy(const std::string& more = "") {
        std::ofstream(base_ / "key.pem") << public_pem(key_);
        policy(R"({"type":"sigstoreSigned","keyPath":")" + (base_ / "key.pem").string() + "\"" + more + "}");
    }
    void attach(const std::string& text, const std::string& signature, const Digest& to) {
        registry_.put_blob(text);
        registry_.put_blob("{}");
        registry_.put_manifest(
            "team/app", fmt::format("sha256-{}.sig", to.hex()),
            fmt::format(
                R"({{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{{"mediaType":)"
                R"("application/vnd.oci.image.config.v1+json","size":2,"digest":"{}"}},"layers":[{{"mediaType":)"
                R"("application/vnd.dev.cosign.simplesigning.v1+json","size":{},"digest":"{}","annotations":)"
                R"({{"dev.cosignproject.cosign/signature":"{}"}}}}]}})",
                digest_of("{}").str(), text.size(), digest_of(text).str(), base64_encode(signature)),
            "application/vnd.oci.image.manifest.v1+json");
    }
    void expect_refused(const std::string& part) {
        registry_.server().forget();
        const auto pulled = pull(name_);
        ASSERT_FALSE(pulled.ok());
        EXPECT_EQ(pulled.error().code(), Errc::denied);
        EXPECT_NE(pulled.error().message().find(part), std::string::npos) << pulled.error().message();
        EXPECT_EQ(registry_.server().count("GET", image_.layers[0].digest.str()), 0U);
        EXPECT_EQ(registry_.server().count("GET", image_.config_digest.str()), 0U);
        EXPECT_TRUE(store_.list()->empty());
        expect_clean();
    }
};

TEST_F(SignedPull, RejectAsksNobody) {
    policy(R"({"type":"insecureAcceptAnything"},{"type":"reject"})");
    expect_refused("rejects every image");
    EXPECT_TRUE(registry_.server().requests().empty());
    policy(R"({"type":"sigstoreSigned","fulcio":{}})");
    expect_refused("wants member 'fulcio' of sigstoreSigned, which is not supported");
    EXPECT_TRUE(registry_.server().requests().empty());
}

TEST_F(SignedPull, ABrokenPolicyRefusesEverything) {
    std::ofstream(paths_.etc + "/policy.json") << "{";
    const auto pulled = pull(name_);
    ASSERT_FALSE(pulled.ok());
    EXPECT_NE(pulled.error().message().find("policy.json': line 1"), std::string::npos) << pulled.error().message();
    fs::remove(paths_.etc + "/policy.json");
    fs::create_directories(base_ / "containers");
    std::ofstream(base_ / "containers/policy.json") << R"({"default":[{"type":"reject"}]})";
    expect_refused("the default of policy");
    fs::remove(base_ / "containers/policy.json");
    EXPECT_TRUE(pull(name_).ok());
}

TEST_F(SignedPull, Sigstore) {
    sigstore_policy();
    expect_refused("no signature was found in tag 'sha256-");
    const std::string text = claims("cosign container image signature", image_.digest, name_);
    attach(text, sign(new_key("ec"), text), image_.digest);
    expect_refused("not made by a key of the policy");
    attach(text + " ", sign(key_, text), image_.digest);
    expect_refused("not made by a key of the policy");
    const std::string other = claims("cosign container image signature", digest_of("x"), name_);
    attach(other, sign(key_, other), image_.digest);
    expect_refused("it is one of 'sha256:");
    const std::string elsewhere = claims("cosign container image signature", image_.digest, "r.example/team/app:1");
    attach(elsewhere, sign(key_, elsewhere), image_.digest);
    expect_refused("it is one of 'r.example/team/app:1'");
    const std::string simple = claims("atomic container signature", image_.digest, name_);
    attach(simple, sign(key_, simple), image_.digest);
    expect_refused("type 'atomic container signature'");
    attach(text, sign(key_, text), image_.digest);
    const auto pulled = pull(name_);
    ASSERT_TRUE(pulled.ok()) << pulled.error().message();
    // What is here already does not pass unseen.
    key_ = new_key("ec");
    sigstore_policy();
    EXPECT_FALSE(pull(name_).ok());
}

TEST_F(SignedPull, OfAnIndexTheImageThatIsTaken) {
    const Digest index = registry_.put_index("team/app", "1", {{Platform::host(), image_}});
    sigstore_policy(R"(,"signedIdentity":{"type":"matchRepository"})");
    const std::string of_index = claims("cosign container image signature", index, registry_.host() + "/team/app");
    attach(of_index, sign(key_, of_index), index);
    expect_refused("no signature was found");
    const std::string text = claims("cosign container image signature", image_.digest, registry_.host() + "/team/app");
    attach(text, sign(key_, text), image_.digest);
    const auto pulled = pull(name_);
    ASSERT_TRUE(pulled.ok()) << pulled.error().message();
}

class GpgPull : public SignedPull {
protected:
    std::string gpg(std::vector<std::string> words, const std::string& input = "") {
        words.insert(words.begin(), {"gpg", "--homedir", (base_ / "gpg").string(), "--batch", "--quiet", "--passphrase", "",
                                     "--pinentry-mode", "loopback"});
        os::Command command{words};
        command.input = input;
        const auto done = os::run(command);
        EXPECT_TRUE(done.ok() && done->status == 0) << (done.ok() ? done->errors : done.error().message());
        return done.ok() ? done->output : "";
    }
    void SetUp() override {
        fs::create_directories(base_ / "gpg");
        fs::permissions(base_ / "gpg", fs::perms::owner_all);
        for (const char* who : {"good@x", "bad@x"}) gpg({"--quick-gen-key", who, "rsa2048", "sign", "never"});
        fs::create_directories(base_ / ".config/containers/registries.d");
        std::ofstream(base_ / ".config/containers/registries.d/x.yaml") << "default-docker: {lookaside: '" << store() << "'}\n";
    }
    void TearDown() override {
        os::Command end{{"gpgconf", "--homedir", (base_ / "gpg").string(), "--kill", "all"}};
        EXPECT_TRUE(os::run(end).ok());
    }
    virtual std::string store() { return "file://" + (base_ / "sig").string(); }
    void write_key(const std::vector<std::string>& export_words) {
        std::ofstream(base_ / "key.asc") << gpg(export_words);
        policy(R"({"type":"signedBy","keyType":"GPGKeys","keyPath":")" + (base_ / "key.asc").string() + "\"}");
    }
    void put_signature(int number, const std::string& signature) {
        const fs::path folder = base_ / "sig/team" / fmt::format("app@sha256={}", image_.digest.hex());
        fs::create_directories(folder);
        std::ofstream(folder / fmt::format("signature-{}", number)) << signature;
    }
};

TEST_F(GpgPull, SimpleSigning) {
    write_key({"--export", "good@x"});
    expect_refused("no signature was found in file:///");
    const std::string text = claims("atomic container signature", image_.digest, name_);
    put_signature(1, gpg({"--local-user", "bad@x", "--sign"}, text));
    expect_refused("the policy does not name the key");
    put_signature(1, "garbage");
    expect_refused("it is not one text with one signature");
    std::string cut = gpg({"--local-user", "good@x", "--sign"}, text);
    put_signature(1, cut.substr(0, cut.size() / 2));
    expect_refused("none is good");
    put_signature(1, gpg({"--local-user", "good@x", "--local-user", "bad@x", "--sign"}, text));
    expect_refused("none is good");
    put_signature(
        1, gpg({"--local-user", "good@x", "--sign"}, claims("atomic container signature", image_.digest, "r.example/a:1")));
    expect_refused("it is one of 'r.example/a:1'");
    put_signature(2, gpg({"--local-user", "good@x", "--sign"}, text));
    auto pulled = pull(name_);
    ASSERT_TRUE(pulled.ok()) << pulled.error().message();
    // The same key in ASCII armor, after another one.
    write_key({"--armor", "--export", "bad@x", "good@x"});
    pulled = pull(name_);
    ASSERT_TRUE(pulled.ok()) << pulled.error().message();
}

TEST_F(GpgPull, ExtensionOfTheRegistry) {
    write_key({"--armor", "--export", "good@x"});
    const std::string signature =
        gpg({"--local-user", "good@x", "--sign"}, claims("atomic container signature", image_.digest, name_));
    registry_.intercept([&](const Request& request) -> std::optional<Reply> {
        if (request.path() == "/v2/") return Reply{200, {{"X-Registry-Supports-Signatures", "1"}}, "{}"};
        if (request.path() != "/extensions/v2/team/app/signatures/" + image_.digest.str()) return std::nullopt;
        return Reply{
            200,
            {},
            R"({"signatures":[{"schemaVersion":2,"type":"other","content":"?"},{"schemaVersion":2,"type":"atomic","name":"x","content":")" +
                base64_encode(signature) + "\"}]}"};
    });
    const auto pulled = pull(name_);
    ASSERT_TRUE(pulled.ok()) << pulled.error().message();
}

TEST_F(GpgPull, KeysThatAreNone) {
    write_key({"--export", "good@x"});
    std::ofstream(base_ / "key.asc") << "nonsense";
    auto pulled = pull(name_);
    ASSERT_FALSE(pulled.ok());
    EXPECT_NE(pulled.error().message().find("it holds no OpenPGP public key"), std::string::npos) << pulled.error().message();
    fs::remove(base_ / "key.asc");
    pulled = pull(name_);
    ASSERT_FALSE(pulled.ok());
    EXPECT_NE(pulled.error().message().find("key.asc"), std::string::npos) << pulled.error().message();
}

}  // namespace gantry::image::test
