// Files that a layer here has already: cloned (FICLONE), else linked where that makes no difference, else written.
#include "image/byte_source.hpp"
#include "image/layer_tar.hpp"
#include "image/tar_writer.hpp"
#include "image/unpack.hpp"
#include "os/file.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>

namespace gantry::image {

namespace {

// Containers see the number of links, and some programs refuse files that have several (cron its tables): those files are
// small, and of small files there is little to save.
constexpr std::uint64_t linked_size = 16U << 10;

// What a label of the host's security module says is the host's matter: new files of the same folder get the same.
constexpr std::string_view host_label = "security.selinux";

// Is piece what comes next in the file? Then it is consumed.
bool next_is(FileSource& file, std::string_view piece) {
    while (!piece.empty()) {
        const auto there = file.peek();
        if (!there.ok() || there->empty()) return false;
        const std::size_t part = std::min(there->size(), piece.size());
        if (there->substr(0, part) != piece.substr(0, part)) return false;
        file.consume(part);
        piece.remove_prefix(part);
    }
    return true;
}

// Exactly the attributes that unpacking would set.
bool same_xattrs(const TarEntry& entry, int fd) {
    std::string names(XATTR_LIST_MAX, '\0');
    const ssize_t listed = flistxattr(fd, names.data(), names.size());
    if (listed < 0) return errno == EOPNOTSUPP && entry.xattrs.empty();
    names.resize(static_cast<std::size_t>(listed));
    std::size_t matching = 0;
    for (std::size_t at = 0; at < names.size();) {
        const std::string name(names.c_str() + at);
        at += name.size() + 1;
        if (name == host_label) continue;
        const auto found = entry.xattrs.find(name);
        if (found == entry.xattrs.end() || !image_xattr(name)) return false;
        std::string value(found->second.size() + 1, '\0');
        const ssize_t size = fgetxattr(fd, name.c_str(), value.data(), value.size());
        if (size != static_cast<ssize_t>(found->second.size()) || !value.starts_with(found->second)) return false;
        ++matching;
    }
    const auto all = std::ranges::count_if(entry.xattrs, [&](const auto& one) { return image_xattr(one.first); });
    return matching == static_cast<std::size_t>(all);
}

bool same_attributes(const TarEntry& entry, int fd) {
    struct stat info {};
    if (fstat(fd, &info) != 0 || info.st_nlink == 0) return false;
    return info.st_uid == entry.uid && info.st_gid == entry.gid && (info.st_mode & 07777) == (entry.mode & 07777) &&
           info.st_mtim.tv_sec == entry.modified.seconds && info.st_mtim.tv_nsec == entry.modified.nanoseconds &&
           same_xattrs(entry, fd);
}

}  // namespace

std::optional<LocalFile> Unpacker::find_local(const TarEntry& entry, const Place& place) const {
    if (!local_ || entry.sparse || entry.size == 0 || entry.stored != entry.size) return std::nullopt;
    return local_->find(place.path, entry.size);
}

// The archive's data go by in any case, for the diff ID: comparing them is what makes a wrong guess harmless.
Result<> Unpacker::take_local(const TarEntry& entry, const Place& place, const LocalFile& local) {
    TRY(charge(entry.stored, entry.path));
    const int from = local.file.get();
    FileSource there(from, "a file of another layer", 0, entry.size);
    std::uint64_t same = 0;
    std::string_view piece = TRY(reader_.data());
    for (; !piece.empty() && next_is(there, piece); piece = TRY(reader_.data())) same += piece.size();
    const bool equal = piece.empty();
    if (equal && !can_clone(from) && local.linkable && TRY(link_local(entry, place, from))) return {};
    const os::Fd fd = TRY(create_file(place));
    if (!equal || !can_clone(from) || ioctl(fd.get(), FICLONE, from) != 0) {
        TRY(copy_bytes(from, fd.get(), same, entry.path));
        for (; !piece.empty(); piece = TRY(reader_.data())) TRY(os::write_all(fd.get(), piece, entry.path));
    }
    return finish_file(entry, place, fd.get());
}

bool Unpacker::can_clone(int from) {
    if (!can_clone_) {
        const os::Fd probe(openat(root_, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600));
        can_clone_ = probe && ioctl(probe.get(), FICLONE, from) == 0;
    }
    return *can_clone_;
}

// False: it cannot be linked (attributes, EMLINK, a project's quota, ...), which is no error.
Result<bool> Unpacker::link_local(const TarEntry& entry, const Place& place, int from) {
    if (entry.size < linked_size || !same_attributes(entry, from)) return false;
    const auto link = [&] { return linkat(from, "", place.parent, place.name.c_str(), AT_EMPTY_PATH) == 0; };
    if (link()) return true;
    if (errno != EEXIST) return false;
    TRY(tree_.remove(place.parent, place.name, place.path));
    return link();
}

}  // namespace gantry::image
