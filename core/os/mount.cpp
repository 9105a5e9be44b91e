#include "os/mount.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace gantry::os {

namespace {

// What the file system had to say: lines "e overlay: message" ('e', 'w' or 'i'), one a read, ENODATA at the end.
std::string take_log(int fs) {
    std::string text;
    char line[1024];
    for (int lines = 0; lines < 16; ++lines) {
        const ssize_t got = read(fs, line, sizeof line);
        if (got <= 0) break;
        std::string_view message(line, static_cast<std::size_t>(got));
        while (!message.empty() && message.back() == '\n') message.remove_suffix(1);
        if (message.size() < 3 || message[0] != 'e') continue;
        if (!text.empty()) text += "; ";
        text += message.substr(2);
    }
    return text;
}

std::string_view shown(std::string_view what, const std::string& path) { return what.empty() ? std::string_view(path) : what; }

unsigned at_flags(const std::string& path) { return path.empty() ? AT_EMPTY_PATH : 0U; }

}  // namespace

Result<FsContext> FsContext::open(const std::string& type) {
    Fd fd(fsopen(type.c_str(), FSOPEN_CLOEXEC));
    if (!fd) return errno_error("open file system type '{}'", type);
    return FsContext(type, std::move(fd));
}

Error FsContext::failed(std::string_view step) {
    const int number = errno;
    const std::string said = take_log(fd_.get());
    if (said.empty()) return Error::from_errno(number, fmt::format("{}: {}", type_, step));
    return Error::from_errno(number, fmt::format("{}: {}: {}", type_, step, said));
}

Result<> FsContext::set(const std::string& key, const std::string& value) {
    if (fsconfig(fd_.get(), FSCONFIG_SET_STRING, key.c_str(), value.c_str(), 0) != 0)
        return failed(fmt::format("set '{}' to '{}'", key, value));
    return {};
}

Result<> FsContext::set_flag(const std::string& key) {
    if (fsconfig(fd_.get(), FSCONFIG_SET_FLAG, key.c_str(), nullptr, 0) != 0) return failed(fmt::format("set '{}'", key));
    return {};
}

Result<> FsContext::set_fd(const std::string& key, int fd) {
    if (fsconfig(fd_.get(), FSCONFIG_SET_FD, key.c_str(), nullptr, fd) != 0) return failed(fmt::format("set '{}'", key));
    return {};
}

Result<> FsContext::create() {
    if (created_) return {};
    if (fsconfig(fd_.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) return failed("create the file system");
    created_ = true;
    return {};
}

Result<Fd> FsContext::mount(unsigned attributes) {
    TRY(create());
    Fd mounted(fsmount(fd_.get(), FSMOUNT_CLOEXEC, attributes));
    if (!mounted) return failed("make the mount");
    return mounted;
}

Result<Fd> clone_mount(int dir, const std::string& path, bool recursive) {
    const unsigned flags =
        OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_NO_AUTOMOUNT | at_flags(path) | (recursive ? AT_RECURSIVE : 0U);
    Fd tree(open_tree(dir, path.c_str(), flags));
    if (!tree) return errno_error("clone the mount of '{}'", path);
    return tree;
}

Result<> attach_mount(int mount, int dir, const std::string& path, std::string_view what) {
    const unsigned flags = MOVE_MOUNT_F_EMPTY_PATH | (path.empty() ? MOVE_MOUNT_T_EMPTY_PATH : 0U);
    if (move_mount(mount, "", dir, path.c_str(), flags) != 0) return errno_error("mount on '{}'", shown(what, path));
    return {};
}

Result<> change_mount(int dir, const std::string& path, const MountChange& change, bool recursive, std::string_view what) {
    struct mount_attr attributes {};
    attributes.attr_set = change.set;
    attributes.attr_clr = change.clear;
    attributes.propagation = change.propagation;
    if (change.user_namespace >= 0) attributes.userns_fd = static_cast<std::uint64_t>(change.user_namespace);
    const unsigned flags = at_flags(path) | (recursive ? AT_RECURSIVE : 0U);
    if (mount_setattr(dir, path.c_str(), flags, &attributes, sizeof attributes) != 0)
        return errno_error("change the mount '{}'", shown(what, path));
    return {};
}

Result<> mount(const std::string& source, const std::string& target, const std::string& type, unsigned long flags,
               const std::string& data) {
    const char* options = data.empty() ? nullptr : data.c_str();
    if (::mount(source.c_str(), target.c_str(), type.empty() ? nullptr : type.c_str(), flags, options) != 0)
        return errno_error("mount '{}' on '{}'", source, target);
    return {};
}

Result<> unmount(const std::string& target, int flags) {
    if (umount2(target.c_str(), flags) != 0) return errno_error("unmount '{}'", target);
    return {};
}

Result<> unshare_mounts() {
    if (unshare(CLONE_NEWNS) != 0) return errno_error("make a mount namespace");
    if (::mount(nullptr, "/", nullptr, MS_SLAVE | MS_REC, nullptr) != 0) return errno_error("make the mounts slaves");
    return {};
}

Result<> enter_root(int root) {
    if (fchdir(root) != 0) return errno_error("enter the new root");
    // pivot_root(2), "pivot_root(".", ".")": the old root is stacked on the new one and is then unmounted, no folder needed for
    // it.
    if (syscall(SYS_pivot_root, ".", ".") != 0) return errno_error("pivot_root");
    if (umount2(".", MNT_DETACH) != 0) return errno_error("unmount the old root");
    if (chdir("/") != 0) return errno_error("enter '/'");
    return {};
}

}  // namespace gantry::os
