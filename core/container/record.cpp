#include "container/record.hpp"

#include "base/json.hpp"
#include "os/file.hpp"

namespace gantry::container {

namespace {

std::string record_file(const config::Paths& paths, const std::string& name) { return paths.record(name) + "/record.json"; }

Json json_of(const driver::NetworkConfig& config) {
    Json subnets = Json::array();
    for (const auto& subnet : config.subnets)
        subnets.push_back({{"cidr", subnet.cidr}, {"gateway", subnet.gateway}, {"ip_range", subnet.ip_range}});
    return {{"name", config.name},         {"driver", config.driver}, {"subnets", subnets},       {"internal", config.internal},
            {"isolated", config.isolated}, {"mtu", config.mtu},       {"options", config.options}};
}

Json json_of(const driver::AttachStatus& status) {
    Json ports = Json::array();
    for (const auto& port : status.ports)
        ports.push_back({{"protocol", static_cast<int>(port.protocol)},
                         {"host_address", port.host_address},
                         {"host_port", port.host_port},
                         {"container_port", port.container_port},
                         {"bypass_firewall", port.bypass_firewall}});
    return {{"network", status.network},
            {"interface", status.interface},
            {"mac", status.mac},
            {"addresses", status.addresses},
            {"gateways", status.gateways},
            {"dns", status.dns},
            {"ports", ports}};
}

// Members are taken by type; a missing or wrong one throws and is told as one error by the caller.
driver::NetworkConfig config_from(const Json& json) {
    driver::NetworkConfig config;
    json.at("name").get_to(config.name);
    json.at("driver").get_to(config.driver);
    for (const auto& subnet : json.at("subnets"))
        config.subnets.push_back({subnet.at("cidr").get<std::string>(), subnet.at("gateway").get<std::string>(),
                                  subnet.at("ip_range").get<std::string>()});
    json.at("internal").get_to(config.internal);
    json.at("isolated").get_to(config.isolated);
    json.at("mtu").get_to(config.mtu);
    json.at("options").get_to(config.options);
    return config;
}

driver::AttachStatus status_from(const Json& json) {
    driver::AttachStatus status;
    json.at("network").get_to(status.network);
    json.at("interface").get_to(status.interface);
    json.at("mac").get_to(status.mac);
    json.at("addresses").get_to(status.addresses);
    json.at("gateways").get_to(status.gateways);
    json.at("dns").get_to(status.dns);
    for (const auto& port : json.at("ports"))
        status.ports.push_back({static_cast<driver::Protocol>(port.at("protocol").get<int>()),
                                port.at("host_address").get<std::string>(), port.at("host_port").get<std::uint16_t>(),
                                port.at("container_port").get<std::uint16_t>(), port.value("bypass_firewall", false)});
    return status;
}

Record record_from(const Json& json) {
    Record record;
    json.at("name").get_to(record.name);
    json.at("id").get_to(record.id);
    json.at("image").get_to(record.image);
    json.at("image_id").get_to(record.image_id);
    json.at("storage_driver").get_to(record.storage_driver);
    json.at("writable_layer").get_to(record.writable_layer);
    json.at("auto_remove").get_to(record.auto_remove);
    json.at("command").get_to(record.command);
    json.at("definition_file").get_to(record.definition_file);
    json.at("started_us").get_to(record.started_us);
    record.oom_kills = json.value("oom_kills", std::uint64_t{0});
    json.at("pid").get_to(record.pid);
    record.netns = json.value("netns", std::uint64_t{0});
    for (const auto& network : json.at("networks")) {
        auto& entry = record.networks.emplace_back();
        entry.config = config_from(network.at("config"));
        entry.status = status_from(network.at("status"));
        entry.service = network.value("service", std::string());
        entry.service_addresses = network.value("service_addresses", std::vector<std::string>());
    }
    return record;
}

}  // namespace

Result<> write_record(const config::Paths& paths, const Record& record) {
    Json networks = Json::array();
    for (const auto& network : record.networks) {
        Json entry{{"config", json_of(network.config)}, {"status", json_of(network.status)}};
        if (!network.service.empty()) {
            entry["service"] = network.service;
            entry["service_addresses"] = network.service_addresses;
        }
        networks.push_back(std::move(entry));
    }
    const Json json{{"name", record.name},
                    {"id", record.id},
                    {"image", record.image},
                    {"image_id", record.image_id},
                    {"storage_driver", record.storage_driver},
                    {"writable_layer", record.writable_layer},
                    {"auto_remove", record.auto_remove},
                    {"command", record.command},
                    {"definition_file", record.definition_file},
                    {"started_us", record.started_us},
                    {"oom_kills", record.oom_kills},
                    {"pid", record.pid},
                    {"netns", record.netns},
                    {"networks", networks}};
    // Arguments need not be UTF-8; the record is.
    const std::string text = dump_json(json, 1) + "\n";
    return os::write_file_atomic(record_file(paths, record.name), text, 0644, false);
}

Result<Record> read_record(const config::Paths& paths, const std::string& name) {
    const std::string file = record_file(paths, name);
    const std::string text = TRY(os::read_file(file));
    try {
        return record_from(parse_json(text));
    } catch (const Json::exception& failure) {
        return error(Errc::corrupt, "record '{}': {}", file, failure.what());
    }
}

Result<std::vector<std::string>> list_records(const config::Paths& paths) {
    std::vector<std::string> names;
    for (auto& name : TRY(os::list_dir(paths.run + "/ctr")))
        if (os::path_exists(record_file(paths, name))) names.push_back(std::move(name));
    return names;
}

}  // namespace gantry::container
