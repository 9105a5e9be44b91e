#include "support.hpp"

#include "dockerfile/graph.hpp"

using namespace gantry;
using namespace gantry::dockerfile;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

Source stage(std::size_t index) { return {Source::Kind::stage, index, ""}; }
Source image(const std::string& name) { return {Source::Kind::image, 0, name}; }
Source context(const std::string& name) { return {Source::Kind::context, 0, name}; }

Plan planned(std::string_view text, const PlanOptions& options = {}) {
    auto result = plan(read(text), options);
    EXPECT_TRUE(result.ok()) << result.error().message();
    return result.ok() ? std::move(result).value() : Plan{};
}
std::string bad(std::string_view text, const PlanOptions& options = {}) {
    const auto result = plan(read(text), options);
    return result.ok() ? "" : result.error().message();
}

constexpr std::string_view diamond =
    "FROM debian AS base\n"
    "FROM base AS left\n"
    "RUN make left\n"
    "FROM base AS right\n"
    "RUN --mount=type=bind,from=left,target=/l make right\n"
    "FROM golang AS unused\n"
    "FROM scratch AS Final\n"
    "COPY --from=LEFT /a /a\n"
    "COPY --from=2 /b /b\n"
    "COPY --from=left /c /c\n"
    "COPY --from=nginx:1 /d /d\n"
    "RUN --mount=type=cache,target=/x,from=alpine true\n";

}  // namespace

TEST(Graph, stages_by_name_index_and_image) {
    const Plan result = planned(diamond);
    EXPECT_EQ(result.target, 4U);
    EXPECT_THAT(result.needed, ElementsAre(0U, 1U, 2U, 4U));
    EXPECT_EQ(result.stages[0].base, image("debian"));
    EXPECT_EQ(result.stages[1].base, stage(0));
    EXPECT_THAT(result.stages[2].needs, ElementsAre(0U, 1U));
    EXPECT_EQ(result.stages[4].base, std::nullopt);
    EXPECT_THAT(result.stages[4].sources, ElementsAre(stage(1), stage(2), image("nginx:1"), image("alpine")));
    EXPECT_THAT(result.stages[4].needs, ElementsAre(1U, 2U));
}

TEST(Graph, targets) {
    EXPECT_THAT(planned(diamond, {.target = "RIGHT"}).needed, ElementsAre(0U, 1U, 2U));
    EXPECT_THAT(planned(diamond, {.target = "0"}).needed, ElementsAre(0U));
    EXPECT_EQ(bad(diamond, {.target = "fnial"}),
              "target stage 'fnial' could not be found, did you mean 'final': there are base, left, right, unused, final");
    EXPECT_THAT(bad(diamond, {.target = "5"}), HasSubstr("target stage '5' could not be found"));
    EXPECT_EQ(bad("FROM a\nFROM b\n", {.target = "x"}),
              "target stage 'x' could not be found: no stage has a name, the indexes are 0 to 1");
}

TEST(Graph, from_is_expanded_and_sees_only_what_is_above) {
    const PlanOptions options{.globals = {{"BASE", "build"}, {"P", "linux/arm64"}}};
    const Plan result = planned("ARG BASE\nARG P\nFROM later\nFROM a AS build\nFROM --platform=$P $BASE AS later\n", options);
    EXPECT_EQ(result.stages[0].base, image("later"));
    EXPECT_EQ(result.stages[2].base, stage(1));
    EXPECT_EQ(result.stages[2].platform, "linux/arm64");
    EXPECT_EQ(bad("FROM a\nFROM $none\n"), "Dockerfile:2: base name ($none) should not be blank");
    EXPECT_EQ(bad("FROM --platform=$none a\n"), "Dockerfile:1: empty platform value from expression $none");
    EXPECT_EQ(bad("FROM ${a\n"), "Dockerfile:1: failed to process '${a': syntax error: missing '}'");
}

TEST(Graph, nothing_goes_round_in_circles) {
    EXPECT_EQ(bad("FROM a AS x\nCOPY --from=x /a /a\n"), "Dockerfile:2: circular dependency detected on stage 'x'");
    EXPECT_EQ(bad("FROM a\nCOPY --from=0 /a /a\n"), "Dockerfile:2: circular dependency detected on stage 'stage-0'");
    EXPECT_EQ(bad("FROM a AS x\nRUN --mount=from=y,target=/y true\nFROM b AS y\nCOPY --from=x /a /a\n"),
              "Dockerfile:2: cannot copy from stage 'y', it needs to be defined before current stage 'x'");
    EXPECT_EQ(bad("FROM a\nCOPY --from=7 /a /a\n"), "Dockerfile:2: invalid stage index 7: there are 1 stages");
    // What is not built may be wrong.
    EXPECT_EQ(bad("FROM a AS x\nCOPY --from=y /a /a\nFROM b AS y\n"), "");
    Location failed;
    EXPECT_FALSE(plan(read("FROM a AS x\nRUN true\nCOPY --from=x \\\n /a /a\n"), {}, &failed).ok());
    EXPECT_EQ(failed, (Location{3, 4}));
}

TEST(Graph, a_name_used_twice_means_the_one_above) {
    const Plan result = planned("FROM a AS x\nFROM b AS x\nFROM x\nCOPY --from=x /a /a\nFROM c AS x\n", {.target = "2"});
    EXPECT_EQ(result.stages[2].base, stage(1));
    EXPECT_THAT(result.stages[2].sources, ElementsAre(stage(1)));
}

TEST(Graph, named_contexts_win) {
    const PlanOptions options{.contexts = {"build", "alpine", "files"}};
    const Plan result = planned(
        "FROM debian AS build\nFROM docker.io/library/alpine:latest\nCOPY --from=build /a /a\nCOPY --from=0 /b /b\n"
        "COPY --from=files /c /c\nRUN --mount=from=alpine:3,target=/x true\n",
        options);
    EXPECT_EQ(result.stages[1].base, context("alpine"));
    EXPECT_THAT(result.stages[1].sources, ElementsAre(context("build"), context("files"), image("alpine:3")));
    EXPECT_THAT(result.needed, ElementsAre(1U));
    EXPECT_EQ(planned("FROM scratch\n", {.contexts = {"scratch"}}).stages[0].base, std::nullopt);
}

TEST(Graph, triggers_of_a_base_stage_count) {
    const Plan result = planned(
        "FROM a AS tools\nFROM b AS base\nONBUILD COPY --from=tools /t /t\nONBUILD RUN --mount=from=img,target=/i x\n"
        "FROM base\n");
    EXPECT_THAT(result.stages[2].sources, ElementsAre(stage(0), image("img")));
    EXPECT_THAT(result.needed, ElementsAre(0U, 1U, 2U));
    EXPECT_THAT(result.stages[1].sources, ElementsAre());
}

TEST(Graph, many_stages_are_planned_quickly) {
    std::string text = "FROM a AS s0\n";
    for (int index = 1; index < 4000; ++index)
        text += fmt::format("FROM s{} AS s{}\nCOPY --from={} /a /a\n", index - 1, index, index / 2);
    EXPECT_EQ(planned(text).needed.size(), 4000U);
}
