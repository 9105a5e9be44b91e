// Trees as tar streams, and Docker's rules for what `cp` copies where (docker-cp(1)). Paths inside a container are resolved
// inside its root, symbolic links too (openat2 RESOLVE_IN_ROOT): no link of a hostile container leads to a file of the host.
#pragma once

#include "base/result.hpp"

#include <string>

namespace gantry::cli {

struct CopyOptions {
    bool keep_owner = false;   // -a; without it files belong to root in a container, to the caller on the host
    bool follow_link = false;  // -L
};

// path (below root) as a tar to fd, named `name` in the archive ("" for the content of a folder alone). one_file_system: mounts
// are left out, as export does.
Result<> write_archive(int root, const std::string& path, const std::string& name, int fd, bool one_file_system);

Result<> copy_out(int root, const std::string& path, const std::string& target, const CopyOptions& options);
Result<> copy_in(const std::string& source, int root, const std::string& path, const CopyOptions& options);
Result<> copy_to_stream(int root, const std::string& path, int fd, const CopyOptions& options);
// An archive (tar, compressed as libarchive knows it) into a folder of root, owners kept; false for what is none. No folder: it
// is only looked at.
Result<bool> unpack_archive(int file, int root, const std::string& folder);
Result<> copy_from_stream(int fd, int root, const std::string& path, const CopyOptions& options);

}  // namespace gantry::cli
