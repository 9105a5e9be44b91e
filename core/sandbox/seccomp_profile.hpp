// Docker's JSON form of a seccomp profile, checked, and what of it applies to one container on one host.
#pragma once

#include "base/result.hpp"
#include "sandbox/capabilities.hpp"

#include <optional>
#include <string>
#include <vector>

namespace gantry::sandbox {

struct SeccompArgument {
    unsigned index = 0;
    std::uint64_t value = 0, value_two = 0;
    std::string op;
};

struct SeccompRule {
    std::vector<std::string> names;
    std::string action;
    std::optional<unsigned> errno_ret;
    std::vector<SeccompArgument> arguments;
};

struct SeccompProfile {
    std::string default_action;
    std::optional<unsigned> default_errno;
    std::vector<std::string> architectures;  // "x86_64", "x86", "x32": libseccomp's names, besides the native one
    std::vector<SeccompRule> rules;          // those whose includes and excludes hold
};

// Docker's name of the build's architecture ("amd64"), which rules' "arches" use.
std::string_view docker_architecture();
// Of default_profile()'s text (base/hash.hpp), computed by the compiler.
std::uint64_t default_profile_hash();
Result<SeccompProfile> parse_profile(std::string_view json, CapSet capabilities);

}  // namespace gantry::sandbox
