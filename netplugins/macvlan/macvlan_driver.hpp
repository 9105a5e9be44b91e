// Network driver `macvlan`: containers as hosts of a link that this one is on, by a card of the host or a VLAN of it. README.md
// has more.
#pragma once

#include "journal.hpp"
#include "leases.hpp"

#include "gantry/driver/network.hpp"
#include "os/netlink.hpp"

namespace gantry::macvlan {

// What the options of a network say.
struct Parent {
    std::string interface;   // of the host
    std::uint16_t vlan = 0;  // 0: the link itself
    std::uint32_t mode = 0;  // enum macvlan_mode
    // The interface that containers are on: PARENT.VLAN, or the parent itself.
    [[nodiscard]] std::string link() const;
};
// Takes the driver's own options out of config; Errc::invalid names the one that is wrong.
Result<Parent> take_parent(driver::NetworkConfig& config);

class MacvlanDriver final : public driver::NetworkDriver {
public:
    MacvlanDriver(const std::string& data_dir, const std::string& run_dir);

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
    struct Plan {
        Parent parent;
        net::AttachPlan attach;
    };
    static Result<Plan> plan(const driver::AttachRequest& request);
    Result<> attach(const Plan& plan, net::Attachment& attachment, int netns, driver::AttachStatus& status);
    Result<> detach(const std::string& network, const std::string& container);

    net::Leases leases_;
    net::Journal journal_;
};

}  // namespace gantry::macvlan
