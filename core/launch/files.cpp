#include "launch/files.hpp"

#include "os/file.hpp"

#include <fcntl.h>
#include <sstream>
#include <sys/stat.h>

namespace gantry::launch {

namespace {

bool host_names(const Plan& plan) { return plan.definition.network_mode == config::NetworkMode::host; }
bool joined(const Plan& plan) { return plan.definition.network_mode == config::NetworkMode::container; }

Result<> write_in_place(const std::string& path, std::string_view text) {
    const os::Fd file = TRY(os::open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0644));
    if (fchmod(file.get(), 0644) != 0) return errno_error("chmod '{}'", path);
    return os::write_all(file.get(), text, path);
}

std::string without_prefix(const std::string& address) { return address.substr(0, address.find('/')); }

Result<std::string> hosts_text(const Plan& plan, const std::vector<driver::AttachStatus>& networks) {
    std::string text;
    if (host_names(plan)) {
        text = os::read_file("/etc/hosts").value_or("127.0.0.1\tlocalhost\n");
    } else {
        text = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::0\tip6-localnet\nff00::0\tip6-mcastprefix\n"
               "ff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n";
    }
    for (const auto& [name, address] : plan.definition.extra_hosts) {
        std::string target = address;
        if (address == "host-gateway") {
            if (networks.empty() || networks[0].gateways.empty())
                return error(Errc::invalid, "extra host '{}': there is no network whose gateway host-gateway could be", name);
            target = networks[0].gateways[0];
        }
        text += target + "\t" + name + "\n";
    }
    std::string names = plan.hostname;
    if (!plan.definition.domainname.empty()) names = plan.hostname + "." + plan.definition.domainname + " " + plan.hostname;
    for (const auto& network : networks)
        for (const auto& address : network.addresses) text += without_prefix(address) + "\t" + names + "\n";
    return text;
}

// A resolver on the host's loopback cannot be reached from another network namespace; systemd-resolved keeps the real ones in
// a file of its own (systemd-resolved.service(8)).
bool is_loopback(const std::string& address) { return address.starts_with("127.") || address == "::1"; }

struct Resolver {
    std::vector<std::string> servers, search, options;
};

Resolver read_resolver(const std::string& path) {
    Resolver resolver;
    std::istringstream lines(os::read_file(path).value_or(""));
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string key, word;
        words >> key;
        auto* into = key == "nameserver" ? &resolver.servers : key == "options" ? &resolver.options : nullptr;
        if (key == "search" || key == "domain") {
            resolver.search.clear();  // the last one counts (resolv.conf(5))
            into = &resolver.search;
        }
        while (into && words >> word) into->push_back(word);
    }
    return resolver;
}

std::string resolver_text(const Plan& plan, const std::vector<driver::AttachStatus>& networks) {
    const auto& definition = plan.definition;
    Resolver resolver = read_resolver("/etc/resolv.conf");
    if (!host_names(plan)) {
        if (std::ranges::any_of(resolver.servers, is_loopback) && os::path_exists("/run/systemd/resolve/resolv.conf"))
            resolver = read_resolver("/run/systemd/resolve/resolv.conf");
        std::erase_if(resolver.servers, is_loopback);
    }
    for (const auto& network : networks)
        if (!network.dns.empty()) resolver.servers = network.dns;
    if (!definition.dns.empty()) resolver.servers = definition.dns;
    if (!definition.dns_search.empty()) resolver.search = definition.dns_search;
    if (!definition.dns_options.empty()) resolver.options = definition.dns_options;
    if (definition.dns_search == std::vector<std::string>{"."}) resolver.search.clear();
    std::string text;
    for (const auto& server : resolver.servers) text += "nameserver " + server + "\n";
    if (!resolver.search.empty()) text += fmt::format("search {}\n", fmt::join(resolver.search, " "));
    if (!resolver.options.empty()) text += fmt::format("options {}\n", fmt::join(resolver.options, " "));
    return text;
}

}  // namespace

std::string name_file(const Plan& plan, const std::string& file) {
    const std::string owner = joined(plan) && file != "hostname" ? plan.definition.network_container : plan.name.str();
    return plan.paths.record(owner) + "/" + file;
}

Result<> make_name_files(const Plan& plan) {
    TRY(write_in_place(name_file(plan, "hostname"), plan.hostname + "\n"));
    if (joined(plan)) return {};
    for (const char* file : {"hosts", "resolv.conf"}) TRY(write_in_place(name_file(plan, file), ""));
    return {};
}

Result<> fill_name_files(const Plan& plan, const std::vector<driver::AttachStatus>& networks) {
    if (joined(plan)) return {};
    const std::string hosts = TRY(hosts_text(plan, networks));
    TRY(write_in_place(name_file(plan, "hosts"), hosts));
    return write_in_place(name_file(plan, "resolv.conf"), resolver_text(plan, networks));
}

}  // namespace gantry::launch
