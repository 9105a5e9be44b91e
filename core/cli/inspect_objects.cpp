// Images, networks and volumes as `inspect` shows them.
#include "cli/context.hpp"
#include "cli/inspect.hpp"

namespace gantry::cli {

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
    out["Parent"] = "";
    out["Comment"] = config.history.empty() ? "" : config.history.back().comment;
    out["Created"] = config.created;
    out["Author"] = config.author;
    Json inner;
    inner["User"] = config.user;
    Json exposed = Json::object();
    for (const auto& port : config.exposed_ports) exposed[port] = Json::object();
    inner["ExposedPorts"] = exposed;
    inner["Env"] = config.env.empty() ? Json::array() : Json(config.env);
    inner["Entrypoint"] = config.entrypoint.empty() ? Json() : Json(config.entrypoint);
    inner["Cmd"] = config.command.empty() ? Json() : Json(config.command);
    Json volumes = Json::object();
    for (const auto& volume : config.volumes) volumes[volume] = Json::object();
    inner["Volumes"] = volumes;
    inner["WorkingDir"] = config.workdir;
    inner["OnBuild"] = Json();
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
    out["VirtualSize"] = image.size;
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

Json inspect_service_member(const container::ServiceMember& member) {
    return {{"Container", member.container},
            {"Weight", member.weight},
            {"State", state_text(member.state)},
            {"Addresses", member.addresses}};
}

Json inspect_network(const container::NetworkInfo& network, const std::vector<container::Container>& containers,
                     const std::vector<container::Service>& services) {
    const auto& config = network.config;
    Json out;
    out["Name"] = config.name;
    out["Id"] = network.id;
    out["Created"] = docker_time(network.created * 1000000);
    out["Scope"] = "local";
    out["Driver"] = config.driver;
    Json subnets = Json::array();
    bool v4 = false, v6 = false;
    for (const auto& subnet : config.subnets) {
        Json entry{{"Subnet", subnet.cidr}, {"Gateway", subnet.gateway}};
        if (!subnet.ip_range.empty()) entry["IPRange"] = subnet.ip_range;
        (subnet.cidr.find(':') != std::string::npos ? v6 : v4) = true;
        subnets.push_back(std::move(entry));
    }
    out["EnableIPv4"] = v4;
    out["EnableIPv6"] = v6;
    out["IPAM"] = Json{{"Driver", "default"}, {"Options", Json::object()}, {"Config", subnets}};
    out["Internal"] = config.internal;
    out["Attachable"] = out["Ingress"] = out["ConfigOnly"] = false;
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
    Json served = Json::object();
    for (const auto& service : services) {
        Json members = Json::array();
        for (const auto& member : service.members) members.push_back(inspect_service_member(member));
        served[service.name] = Json{{"Addresses", service.addresses}, {"Members", members}};
    }
    out["Services"] = served;
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
    out["CreatedAt"] = docker_time(volume.created * 1000000);
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
