// A definition of 1 MB of nonsense: one clear error, in bounded time and stack.
#include "support.hpp"

#include <chrono>
#include <random>

using namespace gantry::config;

namespace {

constexpr std::size_t megabyte = definition_limit;

std::string repeat(std::string_view piece, std::size_t size) {
    std::string text;
    text.reserve(size + piece.size());
    while (text.size() + piece.size() <= size) text += piece;
    return text;
}

void expect_refused(const std::string& text, const char* what) {
    const auto start = std::chrono::steady_clock::now();
    const std::string message = failure(text);
    const auto took = std::chrono::steady_clock::now() - start;
    EXPECT_NE(message, "") << what;
    EXPECT_LT(message.size(), 8192U) << what;
    EXPECT_EQ(message.find('\x1b'), std::string::npos) << what;
    for (const std::string& line : definition_errors(text, "web.toml"))
        EXPECT_EQ(line.find_first_of("\x1b\n"), std::string::npos) << what;
    // Generous: the sanitizer build on a loaded machine.
    EXPECT_LT(took, std::chrono::seconds(10)) << what;
}

}  // namespace

TEST(Hostile, nesting_of_every_kind_is_refused) {
    expect_refused("a = " + repeat("[", megabyte - 4), "arrays");
    expect_refused("a = " + repeat("{a=", megabyte - 4), "inline tables");
    expect_refused("[" + repeat("a.", megabyte - 4) + "a]", "dotted header");
    expect_refused(repeat("a.", megabyte - 8) + "a = 1", "dotted key");
    expect_refused("a = [" + repeat("{a.a.a.a.a.a.a.a=[", megabyte - 8), "mixed");
    expect_refused(repeat("[[a]]\n", megabyte), "many tables");
    expect_refused("[a]\n" + repeat("[a.b.c.d]\n", 100), "same table");
}

TEST(Hostile, masses_of_keys_and_values_are_refused_in_time) {
    std::string keys;
    for (std::size_t i = 0; keys.size() + 32 < megabyte; ++i) keys += "key_" + std::to_string(i) + " = 1\n";
    expect_refused(keys, "unknown keys");
    std::string ports = "image = \"x\"\nports = [";
    for (std::size_t i = 0; ports.size() + 32 < megabyte; ++i) ports += "\"" + std::to_string(i % 60000 + 1) + ":1\",";
    expect_refused(ports + "]", "ports");
    expect_refused("image = \"" + repeat("x", megabyte - 16) + "\"", "long image");
    expect_refused(repeat("x", megabyte - 16) + " = 1", "long key");
    expect_refused("ports = [" + repeat("\"x\",", megabyte - 16) + "]", "wrong ports");
    expect_refused(std::string(megabyte + 1, ' '), "over the limit");
}

TEST(Hostile, bytes_that_are_no_text_are_refused) {
    expect_refused(std::string(megabyte, '\0'), "zeros");
    expect_refused(std::string(megabyte, '\xff'), "ones");
    expect_refused("\x1b[31m = 1", "escape");
    expect_refused("\"\\u001b[31mred\" = 1", "escape in a key");
    std::mt19937 random(1);
    for (int round = 0; round < 50; ++round) {
        std::string text;
        for (int i = 0; i < 4096; ++i) text += static_cast<char>(random());
        expect_refused(text, "random");
    }
}

TEST(Hostile, strings_and_comments_do_not_count_as_nesting) {
    const std::string dots(100, '.'), brackets(100, '[');
    EXPECT_EQ(failure("image = \"x\"\ndescription = \"" + dots + brackets + "\"\n# " + dots + brackets + "\nworkdir = '/" +
                      dots + brackets + "'\nhostname = \"\"\"a\"\"\"\n[labels]\na = '''" + dots + "'" + brackets +
                      "'''\nb = \"\"\"\n" + dots + "\\\"\"\"" + "" + brackets + "\"\"\"\n"),
              "");
}

// Letters of every range that a parser may take for white space, where white space may stand (found by the fuzzer).
TEST(Hostile, letters_beyond_ascii_are_no_white_space) {
    for (const char* letter : {"\u00e9", "\u0322", "\u2c80", "\u1681", "\u2030", "\ufe40"}) {
        expect_refused(fmt::format("groups = [4{}", letter), letter);
        expect_refused(fmt::format("tty = true{}", letter), letter);
        const auto folded = gantry::config::parse_definition(
            fmt::format("image = \"busybox\"\nhostname = \"\"\"a\\\n  {}\"\"\"\n", letter), "web.toml");
        static_cast<void>(folded.ok());
    }
}
