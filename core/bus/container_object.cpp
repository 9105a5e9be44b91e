#include "bus/objects.hpp"
#include "config/reader.hpp"

#include <csignal>

namespace gantry::bus {

namespace {

const char* protocol_name(driver::Protocol protocol) {
    switch (protocol) {
    case driver::Protocol::udp: return "udp";
    case driver::Protocol::sctp: return "sctp";
    default: return "tcp";
    }
}

}  // namespace

ContainerObject::ContainerObject(Host& host, container::Container view)
    : ObjectOf(host, object_path("container", view.name.str()), view) {
    registerAdaptor();
}
ContainerObject::~ContainerObject() { unregisterAdaptor(); }

void ContainerObject::update(container::Container view) {
    const container::Container old = std::exchange(view_, std::move(view));
    const auto endpoints = [](const container::Container& container) {
        std::vector<std::string> lines;
        if (container.record)
            for (const auto& network : container.record->networks)
                lines.push_back(
                    fmt::format("{} {} {}", network.config.name, network.status.mac, fmt::join(network.status.addresses, " ")));
        return lines;
    };
    const auto ports = [](const container::Container& container) {
        return container.record ? container.record->networks.size() : 0;
    };
    const bool attached = endpoints(old) != endpoints(view_) || ports(old) != ports(view_);
    tell({{"Id", old.id != view_.id},
          {"Image", old.definition.image != view_.definition.image},
          {"ImageId", old.definition.image_id != view_.definition.image_id},
          {"State", old.state != view_.state},
          {"Health", old.health != view_.health},
          {"Problem", old.problem != view_.problem},
          {"DefinitionFile", old.definition_file != view_.definition_file},
          {"Created", old.definition.created != view_.definition.created},
          {"Labels", old.definition.labels != view_.definition.labels},
          {"Pid", old.unit.main_pid != view_.unit.main_pid},
          {"ExitCode", old.unit.exit_status != view_.unit.exit_status || old.unit.exit_code != view_.unit.exit_code},
          {"Restarts", old.unit.restarts != view_.unit.restarts},
          {"StartedAt", old.unit.started_us != view_.unit.started_us},
          {"FinishedAt", old.unit.exited_us != view_.unit.exited_us},
          {"Networks", attached},
          {"Ports", attached}});
}

int32_t ContainerObject::ExitCode() {
    const auto& unit = view_.unit;
    return unit.exit_code == CLD_KILLED || unit.exit_code == CLD_DUMPED ? 128 + unit.exit_status : unit.exit_status;
}

std::vector<sdbus::Struct<std::string, std::string, std::string, Texts>> ContainerObject::Networks() {
    std::vector<sdbus::Struct<std::string, std::string, std::string, Texts>> list;
    if (view_.record)
        for (const auto& network : view_.record->networks)
            list.emplace_back(network.config.name, network.status.interface, network.status.mac, network.status.addresses);
    return list;
}

std::vector<sdbus::Struct<std::string, std::string, uint16_t, uint16_t>> ContainerObject::Ports() {
    std::vector<sdbus::Struct<std::string, std::string, uint16_t, uint16_t>> list;
    if (view_.record)
        for (const auto& network : view_.record->networks)
            for (const auto& port : network.status.ports)
                list.emplace_back(protocol_name(port.protocol), port.host_address, port.host_port, port.container_port);
    return list;
}

Permission ContainerObject::permission(const std::string& action) const {
    return {"io.gantry1." + action, {{"container", view_.name.str()}, {"image", view_.definition.image}}};
}

void ContainerObject::by_systemd(Done result, const char* verb,
                                 std::function<gantry::Result<>(systemd::Manager&, const std::string&)> call) {
    answer<>(host_, getObject(), std::move(result), permission(std::string("container.") + verb), containers_kind,
             [unit = unit_name(view_.name), call = std::move(call)](container::Engine& engine) -> Result<Nothing> {
                 systemd::Manager* manager = TRY(engine.systemd());
                 TRY(call(*manager, unit));
                 return Nothing{};
             });
}

void ContainerObject::Start(Done result) {
    by_systemd(std::move(result), "start",
               [](systemd::Manager& manager, const std::string& unit) { return manager.start(unit); });
}
void ContainerObject::Stop(Done result) {
    // Of its sockets too: else the next connection would start it again.
    const std::string socket = container::has_sockets(view_.definition) ? container::socket_name(view_.name) : "";
    by_systemd(std::move(result), "stop", [socket](systemd::Manager& manager, const std::string& unit) -> gantry::Result<> {
        TRY(manager.stop(unit));
        return socket.empty() ? gantry::Result<>() : manager.stop(socket);
    });
}
void ContainerObject::Restart(Done result) {
    by_systemd(std::move(result), "restart",
               [](systemd::Manager& manager, const std::string& unit) { return manager.restart(unit); });
}
void ContainerObject::Kill(Done result, int32_t signal) {
    by_systemd(std::move(result), "kill", [signal](systemd::Manager& manager, const std::string& unit) -> gantry::Result<> {
        if (signal < 1 || signal > SIGRTMAX) return error(Errc::invalid, "{} is not the number of a signal", signal);
        return manager.kill(unit, "main", signal);
    });
}
void ContainerObject::Pause(Done result) {
    by_systemd(std::move(result), "pause",
               [](systemd::Manager& manager, const std::string& unit) { return manager.freeze(unit); });
}
void ContainerObject::Unpause(Done result) {
    by_systemd(std::move(result), "pause",
               [](systemd::Manager& manager, const std::string& unit) { return manager.thaw(unit); });
}

void ContainerObject::Remove(Done result, bool force, bool volumes) {
    answer<>(host_, getObject(), std::move(result), permission("container.remove"), containers_kind | volumes_kind,
             [name = view_.name, force, volumes](container::Engine& engine) -> Result<Nothing> {
                 const container::Container container = TRY(engine.container(name.str()));
                 TRY(engine.remove(container, force, volumes));
                 return Nothing{};
             });
}

void ContainerObject::Rename(sdbus::Result<sdbus::ObjectPath>&& result, std::string name) {
    answer<sdbus::ObjectPath>(host_, getObject(), std::move(result), permission("container.rename"), containers_kind,
                              [old = view_.name, name](container::Engine& engine) -> Result<std::tuple<sdbus::ObjectPath>> {
                                  const ContainerName wanted = TRY(ContainerName::parse(name));
                                  const container::Container container = TRY(engine.container(old.str()));
                                  TRY(engine.rename(container, wanted));
                                  return std::tuple(sdbus::ObjectPath(object_path("container", wanted.str())));
                              });
}

void ContainerObject::Update(Done result, std::string definition) {
    answer<>(host_, getObject(), std::move(result), permission("container.update"), containers_kind,
             [name = view_.name, definition](container::Engine& engine) -> Result<Nothing> {
                 config::Definition changed = TRY(config::parse_definition(definition, "definition"));
                 const container::Container container = TRY(engine.container(name.str()));
                 // What makes it the same container is not the caller's to change.
                 changed.id = container.definition.id;
                 changed.created = container.definition.created;
                 TRY(engine.update(container, changed));
                 return Nothing{};
             });
}

void ContainerObject::GetDefinition(sdbus::Result<std::string>&& result) {
    answer<std::string>(host_, getObject(), std::move(result), permission("container.inspect"), 0,
                        [name = view_.name](container::Engine& engine) -> Result<std::tuple<std::string>> {
                            const container::Container container = TRY(engine.find_container(name.str()));
                            if (container.problem) return error(Errc::corrupt, "{}", *container.problem);
                            return std::tuple(config::write_definition(container.definition));
                        });
}

void ContainerObject::Connect(Done result, std::string network, std::string ipv4, std::string ipv6) {
    Permission needed = permission("network.connect");
    needed.details["network"] = network;
    answer<>(host_, getObject(), std::move(result), std::move(needed), containers_kind,
             [name = view_.name, network, ipv4, ipv6](container::Engine& engine) -> Result<Nothing> {
                 config::NetworkAttachment attachment;
                 attachment.name = network;
                 attachment.ipv4 = ipv4;
                 attachment.ipv6 = ipv6;
                 const container::Container container = TRY(engine.container(name.str()));
                 TRY(engine.network_connect(container, attachment));
                 return Nothing{};
             });
}

void ContainerObject::Disconnect(Done result, std::string network) {
    Permission needed = permission("network.connect");
    needed.details["network"] = network;
    answer<>(host_, getObject(), std::move(result), std::move(needed), containers_kind,
             [name = view_.name, network](container::Engine& engine) -> Result<Nothing> {
                 const container::Container container = TRY(engine.container(name.str()));
                 TRY(engine.network_disconnect(container, network));
                 return Nothing{};
             });
}

void ContainerObject::Commit(sdbus::Result<sdbus::ObjectPath>&& result, std::string name, std::string author,
                             std::string message, Texts changes, bool pause) {
    const auto look = [container = view_.name.str(), name, author, message, changes, pause]() -> gantry::Result<JobWork> {
        container::CommitOptions options{TRY(given_name(name)), author, message, changes, pause, nullptr};
        return JobWork{"commit " + container, containers_kind | images_kind,
                       [container, options](container::Engine& engine, const std::atomic<bool>& cancel,
                                            const Teller&) -> gantry::Result<std::string> {
                           container::CommitOptions how = options;
                           how.cancel = &cancel;
                           const container::Container found = TRY(engine.container(container));
                           const image::Image made = TRY(engine.commit(found, how));
                           return object_path("image", std::string(made.id.hex()));
                       }};
    };
    answer_job(host_, getObject(), std::move(result), permission("container.commit"), look);
}

}  // namespace gantry::bus
