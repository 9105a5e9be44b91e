// network create, ls, rm, connect, update, disconnect, services, reload.
#include "cli/format/listing.hpp"
#include "cli/inspect.hpp"
#include "cli/rows.hpp"
#include "cli/verbs/verbs.hpp"

#include "config/reader.hpp"
#include "container/network_change.hpp"

namespace gantry::cli {

namespace {

struct CreateOptions {
    std::string name, driver = "bridge", scope, ipam_driver;
    std::vector<std::string> subnets, gateways, ranges, aux_addresses, options, labels;
    bool internal = false, ipv6 = false, attachable = false;
};

void declare_create(Verb& verb, CreateOptions& options) {
    verb.add_option("NETWORK", options.name).required();
    verb.add_option("-d,--driver", options.driver, "network driver").value("DRIVER");
    verb.add_option("--subnet", options.subnets, "subnet in CIDR, one of each family").value("CIDR");
    verb.add_option("--gateway", options.gateways, "gateway of a subnet").value("ADDRESS");
    verb.add_option("--ip-range", options.ranges, "addresses are leased from this part only").value("CIDR");
    verb.add_option("-o,--opt", options.options, "driver option, KEY=VALUE; com.docker.network.driver.mtu too")
        .value("KEY=VALUE");
    verb.add_option("--label", options.labels, "KEY[=VALUE]").value("KEY[=VALUE]");
    verb.add_flag("--internal", options.internal, "no way out");
    verb.add_flag("--ipv6", options.ipv6, "accepted: networks have IPv6 anyway");
    verb.add_flag("--attachable", options.attachable, "accepted: every network is").hidden();
    verb.add_option("--scope", options.scope).one_of({"local"}).hidden();
    verb.add_option("--ipam-driver", options.ipam_driver).one_of({"default"}).hidden();
    verb.add_option("--aux-address", options.aux_addresses).hidden();
}

bool is_v6(const std::string& text) { return text.find(':') != std::string::npos; }

Result<driver::NetworkConfig> config_from(const CreateOptions& options) {
    driver::NetworkConfig config;
    config.name = TRY(ObjectName::parse("network", options.name)).str();
    config.driver = options.driver;
    config.internal = options.internal;
    if (!options.aux_addresses.empty())
        return error(Errc::unsupported, "--aux-address is not supported: keep such addresses out with --ip-range");
    for (const auto& cidr : options.subnets) {
        driver::Subnet subnet{cidr, "", ""};
        for (const auto& gateway : options.gateways)
            if (is_v6(gateway) == is_v6(cidr)) subnet.gateway = gateway;
        for (const auto& range : options.ranges)
            if (is_v6(range) == is_v6(cidr)) subnet.ip_range = range;
        config.subnets.push_back(std::move(subnet));
    }
    if (config.subnets.empty() && !(options.gateways.empty() && options.ranges.empty()))
        return error(Errc::invalid, "--gateway and --ip-range need --subnet");
    for (const auto& text : options.options) {
        const auto equals = text.find('=');
        const std::string key = text.substr(0, equals), value = equals == std::string::npos ? "" : text.substr(equals + 1);
        if (key == "mtu" || key == "com.docker.network.driver.mtu") {
            const int mtu = std::atoi(value.c_str());
            if (mtu < 68 || mtu > 65535) return error(Errc::invalid, "--opt: mtu '{}' is not in 68..65535", value);
            config.mtu = static_cast<std::uint32_t>(mtu);
        } else if (key == "isolate" || key == "isolated") {
            config.isolated = value != "false";
        } else {
            config.options.emplace_back(key, value);
        }
    }
    return config;
}

Result<int> run_create(Context& context, CreateOptions& options) {
    auto* engine = TRY(context.engine());
    std::map<std::string, std::string> labels;
    for (const auto& text : options.labels) {
        const auto equals = text.find('=');
        labels[text.substr(0, equals)] = equals == std::string::npos ? "" : text.substr(equals + 1);
    }
    return print(TRY(engine->network_create(TRY(config_from(options)), labels)).id + "\n");
}

struct LsOptions {
    bool quiet = false, no_trunc = false;
    std::string format;
    std::vector<std::string> filters;
};

void declare_ls(Verb& verb, LsOptions& options) {
    verb.add_flag("-q,--quiet", options.quiet, "only ids");
    verb.add_flag("--no-trunc", options.no_trunc, "do not shorten");
    verb.add_option("--format", options.format, "table, json, 'table TEMPLATE' or a Go template").value("FORMAT");
    verb.add_option("-f,--filter", options.filters,
                    "name=PATTERN, id=PATTERN, driver=NAME, label=KEY[=VALUE], scope=local, type=custom|builtin, dangling=BOOL")
        .value("KEY=VALUE");
}

const Listing ls_listing{{{"CreatedAt", "CREATED AT"},
                          {"Driver", "DRIVER"},
                          {"ID", "NETWORK ID"},
                          {"IPv4", "IPV4"},
                          {"IPv6", "IPV6"},
                          {"Internal", "INTERNAL"},
                          {"Labels", "LABELS"},
                          {"Name", "NAME"},
                          {"Scope", "SCOPE"}},
                         "{{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}",
                         "ID"};

std::set<std::string> used_networks(const std::vector<container::Container>& containers) {
    std::set<std::string> used;
    for (const auto& container : containers)
        for (const auto& name : network_names(container)) used.insert(name);
    return used;
}

Result<int> run_ls(Context& context, LsOptions& options) {
    const Filters filters =
        TRY(Filters::parse(options.filters, {"name", "id", "driver", "label", "type", "scope", "dangling"}));
    auto* engine = TRY(context.engine());
    std::set<std::string> used;
    if (filters.has("dangling")) used = used_networks(TRY(engine->containers()));
    std::vector<Json> rows;
    for (const auto& network : TRY(engine->networks())) {
        const auto& config = network.config;
        if (!filters.match("name", [&](const std::string& value) { return matches_pattern(value, config.name); }) ||
            !filters.match("id", [&](const std::string& value) { return matches_pattern(value, network.id); }) ||
            !filters.match("scope", [](const std::string& value) { return value == "local"; }) ||
            !filters.match_labels(network.labels) ||
            !filters.match("driver", [&](const std::string& value) { return config.driver == value; }) ||
            !filters.match("type", [&](const std::string& value) { return (value == "builtin") == network.predefined; }) ||
            !filters.match("dangling", [&](const std::string& value) {
                return (value == "true" || value == "1") == (!network.predefined && !used.contains(config.name));
            }))
            continue;
        const bool v6 = std::ranges::any_of(config.subnets, [](const auto& subnet) { return is_v6(subnet.cidr); });
        const bool v4 = std::ranges::any_of(config.subnets, [](const auto& subnet) { return !is_v6(subnet.cidr); });
        rows.push_back(Json{{"CreatedAt", go_time(network.created)},
                            {"Driver", config.driver},
                            {"ID", options.no_trunc ? network.id : short_id(network.id)},
                            {"IPv4", v4 ? "true" : "false"},
                            {"IPv6", v6 ? "true" : "false"},
                            {"Internal", config.internal ? "true" : "false"},
                            {"Label", network.labels},
                            {"Labels", labels_text(network.labels)},
                            {"Name", config.name},
                            {"Scope", "local"}});
    }
    return print(TRY(print_listing(ls_listing, {options.format, options.quiet}, rows)));
}

struct NamesOptions {
    std::vector<std::string> names;
    bool force = false, all = false;
};

void declare_rm(Verb& verb, NamesOptions& options) {
    verb.add_option("NETWORK", options.names).required();
    verb.add_flag("-f,--force", options.force, "a missing network is no error");
}

Result<int> run_rm(Context& context, NamesOptions& options) {
    auto* engine = TRY(context.engine());
    return for_each_object(options.names, [&](const std::string& name) -> Result<> {
        auto removed = engine->network_remove(name);
        if (!removed.ok() && !(options.force && removed.error().code() == Errc::not_found)) return removed;
        TRY(print(name + "\n"));
        return {};
    });
}

void declare_reload(Verb& verb, NamesOptions& options) {
    verb.add_option("NETWORK", options.names, "all if none is given");
    verb.add_flag("-a,--all", options.all, "all networks");
}

Result<int> run_reload(Context& context, NamesOptions& options) {
    auto* engine = TRY(context.engine());
    std::vector<std::string> names = options.names;
    if (names.empty())
        for (const auto& network : TRY(engine->networks()))
            if (network.config.driver != "host" && network.config.driver != "null") names.push_back(network.config.name);
    return for_each_object(names, [&](const std::string& name) -> Result<> {
        TRY(engine->network_reload(name));
        TRY(print(name + "\n"));
        return {};
    });
}

struct ConnectOptions {
    std::string network, container, ip, ip6, mac, interface, rate_up, rate_down, service, weight;
    std::vector<std::string> aliases, options;
    bool force = false, default_route = false;
};

void declare_connect(Verb& verb, ConnectOptions& options) {
    verb.add_option("NETWORK", options.network).required();
    verb.add_option("CONTAINER", options.container).required();
    verb.add_option("--ip", options.ip, "IPv4 address").value("ADDRESS");
    verb.add_option("--ip6", options.ip6, "IPv6 address").value("ADDRESS");
    verb.add_option("--mac-address", options.mac, "MAC address").value("ADDRESS");
    verb.add_option("--interface", options.interface, "name of the interface in the container").value("NAME");
    verb.add_option("--alias", options.aliases, "further name on the network").value("NAME");
    verb.add_flag("--default-route", options.default_route, "the way out leads over this network");
    verb.add_option("--rate-up", options.rate_up, "most that the container sends a second, as 100mbit").value("RATE");
    verb.add_option("--rate-down", options.rate_down, "most that it is sent").value("RATE");
    verb.add_option("--service", options.service, "name whose address leads to it and others").value("NAME");
    verb.add_option("--service-weight", options.weight, "its share of the service's connections, 0 to 1000").value("NUMBER");
    verb.add_option("--driver-opt", options.options, "option of the network driver, KEY=VALUE").value("KEY=VALUE");
}

struct UpdateOptions {
    std::string network, container, rate_up, rate_down, weight;
    bool default_route = false;
};

void declare_update(Verb& verb, UpdateOptions& options) {
    verb.add_option("NETWORK", options.network).required();
    verb.add_option("CONTAINER", options.container).required();
    verb.add_flag("--default-route", options.default_route, "the way out leads over this network from now on");
    verb.add_option("--rate-up", options.rate_up, "most that the container sends a second, as 100mbit, or none").value("RATE");
    verb.add_option("--rate-down", options.rate_down, "most that it is sent, or none").value("RATE");
    verb.add_option("--service-weight", options.weight, "its share of the service's connections, 0 to 1000").value("NUMBER");
}

Result<std::uint64_t> rate_or_none(const std::string& text) {
    return text == "none" ? Result<std::uint64_t>(0) : config::parse_rate(text);
}

Result<int> run_update(Context& context, UpdateOptions& options) {
    container::AttachmentChange change;
    if (options.default_route) change.default_route = true;
    if (!options.rate_up.empty()) change.rate_up = TRY_CONTEXT(rate_or_none(options.rate_up), "--rate-up");
    if (!options.rate_down.empty()) change.rate_down = TRY_CONTEXT(rate_or_none(options.rate_down), "--rate-down");
    if (!options.weight.empty())
        change.service_weight = TRY_CONTEXT(config::parse_service_weight(options.weight), "--service-weight");
    if (change.empty()) return error(Errc::invalid, "nothing is to be changed: give an option");
    auto* engine = TRY(context.engine());
    TRY(container::change_attachment(*engine, TRY(engine->container(options.container)), options.network, change));
    return 0;
}

void declare_disconnect(Verb& verb, ConnectOptions& options) {
    verb.add_option("NETWORK", options.network).required();
    verb.add_option("CONTAINER", options.container).required();
    verb.add_flag("-f,--force", options.force, "accepted for Docker's sake");
}

Result<int> run_connect(Context& context, ConnectOptions& options) {
    auto* engine = TRY(context.engine());
    const auto container = TRY(engine->container(options.container));
    config::NetworkAttachment attachment;
    attachment.name = options.network;
    attachment.ipv4 = options.ip;
    attachment.ipv6 = options.ip6;
    attachment.mac = options.mac;
    attachment.interface = options.interface;
    attachment.aliases = options.aliases;
    attachment.default_route = options.default_route;
    if (!options.rate_up.empty()) attachment.rate_up = TRY_CONTEXT(config::parse_rate(options.rate_up), "--rate-up");
    if (!options.rate_down.empty()) attachment.rate_down = TRY_CONTEXT(config::parse_rate(options.rate_down), "--rate-down");
    attachment.service = options.service;
    if (!options.weight.empty())
        attachment.service_weight = TRY_CONTEXT(config::parse_service_weight(options.weight), "--service-weight");
    for (const auto& text : options.options) {
        const auto equals = text.find('=');
        if (equals == std::string::npos) return error(Errc::invalid, "--driver-opt: '{}' is not KEY=VALUE", text);
        attachment.options[text.substr(0, equals)] = text.substr(equals + 1);
    }
    TRY(engine->network_connect(container, attachment));
    return 0;
}

Result<int> run_disconnect(Context& context, ConnectOptions& options) {
    auto* engine = TRY(context.engine());
    TRY(engine->network_disconnect(TRY(engine->container(options.container)), options.network));
    return 0;
}

struct ServicesOptions {
    std::vector<std::string> networks;
    std::string format;
    bool quiet = false;
};

void declare_services(Verb& verb, ServicesOptions& options) {
    verb.add_option("NETWORK", options.networks, "all if none is given");
    verb.add_flag("-q,--quiet", options.quiet, "only names");
    verb.add_option("--format", options.format, "table, json, 'table TEMPLATE' or a Go template").value("FORMAT");
}

const Listing services_listing{{{"Addresses", "ADDRESSES"},
                                {"Containers", "CONTAINERS"},
                                {"Name", "NAME"},
                                {"Network", "NETWORK"},
                                {"Serving", "SERVING"}},
                               "{{.Network}}\t{{.Name}}\t{{.Addresses}}\t{{.Serving}}\t{{.Containers}}",
                               "Name"};

Result<int> run_services(Context& context, ServicesOptions& options) {
    auto* engine = TRY(context.engine());
    std::vector<std::string> wanted;
    for (const auto& name : options.networks) wanted.push_back(TRY(engine->network(name)).config.name);
    std::vector<Json> rows;
    for (const auto& service : TRY(container::read_services(engine->paths()))) {
        if (!wanted.empty() && std::ranges::find(wanted, service.network) == wanted.end()) continue;
        Json members = Json::array();
        std::string text;
        std::size_t serving = 0;
        for (const auto& member : service.members) {
            const bool serves = member.state == container::MemberState::serving;
            serving += serves && member.weight != 0 ? 1 : 0;
            text += fmt::format("{}{} ({}{})", text.empty() ? "" : ", ", member.container, member.weight,
                                serves ? "" : fmt::format(", {}", state_text(member.state)));
            members.push_back(inspect_service_member(member));
        }
        rows.push_back(Json{{"Addresses", fmt::format("{}", fmt::join(service.addresses, ", "))},
                            {"Containers", text},
                            {"Members", members},
                            {"Name", service.name},
                            {"Network", service.network},
                            {"Serving", fmt::format("{}/{}", serving, service.members.size())}});
    }
    return print(TRY(print_listing(services_listing, {options.format, options.quiet}, rows)));
}

}  // namespace

void add_network_verbs(Parents& parents, Context& context) {
    add_verb(parents.network, context, "create", "Create a network", declare_create, run_create);
    add_verb(parents.network, context, "ls", "List networks", declare_ls, run_ls).alias("list");
    add_verb(parents.network, context, "rm", "Remove networks", declare_rm, run_rm).alias("remove");
    add_verb(parents.network, context, "connect", "Connect a container to a network", declare_connect, run_connect);
    add_verb(parents.network, context, "disconnect", "Disconnect a container from a network", declare_disconnect,
             run_disconnect);
    add_verb(parents.network, context, "update", "Change a container's connection to a network", declare_update, run_update);
    add_verb(parents.network, context, "services", "List services and the containers behind them", declare_services,
             run_services);
    add_verb(parents.network, context, "reload", "Put back rules and interfaces that are gone", declare_reload, run_reload);
}

}  // namespace gantry::cli
