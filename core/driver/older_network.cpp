#include "driver/older_network.hpp"

namespace gantry::driver {

namespace {

// What came with a later version than the driver's is never passed on: it has the interface's defaults. Of 1.4 that is
// reserve(), release() and change().
class OlderNetwork final : public NetworkDriver {
public:
    OlderNetwork(std::unique_ptr<NetworkDriver> driver, unsigned minor) : driver_(std::move(driver)), minor_(minor) {}

    Result<> probe() override { return driver_->probe(); }
    Result<NetworkConfig> network_create(const NetworkConfig& wanted, const std::vector<NetworkConfig>& others) override {
        return driver_->network_create(wanted, others);
    }
    Result<> network_remove(const NetworkConfig& network) override { return driver_->network_remove(network); }
    Result<> network_reload(const NetworkConfig& network) override { return driver_->network_reload(network); }
    Result<> validate(const AttachRequest& request) override {
        // It would ignore them without a word.
        if (minor_ < 3 && (request.rate_up != 0 || request.rate_down != 0))
            return error(Errc::unsupported, "network driver '{}' cannot limit rates", request.network.driver);
        return driver_->validate(request);
    }
    Result<AttachStatus> prepare(const AttachRequest& request, int netns) override {
        TRY(validate(request));
        return driver_->prepare(request, netns);
    }
    Result<> teardown(const std::string& container, const NetworkConfig& network, bool keep_lease) override {
        return driver_->teardown(container, network, keep_lease);
    }
    Result<std::vector<Lease>> leases(const NetworkConfig& network) override { return driver_->leases(network); }
    Result<std::vector<std::string>> recover(const NetworkConfig& network, const std::vector<std::string>& alive,
                                             const std::vector<std::string>& known, bool dry_run) override {
        return driver_->recover(network, alive, known, dry_run);
    }
    Result<std::vector<PublishedPort>> publish(const AttachRequest& request) override {
        return minor_ < 3 ? NetworkDriver::publish(request) : driver_->publish(request);
    }
    Result<> unpublish(const std::string& container, const NetworkConfig& network,
                       const std::vector<PublishedPort>& ports) override {
        return minor_ < 3 ? NetworkDriver::unpublish(container, network, ports) : driver_->unpublish(container, network, ports);
    }
    Result<std::vector<PortCheck>> check_ports(const std::string& container, const NetworkConfig& network,
                                               const std::string& source) override {
        return minor_ < 3 ? NetworkDriver::check_ports(container, network, source)
                          : driver_->check_ports(container, network, source);
    }
    [[nodiscard]] bool takes_resolver_port() const override {
        return minor_ < 3 ? NetworkDriver::takes_resolver_port() : driver_->takes_resolver_port();
    }

private:
    std::unique_ptr<NetworkDriver> driver_;
    unsigned minor_;
};

}  // namespace

std::unique_ptr<NetworkDriver> adapt_older_network(std::unique_ptr<NetworkDriver> driver, unsigned minor) {
    return std::make_unique<OlderNetwork>(std::move(driver), minor);
}

}  // namespace gantry::driver
