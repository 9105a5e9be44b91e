#pragma once
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

// clang reads of a precompiled header what a file uses; g++ reads all of it, and most files use no JSON.
#ifdef __clang__
#include <nlohmann/json.hpp>
#endif
