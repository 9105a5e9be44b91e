// port: lists, adds, takes back and checks published ports.
#include "cli/format/listing.hpp"
#include "cli/rows.hpp"
#include "cli/verbs/verbs.hpp"

#include "config/policy.hpp"
#include "container/ports.hpp"

namespace gantry::cli {

namespace {

using container::PortScope;

struct PortOptions {
    std::string container, port, source, format;
    std::vector<std::string> added, removed;
    bool check = false, runtime = false;
};

void declare_port(Verb& verb, PortOptions& options) {
    verb.add_option("CONTAINER", options.container).required();
    verb.add_option("PORT", options.port, "only this one, PORT[/PROTOCOL]");
    verb.add_option("--add", options.added, "publish one more, [[ADDRESS:]HOST:]CONTAINER[/PROTOCOL]").value("PORT");
    verb.add_option("--rm", options.removed, "take one back, [[ADDRESS:]HOST:]CONTAINER[/PROTOCOL]").value("PORT");
    verb.add_flag("--runtime", options.runtime, "with --add, --rm: until it stops, without changing its definition");
    verb.add_flag("--check", options.check, "send a packet to each port as from outside, and tell what decided about it");
    verb.add_option("--from", options.source, "with --check: the address that the packets come from").value("ADDRESS");
    verb.add_option("--format", options.format, "with --check: table, json, 'table TEMPLATE' or a Go template").value("FORMAT");
}

Result<int> list_ports(const container::Container& container, const PortOptions& options) {
    if (container.state != "running" && container.state != "paused") return 0;
    std::string out;
    for (const auto& [inside, outside] : port_bindings(container)) {
        if (options.port.empty())
            out += fmt::format("{} -> {}\n", inside, outside);
        else if (inside == options.port || inside == options.port + "/tcp")
            out += outside + "\n";
    }
    if (out.empty() && !options.port.empty())
        return error(Errc::not_found, "no public port '{}' published for {}", options.port, options.container);
    return print(out);
}

Result<std::vector<config::Port>> parse_ports(const std::vector<std::string>& texts, const char* flag) {
    std::vector<config::Port> ports;
    for (const auto& text : texts) ports.push_back(TRY_CONTEXT(config::parse_port(text), "{}", flag));
    return ports;
}

std::string protocol_of(const driver::PublishedPort& port) {
    return config::protocol_text(static_cast<std::uint8_t>(port.protocol));
}

Result<int> change_ports(container::Engine& engine, const container::Container& container, const PortOptions& options) {
    const auto added = TRY(parse_ports(options.added, "--add")), removed = TRY(parse_ports(options.removed, "--rm"));
    const PortScope scope = options.runtime ? PortScope::runtime : PortScope::definition;
    if (!removed.empty()) TRY(container::remove_ports(engine, container, removed, scope));
    if (added.empty()) return 0;
    std::string out;
    for (const auto& port : TRY(container::add_ports(engine, container, added, scope))) {
        const bool v6 = port.host_address.find(':') != std::string::npos;
        out += fmt::format("{}/{} -> {}:{}\n", port.container_port, protocol_of(port),
                           v6 ? "[" + port.host_address + "]" : port.host_address, port.host_port);
    }
    return print(out);
}

const Listing check_listing{{{"Bypass", "BYPASS"},
                             {"ContainerPort", "CONTAINER PORT"},
                             {"Decision", "DECIDED BY"},
                             {"Destination", "TO"},
                             {"HostPort", "PORT"},
                             {"Interface", "INTERFACE"},
                             {"Protocol", "PROTOCOL"},
                             {"Source", "FROM"},
                             {"State", "STATE"}},
                            "{{.HostPort}}/{{.Protocol}}\t{{.Destination}}\t{{.State}}\t{{.Decision}}",
                            "HostPort"};

Result<int> check_ports(container::Engine& engine, const container::Container& container, const PortOptions& options) {
    std::vector<Json> rows;
    bool all_open = true;
    for (const auto& check : TRY(container::check_ports(engine, container, options.source))) {
        const std::string inside = fmt::format("{}/{}", check.port.container_port, protocol_of(check.port));
        if (!options.port.empty() && inside != options.port && inside != options.port + "/tcp") continue;
        all_open = all_open && check.open;
        rows.push_back(Json{{"Bypass", check.port.bypass_firewall ? "true" : "false"},
                            {"ContainerPort", std::to_string(check.port.container_port)},
                            {"Decision", check.decision},
                            {"Destination", check.destination},
                            {"HostPort", std::to_string(check.port.host_port)},
                            {"Interface", check.interface},
                            {"Protocol", protocol_of(check.port)},
                            {"Source", check.source},
                            {"State", check.open ? "open" : "closed"}});
    }
    if (rows.empty())
        return error(Errc::not_found, "no public port{} published for {}",
                     options.port.empty() ? "" : fmt::format(" '{}'", options.port), options.container);
    TRY(print(TRY(print_listing(check_listing, {options.format, false}, rows))));
    return all_open ? 0 : 1;
}

Result<int> run_port(Context& context, PortOptions& options) {
    const bool changes = !options.added.empty() || !options.removed.empty();
    if (options.check && changes) return error(Errc::invalid, "--check cannot be combined with --add and --rm");
    if (changes && !options.port.empty()) return error(Errc::invalid, "'{}' is one argument too many", options.port);
    if (options.runtime && !changes) return error(Errc::invalid, "--runtime is for --add and --rm");
    if (!options.check && !(options.source.empty() && options.format.empty()))
        return error(Errc::invalid, "--from and --format are for --check");
    auto* engine = TRY(context.engine());
    const auto container = TRY(engine->container(options.container));
    if (changes) return change_ports(*engine, container, options);
    return options.check ? check_ports(*engine, container, options) : list_ports(container, options);
}

}  // namespace

void add_port_verb(Parents& parents, Context& context) {
    for (Verb* parent : {&parents.top, &parents.container})
        add_verb(*parent, context, "port", "List, change or check the published ports of a container", declare_port, run_port);
}

}  // namespace gantry::cli
