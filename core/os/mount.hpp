// Mounts as the kernel's file-descriptor interface gives them (kernel 5.2; mount_setattr 5.12), and the few calls of the old
// one that are still needed. Everything made here is detached or in the caller's mount namespace: callers unshare first.
#pragma once

#include "base/result.hpp"
#include "os/fd.hpp"

#include <cstdint>
#include <string>

namespace gantry::os {

// A file system being configured: fsopen(2). Errors carry what the file system itself says (its log is read from the
// descriptor).
//     FsContext fs = TRY(FsContext::open("tmpfs"));
//     TRY(fs.set("size", "64m"));
//     Fd mount = TRY(fs.mount(MOUNT_ATTR_NOSUID));
class FsContext {
public:
    static Result<FsContext> open(const std::string& type);

    // EINVAL for a key the file system does not know. The kernel takes at most 255 bytes of value (fs/fsopen.c).
    Result<> set(const std::string& key, const std::string& value);
    Result<> set_flag(const std::string& key);
    Result<> set_fd(const std::string& key, int fd);
    // The superblock is made; called by mount() where it was not.
    Result<> create();
    // A detached mount. attributes: MOUNT_ATTR_*.
    Result<Fd> mount(unsigned attributes = 0);

private:
    FsContext(std::string type, Fd fd) : type_(std::move(type)), fd_(std::move(fd)) {}
    Error failed(std::string_view step);
    std::string type_;
    Fd fd_;
    bool created_ = false;
};

// open_tree(2) with OPEN_TREE_CLONE: a detached copy of the mount at path (with everything below it where recursive). Relative
// to dir (AT_FDCWD or a folder); an empty path is dir itself.
Result<Fd> clone_mount(int dir, const std::string& path, bool recursive);

// move_mount(2): attaches a detached mount on path below dir; an empty path is dir itself. Symbolic links of the last component
// are not followed. what: for the error's text, path if empty.
Result<> attach_mount(int mount, int dir, const std::string& path, std::string_view what = "");

// mount_setattr(2) on the mount itself or, recursive, on everything below it too.
struct MountChange {
    std::uint64_t set = 0, clear = 0;  // MOUNT_ATTR_*
    std::uint64_t propagation = 0;     // MS_PRIVATE, MS_SLAVE, MS_SHARED, MS_UNBINDABLE; 0 leaves it
    int user_namespace = -1;           // with MOUNT_ATTR_IDMAP in set
};
Result<> change_mount(int dir, const std::string& path, const MountChange& change, bool recursive, std::string_view what = "");

// mount(2) and umount2(2). The error names target (or what).
Result<> mount(const std::string& source, const std::string& target, const std::string& type, unsigned long flags,
               const std::string& data = "");
Result<> unmount(const std::string& target, int flags = 0);

// A mount namespace of the caller's own from which nothing leaves: CLONE_NEWNS, then everything made a (recursive) slave, so
// that what the host unmounts later goes here too.
Result<> unshare_mounts();

// The mount `root` (attached somewhere in this namespace, on a mount point of its own) becomes "/" and the old one is gone;
// the working folder is the new "/".
Result<> enter_root(int root);

}  // namespace gantry::os
