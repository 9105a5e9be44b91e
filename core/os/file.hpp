// Files and folders: whole reads, crash-safe writes, locks, walks that stay below a root.
#pragma once

#include "base/result.hpp"
#include "os/fd.hpp"

#include <sys/stat.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace gantry::os {

// open(2) with O_CLOEXEC; the error names the path.
Result<Fd> open(const std::string& path, int flags, mode_t mode = 0);
Result<Fd> open_at(int dir, const std::string& path, int flags, mode_t mode = 0);

// openat2(2) with RESOLVE_IN_ROOT: path, and every symbolic link met, is taken as if root were "/". Kernel 5.6.
Result<Fd> open_in_root(int root, const std::string& path, int flags, mode_t mode = 0);
// openat2(2) with RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS: leaving the folder is an error (EXDEV), not clamped.
Result<Fd> open_beneath(int dir, const std::string& path, int flags, mode_t mode = 0);
// Every missing folder of path below root, like mkdir -p, with symbolic links resolved inside root.
Result<Fd> make_dirs_in_root(int root, const std::string& path, mode_t mode = 0755);

// The whole file. limit: more than that is Errc::invalid (hostile or broken input must not fill memory).
Result<std::string> read_file(const std::string& path, std::size_t limit = 16U << 20);
Result<std::string> read_file_at(int dir, const std::string& path, std::size_t limit = 16U << 20);
Result<std::string> read_fd(int fd, std::string_view what, std::size_t limit = 16U << 20);

// Writes to a temporary neighbour, fsyncs, renames over path and fsyncs the folder: after a crash path holds the old text or
// the new one, whole. sync = false leaves out both fsyncs, for state below /run that no crash outlives.
Result<> write_file_atomic(const std::string& path, std::string_view text, mode_t mode = 0644, bool sync = true);

// All of it, through short writes and EINTR.
Result<> write_all(int fd, std::string_view data, std::string_view what);

// fsync(2) of a folder: the renames into it are on disk.
Result<> sync_folder(const std::string& path);

Result<> make_dirs(const std::string& path, mode_t mode = 0755);
// Removes what path names, a whole tree too, without following symbolic links or crossing mounts; a missing one is no error.
Result<> remove_tree(const std::string& path);
// Renames (RENAME_NOREPLACE where replace is false).
Result<> rename(const std::string& from, const std::string& to, bool replace = true);

[[nodiscard]] bool path_exists(const std::string& path);
// Names in a folder without "." and "..", sorted; empty for a missing folder.
Result<std::vector<std::string>> list_dir(const std::string& path);

// flock(2) on path (made if missing), released when the owner goes; other processes wait (or Errc::in_use if !wait).
Result<Fd> lock_file(const std::string& path, bool exclusive = true, bool wait = true);

}  // namespace gantry::os
