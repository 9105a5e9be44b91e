// Dockerfiles as they are found in the wild, written in the style of docker-library's and awesome-compose's: each must be read,
// planned, and expanded from its first to its last instruction.
#include "support.hpp"

#include "dockerfile/graph.hpp"
#include "dockerfile/lint.hpp"

#include <fstream>
#include <sstream>

using namespace gantry;
using namespace gantry::dockerfile;

namespace {

struct Sample {
    const char* name;
    std::size_t stages;
    std::size_t needed;  // of the last stage
    std::size_t instructions;
    const char* user;  // what CMD or ENTRYPOINT of the last stage ends in
};
constexpr Sample samples[] = {
    {"go", 3, 2, 12, "/app"},
    {"maven", 3, 3, 15, "com.example.project.Application"},
    {"nginx", 1, 1, 10, "daemon off;"},
    {"node", 1, 1, 9, "server.js"},
    {"php-apache", 1, 1, 18, "apache2-foreground"},
    {"postgres", 1, 1, 15, "postgres"},
    {"python-flask", 2, 2, 11, "--debug"},
    {"python-onbuild", 2, 2, 8, "python app.py"},
    {"react-nginx", 3, 3, 11, "start"},
    {"redis", 1, 1, 13, "redis-server"},
    {"ruby", 1, 1, 11, "0.0.0.0"},
    {"rust", 2, 2, 9, "/bin/server"},
    {"sshd", 1, 1, 11, "-e"},
    {"vue", 2, 2, 10, "serve"},
    {"windows-style", 1, 1, 5, "C:\\app\\server.exe"},
};

std::string text_of(const std::string& name) {
    std::ifstream file(fmt::format("{}/tests/unit/dockerfile/corpus/{}.Dockerfile", GANTRY_SOURCE_DIR, name));
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

// Follows a stage as a build does, and gives the environment at its end.
class Walk {
public:
    Walk(const Dockerfile& dockerfile, Values globals) : dockerfile_(dockerfile), globals_(std::move(globals)) {}

    Values stage(const PlannedStage& planned, Values environment) {
        if (planned.base && planned.base->kind == Source::Kind::stage)
            for (const Instruction& instruction : dockerfile_.stages[planned.base->stage].instructions)
                if (const auto* onbuild = std::get_if<Onbuild>(&instruction.what))
                    step(parse_trigger(onbuild->trigger).value(), environment);
        for (const Instruction& instruction : dockerfile_.stages[planned.index].instructions) step(instruction, environment);
        return environment;
    }

    std::size_t steps = 0;
    std::string last;

private:
    void step(const Instruction& instruction, Values& environment) {
        ++steps;
        const Lookup lookup = lookup_in(environment);
        const auto result = expanded(instruction, lookup, dockerfile_.directives.escape);
        ASSERT_TRUE(result.ok()) << instruction.original << ": " << result.error().message();
        if (const auto* env = std::get_if<Env>(&result->what))
            for (const KeyValue& pair : env->values) environment[pair.key] = pair.value;
        if (const auto* arg = std::get_if<Arg>(&result->what))
            for (const Arg::Item& item : arg->items)
                if (auto value = arg_value(item, {}, globals_, lookup_in(environment)).value()) environment[item.name] = *value;
        if (const auto* cmd = std::get_if<Cmd>(&result->what)) last = cmd->command.args.back();
        if (const auto* entrypoint = std::get_if<Entrypoint>(&result->what)) last = entrypoint->command.args.back();
    }

    const Dockerfile& dockerfile_;
    Values globals_;
};

}  // namespace

TEST(Corpus, is_read_planned_and_expanded) {
    const Values platform = platform_args({"linux", "amd64", ""}, {"linux", "arm64", ""}, "");
    for (const Sample& sample : samples) {
        SCOPED_TRACE(sample.name);
        const Dockerfile dockerfile = read(text_of(sample.name));
        ASSERT_EQ(dockerfile.stages.size(), sample.stages);
        const Values globals = global_values(dockerfile, {}, platform).value();
        const auto plan = dockerfile::plan(dockerfile, {.globals = globals});
        ASSERT_TRUE(plan.ok()) << plan.error().message();
        EXPECT_EQ(plan->needed.size(), sample.needed);
        Walk walk(dockerfile, globals);
        std::vector<Values> ends(dockerfile.stages.size());
        for (const PlannedStage& stage : plan->stages) {
            const bool above = stage.base && stage.base->kind == Source::Kind::stage;
            ends[stage.index] = walk.stage(stage, above ? ends[stage.base->stage] : Values{{"PATH", "/bin"}});
        }
        EXPECT_EQ(walk.last, sample.user);
        std::size_t written = 0;
        for (const Stage& stage : dockerfile.stages) written += stage.instructions.size();
        EXPECT_EQ(written, sample.instructions);
        EXPECT_GE(walk.steps, written);
        lint(dockerfile, {.platform_values = platform});
    }
}

TEST(Corpus, values_are_what_a_shell_would_see) {
    const auto end = [](const std::string& name) {
        const Dockerfile dockerfile = read(text_of(name));
        const Values globals = global_values(dockerfile, {}, {}).value();
        PlannedStage last;
        last.index = dockerfile.stages.size() - 1;
        return Walk(dockerfile, globals).stage(last, {{"PATH", "/bin"}});
    };
    EXPECT_EQ(end("postgres").at("PATH"), "/bin:/usr/lib/postgresql/16/bin");
    EXPECT_EQ(end("nginx").at("PKG_RELEASE"), "1~bookworm");
    EXPECT_EQ(end("php-apache").at("APACHE_ENVVARS"), "/etc/apache2/envvars");
    EXPECT_EQ(end("php-apache").at("PHP_CPPFLAGS"),
              "-fstack-protector-strong -fpic -fpie -O2 -D_LARGEFILE_SOURCE -D_FILE_OFFSET_BITS=64");
    EXPECT_EQ(end("redis").at("REDIS_DOWNLOAD_URL"), "http://download.example.com/releases/redis-7.2.5.tar.gz");
    EXPECT_EQ(end("windows-style").at("APP_HOME"), "C:\\app");
    EXPECT_EQ(end("rust").at("UID"), "10001");
}

TEST(Corpus, continued_text_is_joined) {
    const Dockerfile sshd = read(text_of("sshd"));
    const auto& label = std::get<Label>(sshd.stages[0].instructions[0].what);
    ASSERT_EQ(label.values.size(), 3U);
    EXPECT_EQ(expand_word(label.values[2].value, lookup_in({})).value(),
              "This text illustrates that label-values can span multiple lines.");
    const Dockerfile rust = read(text_of("rust"));
    const auto& run = run_of(rust.stages[0].instructions[2]);
    EXPECT_EQ(run.mounts.size(), 5U);
    EXPECT_TRUE(shell_text(run).text.starts_with("set -e\ncargo build"));
}
