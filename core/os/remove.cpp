// remove_tree: what a container made must never be able to keep itself from being removed.
#include "os/file.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

namespace gantry::os {

namespace {

// Each level of folders costs a descriptor and a stack frame; a folder that lies deeper is moved up to the top and is taken
// from there.
constexpr int max_depth = 64;

class Remover {
public:
    explicit Remover(std::string path) : path_(std::move(path)) {}

    Result<> run() {
        if (unlink(path_.c_str()) == 0 || errno == ENOENT) return {};
        if (!maybe_folder(errno)) return errno_error("remove '{}'", path_);
        top_ = Fd(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
        struct stat info {};
        if (!top_ || fstat(top_.get(), &info) != 0) return errno_error("remove '{}'", path_);
        device_ = info.st_dev;
        std::uint64_t hoisted_before = 0;
        do {
            hoisted_before = hoisted_;
            TRY(empty(top_.get(), path_, 1));
        } while (hoisted_ != hoisted_before);
        if (rmdir(path_.c_str()) != 0 && errno != ENOENT) return errno_error("remove '{}'", path_);
        return {};
    }

private:
    static bool maybe_folder(int number) { return number == EISDIR || number == EPERM || number == EBUSY; }

    Result<> empty(int folder, const std::string& shown, int depth) {
        const int own = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        const std::unique_ptr<DIR, int (*)(DIR*)> entries(own < 0 ? nullptr : fdopendir(own), closedir);
        if (!entries) return errno_error("read '{}'", shown);
        while (const dirent* entry = readdir(entries.get())) {
            const std::string_view name = entry->d_name;
            if (name != "." && name != "..") TRY(remove(folder, entry->d_name, shown, depth));
        }
        return {};
    }

    Result<> remove(int dir, const char* name, const std::string& parent, int depth) {
        if (unlinkat(dir, name, 0) == 0 || errno == ENOENT) return {};
        const std::string shown = parent + "/" + name;
        if (!maybe_folder(errno)) return errno_error("remove '{}'", shown);
        const Fd folder(openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
        struct stat info {};
        if (!folder || fstat(folder.get(), &info) != 0) return errno_error("remove '{}'", shown);
        if (info.st_dev != device_) return error(Errc::in_use, "remove '{}': something is mounted there", shown);
        if (depth >= max_depth) {
            if (unlinkat(dir, name, AT_REMOVEDIR) == 0) return {};
            const std::string up = fmt::format(".removed-{:x}-{}", info.st_ino, ++hoisted_);
            if (renameat(dir, name, top_.get(), up.c_str()) != 0) return errno_error("remove '{}'", shown);
            return {};
        }
        TRY(empty(folder.get(), shown, depth + 1));
        if (unlinkat(dir, name, AT_REMOVEDIR) != 0 && errno != ENOENT) return errno_error("remove '{}'", shown);
        return {};
    }

    std::string path_;
    Fd top_;
    dev_t device_ = 0;
    std::uint64_t hoisted_ = 0;
};

}  // namespace

Result<> remove_tree(const std::string& path) { return Remover(path).run(); }

}  // namespace gantry::os
