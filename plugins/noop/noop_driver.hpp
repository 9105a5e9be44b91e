// The storage driver `noop`: keeps the promises of the interface and no file of any image. The worked example for a new driver.
#pragma once

#include "gantry/driver/storage.hpp"

namespace gantry::noop {

class NoopDriver : public driver::StorageDriver {
public:
    explicit NoopDriver(const driver::HostContext& host) : folder_(host.data_dir) {}

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

private:
    [[nodiscard]] std::string at(const char* room, const std::string& name) const { return folder_ + "/" + room + "/" + name; }
    std::string folder_;
};

}  // namespace gantry::noop
