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
    // Attaches one after the other; on error those before are detached again. Where the definition's name servers cannot have a
    // resolver on a network the container asks them itself, and standard error says so.
    Result<> attach(const Plan& plan, int netns);
    void detach() noexcept;

    [[nodiscard]] std::vector<container::Record::Network> record() const;
    [[nodiscard]] const std::vector<driver::AttachStatus>& status() const { return status_; }
    // Of the resolver that asks the definition's name servers on network `i`; 0: there is none.
    [[nodiscard]] std::uint16_t resolver_port(std::size_t i) const { return requests_[i].resolver_port; }

private:
    Result<driver::NetworkDriver*> driver(const std::string& name);

    driver::Loader& loader_;
    std::map<std::string, std::unique_ptr<driver::NetworkDriver>> drivers_;
    std::vector<driver::AttachRequest> requests_;
    std::vector<driver::AttachStatus> status_;  // of the first ones in requests_
    struct Service {
        std::string name;  // empty: it is behind none
        std::vector<std::string> addresses;
    };
    std::vector<Service> services_;  // one for each of requests_
};

}  // namespace gantry::launch
