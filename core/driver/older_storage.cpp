#include "driver/older_storage.hpp"

namespace gantry::driver {

namespace {

// As of 1.0; layer_files(), of 1.2, is never passed on.
class OlderStorage final : public StorageDriver {
public:
    OlderStorage(std::unique_ptr<StorageDriver> driver, std::uint16_t minor) : driver_(std::move(driver)), minor_(minor) {}

    Result<> probe() override { return driver_->probe(); }
    [[nodiscard]] LayerFormat layer_format() const override { return driver_->layer_format(); }
    Result<LayerStaging> layer_begin(const LayerKey& key, const LayerKey& parent) override {
        return driver_->layer_begin(key, parent);
    }
    Result<> layer_commit(LayerStaging staging, std::uint64_t size) override {
        return driver_->layer_commit(std::move(staging), size);
    }
    Result<> layer_abort(LayerStaging staging) override { return driver_->layer_abort(std::move(staging)); }
    Result<bool> layer_exists(const LayerKey& key) override { return driver_->layer_exists(key); }
    Result<std::uint64_t> layer_size(const LayerKey& key) override { return driver_->layer_size(key); }
    Result<> layer_remove(const LayerKey& key) override { return driver_->layer_remove(key); }
    Result<std::vector<LayerKey>> layer_list() override { return driver_->layer_list(); }

    Result<> validate(const RootfsRequest& request) override { return driver_->validate(request); }
    Result<Rootfs> prepare(const RootfsRequest& request) override { return driver_->prepare(request); }
    Result<RootfsStatus> status(const std::string& container) override { return driver_->status(container); }
    Result<std::vector<Change>> diff(const std::string& container, const std::vector<LayerKey>& layers) override {
        return driver_->diff(container, layers);
    }
    Result<std::vector<std::string>> list() override { return driver_->list(); }
    Result<> rename(const std::string& container, const std::string& new_name) override {
        return driver_->rename(container, new_name);
    }
    Result<> teardown(const std::string& container) override { return driver_->teardown(container); }
    Result<std::vector<std::string>> recover(bool dry_run) override { return driver_->recover(dry_run); }
    [[nodiscard]] bool wants_mount_namespace(const RootfsRequest& request) const override {
        return driver_->wants_mount_namespace(request);
    }

    Result<WritableFiles> writable_files(const std::string& container, const std::vector<LayerKey>& layers) override {
        if (minor_ < 1) return StorageDriver::writable_files(container, layers);
        return driver_->writable_files(container, layers);
    }
    Result<> layer_adopt(const std::string& container, const LayerKey& key, std::uint64_t size) override {
        if (minor_ < 1) return StorageDriver::layer_adopt(container, key, size);
        return driver_->layer_adopt(container, key, size);
    }

private:
    std::unique_ptr<StorageDriver> driver_;
    std::uint16_t minor_;
};

}  // namespace

std::unique_ptr<StorageDriver> adapt_older_storage(std::unique_ptr<StorageDriver> driver, std::uint16_t minor) {
    return std::make_unique<OlderStorage>(std::move(driver), minor);
}

}  // namespace gantry::driver
