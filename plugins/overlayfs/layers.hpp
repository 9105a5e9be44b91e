// Unpacked layers on disk:
//     layers/KEY/diff     the layer's files, deletions as overlayfs reads them
//     layers/KEY/size     their bytes, decimal
//     staging/KEY/diff    one being unpacked; its folder is locked (flock) by the process that does
//     trash/NAME-N        on its way out
#pragma once

#include "base/result.hpp"
#include "gantry/driver/storage.hpp"

#include <string>
#include <vector>

namespace gantry::overlayfs {

class Layers {
public:
    explicit Layers(std::string folder) : folder_(std::move(folder)) {}

    [[nodiscard]] Result<> make_folders() const;
    [[nodiscard]] Result<driver::LayerStaging> begin(const driver::LayerKey& key) const;
    [[nodiscard]] Result<> commit(driver::LayerStaging staging, std::uint64_t size) const;
    [[nodiscard]] Result<> abort(driver::LayerStaging staging) const;
    // The folder `files` becomes the files of the staged layer (rename), which is committed; back again where that fails.
    [[nodiscard]] Result<> adopt(driver::LayerStaging staging, const std::string& files, std::uint64_t size) const;
    [[nodiscard]] Result<bool> exists(const driver::LayerKey& key) const;
    [[nodiscard]] Result<std::uint64_t> size(const driver::LayerKey& key) const;
    [[nodiscard]] Result<> remove(const driver::LayerKey& key) const;
    [[nodiscard]] Result<std::vector<driver::LayerKey>> list() const;
    [[nodiscard]] Result<std::vector<std::string>> recover(bool dry_run) const;

    // The folders with the files of these layers, topmost first, each once; Errc::not_found names the missing one.
    [[nodiscard]] Result<std::vector<std::string>> lowers(const std::vector<driver::LayerKey>& lowest_first) const;

    // Out of sight at once (rename), then removed; a crash in between leaves something for recover() and the next call.
    [[nodiscard]] Result<> discard(const std::string& path) const;

private:
    [[nodiscard]] Result<> publish(const driver::LayerStaging& staging, std::uint64_t size) const;
    [[nodiscard]] Result<> bury(const std::string& grave) const;
    [[nodiscard]] std::string layer(const driver::LayerKey& key) const { return folder_ + "/layers/" + key; }
    [[nodiscard]] std::string staging(const driver::LayerKey& key) const { return folder_ + "/staging/" + key; }
    std::string folder_;
};

// 64 lower-case hexadecimal digits: keys become names of folders.
Result<> check_key(const driver::LayerKey& key);

}  // namespace gantry::overlayfs
