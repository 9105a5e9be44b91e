// Names of containers on networks. Each network has a resolver (dnsmasq) on its gateway's addresses, which reads two folders by
// inotify, one small file a container: a start or stop queues behind no other, and nothing is told to reload.
//     <run>/dns/hosts/NETWORK/CONTAINER   plain names, which only that network's resolver knows
//     <run>/dns/all/NETWORK@CONTAINER     NAME.NETWORK.ctr and NAME.ctr, which all resolvers know: a container on two networks
//     asks one
// Written by the launcher before the container runs, removed by the reaper. gantry-dns (keeper.hpp) keeps a resolver for every
// folder in <run>/dns/hosts; PID 1 starts it when there is one (gantry-dns.path).
#pragma once

#include "config/engine.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gantry::dns {

inline constexpr const char* domain = "ctr";

struct Entry {
    std::string network, container;
    std::vector<std::string> addresses;  // "10.88.0.2/16" or without the length
    std::vector<std::string> gateways;   // where the network's resolver listens
    bool internal = false;               // nothing is asked of the host's resolvers
    std::vector<std::string> servers;    // who is asked instead of them, by the resolver at `port` (servers.hpp)
    std::uint16_t port = 0;              // 0: there is none, the network's own is asked
    std::vector<std::string> names;      // besides the container's own: aliases, host name; what is no host name is left out
    std::vector<std::string> plain;      // names that need no full form: each costs the resolvers a walk through all they know
};

// Labels of letters, digits, '-' and '_', 1 to 63 bytes each (RFC 1035, section 2.3.4; the underscore is in many container
// names).
[[nodiscard]] bool is_host_name(std::string_view text);

// The text of both files. The first line of the first, a comment, is for the keeper. A name in the first is also known as
// NAME.NETWORK, as Docker has it.
std::string plain_text(const Entry& entry);
std::string full_text(const Entry& entry);
// Of the file in the folder of the resolver at entry.port: that line alone.
std::string servers_text(const Entry& entry);
// What the keeper reads there: false where it is not such a file.
struct Place {
    std::vector<std::string> gateways, servers;
    bool internal = false;
    std::uint16_t port = 0;  // the container asks the resolver there
};
[[nodiscard]] bool read_place(std::string_view text, Place& place);

// Whether gantry-dns.path is there, which makes the folder: not where it is masked, or dnsmasq is not installed.
[[nodiscard]] bool has_resolver(const config::Paths& paths);
// The gateways that are addresses of this host, where a resolver can listen: other drivers have routers as gateways.
std::vector<std::string> own_addresses(const std::vector<std::string>& gateways);

// Idempotent both. The name is known a moment after publish(): see question.hpp.
Result<> publish(const config::Paths& paths, const Entry& entry);
// The same of a service: entry.container is "service:NAME", as no container is called, and its name one of entry.names.
Result<> publish_service(const config::Paths& paths, const Entry& entry);
Result<> withdraw(const config::Paths& paths, const std::string& network, const std::string& container);
// The network is no more: neither is its resolver, however soon another network gets the name.
void forget_network(const config::Paths& paths, const std::string& network);
[[nodiscard]] bool is_published(const config::Paths& paths, const std::string& network, const std::string& container);
// The port of the resolver that was published for it there; 0: the network's own.
[[nodiscard]] std::uint16_t published_port(const config::Paths& paths, const std::string& network,
                                           const std::string& container);

struct Published {
    std::string container, network;
};
// All that is there, for checks: a container and network are told once, also where only one of the files is there.
Result<std::vector<Published>> list(const config::Paths& paths);

std::string hosts_folder(const config::Paths& paths);  // of all networks
std::string full_folder(const config::Paths& paths);

}  // namespace gantry::dns
