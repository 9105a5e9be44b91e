#include "support.hpp"

using namespace gantry;
using namespace gantry::dockerfile;
using testing::HasSubstr;

TEST(Heredoc, alone_is_the_shells_whole_text) {
    const Instruction instruction = one("RUN <<EOF\nset -e\n\n  echo \"$x\"\nEOF\n");
    EXPECT_EQ(instruction.where, (Location{2, 6}));
    const auto run = run_of(instruction);
    ASSERT_EQ(run.heredocs.size(), 1U);
    EXPECT_EQ(run.heredocs[0].name, "EOF");
    const ShellText text = shell_text(run);
    EXPECT_EQ(text.text, "set -e\n\n  echo \"$x\"\n");
    EXPECT_FALSE(text.script);
}

TEST(Heredoc, with_an_interpreter_is_a_script) {
    const ShellText text = shell_text(only_run("RUN <<-'END'\n\t#!/usr/bin/env python3\n\tprint(1)\n\tEND\n"));
    ASSERT_TRUE(text.script);
    EXPECT_EQ(text.script->name, "END");
    EXPECT_EQ(text.script->content, "#!/usr/bin/env python3\nprint(1)\n");
    EXPECT_EQ(text.text, "");
}

TEST(Heredoc, in_a_command_is_left_to_the_shell) {
    const auto run = only_run("RUN cat <<A 3<<-\"B\" >x && \\\n  cat <<C\none\nA\n\ttwo\n\tB\nC\n");
    ASSERT_EQ(run.heredocs.size(), 3U);
    EXPECT_EQ(run.heredocs[1].descriptor, 3U);
    EXPECT_TRUE(run.heredocs[1].strip_tabs);
    EXPECT_FALSE(run.heredocs[1].expand);
    EXPECT_EQ(run.heredocs[1].content, "two\n");
    EXPECT_EQ(run.heredocs[2].content, "");
    EXPECT_EQ(shell_text(run).text, "cat <<A 3<<-\"B\" >x &&   cat <<C\none\nA\n\ttwo\nB\nC");
}

TEST(Heredoc, are_sources_of_copy_and_add) {
    const auto copy = only<Copy>("COPY --chmod=755 <<a.sh file <<\"b\" /usr/bin/\necho $x\na.sh\n$y\nb\n");
    EXPECT_EQ(copy.chmod, "755");
    EXPECT_THAT(copy.sources, testing::ElementsAre("file"));
    ASSERT_EQ(copy.heredocs.size(), 2U);
    EXPECT_EQ(copy.heredocs[0].name, "a.sh");
    EXPECT_TRUE(copy.heredocs[0].expand);
    EXPECT_EQ(copy.heredocs[1].content, "$y\n");
    EXPECT_FALSE(copy.heredocs[1].expand);
    EXPECT_EQ(only<Add>("ADD <<x /y\nx\n").heredocs.size(), 1U);
    EXPECT_EQ(refusal("COPY a <<EOF\nEOF\n"), "COPY cannot take a here-document as its destination");
}

TEST(Heredoc, also_in_triggers) {
    const auto onbuild = only<Onbuild>("ONBUILD RUN <<EOF\nmake\nEOF\n");
    EXPECT_EQ(onbuild.trigger, "RUN <<EOF\nmake\nEOF");
    const auto trigger = parse_trigger(onbuild.trigger);
    ASSERT_TRUE(trigger.ok());
    EXPECT_EQ(shell_text(run_of(*trigger)).text, "make\n");
}

TEST(Heredoc, is_not_what_only_looks_like_one) {
    for (const char* text :
         {"RUN echo $((1<<2))\n", "RUN cat <<<word\n", "RUN echo '<<EOF'\n", "RUN echo \"a <<EOF\"\n", "RUN echo 1 << 2\n",
          "RUN [\"cat\", \"<<EOF\"]\n", "RUN echo it's <<EOF\n", "CMD cat <<EOF\n", "RUN echo a<<EOF\n"})
        EXPECT_EQ(read(std::string("FROM a\n") + text).stages[0].instructions.size(), 1U) << text;
    EXPECT_TRUE(only_run("RUN echo \\<<EOF\n").heredocs.empty());
}

TEST(Heredoc, content_keeps_comments_blank_lines_and_escapes) {
    EXPECT_EQ(only_run("RUN <<EOF\n# not a comment\n\na \\\nb\nEOF\n").heredocs[0].content, "# not a comment\n\na \\\nb\n");
    EXPECT_EQ(only_run("RUN <<EOF\r\na\r\nEOF\r\n").heredocs[0].content, "a\r\n");
}

TEST(Heredoc, must_end) {
    EXPECT_EQ(refusal("RUN <<EOF\nmake\n EOF\n"), "here-document 'EOF' has no end: a line 'EOF'");
    std::string many = "RUN cat";
    for (std::size_t count = 0; count <= heredoc_limit; ++count) many += " <<a";
    EXPECT_EQ(refusal(many), "more than 100 here-documents");
}
