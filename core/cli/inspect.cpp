#include "cli/inspect.hpp"

#include "cli/context.hpp"
#include "cli/rows.hpp"
#include "config/reader.hpp"

namespace gantry::cli {

namespace {

// The last probes, which gantry-health leaves with times as numbers.
Json health_of(const config::Paths& paths, const container::Container& container) {
    Json health{{"Status", container.health}, {"FailingStreak", 0}, {"Log", Json::array()}};
    const auto text = os::read_file(paths.record(container.name.str()) + "/health.json", 1U << 20);
    const Json kept = text.ok() ? parse_ordered_json(*text) : Json();
    if (!kept.is_object()) return health;
    health["FailingStreak"] = kept.value("FailingStreak", 0);
    for (Json probe : kept.value("Log", Json::array())) {
        if (!probe.is_object()) continue;
        for (const char* key : {"Start", "End"}) probe[key] = docker_time(probe.value(key, std::int64_t{0}));
        health["Log"].push_back(std::move(probe));
    }
    return health;
}

Json state_of(const config::Paths& paths, const container::Container& container) {
    const auto& unit = container.unit;
    const bool running = container.state == "running" || container.state == "paused";
    Json state;
    state["Status"] = container.state;
    state["Running"] = running;
    state["Paused"] = container.state == "paused";
    state["Restarting"] = container.state == "restarting";
    state["OOMKilled"] = container.oom_killed;
    state["Dead"] = container.state == "dead";
    state["Pid"] = running ? unit.main_pid : 0;
    state["ExitCode"] = running ? 0 : exit_status(unit);
    state["Error"] = container.problem.value_or("");
    state["StartedAt"] = docker_time(static_cast<std::int64_t>(unit.started_us));
    state["FinishedAt"] = docker_time(running ? 0 : static_cast<std::int64_t>(unit.exited_us));
    if (!container.health.empty()) state["Health"] = health_of(paths, container);
    return state;
}

// Go's nil: what Docker shows for most lists of HostConfig that nobody has set.
Json or_null(Json list) { return list.empty() ? Json() : list; }

Json text_array(const std::vector<std::string>& texts) { return texts.empty() ? Json::array() : Json(texts); }

// The container's own variables first, as Docker has them; then those of the image that it does not replace.
Json environment(const config::Definition& definition, const std::optional<image::ImageConfig>& image) {
    std::vector<std::string> env;
    const auto has = [&](const std::string& prefix) {
        return std::ranges::any_of(env, [&](const std::string& entry) { return entry.starts_with(prefix); });
    };
    for (const auto& [name, value] : definition.env) {
        std::erase_if(env, [&](const std::string& entry) { return entry.starts_with(name + "="); });
        env.push_back(name + "=" + value);
    }
    for (const auto& entry : image ? image->env : std::vector<std::string>{})
        if (!has(entry.substr(0, entry.find('=') + 1))) env.push_back(entry);
    return text_array(env);
}

// {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}, sorted, ranges as single ports.
Json port_map(const std::vector<config::Port>& ports) {
    std::map<std::string, Json> bindings;
    for (const auto& port : ports) {
        for (int at = 0; at <= std::max(port.container_port_end - port.container_port, 0); ++at)
            bindings[fmt::format("{}/{}", port.container_port + at, port.protocol)].push_back(
                Json{{"HostIp", port.host_address}, {"HostPort", port.host_port ? std::to_string(port.host_port + at) : ""}});
    }
    Json map = Json::object();
    for (auto& [inside, list] : bindings) map[inside] = std::move(list);
    return map;
}

// The definition's settings before the image's; times in nanoseconds, as everywhere in Docker's JSON.
Json health_check_of(const config::Definition& definition, const std::optional<image::ImageConfig>& image) {
    const auto& own = definition.health;
    if (own.disabled) return Json{{"Test", {"NONE"}}};
    const bool in_image = image && image->health;
    if (own.command.empty() && !in_image) return {};
    const image::HealthCheck base = in_image ? *image->health : image::HealthCheck{};
    const auto time = [](const std::optional<config::Microseconds>& given, std::int64_t other) {
        return given ? given->count() * 1000 : other;
    };
    return Json{{"Test", own.command.empty() ? base.test : own.command},
                {"Interval", time(own.interval, base.interval)},
                {"Timeout", time(own.timeout, base.timeout)},
                {"StartPeriod", time(own.start_period, base.start_period)},
                {"Retries", own.retries ? static_cast<std::int64_t>(*own.retries) : static_cast<std::int64_t>(base.retries)}};
}

Json config_of(const container::Container& container, const std::optional<image::ImageConfig>& image) {
    const auto& definition = container.definition;
    Json config;
    config["Hostname"] = definition.hostname.empty() ? short_id(container.id) : definition.hostname;
    config["Domainname"] = definition.domainname;
    config["User"] = definition.run_as.empty() && image ? image->user : definition.run_as;
    config["AttachStdin"] = false;
    config["AttachStdout"] = config["AttachStderr"] = false;
    config["Tty"] = definition.tty;
    config["OpenStdin"] = definition.open_stdin;
    config["Env"] = environment(definition, image);
    const auto entrypoint = definition.entrypoint.value_or(image ? image->entrypoint : std::vector<std::string>{});
    // A new entry point drops the image's command, as in Docker.
    const bool keeps_command = image && !definition.entrypoint;
    config["Cmd"] = definition.command ? Json(*definition.command) : keeps_command ? Json(image->command) : Json();
    config["Image"] = definition.image;
    config["WorkingDir"] = definition.workdir.empty() && image ? image->workdir : definition.workdir;
    config["Entrypoint"] = entrypoint.empty() ? Json() : Json(entrypoint);
    Json labels = Json::object();
    if (image)
        for (const auto& [key, value] : image->labels) labels[key] = value;
    for (const auto& [key, value] : definition.labels) labels[key] = value;
    config["Labels"] = labels;
    const std::string image_signal = image && !image->stop_signal.empty() ? image->stop_signal : "SIGTERM";
    config["StopSignal"] = definition.stop_signal.value_or(image_signal);
    if (definition.stop_timeout) config["StopTimeout"] = definition.stop_timeout->count() / 1000000;
    Json exposed = Json::object();
    if (image)
        for (const auto& port : image->exposed_ports) exposed[port] = Json::object();
    // Ranges as single ports; what is published is exposed too.
    std::vector<config::Port> own = definition.ports;
    for (const auto& text : definition.expose)
        if (const auto port = config::parse_port(text); port.ok()) own.push_back(*port);
    const Json mapped = port_map(own);
    for (const auto& [inside, binding] : mapped.items()) exposed[inside] = Json::object();
    config["ExposedPorts"] = exposed;
    Json volumes = Json::object();
    if (image)
        for (const auto& volume : image->volumes) volumes[volume] = Json::object();
    config["Volumes"] = volumes;
    config["OnBuild"] = Json();
    if (Json check = health_check_of(definition, image); !check.is_null()) config["Healthcheck"] = std::move(check);
    return config;
}

const char* mount_type(config::MountType type) {
    switch (type) {
    case config::MountType::bind: return "bind";
    case config::MountType::volume: return "volume";
    default: return "tmpfs";
    }
}

std::string namespace_text(const config::NamespaceMode& mode) {
    switch (mode.kind) {
    case config::NamespaceMode::Kind::host: return "host";
    case config::NamespaceMode::Kind::container: return "container:" + mode.container;
    default: return "private";
    }
}

Json host_config_of(const container::Container& container) {
    const auto& definition = container.definition;
    const auto& limits = definition.limits;
    Json host;
    Json binds = Json::array();
    for (const auto& mount : definition.mounts)
        if (mount.type == config::MountType::bind || !mount.source.empty())
            if (mount.type != config::MountType::tmpfs)
                binds.push_back(fmt::format("{}:{}{}", mount.source, mount.target, mount.read_only ? ":ro" : ""));
    host["Binds"] = or_null(binds);
    host["LogConfig"] = Json{{"Type", definition.log_to_journal ? "journald" : "none"}, {"Config", Json::object()}};
    host["NetworkMode"] = network_names(container).front();
    host["PortBindings"] = port_map(definition.ports);
    host["RestartPolicy"] =
        Json{{"Name", config::restart_text(definition.restart, 0)}, {"MaximumRetryCount", definition.restart_max}};
    host["AutoRemove"] = definition.auto_remove;
    host["CapAdd"] = or_null(text_array(definition.security.cap_add));
    host["CapDrop"] = or_null(text_array(definition.security.cap_drop));
    host["CgroupnsMode"] = namespace_text(definition.cgroup);
    host["Dns"] = text_array(definition.dns);
    host["DnsOptions"] = text_array(definition.dns_options);
    host["DnsSearch"] = text_array(definition.dns_search);
    Json hosts = Json::array();
    for (const auto& [name, address] : definition.extra_hosts) hosts.push_back(name + ":" + address);
    host["ExtraHosts"] = or_null(hosts);
    host["GroupAdd"] = or_null(text_array(definition.groups));
    host["IpcMode"] = namespace_text(definition.ipc);
    host["OomScoreAdj"] = limits.oom_score_adj.value_or(0);
    host["PidMode"] = definition.pid.kind == config::NamespaceMode::Kind::private_ ? "" : namespace_text(definition.pid);
    host["Privileged"] = definition.security.privileged;
    host["PublishAllPorts"] = definition.publish_all;
    host["ReadonlyRootfs"] = definition.read_only;
    host["SecurityOpt"] = definition.security.no_new_privileges ? Json::array({"no-new-privileges"}) : Json();
    host["UsernsMode"] = namespace_text(definition.user);
    host["ShmSize"] = limits.shm_size;
    host["Init"] = definition.init;
    host["NanoCpus"] = static_cast<std::int64_t>(limits.cpus.value_or(0) * 1e9);
    host["Memory"] = limits.memory.value_or(0);
    host["MemoryReservation"] = limits.memory_reservation.value_or(0);
    host["MemorySwap"] = limits.memory_swap ? static_cast<std::int64_t>(*limits.memory_swap) : 0;
    host["CpusetCpus"] = limits.cpuset;
    host["CpusetMems"] = limits.cpuset_mems;
    host["PidsLimit"] = limits.pids ? Json(*limits.pids) : Json();
    Json devices = Json::array();
    for (const auto& device : definition.devices)
        devices.push_back(Json{{"PathOnHost", device.host},
                               {"PathInContainer", device.container.empty() ? device.host : device.container},
                               {"CgroupPermissions", device.permissions}});
    host["Devices"] = devices;
    Json sysctls = Json::object();
    for (const auto& [name, value] : definition.sysctls) sysctls[name] = value;
    host["Sysctls"] = sysctls;
    Json ulimits = Json::array();
    for (const auto& [name, limit] : limits.ulimits)
        ulimits.push_back(Json{{"Name", name}, {"Soft", limit.soft}, {"Hard", limit.hard}});
    host["Ulimits"] = or_null(ulimits);
    host["UTSMode"] = definition.uts.kind == config::NamespaceMode::Kind::host ? "host" : "";
    host["OomKillDisable"] = false;
    host["Links"] = host["VolumesFrom"] = Json();
    host["Runtime"] = "gantry";
    host["Isolation"] = "";
    host["ContainerIDFile"] = "";
    host["Annotations"] = definition.annotations;
    return host;
}

Json mounts_of(container::Engine& engine, const container::Container& container) {
    Json mounts = Json::array();
    for (const auto& mount : container.definition.mounts) {
        Json entry;
        entry["Type"] = mount_type(mount.type);
        if (mount.type == config::MountType::volume) {
            entry["Name"] = mount.source;
            entry["Source"] = engine.paths().volumes() + "/" + mount.source + "/_data";
            entry["Driver"] = "local";
        } else {
            entry["Source"] = mount.source;
        }
        entry["Destination"] = mount.target;
        entry["Mode"] = mount.read_only ? "ro" : "";
        entry["RW"] = !mount.read_only;
        entry["Propagation"] = mount.type == config::MountType::bind ? mount.propagation : "";
        mounts.push_back(std::move(entry));
    }
    return mounts;
}

Json networks_of(const container::Container& container) {
    Json settings;
    Json ports = Json::object();
    for (const auto& [inside, outside] : port_bindings(container)) {
        const auto colon = outside.rfind(':');
        std::string address = outside.substr(0, colon);
        if (address.starts_with("[")) address = address.substr(1, address.size() - 2);
        ports[inside].push_back(Json{{"HostIp", address}, {"HostPort", outside.substr(colon + 1)}});
    }
    settings["Ports"] = ports;
    Json networks = Json::object();
    std::string first_address, first_gateway, first_mac;
    if (container.record) {
        for (const auto& network : container.record->networks) {
            Json entry;
            entry["MacAddress"] = network.status.mac;
            entry["InterfaceName"] = network.status.interface;
            entry["IPAddress"] = entry["GlobalIPv6Address"] = entry["Gateway"] = entry["IPv6Gateway"] = "";
            entry["IPPrefixLen"] = entry["GlobalIPv6PrefixLen"] = 0;
            entry["Aliases"] = Json::array();
            for (const auto& attachment : container.definition.networks)
                if (attachment.name == network.config.name) entry["Aliases"] = text_array(attachment.aliases);
            entry["Service"] = network.service;
            for (const auto& address : network.status.addresses) {
                const auto slash = address.find('/');
                const bool v6 = address.find(':') != std::string::npos;
                entry[v6 ? "GlobalIPv6Address" : "IPAddress"] = address.substr(0, slash);
                entry[v6 ? "GlobalIPv6PrefixLen" : "IPPrefixLen"] = std::atoi(address.c_str() + slash + 1);
            }
            for (const auto& gateway : network.status.gateways)
                entry[gateway.find(':') != std::string::npos ? "IPv6Gateway" : "Gateway"] = gateway;
            if (first_address.empty()) {
                first_address = entry["IPAddress"];
                first_gateway = entry["Gateway"];
                first_mac = network.status.mac;
            }
            networks[network.config.name] = std::move(entry);
        }
    }
    // Of one that is not started: what it will be attached to.
    if (!container.record && container.definition.network_mode == config::NetworkMode::networks)
        for (const auto& name : network_names(container))
            networks[name] = Json{{"MacAddress", ""},        {"IPAddress", ""},          {"IPPrefixLen", 0}, {"Gateway", ""},
                                  {"GlobalIPv6Address", ""}, {"GlobalIPv6PrefixLen", 0}, {"IPv6Gateway", ""}};
    settings["IPAddress"] = first_address;
    settings["Gateway"] = first_gateway;
    settings["MacAddress"] = first_mac;
    settings["Networks"] = networks;
    return settings;
}

}  // namespace

Result<Json> inspect_container(container::Engine& engine, const container::Container& container, bool with_size) {
    std::optional<image::ImageConfig> image;
    auto* store = TRY(engine.images());
    const std::string key = container.definition.image_id.empty() ? container.definition.image : container.definition.image_id;
    std::string image_id = container.definition.image_id;
    if (auto found = store->find(key); found.ok()) {
        image = TRY(store->config(*found));
        image_id = found->id.str();
    }
    Json out;
    out["Id"] = container.id;
    out["Created"] = docker_time(container.definition.created * 1000000);
    const Json config = config_of(container, image);
    std::vector<std::string> words;
    for (const char* part : {"Entrypoint", "Cmd"})
        if (config[part].is_array())
            for (const auto& word : config[part]) words.push_back(word);
    out["Path"] = words.empty() ? "" : words.front();
    out["Args"] = words.size() > 1 ? Json(std::vector<std::string>(words.begin() + 1, words.end())) : Json::array();
    out["State"] = state_of(engine.paths(), container);
    out["Image"] = image_id;
    const std::string folder = engine.paths().record(container.name.str());
    for (const auto& [name, file] :
         {std::pair{"ResolvConfPath", "resolv.conf"}, {"HostnamePath", "hostname"}, {"HostsPath", "hosts"}})
        out[name] = container.record ? folder + "/" + file : "";
    out["LogPath"] = out["MountLabel"] = out["ProcessLabel"] = out["AppArmorProfile"] = "";  // there are none
    out["Name"] = "/" + container.name.str();
    out["RestartCount"] = container.unit.restarts;
    const std::string driver =
        container.definition.storage_driver.empty() ? engine.config().storage_driver : container.definition.storage_driver;
    out["Driver"] = driver;
    out["Platform"] = "linux";
    out["HostConfig"] = host_config_of(container);
    out["GraphDriver"] = Json{{"Name", driver}};
    if (with_size) out["SizeRw"] = TRY(TRY(engine.storage(driver))->status(container.name.str())).bytes;
    out["Mounts"] = mounts_of(engine, container);
    out["Config"] = config;
    out["NetworkSettings"] = networks_of(container);
    out["Unit"] = unit_name(container.name);
    out["DefinitionFile"] = container.definition_file;
    return out;
}

}  // namespace gantry::cli
