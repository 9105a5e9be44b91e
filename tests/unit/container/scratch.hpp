// A throw-away engine root for one test.
#pragma once

#include "config/engine.hpp"
#include "os/file.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

namespace gantry::test {

class Scratch {
public:
    Scratch() {
        char pattern[] = "/tmp/gantry-container-test-XXXXXX";
        root = mkdtemp(pattern);
        paths.etc = root + "/etc";
        paths.data = root + "/data";
        paths.run = root + "/run";
        paths.cache = root + "/cache";
        for (const auto& folder : {paths.etc, paths.data, paths.run, paths.cache}) EXPECT_TRUE(os::make_dirs(folder).ok());
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    ~Scratch() { EXPECT_TRUE(os::remove_tree(root).ok()); }

    std::string root;
    config::Paths paths;
};

}  // namespace gantry::test
