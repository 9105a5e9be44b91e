#include "container/names.hpp"

#include "dns/servers.hpp"
#include "os/file.hpp"

#include <algorithm>

namespace gantry::container {

namespace {

std::vector<std::string> words_of(std::string_view line) {
    std::vector<std::string> out;
    std::size_t at = 0;
    while ((at = line.find_first_not_of(" \t", at)) != std::string_view::npos) {
        const std::size_t end = std::min(line.find_first_of(" \t", at), line.size());
        out.emplace_back(line.substr(at, end - at));
        at = end;
    }
    return out;
}

std::string joined(const char* keyword, const std::vector<std::string>& values) {
    if (values.empty()) return "";
    std::string line = keyword;
    for (const std::string& value : values) line += " " + value;
    return line + "\n";
}

bool only_for_host(std::string_view server) { return server.starts_with("127.") || server == "::1"; }

}  // namespace

std::string host_name_of(const config::Definition& definition, const std::string& id) {
    if (definition.uts.kind != config::NamespaceMode::Kind::private_) return "";
    return definition.hostname.empty() ? id.substr(0, 12) : definition.hostname;
}

Result<std::uint16_t> resolver_port(const config::Paths& paths, const config::Definition& definition,
                                    const driver::NetworkConfig& network, const driver::NetworkDriver& driver) {
    // On an internal network there is nobody to ask.
    if (definition.dns.empty() || network.internal || !dns::has_resolver(paths) || !dns::can_ask(definition.dns) ||
        !driver.takes_resolver_port())
        return std::uint16_t{0};
    return dns::reserve_port(paths, network.name, definition.dns).context("a resolver for the servers of 'dns'");
}

dns::Entry name_entry(const ContainerName& name, const std::string& id, const config::Definition& definition,
                      const Record::Network& network, std::uint16_t port) {
    dns::Entry entry;
    entry.network = network.config.name;
    entry.container = name.str();
    entry.addresses = network.status.addresses;
    entry.gateways = dns::own_addresses(network.status.gateways);
    entry.internal = network.config.internal;
    entry.port = port;
    if (port != 0) entry.servers = definition.dns;
    for (const auto& attachment : definition.networks)
        if (attachment.name == network.config.name) entry.names = attachment.aliases;
    entry.plain.push_back(id.substr(0, 12));
    const std::string hostname = host_name_of(definition, id);
    if (hostname.empty()) return entry;
    if (!definition.hostname.empty()) entry.names.push_back(hostname);
    if (!definition.domainname.empty()) entry.names.push_back(hostname + "." + definition.domainname);
    return entry;
}

Result<bool> publish_names(const config::Paths& paths, const ContainerName& name, const std::string& id,
                           const config::Definition& definition, const Record::Network& network, std::uint16_t port) {
    if (!network.status.dns.empty() || !dns::has_resolver(paths)) return false;
    const dns::Entry entry = name_entry(name, id, definition, network, port);
    if (entry.gateways.empty()) return false;
    TRY_CONTEXT(dns::publish(paths, entry), "names on network '{}'", network.config.name);
    return true;
}

Resolver resolver_of(const config::Paths& paths, const std::string& container, const std::vector<Record::Network>& networks) {
    Resolver resolver;
    for (const auto& network : networks)
        resolver.servers.insert(resolver.servers.end(), network.status.dns.begin(), network.status.dns.end());
    if (!resolver.servers.empty()) return resolver;
    const Record::Network* chosen = nullptr;
    for (const auto& network : networks) {
        if (network.status.gateways.empty() || !dns::is_published(paths, network.config.name, container)) continue;
        resolver.search.push_back(fmt::format("{}.{}", network.config.name, dns::domain));
        if (!chosen || (chosen->config.internal && !network.config.internal)) chosen = &network;
    }
    if (!chosen) return resolver;
    resolver.ours = true;
    resolver.asks_definition = chosen->config.internal || dns::published_port(paths, chosen->config.name, container) != 0;
    // Of both families one is enough: it is one resolver.
    resolver.servers.push_back(chosen->status.gateways.front());
    return resolver;
}

std::string host_resolv_conf() {
    std::string text = os::read_file("/etc/resolv.conf", 65536).value_or("");
    // systemd-resolved's stub answers on the host's loopback; it keeps the real servers beside (systemd-resolved(8)).
    if (text.find("127.0.0.53") != std::string::npos)
        if (auto real = os::read_file("/run/systemd/resolve/resolv.conf", 65536); real.ok()) return std::move(real).value();
    return text;
}

std::string resolv_conf(std::string_view host, const config::Definition& definition, bool own_net, const Resolver& resolver) {
    std::vector<std::string> servers = definition.dns, search = definition.dns_search, options = definition.dns_options;
    const bool own_servers = !servers.empty() && !resolver.asks_definition;
    if (!own_servers) servers = resolver.servers;
    const bool take_servers = servers.empty(), take_search = search.empty(), take_options = options.empty();
    while (!host.empty()) {
        const auto end = host.find('\n');
        const auto words = words_of(host.substr(0, end));
        host.remove_prefix(end == std::string_view::npos ? host.size() : end + 1);
        if (words.size() < 2) continue;
        if (words[0] == "nameserver" && take_servers && !(own_net && only_for_host(words[1]))) servers.push_back(words[1]);
        if ((words[0] == "search" || words[0] == "domain") && take_search) search.assign(words.begin() + 1, words.end());
        if (words[0] == "options" && take_options) options.insert(options.end(), words.begin() + 1, words.end());
    }
    std::string text;
    for (const std::string& server : servers) text += fmt::format("nameserver {}\n", server);
    const bool no_search = search == std::vector<std::string>{"."};  // docker run --dns-search .: none
    // First, so that a short name of the container's networks is not another one of the world's.
    if (!no_search && !own_servers) search.insert(search.begin(), resolver.search.begin(), resolver.search.end());
    if (!no_search) text += joined("search", search);
    return text + joined("options", options);
}

}  // namespace gantry::container
