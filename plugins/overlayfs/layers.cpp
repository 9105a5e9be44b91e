#include "layers.hpp"

#include "os/file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

namespace gantry::overlayfs {

using driver::LayerKey;
using driver::LayerStaging;

namespace {

bool is_folder(const std::string& path) {
    struct stat info {};
    return lstat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

// The lock on the folder that has this name now. Nothing where the folder is gone, or another process holds it and wait is
// false: a folder that was renamed or removed while we waited for its lock is not the one we asked for.
Result<os::Fd> lock_folder(const std::string& path, bool wait) {
    auto opened = os::open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!opened.ok()) {
        if (opened.error().sys() == ENOENT) return os::Fd();
        return opened;
    }
    while (flock(opened->get(), LOCK_EX | (wait ? 0 : LOCK_NB)) != 0) {
        if (errno == EWOULDBLOCK) return os::Fd();
        if (errno != EINTR) return errno_error("lock '{}'", path);
    }
    struct stat held {
    }, named{};
    if (fstat(opened->get(), &held) != 0) return errno_error("stat '{}'", path);
    if (lstat(path.c_str(), &named) != 0 || held.st_ino != named.st_ino || held.st_dev != named.st_dev) return os::Fd();
    return opened;
}

Result<> empty_folder(const std::string& path) {
    for (const auto& name : TRY(os::list_dir(path))) TRY(os::remove_tree(path + "/" + name));
    return {};
}

}  // namespace

Result<> check_key(const LayerKey& key) {
    const bool good =
        key.size() == 64 && std::ranges::all_of(key, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
    if (!good) return error(Errc::invalid, "'{}' is not a layer's key (64 hexadecimal digits)", key);
    return {};
}

Result<> Layers::make_folders() const {
    for (const char* name : {"layers", "staging", "trash"}) TRY(os::make_dirs(folder_ + "/" + name, 0700));
    return {};
}

Result<LayerStaging> Layers::begin(const LayerKey& key) const {
    TRY(check_key(key));
    const std::string path = staging(key);
    for (;;) {
        if (TRY(exists(key))) return error(Errc::exists, "layer '{}' is there already", key);
        if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return errno_error("make folder '{}'", path);
        os::Fd lock = TRY(lock_folder(path, true));
        if (!lock) continue;
        if (TRY(exists(key))) {  // committed between our look and our mkdir
            rmdir(path.c_str());
            continue;
        }
        TRY(empty_folder(path));  // what an owner that crashed left
        const std::string files = path + "/diff";
        if (mkdir(files.c_str(), 0755) != 0) return errno_error("make folder '{}'", files);
        if (chmod(files.c_str(), 0755) != 0) return errno_error("chmod '{}'", files);
        return LayerStaging{key, files, std::move(lock)};
    }
}

Result<> Layers::publish(const LayerStaging& staging_, std::uint64_t size) const {
    TRY(check_key(staging_.key));
    const std::string path = staging(staging_.key);
    if (!staging_.lock) return error(Errc::internal, "layer '{}' is not being staged", staging_.key);
    TRY(os::write_file_atomic(path + "/size", fmt::format("{}\n", size), 0600, false));
    // Thousands of files: one syncfs(2) costs less than an fsync(2) for each.
    if (syncfs(staging_.lock.get()) != 0) return errno_error("sync the file system of '{}'", path);
    TRY(os::rename(path, layer(staging_.key), false));
    return os::sync_folder(folder_ + "/layers");
}

Result<> Layers::commit(LayerStaging staging_, std::uint64_t size) const { return publish(staging_, size); }

Result<> Layers::adopt(LayerStaging staging_, const std::string& files, std::uint64_t size) const {
    const auto move_in = [&]() -> Result<> {
        if (rmdir(staging_.path.c_str()) != 0) return errno_error("remove '{}'", staging_.path);
        TRY(os::rename(files, staging_.path, false));
        auto published = publish(staging_, size);
        // Under the lock still: the files are where they were put, or in a layer that is whole.
        if (!published.ok() && os::path_exists(staging_.path)) (void)os::rename(staging_.path, files, false).ok();
        return published;
    };
    auto moved = move_in();
    if (!moved.ok()) (void)abort(std::move(staging_)).ok();  // the first error is the one to tell
    return moved;
}

Result<> Layers::abort(LayerStaging staging_) const {
    TRY(check_key(staging_.key));
    if (!staging_.lock) return error(Errc::internal, "layer '{}' is not being staged", staging_.key);
    return os::remove_tree(staging(staging_.key));
}

Result<bool> Layers::exists(const LayerKey& key) const {
    TRY(check_key(key));
    struct stat info {};
    if (lstat(layer(key).c_str(), &info) == 0) return true;
    if (errno == ENOENT) return false;
    return errno_error("stat '{}'", layer(key));
}

Result<std::uint64_t> Layers::size(const LayerKey& key) const {
    if (!TRY(exists(key))) return error(Errc::not_found, "layer '{}' is not there", key);
    const std::string file = layer(key) + "/size";
    const std::string text = TRY(os::read_file(file, 32));
    std::uint64_t bytes = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), bytes);
    if (failed != std::errc() || std::string_view(end, text.data() + text.size()) != "\n")
        return error(Errc::corrupt, "'{}' is not a number", file);
    return bytes;
}

