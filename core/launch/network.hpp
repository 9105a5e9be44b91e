// The container's networks: requests for the drivers, attaching, the record of it.
#pragma once

#include "container/record.hpp"
#include "driver/loader.hpp"
#include "launch/plan.hpp"

namespace gantry::launch {

class Networks {
public:
    explicit Networks(driver::Loader& loader) : loader_(loader) {}

    // Requests for every network of the definition, validated by their drivers; nothing is touched but a default network that
    // is needed for the first time.
    Result<> plan(const Plan& plan);
    // Attaches one after the other; on error those before are detached again.
    Result<> attach(int netns);
    void detach() noexcept;

    [[nodiscard]] std::vector<container::Record::Network> record() const;
    [[nodiscard]] const std::vector<driver::AttachStatus>& status() const { return status_; }

private:
    Result<driver::NetworkDriver*> driver(const std::string& name);

    driver::Loader& loader_;
    std::map<std::string, std::unique_ptr<driver::NetworkDriver>> drivers_;
    std::vector<driver::AttachRequest> requests_;
    std::vector<driver::AttachStatus> status_;  // of the first ones in requests_
};

}  // namespace gantry::launch
