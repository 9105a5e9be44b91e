#include "../fake_registry.hpp"

#include "image/registry/policy/claims.hpp"
#include "image/registry/policy/policy.hpp"
#include "image/registry/policy/registries_d.hpp"

#include <fstream>

namespace gantry::image::registry {

namespace {

const std::string accept = R"([{"type":"insecureAcceptAnything"}])";

std::string with_docker(const std::string& scopes) {
    return R"({"default":)" + accept + R"(,"transports":{"docker":{)" + scopes + "}}}";
}

std::string problem_of(const std::string& text) {
    const auto policy = parse_policy(text, "/p.json");
    return policy.ok() ? "" : policy.error().message();
}

ImageRef named(const std::string& text) { return ImageRef::parse(text)->normalized(); }

const std::string some_digest = "sha256:" + std::string(64, 'a');

}  // namespace

TEST(Policy, WhatDebianInstalls) {
    const auto policy = parse_policy(
        R"({"default":[{"type":"insecureAcceptAnything"}],
            "transports":{"docker-daemon":{"":[{"type":"insecureAcceptAnything"}]}}})",
        "/p.json");
    ASSERT_TRUE(policy.ok()) << policy.error().message();
    EXPECT_TRUE(policy->scopes.empty());
    EXPECT_EQ(policy->find(named("busybox")).requirements->front().kind, Requirement::Kind::accept);
}

TEST(Policy, EveryKindOfRequirement) {
    const auto policy = parse_policy(with_docker(R"("a.example":[
            {"type":"signedBy","keyType":"GPGKeys","keyPaths":["/k1","/k2"],
             "signedIdentity":{"type":"remapIdentity","prefix":"a.example","signedPrefix":"b.example/x"}},
            {"type":"sigstoreSigned","keyData":"aGFsbG8=","signedIdentity":{"type":"exactRepository","dockerRepository":"c.example/y"}},
            {"type":"sigstoreSigned","fulcio":{"caPath":"/ca"},"rekorPublicKeyPath":"/r"},
            {"type":"reject"}])"),
                                     "/p.json");
    ASSERT_TRUE(policy.ok()) << policy.error().message();
    const auto& list = policy->scopes.at("a.example");
    ASSERT_EQ(list.size(), 4U);
    EXPECT_EQ(list[0].key_files, (std::vector<std::string>{"/k1", "/k2"}));
    EXPECT_EQ(list[0].identity.signed_prefix, "b.example/x");
    EXPECT_EQ(list[1].key_data, "hallo");
    EXPECT_EQ(list[1].identity.kind, Identity::Kind::exact_repository);
    EXPECT_FALSE(list[2].unsupported.empty());
    EXPECT_EQ(list[3].kind, Requirement::Kind::reject);
}

