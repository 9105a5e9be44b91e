// Copies of trees between two roots, each path resolved inside its own root.
#pragma once

#include "base/result.hpp"

#include <string>

namespace gantry::cli {

// Docker's rules for what `cp` copies where (docker-cp(1)). No link of a hostile container leads to a file of the host.
struct CopyOptions {
    bool keep_owner = false;   // -a; without it files belong to root in a container, to the caller on the host
    bool follow_link = false;  // -L
};
Result<> copy_out(int root, const std::string& path, const std::string& target, const CopyOptions& options);
Result<> copy_in(const std::string& source, int root, const std::string& path, const CopyOptions& options);

}  // namespace gantry::cli
