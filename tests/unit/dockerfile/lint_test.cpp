#include "support.hpp"

#include "dockerfile/lint.hpp"

using namespace gantry;
using namespace gantry::dockerfile;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

namespace {

// "RULE:LINE: message" of each.
std::vector<std::string> found(std::string_view text, LintOptions options = {}) {
    if (options.platform_values.empty())
        options.platform_values = platform_args({"linux", "amd64", ""}, {"linux", "amd64", ""}, "");
    std::vector<std::string> lines;
    for (const Finding& finding : lint(read(text), options))
        lines.push_back(fmt::format("{}:{}: {}", finding.rule->name, finding.where.first, finding.message));
    return lines;
}

}  // namespace

TEST(Lint, a_good_file_has_no_findings) {
    EXPECT_THAT(
        found(
            "ARG V=12\nFROM debian:$V AS build\nARG V\nENV A=b\nWORKDIR /x\nRUN make $undefined\nCOPY $A ${V} /\nFROM scratch\n"
            "COPY --from=build /x /x\nEXPOSE 80/tcp\nENTRYPOINT [\"/x\"]\n"),
        IsEmpty());
}

TEST(Lint, rules_are_sorted_and_have_pages) {
    EXPECT_EQ(rules().size(), 22U);
    for (std::size_t at = 0; at < rules().size(); ++at) {
        if (at > 0) {
            EXPECT_LT(std::string(rules()[at - 1].name), rules()[at].name);
        }
        if (rules()[at].name != std::string_view("InvalidBaseImagePlatform"))
            EXPECT_TRUE(std::string_view(rules()[at].url).starts_with("https://docs.docker.com/go/dockerfile/rule/"));
    }
}

TEST(Lint, StageNameCasing) {
    EXPECT_THAT(found("FROM a AS Builder\n"), ElementsAre("StageNameCasing:1: Stage name 'Builder' should be lowercase"));
}

TEST(Lint, FromAsCasing) {
    EXPECT_THAT(found("FROM a as b\n"), ElementsAre("FromAsCasing:1: 'as' and 'FROM' keywords' casing do not match"));
    EXPECT_THAT(found("from a AS b\n"), ElementsAre("FromAsCasing:1: 'AS' and 'from' keywords' casing do not match"));
    EXPECT_THAT(found("from a as b\n"), IsEmpty());
}

TEST(Lint, NoEmptyContinuation) {
    EXPECT_THAT(found("FROM a\nRUN x && \\\n\n  y\n"), ElementsAre("NoEmptyContinuation:3: Empty continuation line"));
}

TEST(Lint, ConsistentInstructionCasing) {
    EXPECT_THAT(
        found("FROM a\nrun x\nRun y\nUSER z\n"),
        ElementsAre("ConsistentInstructionCasing:2: Command 'run' should match the case of the command majority (uppercase)",
                    "ConsistentInstructionCasing:3: Command 'Run' should match the case of the command majority (uppercase)"));
    EXPECT_THAT(
        found("from a\nrun x\nUSER y\n"),
        ElementsAre("ConsistentInstructionCasing:3: Command 'USER' should match the case of the command majority (lowercase)"));
}

TEST(Lint, DuplicateStageName) {
    EXPECT_THAT(found("FROM a AS x\nFROM b AS x\n"),
                ElementsAre("DuplicateStageName:2: Duplicate stage name \"x\", stage names should be unique"));
}

TEST(Lint, ReservedStageName) {
    EXPECT_THAT(found("FROM a AS scratch\nFROM b AS context\n"),
                ElementsAre("ReservedStageName:1: Stage name should not use the same name as reserved stage \"scratch\"",
                            "ReservedStageName:2: Stage name should not use the same name as reserved stage \"context\""));
}

TEST(Lint, JSONArgsRecommended) {
    EXPECT_THAT(
        found("FROM a\nENTRYPOINT x\nCMD y\nHEALTHCHECK CMD z\n"),
        ElementsAre(
            "JSONArgsRecommended:2: JSON arguments recommended for ENTRYPOINT to prevent unintended behavior related to OS "
            "signals",
            "JSONArgsRecommended:3: JSON arguments recommended for CMD to prevent unintended behavior related to OS signals"));
    EXPECT_THAT(found("FROM a AS b\nSHELL [\"bash\", \"-c\"]\nCMD y\nFROM b\nCMD z\n"), IsEmpty());
}

TEST(Lint, MaintainerDeprecated) {
    EXPECT_THAT(found("FROM a\nMAINTAINER me\n"),
                ElementsAre("MaintainerDeprecated:2: Maintainer instruction is deprecated in favor of using label"));
}