TEST(Policy, WhatIsNotUnderstoodIsRefusedWithItsPlace) {
    const std::string key = R"("keyType":"GPGKeys","keyPath":"/k")";
    const std::pair<std::string, const char*> cases[] = {
        {"", "policy '/p.json': line 1, column 1: not valid JSON"},
        {"{\n \"default\": [,]}", "policy '/p.json': line 2, column 14: not valid JSON"},
        {"[]", "policy '/p.json': not a JSON object"},
        {"{}", "policy '/p.json': member 'default' is missing"},
        {R"({"default":[]})", "policy '/p.json': default: not a list of one or more requirements"},
        {R"({"default":{}})", "policy '/p.json': default: not a list of one or more requirements"},
        {R"({"default":[7]})", "policy '/p.json': default[0]: not an object"},
        {R"({"default":[{}]})", "policy '/p.json': default[0]: member 'type' is missing"},
        {R"({"default":[{"type":"signedByMe"}]})", "policy '/p.json': default[0].type: 'signedByMe' is not known"},
        {R"({"default":[{"type":"reject","x":1}]})", "policy '/p.json': default[0]: member 'x' is not known"},
        {R"({"default":[{"type":"reject"}],"default":[{"type":"insecureAcceptAnything"}]})",
         "policy '/p.json': member 'default' is there twice"},
        {R"({"default":[{"type":"reject","type":"insecureAcceptAnything"}]})",
         "policy '/p.json': member 'type' is there twice"},
        {R"({"default":)" + accept + R"(,"transport":{}})", "policy '/p.json': member 'transport' is not known"},
        {R"({"default":)" + accept + R"(,"transports":[]})", "policy '/p.json': transports: not an object"},
        {R"({"default":)" + accept + R"(,"transports":{"dir":{"/":[{"type":"x"}]}}})",
         "policy '/p.json': transports.dir[\"/\"][0].type: 'x' is not known"},
        {with_docker(R"("q":[{"type":"signedBy","keyPath":"/k"}])"),
         "policy '/p.json': transports.docker[\"q\"][0]: member 'keyType' is missing"},
        {with_docker(R"("q":[{"type":"signedBy","keyType":"PGP","keyPath":"/k"}])"),
         "policy '/p.json': transports.docker[\"q\"][0].keyType: 'PGP' is not known"},
        {with_docker(R"("q":[{"type":"signedBy","keyType":"GPGKeys"}])"),
         "policy '/p.json': transports.docker[\"q\"][0]: just one of keyPath, keyPaths and keyData must be there"},
        {with_docker(R"("q":[{"type":"signedBy","keyData":"aa",)" + key + "}]"),
         "policy '/p.json': transports.docker[\"q\"][0]: just one of keyPath, keyPaths and keyData must be there"},
        {with_docker(R"("q":[{"type":"signedBy","keyType":"GPGKeys","keyPaths":[]}])"),
         "policy '/p.json': transports.docker[\"q\"][0].keyPaths: not a list of one or more strings"},
        {with_docker(R"("q":[{"type":"sigstoreSigned","keyPath":"k"}])"),
         "policy '/p.json': transports.docker[\"q\"][0]: 'k' is not an absolute path"},
        {with_docker(R"("q":[{"type":"sigstoreSigned","keyPath":null}])"),
         "policy '/p.json': transports.docker[\"q\"][0].keyPath: not a string with anything in it"},
        {with_docker(R"("q":[{"type":"sigstoreSigned","keyData":"?"}])"),
         "policy '/p.json': transports.docker[\"q\"][0].keyData: not base64"},
        {with_docker(R"("q":[{"type":"signedBy","signedIdentity":{"type":"matchAll"},)" + key + "}]"),
         "policy '/p.json': transports.docker[\"q\"][0].signedIdentity.type: 'matchAll' is not known"},
        {with_docker(R"("q":[{"type":"signedBy","signedIdentity":{"type":"matchExact","dockerReference":"a:1"},)" + key + "}]"),
         "policy '/p.json': transports.docker[\"q\"][0].signedIdentity: member 'dockerReference' is not known"},
        {with_docker(R"("q":[{"type":"signedBy","signedIdentity":{"type":"exactReference","dockerReference":"a"},)" + key +
                     "}]"),
         "policy '/p.json': transports.docker[\"q\"][0].signedIdentity.dockerReference: not an image's name with a tag or a "
         "digest"},
        {with_docker(R"("q":[{"type":"signedBy","signedIdentity":{"type":"exactRepository","dockerRepository":"a:1"},)" + key +
                     "}]"),
         "policy '/p.json': transports.docker[\"q\"][0].signedIdentity.dockerRepository: not the name of a repository, without "
         "tag and digest"},
        {with_docker(R"("q":[{"type":"signedBy","signedIdentity":{"type":"remapIdentity","prefix":"a","signedPrefix":"b.c"},)" +
                     key + "}]"),
         "policy '/p.json': transports.docker[\"q\"][0].signedIdentity.prefix: not a registry, namespace or repository"},
    };
    for (const auto& [text, problem] : cases) EXPECT_EQ(problem_of(text), problem) << text;
    EXPECT_NE(problem_of(std::string(5U << 20, ' ')), "");
    EXPECT_NE(problem_of(std::string(100'000, '[')), "");
}

TEST(Policy, TheMostExactScopeWins) {
    Policy policy;
    policy.otherwise = {{.kind = Requirement::Kind::reject}};
    const ImageRef image = named("reg.example.com:5000/team/app:1");
    EXPECT_EQ(policy.find(image).scope, "the default");
    policy.scopes[""] = policy.otherwise;
    EXPECT_EQ(policy.find(image).scope, "the default of transport 'docker'");
    policy.scopes["reg.example.com"] = policy.scopes["reg.example.com:5000/te"] = policy.scopes["example.com"] =
        policy.otherwise;
    EXPECT_EQ(policy.find(image).scope, "the default of transport 'docker'");
    for (const char* scope : {"*.com", "*.example.com", "reg.example.com:5000", "reg.example.com:5000/team",
                              "reg.example.com:5000/team/app", "reg.example.com:5000/team/app:1"}) {
        policy.scopes[scope] = policy.otherwise;
        EXPECT_EQ(policy.find(image).scope, fmt::format("scope '{}'", scope));
    }
    EXPECT_EQ(policy.find(named("reg.example.com:5000/team/app:2")).scope, "scope 'reg.example.com:5000/team/app'");
    // By digest a tag means nothing.
    EXPECT_EQ(policy.find(named("reg.example.com:5000/team/app:1@" + some_digest)).scope,
              "scope 'reg.example.com:5000/team/app'");
    EXPECT_EQ(policy.find(named("reg.example.com:5000/team2/app:1")).scope, "scope 'reg.example.com:5000'");
    policy.scopes["docker.io/library"] = policy.otherwise;
    EXPECT_EQ(policy.find(named("busybox")).scope, "scope 'docker.io/library'");
}

TEST(Identity, Matches) {
    using Kind = Identity::Kind;
    const std::string by_digest = "r.example/a@" + some_digest;
    struct Case {
        Identity identity;
        std::string image, claimed;
        bool good;
    } const cases[] = {
        {{}, "r.example/a:1", "r.example/a:1", true},
        {{}, "r.example/a:1", "r.example/a:2", false},
        {{}, "r.example/a:1", "r.example/a", false},
        {{}, "r.example/a:latest", "r.example/a", false},
        {{}, "r.example/a:1", "r.example/b:1", false},
        {{}, "r.example/a:1", "evil.example/r.example/a:1", false},
        {{}, "r.example/a:1", "", false},
        {{}, "r.example/a:1", "R.EXAMPLE/A:1", false},
        {{}, "busybox:1", "docker.io/library/busybox:1", true},
        {{}, "docker.io/library/busybox:1", "busybox:1", true},
        {{}, by_digest, "r.example/a:7", true},
        {{}, by_digest, "r.example/b:7", false},
        {{}, by_digest, "r.example/a", false},
        {{}, "r.example/a:1@" + some_digest, "r.example/a:7", true},
        {{Kind::exact}, "r.example/a:1", "r.example/a:1", true},
        {{Kind::exact}, by_digest, "r.example/a:1", false},
        {{Kind::exact}, by_digest, by_digest, true},
        {{Kind::repository}, "r.example/a:1", "r.example/a:2", true},
        {{Kind::repository}, "r.example/a:1", "r.example/a", true},
        {{Kind::repository}, "r.example/a:1", "r.example/a/b:1", false},
        {{Kind::exact_reference, "v.example/x:1"}, "r.example/a:1", "v.example/x:1", true},
        {{Kind::exact_reference, "v.example/x:1"}, "r.example/a:1", "r.example/a:1", false},
        {{Kind::exact_repository, "v.example/x"}, "r.example/a:1", "v.example/x:9", true},
        {{Kind::exact_repository, "v.example/x"}, "r.example/a:1", "r.example/a:1", false},
        {{Kind::remap, "r.example", "v.example/mirrored"}, "r.example/a:1", "v.example/mirrored/a:1", true},
        {{Kind::remap, "r.example", "v.example/mirrored"}, "r.example/a:1", "v.example/mirrored/a:2", false},
        {{Kind::remap, "r.example", "v.example/mirrored"}, "r.example/a:1", "r.example/a:1", false},
        {{Kind::remap, "r.example/a", "v.example/b"}, "r.example/a:1", "v.example/b:1", true},
        {{Kind::remap, "r.example/a", "v.example/b"}, "r.example/ab:1", "r.example/ab:1", true},
        {{Kind::remap, "r.example/a", "v.example/b"}, by_digest, "v.example/b:7", true},
    };
    for (const Case& one : cases)
        EXPECT_EQ(identity_matches(one.identity, named(one.image), one.claimed), one.good)
            << identity_name(one.identity.kind) << " " << one.image << " " << one.claimed;
}

TEST(Claims, AreStrict) {
    const auto text = [](const std::string& type, const std::string& digest, const std::string& more = "") {
        return R"({"critical":{"type":")" + type + R"(","image":{"docker-manifest-digest":")" + digest +
               R"("},"identity":{"docker-reference":"r.example/a:1"}}, "optional":{"creator":"me"})" + more + "}";
    };
    const auto good = parse_claims(text(simple_signing_type, some_digest), simple_signing_type);
    ASSERT_TRUE(good.ok()) << good.error().message();
    EXPECT_EQ(good->manifest.str(), some_digest);
    EXPECT_EQ(good->reference, "r.example/a:1");
    EXPECT_TRUE(parse_claims(R"({"critical":{"identity":{"docker-reference":"a"},"image":{"docker-manifest-digest":")" +
                                 some_digest + R"("},"type":"cosign container image signature"},"optional":null})",
                             cosign_type)
                    .ok());
    const std::string bad[] = {
        text(cosign_type, some_digest),
        text(simple_signing_type, "sha256:1"),
        text(simple_signing_type, some_digest, R"(,"x":1)"),
        text(simple_signing_type, some_digest, R"(,"critical":{})"),
        "{}",
        R"({"critical":[]})",
        R"({"critical":{"type":"atomic container signature"}})",
        R"({"critical":{"type":"atomic container signature","image":{"docker-manifest-digest":7},"identity":{"docker-reference":"a"}}})",
        R"({"critical":{"type":"atomic container signature","image":{"docker-manifest-digest":")" + some_digest +
            R"("},"identity":{"docker-reference":"a","x":1}}})",
        text(simple_signing_type, some_digest) + "x",
    };
    for (const std::string& one : bad) EXPECT_FALSE(parse_claims(one, simple_signing_type).ok()) << one;
}

