// Trees of files as tar streams, by libarchive. Paths are resolved inside root, symbolic links too (openat2 RESOLVE_IN_ROOT):
// no link of a hostile tree or archive leads to a file of the host. libarchive and what it brings are slow to load: the command
// line has this room in a module, gantryd links it.
#pragma once

#include "base/result.hpp"

#include <string>

namespace gantry::archive {

// path (below root) as a tar to fd, named `name` in the archive ("" for the content of a folder alone). one_file_system: mounts
// are left out, as export does.
Result<> write_archive(int root, const std::string& path, const std::string& name, int fd, bool one_file_system);

// The same under the path's last component, as `cp` does. follow_link: what a symbolic link points at instead.
Result<> copy_to_stream(int root, const std::string& path, int fd, bool follow_link);
// An archive (tar, compressed as libarchive knows it) from fd into the folder at path. Without keep_owner files become root's.
Result<> copy_from_stream(int fd, int root, const std::string& path, bool keep_owner);

// An archive in a file into a folder of root, owners kept; false for what is none. No folder: it is only looked at.
Result<bool> unpack_archive(int file, int root, const std::string& folder);

}  // namespace gantry::archive