TEST(Lint, UndefinedArgInFrom) {
    EXPECT_THAT(found("ARG VERSION=1\nFROM a:${VERSIO}x\n"),
                ElementsAre("UndefinedArgInFrom:2: FROM argument 'VERSIO' is not declared (did you mean VERSION?)"));
    EXPECT_THAT(found("ARG VERSION\nFROM a:${VERSION:-1}\nFROM --platform=$BUILDPLATFORM b\n"), IsEmpty());
}

TEST(Lint, WorkdirRelativePath) {
    EXPECT_THAT(
        found("FROM a AS b\nWORKDIR x/y\nWORKDIR z\nFROM b\nWORKDIR w\n"),
        ElementsAre("WorkdirRelativePath:2: Relative workdir \"x/y\" can have unexpected results if the base image changes"));
    EXPECT_THAT(found("FROM a\nWORKDIR /x\nWORKDIR y\n"), IsEmpty());
}

TEST(Lint, UndefinedVar) {
    EXPECT_THAT(found("FROM a AS b\nENV SOURCE=x\nCOPY $SORCE $SOURCE /\nENV PATH=$PATH:/y\n"),
                ElementsAre("UndefinedVar:3: Usage of undefined variable '$SORCE' (did you mean $SOURCE?)"));
    // An ARG without a value, the base stage's variables and those of the base image are defined.
    const LintOptions options{.base_image = [](const std::string& image, const std::string&) -> std::optional<BaseImage> {
        if (image == "unknown") return std::nullopt;
        return BaseImage{{image == "a:1" ? "HOME" : "OTHER"}, "linux/amd64"};
    }};
    EXPECT_THAT(found("FROM unknown\nUSER $HOME\n", options), IsEmpty());
    EXPECT_THAT(found("FROM a:1 AS b\nARG X\nENV Y=$HOME$X\nFROM b\nENV Z=$Y$X$HOME\n", options), IsEmpty());
    EXPECT_THAT(found("FROM b:1\nUSER $HOME\n", options), ElementsAre("UndefinedVar:2: Usage of undefined variable '$HOME'"));
}

TEST(Lint, InvalidBaseImagePlatform) {
    const LintOptions options{.base_image = [](const std::string&, const std::string& platform) -> std::optional<BaseImage> {
        return BaseImage{{}, platform == "linux/arm64/v8" ? "linux/arm64" : "linux/s390x"};
    }};
    EXPECT_THAT(found("FROM --platform=linux/arm64/v8 a AS arm64\n", options), IsEmpty());
    EXPECT_THAT(found("FROM a\n", options),
                ElementsAre("InvalidBaseImagePlatform:1: Base image a was pulled with platform \"linux/s390x\", expected "
                            "\"linux/amd64\" for current build"));
}

TEST(Lint, MultipleInstructionsDisallowed) {
    EXPECT_THAT(found("FROM a\nCMD [\"x\"]\nHEALTHCHECK NONE\nCMD [\"y\"]\nHEALTHCHECK CMD z\nFROM b\nCMD [\"z\"]\n"),
                ElementsAre("MultipleInstructionsDisallowed:2: Multiple CMD instructions should not be used in the same stage "
                            "because only the last "
                            "one will be used",
                            "MultipleInstructionsDisallowed:3: Multiple HEALTHCHECK instructions should not be used in the "
                            "same stage because only "
                            "the last one will be used"));
}

TEST(Lint, LegacyKeyValueFormat) {
    EXPECT_THAT(
        found("FROM a\nENV x y\nLABEL z w\n"),
        ElementsAre("LegacyKeyValueFormat:2: \"ENV key=value\" should be used instead of legacy \"ENV key value\" format",
                    "LegacyKeyValueFormat:3: \"LABEL key=value\" should be used instead of legacy \"LABEL key value\" format"));
}

TEST(Lint, RedundantTargetPlatform) {
    EXPECT_THAT(found("FROM --platform=$TARGETPLATFORM a\n"),
                ElementsAre("RedundantTargetPlatform:1: Setting platform to predefined $TARGETPLATFORM in FROM is redundant as "
                            "this is the default "
                            "behavior"));
}

TEST(Lint, SecretsUsedInArgOrEnv) {
    EXPECT_THAT(
        found("FROM a\nARG GITHUB_TOKEN\nENV DB_PASSWORD=x PUBLIC_KEY=y TOKENIZER=z PASSWORD_FILE=w\n"),
        ElementsAre("SecretsUsedInArgOrEnv:2: Do not use ARG or ENV instructions for sensitive data (ARG \"GITHUB_TOKEN\")",
                    "SecretsUsedInArgOrEnv:3: Do not use ARG or ENV instructions for sensitive data (ENV \"DB_PASSWORD\")"));
}

