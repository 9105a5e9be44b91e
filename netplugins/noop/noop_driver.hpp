// The network driver `noop`: accepts every network and connects nothing. The worked example for a new driver.
#pragma once

#include "gantry/driver/network.hpp"

namespace gantry::noop {

class NoopDriver : public driver::NetworkDriver {
public:
    explicit NoopDriver(const driver::HostContext& /*host*/) {}

    Result<> probe() override;
    Result<driver::NetworkConfig> network_create(const driver::NetworkConfig& wanted,
                                                 const std::vector<driver::NetworkConfig>& others) override;
    Result<> network_remove(const driver::NetworkConfig& network) override;
    Result<> network_reload(const driver::NetworkConfig& network) override;
    Result<> validate(const driver::AttachRequest& request) override;
    Result<driver::AttachStatus> prepare(const driver::AttachRequest& request, int netns) override;
    Result<> teardown(const std::string& container, const driver::NetworkConfig& network, bool keep_lease) override;
    Result<std::vector<driver::Lease>> leases(const driver::NetworkConfig& network) override;
    Result<std::vector<std::string>> recover(const driver::NetworkConfig& network, const std::vector<std::string>& alive,
                                             const std::vector<std::string>& known, bool dry_run) override;
};

}  // namespace gantry::noop
