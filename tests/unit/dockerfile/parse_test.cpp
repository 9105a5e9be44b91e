#include "support.hpp"

using namespace gantry;
using namespace gantry::dockerfile;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(Parse, stages_and_global_args) {
    const Dockerfile dockerfile = read(
        "ARG VERSION=12 SUITE\n"
        "FROM --platform=$BUILDPLATFORM debian:${VERSION} AS Builder\n"
        "RUN make\n"
        "from scratch\n"
        "copy --from=builder /a /a\n");
    ASSERT_EQ(dockerfile.global_args.size(), 1U);
    EXPECT_EQ(std::get<Arg>(dockerfile.global_args[0].what), (Arg{{{"VERSION", "12"}, {"SUITE", std::nullopt}}}));
    ASSERT_EQ(dockerfile.stages.size(), 2U);
    EXPECT_EQ(dockerfile.stages[0].from, (From{"$BUILDPLATFORM", "debian:${VERSION}", "Builder", "AS"}));
    EXPECT_EQ(dockerfile.stages[0].name, "builder");
    EXPECT_EQ(dockerfile.stages[0].where, (Location{2, 2}));
    EXPECT_EQ(dockerfile.stages[1].keyword, "from");
    EXPECT_EQ(dockerfile.stages[1].name, "");
    ASSERT_EQ(dockerfile.stages[1].instructions.size(), 1U);
    EXPECT_EQ(dockerfile.stages[1].instructions[0].keyword, "copy");
    EXPECT_STREQ(instruction_name(dockerfile.stages[1].instructions[0]), "COPY");
}

TEST(Parse, joins_lines_and_drops_comments) {
    const Dockerfile dockerfile = read(
        "FROM scratch\n"
        "RUN a; \\\n"
        "# a comment inside\n"
        "    # and one that is indented\n"
        "\tb; \\  \n"
        "\n"
        "\tc\n"
        "ENV x=\\\\\n"
        "USER nobody\n");
    const Stage& stage = dockerfile.stages[0];
    ASSERT_EQ(stage.instructions.size(), 3U);
    EXPECT_EQ(run_of(stage.instructions[0]).command.shell(), "a; \tb; \tc");
    EXPECT_EQ(stage.instructions[0].where, (Location{2, 7}));
    EXPECT_EQ(stage.instructions[0].original, "RUN a; \tb; \tc");
    EXPECT_THAT(dockerfile.empty_continuations, ElementsAre(6U));
    // Two escapes at the end of a line are text.
    EXPECT_EQ(std::get<Env>(stage.instructions[1].what).values[0].value, "\\\\");
    EXPECT_EQ(stage.instructions[1].where, (Location{8, 8}));
}

TEST(Parse, takes_bom_crlf_and_a_missing_newline) {
    const Dockerfile dockerfile = read("\xEF\xBB\xBF# escape=`\r\nFROM scratch\r\nRUN a `\r\n  b\r\nCMD [\"x\"]");
    EXPECT_EQ(dockerfile.directives.escape, '`');
    ASSERT_EQ(dockerfile.stages[0].instructions.size(), 2U);
    EXPECT_EQ(run_of(dockerfile.stages[0].instructions[0]).command.shell(), "a   b");
    EXPECT_EQ(std::get<Cmd>(dockerfile.stages[0].instructions[1].what).command, (Command{true, {"x"}}));
}

TEST(Parse, directives_stand_at_the_top) {
    const Dockerfile dockerfile = read(
        "#!/usr/bin/env -S docker build\n"
        "# syntax=docker/dockerfile:1\n"
        "#ESCAPE = `\n"
        "#  check = skip=UndefinedVar, JSONArgsRecommended;error=true;experimental=all\n"
        "FROM scratch\n");
    EXPECT_EQ(dockerfile.directives.syntax, "docker/dockerfile:1");
    EXPECT_EQ(dockerfile.directives.escape, '`');
    EXPECT_THAT(dockerfile.directives.check.skip, ElementsAre("UndefinedVar", "JSONArgsRecommended"));
    EXPECT_TRUE(dockerfile.directives.check.error);
    EXPECT_THAT(dockerfile.directives.check.experimental, ElementsAre("all"));
    // Behind a comment, a blank line, an unknown directive or an instruction they are comments.
    for (const char* above : {"# text\n", "\n", "# unknown=1\n", "ARG a\n"})
        EXPECT_EQ(read(std::string(above) + "# escape=`\nFROM scratch\n").directives.escape, '\\') << above;
}

TEST(Parse, refuses_bad_directives) {
    EXPECT_EQ(failure("# escape=x\nFROM scratch\n"), "Dockerfile:1: escape 'x' is neither a backslash nor a backtick");
    EXPECT_EQ(failure("# syntax=a\n# syntax=b\nFROM a\n"), "Dockerfile:2: only one 'syntax' parser directive can be used");
    EXPECT_THAT(failure("# check=skp=all\nFROM a\n"), HasSubstr("Dockerfile:1: check directive: no option 'skp'"));
    EXPECT_THAT(failure("# check=error=maybe\nFROM a\n"), HasSubstr("error is true or false"));
}

