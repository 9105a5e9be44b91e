#include "base/reference.hpp"

#include <gtest/gtest.h>

using gantry::ImageRef;

namespace {
const std::string digest = "sha256:" + std::string(64, 'a');

std::string normal(std::string_view text) {
    const auto ref = ImageRef::parse(text);
    return ref.ok() ? ref->normalized().str() : ref.error().message();
}
}  // namespace

TEST(ImageRef, completes_short_names_as_docker_does) {
    EXPECT_EQ(normal("nginx"), "docker.io/library/nginx:latest");
    EXPECT_EQ(normal("nginx:1.25"), "docker.io/library/nginx:1.25");
    EXPECT_EQ(normal("user/app"), "docker.io/user/app:latest");
    EXPECT_EQ(normal("docker.io/nginx"), "docker.io/library/nginx:latest");
    EXPECT_EQ(normal("index.docker.io/library/nginx"), "docker.io/library/nginx:latest");
    EXPECT_EQ(normal("localhost/app"), "localhost/app:latest");
    EXPECT_EQ(normal("localhost:5000/app"), "localhost:5000/app:latest");
    EXPECT_EQ(normal("registry.example:5000/a/b/c:v1"), "registry.example:5000/a/b/c:v1");
    EXPECT_EQ(normal("[::1]:5000/app:x"), "[::1]:5000/app:x");
    EXPECT_EQ(normal("REG/app"), "REG/app:latest");
    EXPECT_EQ(normal("nginx@" + digest), "docker.io/library/nginx@" + digest);
    EXPECT_EQ(normal("nginx:1@" + digest), "docker.io/library/nginx:1@" + digest);
}

TEST(ImageRef, tells_a_tag_from_a_port) {
    const auto tagged = ImageRef::parse("foo:5000").value();
    EXPECT_EQ(tagged.path, "foo");
    EXPECT_EQ(tagged.tag, "5000");
    const auto hosted = ImageRef::parse("foo:5000/bar").value();
    EXPECT_EQ(hosted.domain, "foo:5000");
    EXPECT_EQ(hosted.path, "bar");
    EXPECT_EQ(hosted.tag, "");
}

TEST(ImageRef, shows_the_familiar_name_that_reads_back_the_same) {
    for (const char* text :
         {"nginx", "user/app", "localhost/x", "reg.example/a/b", "docker.io/localhost/x", "docker.io/library/a.b/c"}) {
        const auto ref = ImageRef::parse(text).value().normalized();
        EXPECT_EQ(ImageRef::parse(ref.familiar()).value().normalized(), ref) << text;
    }
    EXPECT_EQ(ImageRef::parse("nginx").value().normalized().familiar(), "nginx:latest");
    EXPECT_EQ(ImageRef::parse("docker.io/library/nginx:1").value().familiar_repository(), "nginx");
    EXPECT_EQ(ImageRef::parse("reg.example/library/nginx").value().familiar(), "reg.example/library/nginx");
    EXPECT_EQ(ImageRef::parse("docker.io/user/app").value().repository(), "docker.io/user/app");
}

TEST(ImageRef, takes_every_separator_of_the_grammar) {
    for (const char* good : {"a.b", "a_b", "a__b", "a-b", "a---b", "f/a-b.c_d__e", "x/y.z:_t", "a1/2b"})
        EXPECT_TRUE(ImageRef::parse(good).ok()) << good;
}

TEST(ImageRef, refuses_what_the_grammar_does_not_have) {
    for (const std::string& bad : {std::string(),
                                   std::string("/nginx"),
                                   std::string("nginx/"),
                                   std::string("a//b"),
                                   std::string("Nginx"),
                                   std::string("a..b"),
                                   std::string("a___b"),
                                   std::string("-a"),
                                   std::string("a-"),
                                   std::string("a:"),
                                   std::string("a:-x"),
                                   std::string("a:b:c"),
                                   std::string("a@b"),
                                   std::string("a@sha256:12"),
                                   "a@" + digest + "@" + digest,
                                   std::string("../etc"),
                                   std::string("a/../b"),
                                   std::string("a b"),
                                   std::string("https://reg.example/a"),
                                   std::string("reg.example:port/a"),
                                   std::string("reg.example:/a"),
                                   std::string("-reg.example/a"),
                                   std::string("reg..example/a"),
                                   std::string("[::g]/a"),
                                   std::string("a\n"),
                                   std::string("@"),
                                   std::string(":x"),
                                   std::string(64, 'a'),
                                   std::string(256, 'a'),
                                   "a:" + std::string(129, 't'),
                                   std::string("a._b")})
        EXPECT_FALSE(ImageRef::parse(bad).ok()) << bad;
    // 18 bytes of "docker.io/library/" are the name's too.
    EXPECT_TRUE(ImageRef::parse(std::string(237, 'a')).ok());
    EXPECT_FALSE(ImageRef::parse(std::string(238, 'a')).ok());
    EXPECT_TRUE(ImageRef::parse("a:" + std::string(128, 't')).ok());
}

TEST(ImageRef, keeps_error_lines_short_for_hostile_input) {
    EXPECT_LT(ImageRef::parse(std::string(1 << 20, '/')).error().message().size(), 600U);
    EXPECT_LT(ImageRef::parse("a:" + std::string(1 << 20, 'x')).error().message().size(), 600U);
    EXPECT_LT(ImageRef::parse("a@" + std::string(1 << 20, 'x')).error().message().size(), 600U);
}
