// `network`, [network], [network.policy], `ports` and `expose`.
#include "config/schema.hpp"

#include "base/names.hpp"
#include "config/reader.hpp"

namespace gantry::config {

namespace {

// "host", "none", "container:NAME", or a network's name.
void get_network_mode(const Item& item, Definition& out) {
    std::string text;
    if (!get(item, text)) return;
    if (text == "host" || text == "none") {
        out.network_mode = text == "host" ? NetworkMode::host : NetworkMode::none;
    } else if (text.starts_with("container:")) {
        const auto name = ContainerName::parse(text.substr(10));
        if (!name.ok()) return item.fail(name.error().message());
        out.network_mode = NetworkMode::container;
        out.network_container = name->str();
    } else if (text != "default") {
        const auto name = ObjectName::parse("network", text);
        if (!name.ok()) return item.fail(name.error().message());
        NetworkAttachment network;
        network.name = text;
        out.networks.push_back(std::move(network));
    }
}

template <class T>
void get_rules(const Item& item, std::optional<std::vector<T>>& out, Result<T> (*parse)(std::string_view)) {
    get_list(item, out.emplace(), parse);
    if (out->size() > policy_rule_limit) item.fail(fmt::format("more than {} rules", policy_rule_limit));
}

constexpr Key<NetworkPolicy> policy[] = {
    {"egress", [](const Item& i, NetworkPolicy& p) { get_rules<PolicyRule>(i, p.egress, parse_policy_rule); }},
    {"ingress", [](const Item& i, NetworkPolicy& p) { get_rules<PolicyRule>(i, p.ingress, parse_ingress_rule); }},
    {"listen", [](const Item& i, NetworkPolicy& p) { get_rules<PortSpan>(i, p.listen, parse_listen_port); }},
};

constexpr Key<Port> port[] = {
    {"publish",
     [](const Item& i, Port& p) {
         std::string text;
         if (!get_scalar(i, text)) return;
         const Port said = p;
         i.take(parse_port(text), p);
         if (said.bypass_firewall) p.bypass_firewall = said.bypass_firewall;
         p.socket = p.socket || said.socket;
     }},
    {"bypass_firewall", [](const Item& i, Port& p) { get(i, p.bypass_firewall.emplace()); }},
    {"socket", [](const Item& i, Port& p) { get(i, p.socket); }},
};

Result<std::string> parse_expose(std::string_view text) {
    const Port exposed = TRY(parse_port(text));
    if (exposed.host_port != 0 || !exposed.host_address.empty() || exposed.bypass_firewall || exposed.socket)
        return error(Errc::invalid, "'{}' names a port of the host, which is for 'ports'", printable(text));
    return port_text(exposed);
}

constexpr Key<Definition> network_section[] = {
    {"mode", [](const Item& i, Definition& d) { get_network_mode(i, d); }},
    {"policy", [](const Item& i, Definition& d) { read_section(i, std::span<const Key<NetworkPolicy>>(policy), d.policy); }},
};

}  // namespace

const std::span<const Key<NetworkPolicy>> policy_keys = policy;
const std::span<const Key<Port>> port_keys = port;
const std::span<const Key<Definition>> network_section_keys = network_section;

void get_ports(const Item& item, std::vector<Port>& out) {
    each(item, [&](const Item& element) {
        std::string text;
        Port published;
        if (element.node.is_table()) {
            read_section(element, port_keys, published);
            if (!element.reading.has(element.path + ".publish")) return element.fail("a port needs 'publish'");
        } else if (get_scalar(element, text)) {
            element.take(parse_port(text), published);
        }
        if (published.container_port != 0) out.push_back(std::move(published));
    });
}

void get_expose(const Item& item, std::vector<std::string>& out) {
    each(item, [&](const Item& element) {
        std::string text, exposed;
        if (!get_scalar(element, text)) return;
        element.take(parse_expose(text), exposed);
        if (!exposed.empty()) out.push_back(std::move(exposed));
    });
}

void get_network(const Item& item, Definition& out) {
    if (item.node.is_table()) return read_section(item, network_section_keys, out);
    get_network_mode(item, out);
}

}  // namespace gantry::config
