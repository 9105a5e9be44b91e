// The storage driver `overlayfs`: layers below, the container's own upper; what it keeps on disk is told in README.md.
#pragma once

#include "gantry/driver/storage.hpp"
#include "layers.hpp"

namespace gantry::overlayfs {

class OverlayfsDriver : public driver::StorageDriver {
public:
    explicit OverlayfsDriver(const driver::HostContext& host) : folder_(host.data_dir), layers_(folder_) {}

    Result<> probe() override;
    [[nodiscard]] driver::LayerFormat layer_format() const override { return driver::LayerFormat::overlay; }
    Result<driver::LayerStaging> layer_begin(const driver::LayerKey& key, const driver::LayerKey& parent) override;
    Result<> layer_commit(driver::LayerStaging staging, std::uint64_t size) override;
    Result<> layer_abort(driver::LayerStaging staging) override;
    Result<bool> layer_exists(const driver::LayerKey& key) override;
    Result<std::uint64_t> layer_size(const driver::LayerKey& key) override;
    Result<> layer_remove(const driver::LayerKey& key) override;
    Result<std::vector<driver::LayerKey>> layer_list() override;

    Result<> validate(const driver::RootfsRequest& request) override;
    Result<driver::Rootfs> prepare(const driver::RootfsRequest& request) override;
    Result<driver::RootfsStatus> status(const std::string& container) override;
    Result<std::vector<driver::Change>> diff(const std::string& container,
                                             const std::vector<driver::LayerKey>& layers) override;
    Result<std::vector<std::string>> list() override;
    Result<> rename(const std::string& container, const std::string& new_name) override;
    Result<> teardown(const std::string& container) override;
    Result<std::vector<std::string>> recover(bool dry_run) override;
    [[nodiscard]] bool wants_mount_namespace(const driver::RootfsRequest& request) const override;
    Result<driver::WritableFiles> writable_files(const std::string& container,
                                                 const std::vector<driver::LayerKey>& layers) override;
    Result<> layer_adopt(const std::string& container, const driver::LayerKey& key, std::uint64_t size) override;
    Result<os::Fd> layer_files(const driver::LayerKey& key) override;

private:
    [[nodiscard]] std::string writable(const std::string& container) const { return folder_ + "/rw/" + container; }
    // Returns whether it was made now.
    Result<bool> make_writable(const driver::RootfsRequest& request, const std::vector<std::string>& lowers);
    Result<driver::Rootfs> assemble_rootfs(const driver::RootfsRequest& request, std::vector<std::string> lowers);

    std::string folder_;
    Layers layers_;
};

}  // namespace gantry::overlayfs
