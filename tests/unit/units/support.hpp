#pragma once

#include "config/reader.hpp"
#include "container/units.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gantry::container {

inline config::Definition definition(std::string_view text) {
    auto result = config::parse_definition("image = \"nginx\"\n" + std::string(text), "web.toml");
    EXPECT_TRUE(result.ok()) << result.error().message();
    return result.ok() ? std::move(result).value() : config::Definition{};
}

inline ContainerName name(std::string_view text = "web") { return ContainerName::parse(text).value(); }

inline UnitFacts facts() {
    UnitFacts known;
    known.id = std::string(64, 'a');
    return known;
}

// The drop-in, or its error.
inline std::string dropin(std::string_view text, const UnitFacts& known = facts()) {
    const auto result = unit_dropin(name(), definition(text), known);
    return result.ok() ? *result : "ERROR " + result.error().message();
}

}  // namespace gantry::container
