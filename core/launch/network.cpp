#include "launch/network.hpp"

#include "container/attachments.hpp"
#include "container/names.hpp"

namespace gantry::launch {

Result<driver::NetworkDriver*> Networks::driver(const std::string& name) {
    auto& driver = drivers_[name];
    if (!driver) {
        driver = TRY(loader_.network(name));
        TRY_CONTEXT(driver->probe(), "network driver '{}'", name);
    }
    return driver.get();
}

Result<> Networks::plan(const Plan& plan) {
    const auto find = [this](const std::string& name) { return driver(name); };
    requests_ = TRY(container::attach_requests(plan.paths, plan.engine, find, plan.name, plan.id, plan.definition,
                                               plan.image.exposed_ports));
    for (const driver::AttachRequest& request : requests_) {
        driver::NetworkDriver* chosen = TRY(driver(request.network.driver));
        TRY_CONTEXT(chosen->validate(request), "network '{}'", request.network.name);
    }
    return {};
}

Result<> Networks::attach(const Plan& plan, int netns) {
    for (driver::AttachRequest& request : requests_) {
        driver::NetworkDriver* chosen = TRY(driver(request.network.driver));
        // A build's step knows no names, and nobody has to be asked for them.
        if (!plan.build.empty())
            request.resolver_port = 0;
        else if (auto port = container::resolver_port(plan.paths, plan.definition, request.network, *chosen); port.ok())
            request.resolver_port = *port;
        else
            fmt::print(stderr, "<4>gantry: {}: it asks them itself, and knows no other container by name\n",
                       port.error().message());
        auto status = chosen->prepare(request, netns);
        if (!status.ok()) {
            detach();
            return std::move(status).error().context(fmt::format("network '{}'", request.network.name));
        }
        status_.push_back(std::move(status).value());
    }
    return {};
}

void Networks::detach() noexcept {
    for (std::size_t i = 0; i < status_.size(); ++i) {
        const driver::AttachRequest& request = requests_[i];
        // The error that led here is the one to tell; what cannot be undone now is in the record for the reaper.
        if (auto chosen = driver(request.network.driver); chosen.ok()) [[maybe_unused]]
            const auto ignored = chosen.value()->teardown(request.container, request.network, true);
    }
    status_.clear();
}

std::vector<container::Record::Network> Networks::record() const {
    std::vector<container::Record::Network> out;
    for (std::size_t i = 0; i < requests_.size(); ++i)
        out.push_back({requests_[i].network, i < status_.size() ? status_[i] : driver::AttachStatus{}});
    return out;
}

}  // namespace gantry::launch
