#include "os/self.hpp"

#include "os/file.hpp"
#include "os/mount.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cstdlib>
#include <vector>

namespace gantry::os {

namespace {

constexpr const char* mark = "GANTRY_SEALED";  // set for the second execution: a third would be one too many

std::vector<char*> words_of(std::string& text) {
    std::vector<char*> words;
    for (std::size_t at = 0; at < text.size(); at = text.find('\0', at) + 1) words.push_back(text.data() + at);
    words.push_back(nullptr);
    return words;
}

}  // namespace

Result<bool> own_binary_is_sealed() {
    const Fd exe = TRY(open("/proc/self/exe", O_PATH));
    struct statvfs info {};
    if (fstatvfs(exe.get(), &info) != 0) return errno_error("look at the mount of our own binary");
    return (info.f_flag & ST_RDONLY) != 0;
}

Result<> seal_own_binary() {
    const bool sealed = TRY(own_binary_is_sealed());
    const bool second = std::getenv(mark) != nullptr;
    unsetenv(mark);
    if (sealed) return {};
    if (second) return error(Errc::internal, "our own binary cannot be kept from being written by containers");

    const Fd exe = TRY(open("/proc/self/exe", O_PATH));
    const Fd mount = TRY_CONTEXT(clone_mount(exe.get(), "", false), "protect our own binary");
    TRY_CONTEXT(change_mount(mount.get(), "", {.set = MOUNT_ATTR_RDONLY}, false, "our own binary"), "protect our own binary");
    std::string arguments = TRY(read_file("/proc/self/cmdline"));
    auto words = words_of(arguments);
    if (setenv(mark, "1", 1) != 0) return errno_error("set the environment");
    execveat(mount.get(), "", words.data(), environ, AT_EMPTY_PATH);
    const Error failed = errno_error("execute our own binary from a read-only mount");
    unsetenv(mark);
    return failed;
}

}  // namespace gantry::os
