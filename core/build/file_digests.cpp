#include "build/file_digests.hpp"

#include "os/file.hpp"

#include <ctime>

namespace gantry::build {

namespace {

constexpr std::string_view magic = "gantry digests 1\n";
constexpr std::size_t file_limit = 256U << 20;  // two million files

constexpr std::int64_t second = 1'000'000'000;
std::int64_t nanoseconds(const timespec& time) { return static_cast<std::int64_t>(time.tv_sec) * second + time.tv_nsec; }

std::int64_t now() {
    timespec time{};
    clock_gettime(CLOCK_REALTIME, &time);
    return nanoseconds(time);
}

}  // namespace

FileDigests::FileDigests(std::string file) : file_(std::move(file)) {
    const auto text = os::read_file(file_, file_limit);
    if (!text.ok() || !text->starts_with(magic) || (text->size() - magic.size()) % sizeof(Entry) != 0) return;
    const std::size_t count = (text->size() - magic.size()) / sizeof(Entry);
    known_.reserve(count);
    for (std::size_t at = 0; at < count; ++at) {
        Entry entry;
        std::memcpy(&entry, text->data() + magic.size() + at * sizeof entry, sizeof entry);
        known_.emplace(entry.inode, entry);
    }
}

FileDigests::Entry FileDigests::entry_of(const struct stat& info) {
    Entry entry;
    entry.device = info.st_dev;
    entry.inode = info.st_ino;
    entry.size = static_cast<std::uint64_t>(info.st_size);
    entry.modified = nanoseconds(info.st_mtim);
    entry.changed = nanoseconds(info.st_ctim);
    return entry;
}

std::optional<Digest> FileDigests::find(const struct stat& info) {
    const std::lock_guard lock(mutex_);
    const auto known = known_.find(info.st_ino);
    if (known == known_.end()) return std::nullopt;
    Entry wanted = entry_of(info);
    wanted.sha256 = known->second.sha256;
    if (wanted != known->second) return std::nullopt;
    auto digest = Digest::parse("sha256:" + std::string(wanted.sha256.data(), wanted.sha256.size()));
    if (!digest.ok()) return std::nullopt;
    used_.emplace(wanted.inode, wanted);
    return std::move(digest).value();
}

void FileDigests::add(const struct stat& info, const Digest& digest) {
    Entry entry = entry_of(info);
    if (digest.hex().size() != entry.sha256.size()) return;
    // Two seconds: the coarsest clock of a file system that Linux mounts (FAT).
    if (now() - std::max(entry.changed, entry.modified) < 2 * second) return;
    std::ranges::copy(digest.hex(), entry.sha256.begin());
    const std::lock_guard lock(mutex_);
    used_.insert_or_assign(entry.inode, entry);
    changed_ = true;
}

Result<> FileDigests::save() {
    const std::lock_guard lock(mutex_);
    if (!changed_) return {};
    std::string text(magic);
    text.reserve(magic.size() + used_.size() * sizeof(Entry));
    for (const auto& [inode, entry] : used_) text.append(reinterpret_cast<const char*>(&entry), sizeof entry);
    TRY(os::make_dirs(file_.substr(0, file_.rfind('/')), 0700));
    changed_ = false;
    return os::write_file_atomic(file_, text, 0600, false);
}

}  // namespace gantry::build
