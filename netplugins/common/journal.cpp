#include "journal.hpp"

#include "os/file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <sstream>

namespace gantry::net {

namespace {

constexpr std::size_t file_limit = 8U << 20;  // 65535 ports of three protocols fit

Result<std::uint16_t> parse_number(const std::string& text) {
    std::uint16_t number = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (problem != std::errc() || end != text.data() + text.size()) return error(Errc::corrupt, "'{}' is not a port", text);
    return number;
}

Result<PortRule> parse_port(std::istringstream& words) {
    std::string protocol, host, host_port, target, target_port;
    words >> protocol >> host >> host_port >> target >> target_port;
    PortRule rule;
    bool known = false;
    for (const auto candidate : {driver::Protocol::tcp, driver::Protocol::udp, driver::Protocol::sctp}) {
        if (protocol != protocol_name(candidate)) continue;
        rule.protocol = candidate;
        known = true;
    }
    if (!known) return error(Errc::corrupt, "'{}' is not a protocol", protocol);
    if (host != "*") rule.host = TRY(Address::parse(host));
    rule.host_port = TRY(parse_number(host_port));
    rule.target = TRY(Address::parse(target));
    rule.target_port = TRY(parse_number(target_port));
    if (std::string word; words >> word) {
        if (word != "bypass") return error(Errc::corrupt, "'{}' is not understood behind a port", word);
        rule.bypass = true;
    }
    return rule;
}

Result<ResolverRule> parse_resolver(std::istringstream& words) {
    std::string container, gateway, port;
    words >> container >> gateway >> port;
    ResolverRule rule;
    rule.container = TRY(Address::parse(container));
    rule.gateway = TRY(Address::parse(gateway));
    rule.port = TRY(parse_number(port));
    if (rule.container.family != rule.gateway.family)
        return error(Errc::corrupt, "'{}' and '{}' are of two families", container, gateway);
    return rule;
}

}  // namespace

NetworkRules rules_of(const NetworkPlan& plan) {
    NetworkRules rules;
    rules.driver = plan.driver;
    rules.bridge = plan.bridge;
    rules.internal = plan.internal;
    rules.isolated = plan.isolated;
    rules.open = plan.open;
    rules.masquerade4 = plan.v4 && plan.masquerade && !plan.internal;
    rules.masquerade6 = plan.v6 && plan.masquerade && !plan.internal;
    return rules;
}

std::string attachment_text(const Attachment& attachment) {
    std::string text = fmt::format("interface {}\nnamespace {}\n", attachment.host_interface, attachment.namespace_id);
    if (!attachment.mac.empty()) text += fmt::format("mac {}\n", mac_text(attachment.mac));
    for (const auto& address : attachment.addresses) text += fmt::format("address {}\n", address.str());
    for (const auto& port : attachment.ports)
        text += fmt::format("port {} {} {} {} {}{}\n", protocol_name(port.protocol), port.host ? port.host->str() : "*",
                            port.host_port, port.target.str(), port.target_port, port.bypass ? " bypass" : "");
    for (const auto& resolver : attachment.resolvers)
        text += fmt::format("resolver {} {} {}\n", resolver.container.str(), resolver.gateway.str(), resolver.port);
    return text;
}

Result<Attachment> parse_attachment(std::string_view text) {
    Attachment attachment;
    std::istringstream lines{std::string(text)};
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string key, value;
        words >> key;
        if (key == "interface" && words >> value)
            attachment.host_interface = value;
        else if (key == "namespace" && words >> attachment.namespace_id)
            continue;
        else if (key == "mac" && words >> value)
            attachment.mac = TRY(parse_mac(value));
        else if (key == "address" && words >> value)
            attachment.addresses.push_back(TRY(Address::parse(value)));
        else if (key == "port")
            attachment.ports.push_back(TRY(parse_port(words)));
        else if (key == "resolver")
            attachment.resolvers.push_back(TRY(parse_resolver(words)));
        else
            return error(Errc::corrupt, "line '{}' is not understood", line);
    }
    TRY(check_interface_name("interface", attachment.host_interface));
    return attachment;
}

