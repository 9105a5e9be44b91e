#include "driver/older_network.hpp"

namespace gantry::driver {

namespace {

// What came with 1.3 is never passed on: publish(), unpublish(), check_ports() and takes_resolver_port() have the interface's
// defaults.
class OlderNetwork final : public NetworkDriver {
public:
    explicit OlderNetwork(std::unique_ptr<NetworkDriver> driver) : driver_(std::move(driver)) {}

    Result<> probe() override { return driver_->probe(); }
    Result<NetworkConfig> network_create(const NetworkConfig& wanted, const std::vector<NetworkConfig>& others) override {
        return driver_->network_create(wanted, others);
    }
    Result<> network_remove(const NetworkConfig& network) override { return driver_->network_remove(network); }
    Result<> network_reload(const NetworkConfig& network) override { return driver_->network_reload(network); }
    Result<> validate(const AttachRequest& request) override {
        // It would ignore them without a word.
        if (request.rate_up != 0 || request.rate_down != 0)
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

private:
    std::unique_ptr<NetworkDriver> driver_;
};

}  // namespace

std::unique_ptr<NetworkDriver> adapt_older_network(std::unique_ptr<NetworkDriver> driver) {
    return std::make_unique<OlderNetwork>(std::move(driver));
}

}  // namespace gantry::driver
