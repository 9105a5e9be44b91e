#pragma once

#include "dockerfile/expand.hpp"
#include "dockerfile/parse.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gantry::dockerfile {

inline Dockerfile read(std::string_view text) {
    auto result = parse(text, "Dockerfile");
    EXPECT_TRUE(result.ok()) << result.error().message();
    return result.ok() ? std::move(result).value() : Dockerfile{"", {}, {}, {Stage{}}, {}};
}

// The error text, "" where there is none.
inline std::string failure(std::string_view text) {
    const auto result = parse(text, "Dockerfile");
    return result.ok() ? "" : result.error().message();
}

// The only instruction behind "FROM scratch".
inline Instruction one(const std::string& text) {
    const Dockerfile dockerfile = read("FROM scratch\n" + text);
    EXPECT_EQ(dockerfile.stages.front().instructions.size(), 1U) << text;
    return dockerfile.stages.front().instructions.empty() ? Instruction{} : dockerfile.stages.front().instructions.front();
}
template <class T>
T only(const std::string& text) {
    const Instruction instruction = one(text);
    EXPECT_TRUE(std::holds_alternative<T>(instruction.what)) << text;
    return std::holds_alternative<T>(instruction.what) ? std::get<T>(instruction.what) : T{};
}
// In the body of a TEST the name Run is GoogleTest's.
inline const Run& run_of(const Instruction& instruction) { return std::get<Run>(instruction.what); }
inline Run only_run(const std::string& text) { return only<Run>(text); }
// Its error, without the place.
inline std::string refusal(const std::string& text) {
    const std::string message = failure("FROM scratch\n" + text);
    const std::string place = "Dockerfile:2: ";
    EXPECT_TRUE(message.empty() || message.starts_with(place)) << message;
    return message.empty() ? "" : message.substr(place.size());
}

inline Lookup lookup_in(Values values) {
    return [values = std::move(values)](std::string_view name) -> std::optional<std::string> {
        const auto found = values.find(name);
        return found == values.end() ? std::nullopt : std::optional(found->second);
    };
}

}  // namespace gantry::dockerfile
