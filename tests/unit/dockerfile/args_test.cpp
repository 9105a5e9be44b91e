#include "support.hpp"

using namespace gantry;
using namespace gantry::dockerfile;
using testing::Contains;
using testing::HasSubstr;
using testing::Key;
using testing::Not;

namespace {

const Values platform = platform_args({"linux", "amd64", ""}, {"linux", "arm", "v7"}, "app");

}  // namespace

TEST(Args, platforms_have_names) {
    EXPECT_EQ(platform.at("BUILDPLATFORM"), "linux/amd64");
    EXPECT_EQ(platform.at("BUILDVARIANT"), "");
    EXPECT_EQ(platform.at("TARGETPLATFORM"), "linux/arm/v7");
    EXPECT_EQ(platform.at("TARGETARCH"), "arm");
    EXPECT_EQ(platform.at("TARGETVARIANT"), "v7");
    EXPECT_EQ(platform.at("TARGETSTAGE"), "app");
}

TEST(Args, proxies_are_known_in_both_cases) {
    EXPECT_EQ(proxy_args().size(), 10U);
    EXPECT_TRUE(is_proxy_arg("HTTPS_PROXY"));
    EXPECT_TRUE(is_proxy_arg("no_proxy"));
    EXPECT_FALSE(is_proxy_arg("Http_Proxy"));
}

TEST(Args, global_ones_in_order) {
    const Dockerfile dockerfile =
        read("ARG A=1 B=$A\nARG A=2 C=${A}-$TARGETARCH D\nARG TARGETOS=plan9\nFROM scratch\nARG E=1\n");
    const Values plain = global_values(dockerfile, {}, platform).value();
    EXPECT_EQ(plain.at("A"), "2");
    EXPECT_EQ(plain.at("B"), "1");
    EXPECT_EQ(plain.at("C"), "2-arm");
    EXPECT_EQ(plain.at("TARGETOS"), "plan9");
    EXPECT_THAT(plain, Not(Contains(Key("D"))));
    EXPECT_THAT(plain, Not(Contains(Key("E"))));
    const Values given =
        global_values(dockerfile, {{"A", "9"}, {"D", "d"}, {"E", "e"}, {"TARGETARCH", "riscv64"}}, platform).value();
    EXPECT_EQ(given.at("B"), "9");
    EXPECT_EQ(given.at("C"), "9-riscv64");
    EXPECT_EQ(given.at("D"), "d");
    EXPECT_THAT(given, Not(Contains(Key("E"))));
}

TEST(Args, errors_have_a_place) {
    const Dockerfile dockerfile = read("ARG A\nARG B=\"${A:?give it}\"\nFROM scratch\n");
    Location failed;
    const auto result = global_values(dockerfile, {}, {}, &failed);
    EXPECT_THAT(result.error().message(), HasSubstr("Dockerfile:2: failed to process '\"${A:?give it}\"': A: give it"));
    EXPECT_EQ(failed, (Location{2, 2}));
    // A default that is not needed is not looked at.
    EXPECT_TRUE(global_values(dockerfile, {{"B", "1"}}, {}).ok());
}

TEST(Args, value_in_a_stage) {
    const Lookup none = lookup_in({});
    const Values globals = {{"V", "global"}, {"TARGETARCH", "arm"}};
    EXPECT_EQ(arg_value({"V", std::nullopt}, {}, globals, none).value(), "global");
    EXPECT_EQ(arg_value({"V", "own"}, {}, globals, none).value(), "own");
    EXPECT_EQ(arg_value({"V", "own"}, {{"V", "given"}}, globals, none).value(), "given");
    EXPECT_EQ(arg_value({"V", std::nullopt}, {{"V", ""}}, globals, none).value(), "");
    EXPECT_EQ(arg_value({"TARGETARCH", std::nullopt}, {}, globals, none).value(), "arm");
    EXPECT_EQ(arg_value({"W", std::nullopt}, {}, globals, none).value(), std::nullopt);
    EXPECT_EQ(arg_value({"W", "$X-${Y:-z}"}, {}, globals, lookup_in({{"X", "x"}})).value(), "x-z");
    EXPECT_FALSE(arg_value({"W", "${"}, {}, globals, none).ok());
}
