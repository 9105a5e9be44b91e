// Names of containers on their networks (core/dns), and resolv.conf, which leads there.
#pragma once

#include "config/definition.hpp"
#include "container/record.hpp"
#include "dns/entries.hpp"

namespace gantry::container {

// What the container calls itself; empty where that is the host's name.
std::string host_name_of(const config::Definition& definition, const std::string& id);
// The port of the network's resolver that asks the definition's servers, reserved for it (dns/servers.hpp). 0: it needs none,
// or has to ask them itself (an address of its own loopback, a driver that cannot lead it there).
Result<std::uint16_t> resolver_port(const config::Paths& paths, const config::Definition& definition,
                                    const driver::NetworkConfig& network, const driver::NetworkDriver& driver);
// What a network's resolver should know of a container that is attached to it: its name, the aliases of the definition's entry
// for the network, its host name (host_name_of) and the first digits of its id. port: resolver_port().
dns::Entry name_entry(const ContainerName& name, const std::string& id, const config::Definition& definition,
                      const Record::Network& network, std::uint16_t port);
// Publishes it where a resolver of ours can be on the network's gateway; false: there is none.
Result<bool> publish_names(const config::Paths& paths, const ContainerName& name, const std::string& id,
                           const config::Definition& definition, const Record::Network& network, std::uint16_t port);

struct Resolver {
    std::vector<std::string> servers, search;
    bool ours = false;
    bool asks_definition =
        false;  // the definition's servers, for what it does not know itself; one on an internal network nobody
};
// The network's own resolvers (AttachStatus::dns), else ours on the first network with a way out, else none.
Resolver resolver_of(const config::Paths& paths, const std::string& container, const std::vector<Record::Network>& networks);

// The text of a container's resolv.conf: host's, without servers that only the host reaches (127.0.0.0/8, ::1) where the
// container has a network namespace of its own. Servers of the definition win over a resolver that does not ask them, and then
// stand alone.
std::string resolv_conf(std::string_view host, const config::Definition& definition, bool own_net, const Resolver& resolver);
std::string host_resolv_conf();

}  // namespace gantry::container