TEST(Lint, InvalidDefaultArgInFrom) {
    EXPECT_THAT(
        found("ARG TAG\nFROM busybox:${TAG}\n", {.build_args = {{"TAG", "1"}}}),
        ElementsAre(
            "InvalidDefaultArgInFrom:2: Default value for ARG busybox:${TAG} results in empty or invalid base image name"));
    EXPECT_THAT(found("ARG TAG\nFROM busybox${TAG:+:$TAG}\n"), IsEmpty());
}

TEST(Lint, FromPlatformFlagConstDisallowed) {
    EXPECT_THAT(
        found("FROM --platform=linux/arm64 a AS b\n"),
        ElementsAre("FromPlatformFlagConstDisallowed:1: FROM --platform flag should not use constant value \"linux/arm64\""));
    EXPECT_THAT(found("FROM --platform=linux/arm64 a AS build_arm64\n"), IsEmpty());
}

TEST(Lint, CopyIgnoredFile) {
    const Patterns ignore = Patterns::make({"*/tmp/*", "secret"}).value();
    EXPECT_THAT(found("FROM a\nCOPY ./x/tmp/D ok /\nADD secret https://h/secret /\nCOPY . /\nCOPY --from=a secret /\n",
                      {.ignore = &ignore}),
                ElementsAre("CopyIgnoredFile:2: Attempting to Copy file \"x/tmp/D\" that is excluded by .dockerignore",
                            "CopyIgnoredFile:3: Attempting to Add file \"secret\" that is excluded by .dockerignore"));
    const Patterns exceptions = Patterns::make({"*", "!a"}).value(), all = Patterns::make({"*"}).value();
    EXPECT_THAT(found("FROM a\nCOPY b /\n", {.ignore = &exceptions}), IsEmpty());
    EXPECT_EQ(found("FROM a\nCOPY . /\n", {.ignore = &all}).size(), 1U);
}

TEST(Lint, InvalidDefinitionDescription) {
    const std::string text =
        "# check=experimental=InvalidDefinitionDescription\n# wrong\nARG A=1\n# b right\nFROM a AS b\n# wrong\nARG C D\n\n# E "
        "good\nARG E\n";
    EXPECT_THAT(
        found(text),
        ElementsAre("InvalidDefinitionDescription:3: Comment for ARG should follow the format: `# A <description>`",
                    "InvalidDefinitionDescription:7: Comment for ARG should follow the format: `# <arg_key> <description>`"));
    EXPECT_THAT(found(text.substr(text.find('\n') + 1)), IsEmpty());
}

TEST(Lint, ExposeProtoCasing) {
    EXPECT_THAT(found("FROM a\nEXPOSE 80/TcP\n"),
                ElementsAre("ExposeProtoCasing:2: Defined protocol '80/TcP' in EXPOSE instruction should be lowercase"));
}

TEST(Lint, ExposeInvalidFormat) {
    EXPECT_THAT(
        found("FROM a\nEXPOSE 127.0.0.1:80:80 81:81 82\n"),
        ElementsAre(
            "ExposeInvalidFormat:2: EXPOSE instruction should not define an IP address or host-port mapping, found "
            "'127.0.0.1:80:80'",
            "ExposeInvalidFormat:2: EXPOSE instruction should not define an IP address or host-port mapping, found '81:81'"));
}

TEST(Lint, the_check_directive_skips) {
    EXPECT_EQ(found("# check=skip=MaintainerDeprecated\nFROM a AS B\nMAINTAINER me\n").size(), 1U);
    EXPECT_THAT(found("# check=skip=all\nFROM a AS B\nMAINTAINER me\n"), IsEmpty());
}

TEST(Lint, prints_as_docker_does) {
    const std::string text = "FROM a\nCMD x\n";
    const auto findings = lint(read(text));
    ASSERT_EQ(findings.size(), 1U);
    EXPECT_EQ(finding_text(findings[0], text, "Dockerfile"),
              "WARNING: JSONArgsRecommended - https://docs.docker.com/go/dockerfile/rule/json-args-recommended/\n"
              "JSON arguments recommended for CMD to prevent unintended behavior related to OS signals\n"
              "Dockerfile:2\n"
              "--------------------\n"
              "   1 |     FROM a\n"
              "   2 | >>> CMD x\n"
              "--------------------\n");
}
