// What COPY and ADD do in a root file system. Every path of it is resolved inside of it.
#pragma once

#include "build/tree.hpp"
#include "dockerfile/ast.hpp"

#include <sys/types.h>

#include <functional>
#include <optional>

namespace gantry::build {

struct Owner {
    uid_t uid = 0;
    gid_t gid = 0;
};

struct Destination {
    std::string path;  // absolute; a trailing '/' says that it is a folder
    bool parents = false;
    std::optional<Owner>
        owner;  // of everything copied, and of folders made on the way; none: the sources', root for the latter
    std::optional<dockerfile::FileMode> mode;
    // Archives are unpacked instead of copied (ADD): called with the open file and the folder's path in root; false: not an
    // archive.
    std::function<Result<bool>(int file, int root, const std::string& folder)> unpack;
};

// Docker's rules: of a folder what is in it goes into the destination; a file becomes the destination, or goes into it where
// that is a folder, ends in '/' or there are several sources. What is there is replaced, but a file never replaces a folder nor
// the other way round.
Result<> copy_sources(const std::vector<Source>& sources, int root, const Destination& destination);

// Makes what is missing of an absolute path, all of it the owner's. True where something was.
Result<bool> make_folders(int root, const std::string& path, const Owner& owner);

}  // namespace gantry::build
