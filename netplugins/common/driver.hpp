// What the drivers of this engine's own networks have in common: leases, notes, published ports and masquerade in a firewall
// table of our own. How the containers are joined is the Fabric's.
#pragma once

#include "fabric.hpp"
#include "leases.hpp"

#include "gantry/driver/network.hpp"

#include <functional>
#include <memory>

namespace gantry::net {

class Firewall;

class Driver final : public driver::NetworkDriver {
public:
    using OpenFabric = std::function<Result<std::unique_ptr<Fabric>>()>;
    Driver(std::string data_dir, const std::string& run_dir, OpenFabric open_fabric);

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
    Result<std::vector<driver::PublishedPort>> publish(const driver::AttachRequest& request) override;
    Result<> unpublish(const std::string& container, const driver::NetworkConfig& network,
                       const std::vector<driver::PublishedPort>& ports) override;
    Result<std::vector<driver::PortCheck>> check_ports(const std::string& container, const driver::NetworkConfig& network,
                                                       const std::string& source) override;
    [[nodiscard]] bool takes_resolver_port() const override { return true; }
    Result<std::vector<std::string>> reserve(const std::string& owner, const driver::NetworkConfig& network) override;
    Result<> release(const std::string& owner, const driver::NetworkConfig& network) override;
    Result<> change(const driver::AttachRequest& request, int netns) override;

private:
    Result<> attach(const driver::AttachRequest& request, const AttachPlan& plan, int netns, Attachment& attachment,
                    driver::AttachStatus& status);
    Result<> detach(const std::string& network, const std::string& container);
    Result<> publish(const driver::AttachRequest& request, const AttachPlan& plan, Attachment& attachment,
                     driver::AttachStatus& status);
    // Puts request.ports into the firewall and the journal, beside those that `before` has. `added` gets them as its ports.
    Result<std::vector<driver::PublishedPort>> choose_and_publish(const driver::AttachRequest& request, const AttachPlan& plan,
                                                                  Firewall& firewall, const Attachment& before,
                                                                  Attachment& added);

    // The network's interfaces are another driver's where its definition was changed: they are removed if nobody uses them.
    Result<> take_over(const NetworkPlan& plan, Fabric& fabric);

    Leases leases_;
    Journal journal_;
    OpenFabric open_fabric_;
};

}  // namespace gantry::net