Result<> Journal::write(const Attachment& attachment) {
    const std::string folder = fmt::format("{}/{}", folder_, attachment.network);
    const std::string path = fmt::format("{}/{}", folder, attachment.container);
    const std::string text = attachment_text(attachment);
    // The neighbour starts with a dot, which no container's name does. Below /run nothing outlives a crash: no fsync.
    const std::string temporary = fmt::format("{}/.new-{}", folder, attachment.container);
    auto file = os::open(temporary, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (!file.ok() && file.error().sys() == ENOENT) {
        TRY(os::make_dirs(folder, 0755));
        file = os::open(temporary, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    }
    if (!file.ok()) return std::move(file).error();
    TRY(os::write_all(file->get(), text, temporary));
    return os::rename(temporary, path);
}

Result<Attachment> Journal::read(const std::string& network, const std::string& container) const {
    const std::string path = fmt::format("{}/{}/{}", folder_, network, container);
    const std::string text = TRY(os::read_file(path, file_limit));
    Attachment attachment = TRY_CONTEXT(parse_attachment(text), "'{}'", path);
    attachment.network = network;
    attachment.container = container;
    return attachment;
}

Result<> Journal::erase(const std::string& network, const std::string& container) {
    const std::string path = fmt::format("{}/{}/{}", folder_, network, container);
    if (unlink(path.c_str()) != 0 && errno != ENOENT) return errno_error("remove '{}'", path);
    return {};
}

Result<std::vector<std::string>> Journal::containers(const std::string& network) const {
    std::vector<std::string> names = TRY(os::list_dir(fmt::format("{}/{}", folder_, network)));
    std::erase_if(names, [](const std::string& name) { return name.starts_with('.'); });
    return names;
}

Result<std::vector<std::string>> Journal::networks() const {
    std::vector<std::string> names = TRY(os::list_dir(folder_));
    std::erase_if(names, [](const std::string& name) { return name.starts_with('.'); });
    return names;
}

Result<> Journal::write_network(const std::string& network, const NetworkRules& rules) {
    if (auto old = read_network(network); old.ok() && *old == rules) return {};
    const std::string folder = fmt::format("{}/{}", folder_, network);
    TRY(os::make_dirs(folder, 0755));
    const std::string text =
        fmt::format("{} internal={:d} isolated={:d} open={:d} masquerade4={:d} masquerade6={:d} driver={}\n", rules.bridge,
                    rules.internal, rules.isolated, rules.open, rules.masquerade4, rules.masquerade6, rules.driver);
    return os::write_file_atomic(folder + "/.network", text, 0644, false);
}

Result<NetworkRules> Journal::read_network(const std::string& network) const {
    const std::string path = fmt::format("{}/{}/.network", folder_, network);
    std::istringstream words(TRY(os::read_file(path, 4096)));
    NetworkRules rules;
    rules.driver = "bridge";  // a note of before there were others
    words >> rules.bridge;
    TRY_CONTEXT(check_interface_name("bridge", rules.bridge), "'{}'", path);
    for (std::string word; words >> word;) {
        const bool on = word.ends_with("=1");
        const std::string key = word.substr(0, word.find('='));
        if (key == "internal") rules.internal = on;
        if (key == "isolated") rules.isolated = on;
        if (key == "open") rules.open = on;
        if (key == "masquerade4") rules.masquerade4 = on;
        if (key == "masquerade6") rules.masquerade6 = on;
        if (key == "driver") rules.driver = word.substr(word.find('=') + 1);
    }
    return rules;
}

Result<> Journal::erase_network(const std::string& network) { return os::remove_tree(fmt::format("{}/{}", folder_, network)); }

}  // namespace gantry::net
