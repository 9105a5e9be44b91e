#include "driver/storage_1_0.hpp"

namespace gantry::driver {

namespace {

class Storage10 final : public StorageDriver {
public:
    explicit Storage10(std::unique_ptr<StorageDriver> driver) : driver_(std::move(driver)) {}

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

private:
    std::unique_ptr<StorageDriver> driver_;
};

}  // namespace

std::unique_ptr<StorageDriver> adapt_storage_1_0(std::unique_ptr<StorageDriver> driver) {
    return std::make_unique<Storage10>(std::move(driver));
}

}  // namespace gantry::driver
