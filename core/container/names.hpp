// Names of containers on their networks (core/dns), and resolv.conf, which leads there.
#pragma once

#include "config/definition.hpp"
#include "container/record.hpp"
#include "dns/entries.hpp"

namespace gantry::container {

// What the container calls itself; empty where that is the host's name.
std::string host_name_of(const config::Definition& definition, const std::string& id);
// What a network's resolver should know of a container that is attached to it: its name, the aliases of the definition's entry
// for the network, its host name (host_name_of).
dns::Entry name_entry(const ContainerName& name, const config::Definition& definition, const std::string& hostname,
                      const Record::Network& network);
// Publishes it where a resolver of ours can be on the network's gateway; false: there is none.
Result<bool> publish_names(const config::Paths& paths, const ContainerName& name, const config::Definition& definition,
                           const std::string& hostname, const Record::Network& network);

struct Resolver {
    std::vector<std::string> servers, search;
    bool ours = false;
};
// The network's own resolvers (AttachStatus::dns), else ours on the first network with a way out, else none.
Resolver resolver_of(const config::Paths& paths, const std::string& container, const std::vector<Record::Network>& networks);

// The text of a container's resolv.conf: host's, without servers that only the host reaches (127.0.0.0/8, ::1) where the
// container has a network namespace of its own. Servers of the definition win over the resolver, and then stand alone.
std::string resolv_conf(std::string_view host, const config::Definition& definition, bool own_net, const Resolver& resolver);
std::string host_resolv_conf();

}  // namespace gantry::container
