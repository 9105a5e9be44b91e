#include "bus/build_log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gantry::bus {
namespace {

using Kind = build::Event::Kind;
using testing::ElementsAre;

class BuildLogTest : public testing::Test {
protected:
    void take(Kind kind, std::size_t vertex, const std::string& text, bool error_stream = false) {
        build::Event event{.kind = kind, .vertex = vertex};
        event.name = vertex != 0 ? "step" : "";
        event.text = text;
        event.error_stream = error_stream;
        log.take(event);
    }

    std::vector<std::string> told;
    BuildLog log{{[this](std::uint32_t step, const std::string& name, const std::string& state, const std::string& message) {
                      told.push_back(fmt::format("{} {} {} {}", step, name, state, message));
                  },
                  [this](std::uint32_t step, std::uint32_t stream, const std::string& text) {
                      told.push_back(fmt::format("{}.{}:{}", step, stream, text));
                  },
                  [this](const image::Progress& progress) {
                      told.push_back(
                          fmt::format("{} {} {}/{}", progress.layer, progress.status, progress.current, progress.total));
                  }}};
};

TEST_F(BuildLogTest, LinesAreWhole) {
    take(Kind::started, 1, "");
    take(Kind::output, 1, "one\ntw");
    take(Kind::output, 1, "aside", true);
    take(Kind::output, 1, "o\nthree\nf");
    take(Kind::done, 1, "");
    EXPECT_THAT(told, ElementsAre("1 step started ", "1.1:one\n", "1.1:two\nthree\n", "1.1:f", "1.2:aside", "1 step done "));
}

TEST_F(BuildLogTest, StepsAreApart) {
    take(Kind::output, 1, "a");
    take(Kind::output, 2, "b\n");
    take(Kind::failed, 1, "why");
    take(Kind::cached, 2, "");
    EXPECT_THAT(told, ElementsAre("2.1:b\n", "1.1:a", "1 step failed why", "2 step cached "));
}

TEST_F(BuildLogTest, WhatIsNoTextIsMarked) {
    take(Kind::notice, 0, "bad \xFF\n");
    take(Kind::output, 1, "\xC3");
    take(Kind::output, 1, "\xA9\n");
    EXPECT_THAT(told, ElementsAre("0.2:bad \xEF\xBF\xBD\n", "1.1:\xC3\xA9\n")) << "a character in two pieces is one";
}

TEST_F(BuildLogTest, MuchIsClipped) {
    const std::string line = std::string(99, 'x') + "\n";
    for (std::size_t sent = 0; sent < 2 * BuildLog::step_limit; sent += line.size()) take(Kind::output, 1, line);
    take(Kind::output, 2, line);
    take(Kind::done, 1, "");
    std::size_t size = 0, clipped = 0;
    for (const std::string& one : told) {
        if (one.starts_with("1.1:")) size += one.size() - 4;
        if (one.find("[output clipped, log limit 2MiB reached]") != std::string::npos) ++clipped;
    }
    EXPECT_GE(size, BuildLog::step_limit);
    EXPECT_LE(size, BuildLog::step_limit + 100);
    EXPECT_EQ(clipped, 1U);
    EXPECT_EQ(told[told.size() - 2], "2.1:" + line);
}

TEST_F(BuildLogTest, AnEndlessLineIsSentInPieces) {
    take(Kind::output, 1, std::string(100'000, 'x'));
    EXPECT_THAT(told, ElementsAre("1.1:" + std::string(100'000, 'x')));
}

}  // namespace
}  // namespace gantry::bus
