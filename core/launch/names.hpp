// The container's names on its networks: told to the networks' resolvers, and waited for.
#pragma once

#include "container/names.hpp"
#include "dns/question.hpp"
#include "launch/network.hpp"
#include "launch/plan.hpp"

namespace gantry::launch {

class Names {
public:
    explicit Names(const Plan& plan) : plan_(plan) {}

    // After the networks are attached. Steps of builds have no names.
    Result<> publish(const Networks& networks, int netns);
    void withdraw() noexcept;
    [[nodiscard]] const container::Resolver& resolver() const { return resolver_; }
    // Until the resolvers answer the container for its own name, one second at the most, five where they are being started.
    // False: not all do.
    [[nodiscard]] bool wait();

private:
    const Plan& plan_;
    std::vector<std::string> networks_;
    container::Resolver resolver_;
    dns::Questions questions_;
    bool unreachable_ = false;
};

}  // namespace gantry::launch
