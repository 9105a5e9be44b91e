#include "cli/copy_tree.hpp"

#include "os/copy_tree.hpp"
#include "os/file.hpp"
#include "os/resolve.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

namespace gantry::cli {

namespace {

namespace fs = std::filesystem;

struct Place {
    os::Fd parent;
    std::string name;
};

Result<Place> place_of(int root, const std::string& path) {
    const fs::path split(path);
    Place place{TRY(os::open_in_root(root, split.has_parent_path() ? split.parent_path().string() : ".", O_PATH | O_DIRECTORY)),
                split.filename().string()};
    if (place.name.empty()) place.name = ".";
    return place;
}

bool is_folder(int root, const std::string& path, bool itself = false) {
    struct stat info {};
    const auto fd = os::open_in_root(root, path, O_PATH | (itself ? O_NOFOLLOW : 0));
    return fd.ok() && fstat(fd->get(), &info) == 0 && S_ISDIR(info.st_mode);
}

bool exists(int root, const std::string& path) { return os::open_in_root(root, path, O_PATH | O_NOFOLLOW).ok(); }

// The object `from` (below from_root) as `to` (below to_root), whose parent exists. A folder is merged into one that is there;
// anything else is replaced, except that a file never replaces a folder nor the other way round.
Result<> copy_tree(int from_root, const std::string& from, int to_root, const std::string& to, bool keep_owner, unsigned uid,
                   unsigned gid) {
    const Place source = TRY(place_of(from_root, from)), target = TRY(place_of(to_root, to));
    const os::CopyOwner owner{keep_owner, uid, gid};
    if (target.name == ".") return os::copy_into(source.parent.get(), source.name, target.parent.get(), ".", owner, to);
    return os::copy_tree(source.parent.get(), source.name, target.parent.get(), target.name, owner, to);
}

// docker-cp(1): where SOURCE ends up, given what is at TARGET.
Result<> copy_between(int from_root, const std::string& source, int to_root, const std::string& target,
                      const CopyOptions& options, unsigned uid, unsigned gid) {
    const bool content_only = source.ends_with("/.") || source == ".";
    std::string from = fs::path("/" + source).lexically_normal().string();
    while (from.size() > 1 && from.back() == '/') from.pop_back();
    if (options.follow_link || content_only || source.ends_with("/")) from = TRY(os::resolve_in_root(from_root, from));
    if (!exists(from_root, from)) return error(Errc::not_found, "no such file or directory: '{}'", source);
    const bool folder = is_folder(from_root, from, true);
    std::string to = fs::path("/" + target).lexically_normal().string();
    const bool wants_folder = target.ends_with("/") || target.ends_with("/.");
    while (to.size() > 1 && to.back() == '/') to.pop_back();
    if (is_folder(to_root, to)) {
        to = TRY(os::resolve_in_root(to_root, to));
        if (!(folder && content_only)) to = (fs::path(to) / (from == "/" ? "" : fs::path(from).filename())).string();
    } else {
        if (wants_folder && !folder) return error(Errc::invalid, "no such directory: '{}'", target);
        if (folder && exists(to_root, to)) return error(Errc::invalid, "cannot copy a directory onto the file '{}'", target);
        to = (fs::path(TRY(os::resolve_in_root(to_root, fs::path(to).parent_path().string()))) / fs::path(to).filename())
                 .string();
    }
    return copy_tree(from_root, from, to_root, to, options.keep_owner, uid, gid);
}

std::string absolute(const std::string& path) {
    const bool slash = path.ends_with("/"), dot = path.ends_with("/.") || path == ".";
    std::string text = fs::absolute(path).lexically_normal().string();
    if (dot) return text + (text.ends_with("/") ? "." : "/.");
    return slash && !text.ends_with("/") ? text + "/" : text;
}

}  // namespace

Result<> copy_out(int root, const std::string& path, const std::string& target, const CopyOptions& options) {
    const os::Fd host = TRY(os::open("/", O_PATH | O_DIRECTORY));
    return copy_between(root, path, host.get(), absolute(target), options, geteuid(), getegid());
}

Result<> copy_in(const std::string& source, int root, const std::string& path, const CopyOptions& options) {
    const os::Fd host = TRY(os::open("/", O_PATH | O_DIRECTORY));
    return copy_between(host.get(), absolute(source), root, path, options, 0, 0);
}

}  // namespace gantry::cli
