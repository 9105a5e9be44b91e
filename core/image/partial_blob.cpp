#include "image/partial_blob.hpp"

#include "base/names.hpp"
#include "image/store_impl.hpp"
#include "os/file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <utility>

namespace gantry::image {

namespace {

constexpr mode_t blob_mode = 0644;

std::string temporary_path(const Store& store) {
    return fmt::format("{}/part-{}", store.impl().partial_folder(), random_container_id().substr(0, 16));
}

}  // namespace

Result<PartialBlob> PartialBlob::begin(Store& store) {
    auto file = os::open(store.impl().partial_folder(), O_TMPFILE | O_RDWR, blob_mode);
    std::string name;
    if (!file.ok()) {
        if (file.error().sys() != EOPNOTSUPP && file.error().sys() != EISDIR) return std::move(file).error();
        name = temporary_path(store);
        file = os::open(name, O_RDWR | O_CREAT | O_EXCL, blob_mode);
        if (!file.ok()) return std::move(file).error();
        if (flock(file->get(), LOCK_EX | LOCK_NB) != 0) return errno_error("lock '{}'", name);
    }
    if (fchmod(file->get(), blob_mode) != 0) return errno_error("chmod a partial blob");
    return PartialBlob(store, std::move(file).value(), std::move(name));
}

PartialBlob::PartialBlob(PartialBlob&& other) noexcept
    : store_(other.store_),
      file_(std::move(other.file_)),
      name_(std::exchange(other.name_, {})),
      size_(other.size_),
      hasher_(std::move(other.hasher_)),
      sealed_(std::move(other.sealed_)) {}

PartialBlob::~PartialBlob() {
    if (!name_.empty()) unlink(name_.c_str());
}

Result<> PartialBlob::write(std::string_view data) {
    if (auto written = os::write_all(file_.get(), data, "a partial blob"); !written.ok()) {
        const auto end = static_cast<off_t>(size_);
        if (ftruncate(file_.get(), end) != 0 || lseek(file_.get(), end, SEEK_SET) < 0) return errno_error("truncate a blob");
        return written;
    }
    hasher_.update(data);
    size_ += data.size();
    return {};
}

Result<> PartialBlob::restart() {
    if (ftruncate(file_.get(), 0) != 0 || lseek(file_.get(), 0, SEEK_SET) < 0) return errno_error("truncate a blob");
    size_ = 0;
    hasher_ = Hasher();
    sealed_.reset();
    return {};
}

Digest PartialBlob::seal() {
    if (!sealed_) sealed_ = hasher_.finish();
    return *sealed_;
}

// Only sha256 is reckoned while the bytes come: nobody says before the end what a blob will be called.
Result<Digest> PartialBlob::digest(std::string_view algorithm) {
    if (algorithm == "sha256") return seal();
    return digest_of_file(file_.get(), "a partial blob", algorithm);
}

Result<> PartialBlob::name_it(const Digest& digest) {
    if (name_.empty()) {
        std::string path = temporary_path(*store_);
        // AT_EMPTY_PATH would take CAP_DAC_READ_SEARCH (linkat(2)).
        const std::string link = fmt::format("/proc/self/fd/{}", file_.get());
        if (linkat(AT_FDCWD, link.c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW) != 0)
            return errno_error("name a blob '{}'", path);
        name_ = std::move(path);
    }
    TRY(commit_blob(store_->impl(), name_, digest));
    name_.clear();
    return {};
}

Result<> PartialBlob::finish(const Digest& wanted) {
    const Digest got = TRY(digest(wanted.algorithm()));
    if (got != wanted) return error(Errc::corrupt, "the data have digest '{}' instead of '{}'", got.str(), wanted.str());
    // Also where it is there already: what is there may be damaged.
    if (fdatasync(file_.get()) != 0) return errno_error("fsync '{}'", wanted.str());
    return name_it(wanted);
}

}  // namespace gantry::image
