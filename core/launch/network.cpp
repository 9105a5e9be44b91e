#include "launch/network.hpp"

#include "container/attachments.hpp"
#include "container/names.hpp"
#include "container/services.hpp"

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
        const auto* attachment = container::attachment_of(plan.definition, request.network.name);
        services_.push_back({attachment == nullptr ? "" : attachment->service, {}});
    }
    return {};
}

Result<> Networks::attach(const Plan& plan, int netns) {
    for (std::size_t i = 0; i < requests_.size(); ++i) {
        driver::AttachRequest& request = requests_[i];
        const auto one = [&]() -> Result<> {
            driver::NetworkDriver* chosen = TRY(driver(request.network.driver));
            // A build's step knows no names, and nobody has to be asked for them.
            if (!plan.build.empty())
                request.resolver_port = 0;
            else if (auto port = container::resolver_port(plan.paths, plan.definition, request.network, *chosen); port.ok())
                request.resolver_port = *port;
            else
                fmt::print(stderr, "<4>gantry: {}: it asks them itself, and knows no other container by name\n",
                           port.error().message());
            if (!services_[i].name.empty())
                services_[i].addresses = TRY(chosen->reserve(container::service_owner(services_[i].name), request.network));
            status_.push_back(TRY(chosen->prepare(request, netns)));
            return {};
        };
        if (auto attached = one(); !attached.ok()) {
            detach();
            return std::move(attached).context(fmt::format("network '{}'", request.network.name));
        }
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
        out.push_back({requests_[i].network, i < status_.size() ? status_[i] : driver::AttachStatus{}, services_[i].name,
                       services_[i].addresses});
    return out;
}

}  // namespace gantry::launch
