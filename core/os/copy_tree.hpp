// Copies of files and folders by descriptor, symbolic links as links.
#pragma once

#include "base/result.hpp"

#include <sys/types.h>

#include <string>

namespace gantry::os {

struct CopyOwner {
    bool keep = true;  // user and group of the source
    uid_t uid = 0;     // else these
    gid_t gid = 0;
};

// The object `from` in folder from_dir as `to` in to_dir: content (by reflink where the file system can), mode, times, user.*
// attributes and security.capability. A folder is merged into one that is there; anything else is replaced, but a file never
// replaces a folder nor the other way round. shown: the path for error texts.
Result<> copy_tree(int from_dir, const std::string& from, int to_dir, const std::string& to, const CopyOwner& owner,
                   const std::string& shown);
// Only what is in the folder `from`, into the folder `to` (made if missing, its mode and owner left alone if there).
Result<> copy_into(int from_dir, const std::string& from, int to_dir, const std::string& to, const CopyOwner& owner,
                   const std::string& shown);

}  // namespace gantry::os
