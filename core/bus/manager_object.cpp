// The manager: lists, containers, networks, volumes, checks. Images: manager_images.cpp; builds: manager_builds.cpp; manifest
// lists: manager_manifests.cpp.
#include "bus/objects.hpp"
#include "config/reader.hpp"

namespace gantry::bus {

namespace {

bool runs(const container::Container& container) { return container.state == "running" || container.state == "paused"; }

}  // namespace

Result<std::tuple<Texts, uint64_t>> pruned(Result<container::Engine::Pruned> result) {
    container::Engine::Pruned done = TRY(std::move(result));
    return std::tuple(std::move(done.names), done.bytes);
}

Permission permission(const std::string& action, std::map<std::string, std::string> details) {
    return {"io.gantry1." + action, std::move(details)};
}

ManagerObject::ManagerObject(Host& host, const config::Engine& config, const config::Paths& paths)
    : AdaptorInterfaces(host.connection, sdbus::ObjectPath("/io/gantry1")),
      host_(host),
      storage_driver_(config.storage_driver),
      default_network_(config.default_network),
      data_folder_(paths.data) {
    registerAdaptor();
}
ManagerObject::~ManagerObject() { unregisterAdaptor(); }

void ManagerObject::update() {
    PropertyNames names;
    const auto note = [&](const char* name, std::uint32_t& told, std::uint32_t now) {
        if (std::exchange(told, now) != now) names.emplace_back(name);
    };
    note("Containers", told_containers_, Containers());
    note("Running", told_running_, Running());
    note("Images", told_images_, Images());
    if (!names.empty()) getObject().emitPropertiesChangedSignal(io::gantry1::Manager_adaptor::INTERFACE_NAME, names);
}

std::string ManagerObject::Version() { return GANTRY_VERSION; }
uint32_t ManagerObject::Containers() { return static_cast<uint32_t>(host_.world().containers.size()); }
uint32_t ManagerObject::Running() { return static_cast<uint32_t>(std::ranges::count_if(host_.world().containers, runs)); }
uint32_t ManagerObject::Images() { return static_cast<uint32_t>(host_.world().images.size()); }

void ManagerObject::Subscribe() { host_.subscribe(caller_of(getObject()).name, true); }
void ManagerObject::Unsubscribe() { host_.subscribe(caller_of(getObject()).name, false); }

std::vector<sdbus::Struct<std::string, std::string, std::string, std::string, std::string, sdbus::ObjectPath>>
ManagerObject::ListContainers() {
    host_.touch();
    std::vector<sdbus::Struct<std::string, std::string, std::string, std::string, std::string, sdbus::ObjectPath>> list;
    for (const auto& container : host_.world().containers)
        list.emplace_back(container.name.str(), container.id, container.definition.image, container.state,
                          unit_name(container.name), sdbus::ObjectPath(object_path("container", container.name.str())));
    return list;
}

std::vector<sdbus::Struct<std::string, Texts, uint64_t, std::string, sdbus::ObjectPath>> ManagerObject::ListImages() {
    host_.touch();
    std::vector<sdbus::Struct<std::string, Texts, uint64_t, std::string, sdbus::ObjectPath>> list;
    for (const auto& image : host_.world().images)
        list.emplace_back(image.id.str(), image.names, image.size, image.created,
                          sdbus::ObjectPath(object_path("image", std::string(image.id.hex()))));
    return list;
}

std::vector<sdbus::Struct<std::string, std::string, std::string, sdbus::ObjectPath>> ManagerObject::ListNetworks() {
    host_.touch();
    std::vector<sdbus::Struct<std::string, std::string, std::string, sdbus::ObjectPath>> list;
    for (const auto& network : host_.world().networks)
        list.emplace_back(network.config.name, network.id, network.config.driver,
                          sdbus::ObjectPath(object_path("network", network.config.name)));
    return list;
}

std::vector<sdbus::Struct<std::string, std::string, bool, sdbus::ObjectPath>> ManagerObject::ListVolumes() {
    host_.touch();
    std::vector<sdbus::Struct<std::string, std::string, bool, sdbus::ObjectPath>> list;
    for (const auto& volume : host_.world().volumes)
        list.emplace_back(volume.name, volume.path, volume.anonymous, sdbus::ObjectPath(object_path("volume", volume.name)));
    return list;
}

void ManagerObject::GetContainer(sdbus::Result<sdbus::ObjectPath>&& result, std::string text) {
    answer<sdbus::ObjectPath>(host_, getObject(), std::move(result), {}, containers_kind,
                              [text](container::Engine& engine) -> Result<std::tuple<sdbus::ObjectPath>> {
                                  const container::Container container = TRY(engine.find_container(text));
                                  return std::tuple(sdbus::ObjectPath(object_path("container", container.name.str())));
                              });
}

void ManagerObject::CreateContainer(sdbus::Result<sdbus::ObjectPath>&& result, std::string name, std::string definition) {
    answer<sdbus::ObjectPath>(host_, getObject(), std::move(result), permission("container.create", {{"container", name}}),
                              containers_kind | volumes_kind | networks_kind,
                              [name, definition](container::Engine& engine) -> Result<std::tuple<sdbus::ObjectPath>> {
                                  std::optional<ContainerName> wanted;
                                  if (!name.empty()) wanted = TRY(ContainerName::parse(name));
                                  const config::Definition parsed = TRY(config::parse_definition(definition, "definition"));
                                  const container::Container made = TRY(engine.create(wanted, parsed));
                                  return std::tuple(sdbus::ObjectPath(object_path("container", made.name.str())));
                              });
}

void ManagerObject::CheckDefinition(sdbus::Result<>&& result, std::string name, std::string definition) {
    answer<>(host_, getObject(), std::move(result), permission("container.create", {{"container", name}}), 0,
             [name, definition](container::Engine& engine) -> Result<Nothing> {
                 const ContainerName wanted = TRY(ContainerName::parse(name));
                 const config::Definition parsed = TRY(config::parse_definition(definition, "definition"));
                 TRY(engine.check(wanted, parsed));
                 return Nothing{};
             });
}

void ManagerObject::PruneContainers(sdbus::Result<Texts, uint64_t>&& result, Filters filters) {
    answer<Texts, uint64_t>(host_, getObject(), std::move(result), permission("container.remove"), containers_kind,
                            [filters](container::Engine& engine) { return pruned(engine.prune_containers(filters)); });
}

void ManagerObject::GetImage(sdbus::Result<sdbus::ObjectPath>&& result, std::string text) {
    answer<sdbus::ObjectPath>(host_, getObject(), std::move(result), {}, images_kind,
                              [text](container::Engine& engine) -> Result<std::tuple<sdbus::ObjectPath>> {
                                  image::Store* store = TRY(engine.images());
                                  const image::Image image = TRY(store->find(text));
                                  return std::tuple(sdbus::ObjectPath(object_path("image", std::string(image.id.hex()))));
                              });
}

void ManagerObject::CreateNetwork(sdbus::Result<sdbus::ObjectPath>&& result, std::string name, std::string driver,
                                  std::vector<sdbus::Struct<std::string, std::string, std::string>> subnets, bool internal,
                                  TextMap options, TextMap labels) {
    driver::NetworkConfig config;
    config.name = name;
    config.driver = driver;
    config.internal = internal;
    for (const auto& subnet : subnets)
        config.subnets.push_back({std::get<0>(subnet), std::get<1>(subnet), std::get<2>(subnet)});
    config.options.assign(options.begin(), options.end());
    answer<sdbus::ObjectPath>(host_, getObject(), std::move(result), permission("network.create", {{"network", name}}),
                              networks_kind,
                              [config, labels](container::Engine& engine) -> Result<std::tuple<sdbus::ObjectPath>> {
                                  const auto made = TRY(engine.network_create(config, labels));
                                  return std::tuple(sdbus::ObjectPath(object_path("network", made.config.name)));
                              });
}

void ManagerObject::PruneNetworks(sdbus::Result<Texts>&& result, Filters filters) {
    answer<Texts>(host_, getObject(), std::move(result), permission("network.remove"), networks_kind,
                  [filters](container::Engine& engine) -> Result<std::tuple<Texts>> {
                      auto done = TRY(engine.prune_networks(filters));
                      return std::tuple(std::move(done.names));
                  });
}

void ManagerObject::CreateVolume(sdbus::Result<sdbus::ObjectPath>&& result, std::string name, TextMap labels, TextMap options) {
    answer<sdbus::ObjectPath>(host_, getObject(), std::move(result), permission("volume.create", {{"volume", name}}),
                              volumes_kind,
                              [name, labels, options](container::Engine& engine) -> Result<std::tuple<sdbus::ObjectPath>> {
                                  const auto made = TRY(engine.volume_create(name, labels, options));
                                  return std::tuple(sdbus::ObjectPath(object_path("volume", made.name)));
                              });
}

void ManagerObject::PruneVolumes(sdbus::Result<Texts, uint64_t>&& result, Filters filters) {
    answer<Texts, uint64_t>(host_, getObject(), std::move(result), permission("volume.remove"), volumes_kind,
                            [filters](container::Engine& engine) { return pruned(engine.prune_volumes(filters)); });
}

void ManagerObject::SystemCheck(sdbus::Result<std::vector<sdbus::Struct<std::string, std::string, bool>>>&& result, bool repair,
                                bool deep) {
    using Findings = std::vector<sdbus::Struct<std::string, std::string, bool>>;
    answer<Findings>(host_, getObject(), std::move(result), permission("system.check"), repair ? every_kind : 0U,
                     [repair, deep](container::Engine& engine) -> Result<std::tuple<Findings>> {
                         Findings findings;
                         for (auto& finding : TRY(engine.system_check(repair, deep)))
                             findings.emplace_back(std::move(finding.object), std::move(finding.problem), finding.repaired);
                         return std::tuple(std::move(findings));
                     });
}

}  // namespace gantry::bus
