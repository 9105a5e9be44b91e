#include "launch/files.hpp"

#include "os/file.hpp"

#include <fcntl.h>

namespace gantry::launch {

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

std::string host_resolv_conf() {
    std::string text = os::read_file("/etc/resolv.conf", 65536).value_or("");
    // systemd-resolved's stub answers on the host's loopback; it keeps the real servers beside (systemd-resolved(8)).
    if (text.find("127.0.0.53") != std::string::npos)
        if (auto real = os::read_file("/run/systemd/resolve/resolv.conf", 65536); real.ok()) return std::move(real).value();
    return text;
}

std::string hosts(const Plan& plan, const std::vector<driver::AttachStatus>& networks) {
    std::string text =
        "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::\tip6-localnet\nff00::\tip6-mcastprefix\n"
        "ff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n";
    std::string gateway;
    for (const auto& network : networks)
        if (gateway.empty() && !network.gateways.empty()) gateway = network.gateways.front();
    for (const auto& [name, address] : plan.definition.extra_hosts) {
        const std::string resolved = address == "host-gateway" ? (plan.own_net ? gateway : "127.0.0.1") : address;
        if (!resolved.empty()) text += fmt::format("{}\t{}\n", resolved, name);
    }
    const std::string names = plan.definition.domainname.empty()
                                  ? plan.hostname
                                  : fmt::format("{}.{} {}", plan.hostname, plan.definition.domainname, plan.hostname);
    for (const auto& network : networks)
        for (const std::string& address : network.addresses)
            text += fmt::format("{}\t{}\n", address.substr(0, address.find('/')), names);
    if (networks.empty()) text += fmt::format("127.0.1.1\t{}\n", names);
    return text;
}

Result<> overwrite(const std::string& file, std::string_view text) {
    const os::Fd fd = TRY(os::open(file, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0644));
    return os::write_all(fd.get(), text, file);
}

}  // namespace

std::string resolv_conf(std::string_view host, const config::Definition& definition, bool own_net,
                        const std::vector<std::string>& network_dns) {
    std::vector<std::string> servers = definition.dns, search = definition.dns_search, options = definition.dns_options;
    if (servers.empty()) servers = network_dns;
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
    if (search != std::vector<std::string>{"."}) text += joined("search", search);  // docker run --dns-search .: none
    return text + joined("options", options);
}

Result<> write_files(const Plan& plan) {
    TRY(overwrite(plan.record_dir() + "/hostname", plan.hostname + "\n"));
    TRY(overwrite(plan.record_dir() + "/resolv.conf", resolv_conf(host_resolv_conf(), plan.definition, plan.own_net, {})));
    if (plan.own_net) return overwrite(plan.record_dir() + "/hosts", hosts(plan, {}));
    const std::string host = os::read_file("/etc/hosts", 1U << 20).value_or("127.0.0.1\tlocalhost\n");
    std::string extra;
    for (const auto& [name, address] : plan.definition.extra_hosts)
        extra += fmt::format("{}\t{}\n", address == "host-gateway" ? "127.0.0.1" : address, name);
    return overwrite(plan.record_dir() + "/hosts", host + extra);
}

Result<> complete_files(const Plan& plan, const std::vector<driver::AttachStatus>& networks) {
    if (networks.empty()) return {};
    TRY(overwrite(plan.record_dir() + "/hosts", hosts(plan, networks)));
    std::vector<std::string> dns;
    for (const auto& network : networks) dns.insert(dns.end(), network.dns.begin(), network.dns.end());
    if (dns.empty()) return {};
    return overwrite(plan.record_dir() + "/resolv.conf", resolv_conf(host_resolv_conf(), plan.definition, plan.own_net, dns));
}

}  // namespace gantry::launch
