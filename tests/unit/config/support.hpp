#pragma once

#include "config/reader.hpp"

#include <gtest/gtest.h>

namespace gantry::config {

// The error text of a definition, "" where it is right.
inline std::string failure(std::string_view text) {
    const auto result = parse_definition(text, "web.toml");
    return result.ok() ? "" : result.error().message();
}

inline Definition read(std::string_view text) {
    auto result = parse_definition(text, "web.toml");
    EXPECT_TRUE(result.ok()) << result.error().message();
    return result.ok() ? std::move(result).value() : Definition{};
}

}  // namespace gantry::config
