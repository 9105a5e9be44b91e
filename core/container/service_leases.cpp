// A service's address is kept as long as a definition names the service.
#include "container/engine_impl.hpp"
#include "container/services.hpp"

namespace gantry::container {

Result<> free_service(const config::Paths& paths, driver::NetworkDriver& driver, const driver::NetworkConfig& network,
                      const std::string& service, const std::string& except) {
    for (const auto& [name, file] : TRY(config::list_definitions(definition_folders(paths)))) {
        if (name.str() == except) continue;
        const auto found = config::find_definition(name, definition_folders(paths));
        // One that cannot be read might name it.
        if (!found.ok()) return {};
        const auto* attachment = attachment_of(found->definition, network.name);
        if (attachment != nullptr && attachment->service == service) return {};
    }
    return driver.release(service_owner(service), network);
}

}  // namespace gantry::container