TEST(RegistriesD, StoresByName) {
    Lookaside lookaside;
    const auto read = read_registries_d(R"(# comment
default-docker:
  lookaside: file:///srv/all
docker:
  r.example:
    sigstore: http://old.example/s   # the old word
    sigstore-staging: file:///tmp/x
  r.example/team:
    use-sigstore-attachments: true
  r.example/team/app:1:
    "lookaside": 'https://new.example'
    sigstore: http://old.example/s
  "*.wild.example": {lookaside: "file:///w", unknown: [1, {a: b}]}
  empty:
)",
                                        "/f.yaml", lookaside);
    ASSERT_TRUE(read.ok()) << read.error().message();
    EXPECT_EQ(lookaside.store_of(named("r.example/team/app:1")), "https://new.example");
    EXPECT_EQ(lookaside.store_of(named("r.example/team/app:2")), "http://old.example/s");
    EXPECT_EQ(lookaside.store_of(named("a.wild.example:5000/x")), "file:///w");
    EXPECT_EQ(lookaside.store_of(named("busybox")), "file:///srv/all");
    EXPECT_EQ(Lookaside{}.store_of(named("busybox")), "file:///var/lib/containers/sigstore");
}

TEST(RegistriesD, MistakesHaveTheirPlace) {
    const auto problem = [](const std::string& text) {
        Lookaside lookaside;
        lookaside.stores["r.example"] = "";
        const auto read = read_registries_d(text, "/f.yaml", lookaside);
        return read.ok() ? std::string() : read.error().message();
    };
    EXPECT_EQ(problem(""), "");
    EXPECT_EQ(problem("# nothing\n"), "");
    EXPECT_EQ(problem("default-docker:\n"), "");
    EXPECT_EQ(problem("docker:\n  r.example: {}\n"), "'/f.yaml' line 2: another file has 'r.example' too");
    EXPECT_EQ(problem("docker:\n  a: {lookaside: ftp://x}\n"), "'/f.yaml' line 2: 'ftp://x' is no file, http or https address");
    EXPECT_EQ(problem("docker:\n  a: {}\n  a: {}\n"), "'/f.yaml' line 3: 'a' is there twice");
    EXPECT_EQ(problem("- a\n"), "'/f.yaml' line 1: a mapping is expected");
    EXPECT_EQ(problem("dockr: {}\n"), "'/f.yaml' line 1: 'dockr' is not known");
    EXPECT_NE(problem("docker: {"), "");
    EXPECT_NE(problem("docker: {a: {x: " + std::string(100, '[') + std::string(100, ']') + "}}"), "");
    EXPECT_NE(problem("\x01\xff"), "");
}

}  // namespace gantry::image::registry
