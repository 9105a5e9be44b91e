// Network driver `bridge`: one bridge a network, a veth pair a container, published ports and masquerade in a firewall table of
// our own. README.md of this folder has the picture.
#pragma once

#include "journal.hpp"
#include "leases.hpp"

#include "gantry/driver/network.hpp"

namespace gantry::bridge {

class BridgeDriver final : public driver::NetworkDriver {
public:
    // port_limit: see Links::open(); tests use a small one.
    BridgeDriver(std::string data_dir, const std::string& run_dir, unsigned port_limit = 1023);

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

private:
    Result<> attach(const driver::AttachRequest& request, const AttachPlan& plan, int netns, Attachment& attachment,
                    driver::AttachStatus& status);
    Result<> detach(const std::string& network, const std::string& container);
    Result<> publish(const driver::AttachRequest& request, const AttachPlan& plan, Attachment& attachment,
                     driver::AttachStatus& status);

    Leases leases_;
    Journal journal_;
    unsigned port_limit_;
};

}  // namespace gantry::bridge
