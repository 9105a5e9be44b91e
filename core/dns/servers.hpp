// Resolvers that ask servers of a definition (dns = [...]) instead of the host's: a further one on a network for each set of
// servers that its containers name. It listens on the gateway's addresses like the network's own, at another port, and knows
// the same names; the network driver leads those containers' questions there (AttachRequest::resolver_port).
//     <run>/dns/servers/PORT                 a link whose text is the set; the same for all networks
//     <run>/dns/hosts/NETWORK@PORT/CONTAINER who needs it there; gantry-dns keeps a resolver for the folder as for any other
#pragma once

#include "config/engine.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gantry::dns {

// Ports that IANA has assigned to nobody, below 1024: no user of the host can listen there and answer for a resolver.
inline constexpr std::uint16_t first_server_port = 811, last_server_port = 827;

// Whether the host can ask these in the container's place: what is loopback or bound to an interface means the container's own.
[[nodiscard]] bool can_ask(const std::vector<std::string>& servers);

// The port for these servers on this network, from now until forget_servers() finds its folder gone (the keeper removes one
// that has been empty for a while). Errc::no_space: all ports are other sets'.
Result<std::uint16_t> reserve_port(const config::Paths& paths, const std::string& network,
                                   const std::vector<std::string>& servers);
// Whether the port is still these servers'.
[[nodiscard]] bool is_reserved(const config::Paths& paths, std::uint16_t port, const std::vector<std::string>& servers);
// Frees the ports that no network has a resolver at.
Result<> forget_servers(const config::Paths& paths);

// "blue@811" and back; port 0 and "blue" for a network's own resolver.
std::string resolver_name(const std::string& network, std::uint16_t port);
std::pair<std::string, std::uint16_t> split_resolver_name(std::string_view name);

}  // namespace gantry::dns
