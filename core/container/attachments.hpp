// From a definition's networks and ports to requests for the network drivers. Shared by gantry-launch and the engine.
#pragma once

#include "config/definition.hpp"
#include "config/engine.hpp"
#include "container/network_store.hpp"

#include <functional>

namespace gantry::container {

using FindNetworkDriver = std::function<Result<driver::NetworkDriver*>(const std::string& name)>;

// The definition's networks, or the engine's default one where it names none. Empty for host, none and container:NAME.
std::vector<config::NetworkAttachment> effective_networks(const config::Engine& engine, const config::Definition& definition);

// Published ports one by one (ranges expanded; a host range for one port gives its first). image_ports: "80/tcp" of the
// image's configuration, published on free ports with publish_all, as are the definition's exposed ones.
// What a port leaves open the engine's configuration says. Those that are sockets are systemd's, and not among them.
Result<std::vector<driver::PublishedPort>> published_ports(const config::Engine& engine, const config::Definition& definition,
                                                           const std::vector<std::string>& image_ports);

// One request a network, in the definition's order, interfaces eth0, eth1, ... where it names none. The network that is
// to have the default route, else the first with a way out, carries that and the published ports. Networks are looked up in
// their files; the default one is made when it is first needed. Errc::not_found names a network that is missing.
Result<std::vector<driver::AttachRequest>> attach_requests(const config::Paths& paths, const config::Engine& engine,
                                                           const FindNetworkDriver& find_driver, const ContainerName& name,
                                                           const std::string& id, const config::Definition& definition,
                                                           const std::vector<std::string>& image_ports);

}  // namespace gantry::container