Result<> Layers::remove(const LayerKey& key) const {
    TRY(check_key(key));
    return discard(layer(key));
}

Result<std::vector<LayerKey>> Layers::list() const {
    std::vector<LayerKey> keys = TRY(os::list_dir(folder_ + "/layers"));
    std::erase_if(keys, [](const LayerKey& key) { return !check_key(key).ok(); });
    return keys;
}

Result<> Layers::discard(const std::string& path) const {
    std::uint64_t random = 0;
    [[maybe_unused]] const ssize_t got = getrandom(&random, sizeof random, 0);
    const std::string grave = fmt::format("{}/trash/{}-{:016x}", folder_, path.substr(path.rfind('/') + 1), random);
    auto moved = os::rename(path, grave, false);
    if (!moved.ok() && moved.error().sys() != ENOENT) return moved;
    if (moved.ok()) TRY(bury(grave));
    // What others did not get to the end of, because they were killed.
    for (const auto& name : TRY(os::list_dir(folder_ + "/trash"))) TRY(bury(folder_ + "/trash/" + name));
    return {};
}

Result<> Layers::bury(const std::string& grave) const {
    os::Fd lock;
    if (is_folder(grave)) {
        lock = TRY(lock_folder(grave, false));
        if (!lock) return {};  // somebody is at it
    }
    return os::remove_tree(grave);
}

Result<std::vector<std::string>> Layers::lowers(const std::vector<LayerKey>& lowest_first) const {
    std::vector<std::string> found;
    for (auto key = lowest_first.rbegin(); key != lowest_first.rend(); ++key) {
        TRY(check_key(*key));
        std::string files = layer(*key) + "/diff";
        // The kernel refuses a folder that occurs twice (ELOOP); the topmost one hides all that a lower one could show.
        if (std::ranges::find(found, files) != found.end()) continue;
        if (!is_folder(files)) return error(Errc::not_found, "layer '{}' is not there", *key);
        found.push_back(std::move(files));
    }
    return found;
}

Result<std::vector<std::string>> Layers::recover(bool dry_run) const {
    std::vector<std::string> findings;
    for (const auto& name : TRY(os::list_dir(folder_ + "/staging"))) {
        const std::string path = folder_ + "/staging/" + name;
        os::Fd lock;
        if (is_folder(path)) {
            lock = TRY(lock_folder(path, false));
            if (!lock) continue;  // somebody is at it
        }
        findings.push_back(fmt::format("layer '{}' was never finished", name));
        if (!dry_run) TRY(os::remove_tree(path));
    }
    for (const auto& name : TRY(os::list_dir(folder_ + "/trash"))) {
        findings.push_back(fmt::format("'{}' was not wholly removed", name));
        if (!dry_run) TRY(bury(folder_ + "/trash/" + name));
    }
    for (const auto& name : TRY(os::list_dir(folder_ + "/layers"))) {
        const std::string path = folder_ + "/layers/" + name;
        if (check_key(name).ok() && is_folder(path + "/diff") && size(name).ok()) continue;
        findings.push_back(fmt::format("layer '{}' is damaged", name));
        if (!dry_run) TRY(discard(path));
    }
    return findings;
}

}  // namespace gantry::overlayfs
