#include "noop_driver.hpp"

#include "base/names.hpp"
#include "os/file.hpp"
#include "os/mount.hpp"

#include <sys/mount.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

namespace gantry::noop {

using driver::LayerKey;
using driver::LayerStaging;

namespace {

// Whatever becomes part of a path is checked first: keys and names come from images and definitions.
Result<> check_key(const LayerKey& key) {
    const bool good = key.size() == 64 && key.find_first_not_of("0123456789abcdef") == std::string::npos;
    if (!good) return error(Errc::invalid, "'{}' is not a layer's key (64 hexadecimal digits)", key);
    return {};
}

}  // namespace

Result<> NoopDriver::probe() {
    for (const char* room : {"layers", "staging", "locks", "rw"}) TRY(os::make_dirs(folder_ + "/" + room, 0700));
    return {};
}

Result<LayerStaging> NoopDriver::layer_begin(const LayerKey& key, const LayerKey& /*parent*/) {
    TRY(check_key(key));
    os::Fd lock = TRY(os::lock_file(at("locks", key)));  // waits while another process stages the same key
    if (os::path_exists(at("layers", key))) return error(Errc::exists, "layer '{}' is there already", key);
    TRY(os::remove_tree(at("staging", key)));
    TRY(os::make_dirs(at("staging", key)));
    return LayerStaging{key, at("staging", key), std::move(lock)};
}

Result<> NoopDriver::layer_commit(LayerStaging staging, std::uint64_t size) {
    TRY(os::write_file_atomic(at("layers", staging.key), fmt::format("{}\n", size), 0600));
    return os::remove_tree(staging.path);
}

Result<> NoopDriver::layer_abort(LayerStaging staging) { return os::remove_tree(staging.path); }

Result<bool> NoopDriver::layer_exists(const LayerKey& key) {
    TRY(check_key(key));
    return os::path_exists(at("layers", key));
}

Result<std::uint64_t> NoopDriver::layer_size(const LayerKey& key) {
    if (!TRY(layer_exists(key))) return error(Errc::not_found, "layer '{}' is not there", key);
    const std::string text = TRY(os::read_file(at("layers", key), 32));
    std::uint64_t bytes = 0;
    if (std::from_chars(text.data(), text.data() + text.size(), bytes).ec != std::errc())
        return error(Errc::corrupt, "'{}' is not a number", at("layers", key));
    return bytes;
}

Result<> NoopDriver::layer_remove(const LayerKey& key) {
    TRY(check_key(key));
    return os::remove_tree(at("layers", key));
}

Result<std::vector<LayerKey>> NoopDriver::layer_list() { return os::list_dir(folder_ + "/layers"); }

Result<> NoopDriver::validate(const driver::RootfsRequest& request) {
    TRY(ContainerName::parse(request.container));
    for (const auto& key : request.layers)
        if (!TRY(layer_exists(key))) return error(Errc::not_found, "layer '{}' is not there", key);
    if (!request.options.empty())
        return error(Errc::invalid, "storage driver noop has no option '{}'", request.options.front());
    if (request.size_limit != 0)
        return error(Errc::unsupported, "storage driver noop cannot limit the size of a writable layer");
    if (!request.uid_map.empty()) return error(Errc::unsupported, "storage driver noop cannot map owners for a user namespace");
    return {};
}

Result<driver::Rootfs> NoopDriver::prepare(const driver::RootfsRequest& request) {
    TRY(validate(request));
    os::FsContext fs = TRY(os::FsContext::open("tmpfs"));
    TRY(fs.set("mode", "0755"));
    os::Fd mount = TRY(fs.mount(request.read_only ? MOUNT_ATTR_RDONLY : 0));
    // Last, so that an error leaves nothing to undo.
    if (!request.read_only) TRY(os::make_dirs(at("rw", request.container), 0700));
    return driver::Rootfs{std::move(mount)};
}

Result<driver::RootfsStatus> NoopDriver::status(const std::string& container) {
    TRY(ContainerName::parse(container));
    return driver::RootfsStatus{.exists = os::path_exists(at("rw", container))};
}

Result<std::vector<driver::Change>> NoopDriver::diff(const std::string& container, const std::vector<LayerKey>& /*layers*/) {
    TRY(ContainerName::parse(container));
    return std::vector<driver::Change>{};
}

Result<std::vector<std::string>> NoopDriver::list() { return os::list_dir(folder_ + "/rw"); }

Result<> NoopDriver::rename(const std::string& container, const std::string& new_name) {
    TRY(ContainerName::parse(container));
    TRY(ContainerName::parse(new_name));
    auto moved = os::rename(at("rw", container), at("rw", new_name), false);
    if (!moved.ok() && moved.error().sys() == ENOENT) return {};
    return moved;
}

Result<> NoopDriver::teardown(const std::string& container) {
    TRY(ContainerName::parse(container));
    return os::remove_tree(at("rw", container));
}

Result<std::vector<std::string>> NoopDriver::recover(bool dry_run) {
    std::vector<std::string> findings;
    for (const auto& key : TRY(os::list_dir(folder_ + "/staging"))) {
        auto lock = os::lock_file(at("locks", key), true, false);
        if (!lock.ok()) continue;  // its owner is alive
        findings.push_back(fmt::format("layer '{}' was never finished", key));
        if (!dry_run) TRY(os::remove_tree(at("staging", key)));
    }
    return findings;
}

}  // namespace gantry::noop