TEST(Parse, comments_above_an_instruction_belong_to_it) {
    const Dockerfile dockerfile =
        read("# syntax=x\n# far\n\n# base  what it is for\nFROM scratch AS base\n#\n# ARG text\nARG A\n");
    EXPECT_THAT(dockerfile.stages[0].comments, ElementsAre("base  what it is for"));
    EXPECT_THAT(dockerfile.stages[0].instructions[0].comments, ElementsAre("ARG text"));
}

TEST(Parse, says_what_is_wrong_and_where) {
    EXPECT_EQ(failure("FROM scratch\n\nRNU make\n"), "Dockerfile:3: unknown instruction 'RNU', did you mean 'RUN'");
    EXPECT_EQ(failure("FROM scratch\nCOPY --form=a b c\n"),
              "Dockerfile:2: unknown flag '--form' of COPY, did you mean '--from'");
    EXPECT_EQ(failure("FROM scratch\nXYZZY\n"), "Dockerfile:2: unknown instruction 'XYZZY'");
    EXPECT_EQ(failure("RUN a\nFROM scratch\n"),
              "Dockerfile:1: no build stage in current context: RUN stands before the first FROM");
    EXPECT_EQ(failure(""), "Dockerfile: file with no instructions");
    EXPECT_EQ(failure("# only text\n"), "Dockerfile: file with no instructions");
    EXPECT_EQ(failure("ARG a\n"), "Dockerfile: no build stage: there is no FROM");
    EXPECT_THAT(failure("FROM a AS\n"), HasSubstr("FROM requires either one or three arguments"));
    EXPECT_THAT(failure("FROM a AS 1x\n"), HasSubstr("invalid name for build stage '1x'"));
    EXPECT_THAT(failure("FROM a IS b\n"), HasSubstr("FROM requires either one or three arguments"));
    EXPECT_THAT(failure("FROM\n"), HasSubstr("FROM requires either one or three arguments"));
}

TEST(Parse, tells_the_lines_of_an_error) {
    Location failed;
    EXPECT_FALSE(parse("FROM scratch\nCOPY a \\\n  b \\\n  --x\nFRM b\n", "D", &failed).ok());
    EXPECT_EQ(failed, (Location{5, 5}));
    EXPECT_FALSE(parse("FROM scratch\nCOPY \\\n  a\n", "D", &failed).ok());
    EXPECT_EQ(failed, (Location{2, 3}));
    EXPECT_TRUE(parse("FROM scratch\n", "D", &failed).ok());
    EXPECT_EQ(failed, Location{});
}

TEST(Parse, is_bounded) {
    const std::string most = "FROM scratch\n#" + std::string(file_limit - 14, 'x');
    EXPECT_TRUE(parse(most, "D").ok());
    EXPECT_EQ(failure(most + "x"), "Dockerfile: Dockerfile larger than 1048576 bytes");
    std::string many = "FROM scratch\n";
    for (std::size_t count = 0; count < instruction_limit; ++count) many += "USER a\n";
    EXPECT_EQ(failure(many), "Dockerfile:10001: more than 10000 instructions");
    std::string words = "ENV";
    for (std::size_t count = 0; count <= words_limit; ++count) words += " a=b";
    EXPECT_EQ(refusal(words), "more than 20000 words");
    EXPECT_EQ(failure(std::string("FROM a\nRUN a\0b\n", 15)), "Dockerfile:2: a zero byte in the text");
    // A million brackets and quotes in reach of the JSON reader.
    EXPECT_TRUE(parse("FROM a\nCMD " + std::string(500'000, '['), "D").ok());
}

TEST(Trigger, is_one_instruction) {
    const auto copy = parse_trigger("COPY --chown=a . /app");
    ASSERT_TRUE(copy.ok()) << copy.error().message();
    EXPECT_EQ(std::get<Copy>(copy->what).chown, "a");
    EXPECT_EQ(copy->where, Location{});
    const auto run = parse_trigger("RUN <<EOF\nmake\nEOF");
    ASSERT_TRUE(run.ok()) << run.error().message();
    EXPECT_EQ(shell_text(run_of(*run)).text, "make\n");
    EXPECT_EQ(parse_trigger("FROM a").error().message(), "ONBUILD trigger 'FROM a': FROM is not allowed as an ONBUILD trigger");
    EXPECT_EQ(parse_trigger("RUN a\nRUN b").error().message(), "ONBUILD trigger 'RUN a': it is not a single instruction");
    EXPECT_FALSE(parse_trigger("").ok());
    EXPECT_FALSE(parse_trigger("onbuild RUN a").ok());
    EXPECT_FALSE(parse_trigger("NOPE").ok());
}
