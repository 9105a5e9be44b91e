#include "cli/inspect.hpp"

#include "cli/context.hpp"
#include "cli/rows.hpp"
#include "config/reader.hpp"

namespace gantry::cli {

namespace {

Json state_of(const container::Container& container) {
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
    state["StartedAt"] = rfc3339(static_cast<std::int64_t>(unit.started_us));
    state["FinishedAt"] = rfc3339(running ? 0 : static_cast<std::int64_t>(unit.exited_us));
    if (!container.health.empty()) state["Health"] = Json{{"Status", container.health}};
    return state;
}

Json text_array(const std::vector<std::string>& texts) { return texts.empty() ? Json::array() : Json(texts); }

Json environment(const config::Definition& definition, const std::optional<image::ImageConfig>& image) {
    std::vector<std::string> env = image ? image->env : std::vector<std::string>{};
    for (const auto& [name, value] : definition.env) {
        std::erase_if(env, [&](const std::string& entry) { return entry.starts_with(name + "="); });
        env.push_back(name + "=" + value);
    }
    return text_array(env);
}

Json config_of(const container::Container& container, const std::optional<image::ImageConfig>& image) {
    const auto& definition = container.definition;
    Json config;
    config["Hostname"] = definition.hostname.empty() ? short_id(container.id) : definition.hostname;
    config["Domainname"] = definition.domainname;
    config["User"] = definition.run_as.empty() && image ? image->user : definition.run_as;
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
    for (const auto& port : definition.expose) exposed[port] = Json::object();
    config["ExposedPorts"] = exposed;
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
    host["Binds"] = binds;
    host["LogConfig"] = Json{{"Type", definition.log_to_journal ? "journald" : "none"}, {"Config", Json::object()}};
    host["NetworkMode"] = network_names(container).front();
    Json bindings = Json::object();
    for (const auto& port : definition.ports) {
        const std::string inside = fmt::format("{}/{}", port.container_port, port.protocol);
        bindings[inside].push_back(
            Json{{"HostIp", port.host_address}, {"HostPort", port.host_port ? std::to_string(port.host_port) : ""}});
    }
    host["PortBindings"] = bindings;
    host["RestartPolicy"] =
        Json{{"Name", config::restart_text(definition.restart, 0)}, {"MaximumRetryCount", definition.restart_max}};
    host["AutoRemove"] = definition.auto_remove;
    host["CapAdd"] = text_array(definition.security.cap_add);
    host["CapDrop"] = text_array(definition.security.cap_drop);
    host["CgroupnsMode"] = namespace_text(definition.cgroup);
    host["Dns"] = text_array(definition.dns);
    host["DnsOptions"] = text_array(definition.dns_options);
    host["DnsSearch"] = text_array(definition.dns_search);
    Json hosts = Json::array();
    for (const auto& [name, address] : definition.extra_hosts) hosts.push_back(name + ":" + address);
    host["ExtraHosts"] = hosts;
    host["GroupAdd"] = text_array(definition.groups);
    host["IpcMode"] = namespace_text(definition.ipc);
    host["OomScoreAdj"] = limits.oom_score_adj.value_or(0);
    host["PidMode"] = definition.pid.kind == config::NamespaceMode::Kind::private_ ? "" : namespace_text(definition.pid);
    host["Privileged"] = definition.security.privileged;
    host["PublishAllPorts"] = definition.publish_all;
    host["ReadonlyRootfs"] = definition.read_only;
    host["SecurityOpt"] = definition.security.no_new_privileges ? Json{"no-new-privileges"} : Json::array();
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
    out["Created"] = rfc3339(container.definition.created * 1000000);
    const Json config = config_of(container, image);
    std::vector<std::string> words;
    for (const char* part : {"Entrypoint", "Cmd"})
        if (config[part].is_array())
            for (const auto& word : config[part]) words.push_back(word);
    out["Path"] = words.empty() ? "" : words.front();
    out["Args"] = words.size() > 1 ? Json(std::vector<std::string>(words.begin() + 1, words.end())) : Json::array();
    out["State"] = state_of(container);
    out["Image"] = image_id;
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

Result<Json> inspect_image(image::Store& store, const image::Image& image) {
    const auto config = TRY(store.config(image));
    const auto manifest = TRY(store.manifest(image));
    Json out;
    out["Id"] = image.id.str();
    Json tags = Json::array();
    for (const auto& name : image.names) tags.push_back(TRY(ImageRef::parse(name)).familiar());
    out["RepoTags"] = tags;
    Json digests = Json::array();
    for (const auto& digest : image.digests) {
        auto ref = ImageRef::parse(digest);
        digests.push_back(ref.ok() ? ref->familiar() : digest);
    }
    out["RepoDigests"] = digests;
    out["Comment"] = config.history.empty() ? "" : config.history.back().comment;
    out["Created"] = config.created;
    out["Author"] = config.author;
    Json inner;
    inner["User"] = config.user;
    Json exposed = Json::object();
    for (const auto& port : config.exposed_ports) exposed[port] = Json::object();
    inner["ExposedPorts"] = exposed;
    inner["Env"] = text_array(config.env);
    inner["Entrypoint"] = config.entrypoint.empty() ? Json() : Json(config.entrypoint);
    inner["Cmd"] = config.command.empty() ? Json() : Json(config.command);
    Json volumes = Json::object();
    for (const auto& volume : config.volumes) volumes[volume] = Json::object();
    inner["Volumes"] = volumes;
    inner["WorkingDir"] = config.workdir;
    inner["StopSignal"] = config.stop_signal;
    Json labels = Json::object();
    for (const auto& [key, value] : config.labels) labels[key] = value;
    inner["Labels"] = labels;
    if (config.health)
        inner["Healthcheck"] = Json{{"Test", config.health->test},
                                    {"Interval", config.health->interval},
                                    {"Timeout", config.health->timeout},
                                    {"StartPeriod", config.health->start_period},
                                    {"Retries", config.health->retries}};
    out["Config"] = inner;
    out["Architecture"] = config.platform.architecture;
    if (!config.platform.variant.empty()) out["Variant"] = config.platform.variant;
    out["Os"] = config.platform.os;
    out["Size"] = image.size;
    out["GraphDriver"] = Json{{"Name", store.storage().layer_format() == driver::LayerFormat::overlay ? "overlayfs" : "btrfs"}};
    Json layers = Json::array();
    for (const auto& id : config.diff_ids) layers.push_back(id.str());
    out["RootFS"] = Json{{"Type", "layers"}, {"Layers", layers}};
    Json blobs = Json::array();
    for (const auto& layer : manifest.layers)
        blobs.push_back(Json{{"MediaType", layer.media_type}, {"Digest", layer.digest.str()}, {"Size", layer.size}});
    out["Manifest"] = Json{{"Digest", image.manifest.str()}, {"MediaType", manifest.media_type}, {"Layers", blobs}};
    return out;
}

Json inspect_network(const container::NetworkInfo& network, const std::vector<container::Container>& containers) {
    const auto& config = network.config;
    Json out;
    out["Name"] = config.name;
    out["Id"] = config.name;
    out["Created"] = rfc3339(network.created * 1000000);
    out["Scope"] = "local";
    out["Driver"] = config.driver;
    Json subnets = Json::array();
    bool v6 = false;
    for (const auto& subnet : config.subnets) {
        Json entry{{"Subnet", subnet.cidr}, {"Gateway", subnet.gateway}};
        if (!subnet.ip_range.empty()) entry["IPRange"] = subnet.ip_range;
        v6 |= subnet.cidr.find(':') != std::string::npos;
        subnets.push_back(std::move(entry));
    }
    out["EnableIPv6"] = v6;
    out["IPAM"] = Json{{"Driver", "default"}, {"Options", Json::object()}, {"Config", subnets}};
    out["Internal"] = config.internal;
    out["Isolated"] = config.isolated;
    Json attached = Json::object();
    for (const auto& container : containers) {
        if (!container.record) continue;
        for (const auto& used : container.record->networks) {
            if (used.config.name != config.name) continue;
            Json entry{
                {"Name", container.name.str()}, {"MacAddress", used.status.mac}, {"IPv4Address", ""}, {"IPv6Address", ""}};
            for (const auto& address : used.status.addresses)
                entry[address.find(':') != std::string::npos ? "IPv6Address" : "IPv4Address"] = address;
            attached[container.id] = std::move(entry);
        }
    }
    out["Containers"] = attached;
    Json options = Json::object();
    for (const auto& [key, value] : config.options) options[key] = value;
    if (config.mtu) options["mtu"] = std::to_string(config.mtu);
    out["Options"] = options;
    Json labels = Json::object();
    for (const auto& [key, value] : network.labels) labels[key] = value;
    out["Labels"] = labels;
    return out;
}

Json inspect_volume(const container::VolumeInfo& volume) {
    Json out;
    out["CreatedAt"] = rfc3339(volume.created * 1000000);
    out["Driver"] = "local";
    Json labels = Json::object();
    for (const auto& [key, value] : volume.labels) labels[key] = value;
    out["Labels"] = labels;
    out["Mountpoint"] = volume.path;
    out["Name"] = volume.name;
    Json options = Json::object();
    for (const auto& [key, value] : volume.options) options[key] = value;
    out["Options"] = options;
    out["Scope"] = "local";
    return out;
}

}  // namespace gantry::cli
