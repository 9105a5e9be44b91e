// Images, networks, volumes and jobs on the bus.
#include "base/utf8.hpp"
#include "bus/objects.hpp"
#include "container/services.hpp"

namespace gantry::bus {

gantry::Result<std::optional<ImageRef>> given_name(const std::string& text) {
    if (text.empty()) return std::optional<ImageRef>();
    const ImageRef ref = TRY(ImageRef::parse(text));
    if (ref.digest) return error(Errc::invalid, "'{}' has a digest: an image cannot be given one", text);
    return std::optional(ref.normalized());
}

ImageObject::ImageObject(Host& host, image::Image view)
    : ObjectOf(host, object_path("image", std::string(view.id.hex())), view) {
    registerAdaptor();
}
ImageObject::~ImageObject() { unregisterAdaptor(); }

void ImageObject::update(image::Image view) {
    const image::Image old = std::exchange(view_, std::move(view));
    tell({{"Manifest", old.manifest != view_.manifest},
          {"Names", old.names != view_.names},
          {"Digests", old.digests != view_.digests},
          {"Size", old.size != view_.size},
          {"Created", old.created != view_.created}});
}

void ImageObject::Tag(sdbus::Result<>&& result, std::string name) {
    answer<>(host_, getObject(), std::move(result), {"io.gantry1.image.tag", {{"image", name}}}, images_kind,
             [id = view_.id.str(), name](container::Engine& engine) -> Result<Nothing> {
                 const ImageRef reference = TRY(ImageRef::parse(name));
                 image::Store* store = TRY(engine.images());
                 const image::Image image = TRY(store->find(id));
                 TRY(store->tag(image, reference.normalized()));
                 return Nothing{};
             });
}

void ImageObject::Remove(sdbus::Result<Texts>&& result, std::string name, bool force) {
    const std::string shown = view_.names.empty() ? view_.id.str() : view_.names.front();
    answer<Texts>(host_, getObject(), std::move(result), {"io.gantry1.image.remove", {{"image", name.empty() ? shown : name}}},
                  images_kind, [id = view_.id.str(), name, force](container::Engine& engine) -> Result<std::tuple<Texts>> {
                      image::Store* store = TRY(engine.images());
                      const auto used = TRY(engine.images_in_use());
                      return std::tuple(TRY(store->remove(name.empty() ? id : name, used, force)));
                  });
}

NetworkObject::NetworkObject(Host& host, container::NetworkInfo view)
    : ObjectOf(host, object_path("network", view.config.name), view) {
    registerAdaptor();
}
NetworkObject::~NetworkObject() { unregisterAdaptor(); }

std::vector<sdbus::Struct<std::string, std::string, std::string>> NetworkObject::Subnets() {
    std::vector<sdbus::Struct<std::string, std::string, std::string>> list;
    for (const auto& subnet : view_.config.subnets) list.emplace_back(subnet.cidr, subnet.gateway, subnet.ip_range);
    return list;
}

void NetworkObject::update(container::NetworkInfo view) {
    const auto subnets = Subnets();
    const container::NetworkInfo old = std::exchange(view_, std::move(view));
    tell({{"Id", old.id != view_.id},
          {"Driver", old.config.driver != view_.config.driver},
          {"Subnets", subnets != Subnets()},
          {"Internal", old.config.internal != view_.config.internal},
          {"Predefined", old.predefined != view_.predefined},
          {"Options", old.config.options != view_.config.options},
          {"Labels", old.labels != view_.labels},
          {"Created", old.created != view_.created}});
}

void NetworkObject::Remove(sdbus::Result<>&& result) {
    answer<>(host_, getObject(), std::move(result), {"io.gantry1.network.remove", {{"network", view_.config.name}}},
             networks_kind, [name = view_.config.name](container::Engine& engine) -> Result<Nothing> {
                 TRY(engine.network_remove(name));
                 return Nothing{};
             });
}

void NetworkObject::Reload(sdbus::Result<>&& result) {
    answer<>(host_, getObject(), std::move(result), {"io.gantry1.network.reload", {{"network", view_.config.name}}}, 0,
             [name = view_.config.name](container::Engine& engine) -> Result<Nothing> {
                 TRY(engine.network_reload(name));
                 return Nothing{};
             });
}

void NetworkObject::ListServices(sdbus::Result<Services>&& result) {
    answer<Services>(host_, getObject(), std::move(result), {"io.gantry1.network.inspect", {{"network", view_.config.name}}}, 0,
                     [name = view_.config.name](container::Engine& engine) -> Result<std::tuple<Services>> {
                         Services list;
                         for (const auto& service : TRY(container::read_services(engine.paths(), name))) {
                             ServiceMembers members;
                             for (const auto& member : service.members)
                                 members.emplace_back(member.container, member.weight, state_text(member.state),
                                                      member.addresses);
                             list.emplace_back(service.name, service.addresses, std::move(members));
                         }
                         return std::tuple(std::move(list));
                     });
}

VolumeObject::VolumeObject(Host& host, container::VolumeInfo view) : ObjectOf(host, object_path("volume", view.name), view) {
    registerAdaptor();
}
VolumeObject::~VolumeObject() { unregisterAdaptor(); }

void VolumeObject::update(container::VolumeInfo view) {
    const container::VolumeInfo old = std::exchange(view_, std::move(view));
    tell({{"Anonymous", old.anonymous != view_.anonymous},
          {"Labels", old.labels != view_.labels},
          {"Created", old.created != view_.created}});
}

void VolumeObject::Remove(sdbus::Result<>&& result) {
    answer<>(host_, getObject(), std::move(result), {"io.gantry1.volume.remove", {{"volume", view_.name}}}, volumes_kind,
             [name = view_.name](container::Engine& engine) -> Result<Nothing> {
                 TRY(engine.volume_remove(name, false));
                 return Nothing{};
             });
}

JobObject::JobObject(Host& host, JobView view) : ObjectOf(host, view.path, view) { registerAdaptor(); }
JobObject::~JobObject() { unregisterAdaptor(); }

void JobObject::progress(const std::string& part, const std::string& status, std::uint64_t current, std::uint64_t total) {
    emitProgress(part, status, current, total);
}

// Output may hold what is nobody else's business.
void JobObject::step(std::uint32_t number, const std::string& name, const std::string& state, const std::string& message) {
    auto signal = make_signal(getObject(), io::gantry1::Job_adaptor::INTERFACE_NAME, "Step");
    signal << number << name << state << message;
    signal.setDestination(view_.owner);
    getObject().emitSignal(signal);
}

void JobObject::output(std::uint32_t step, std::uint32_t stream, const std::string& text) {
    auto signal = make_signal(getObject(), io::gantry1::Job_adaptor::INTERFACE_NAME, "Output");
    signal << step << stream << text;
    signal.setDestination(view_.owner);
    getObject().emitSignal(signal);
}

void JobObject::finish(const gantry::Result<std::string>& result) {
    view_.state = result.ok() ? "done" : "failed";
    if (result.ok()) {
        view_.result = *result;
    } else {
        view_.error = error_name(result.error());
        view_.message = valid_utf8(result.error().message());
    }
    finished = std::chrono::steady_clock::now();
    tell({{"State", true},
          {"ErrorName", !view_.error.empty()},
          {"ErrorMessage", !view_.message.empty()},
          {"Product", view_.result != "/"}});
    emitFinished(view_.error, view_.message, sdbus::ObjectPath(view_.result));
}

void JobObject::Cancel(sdbus::Result<>&& result) {
    Permission needed{view_.action, {{"job", view_.description}}};
    if (caller_of(getObject()).name == view_.owner) needed.action.clear();
    answer<>(host_, getObject(), std::move(result), std::move(needed), 0,
             [flag = cancelled](container::Engine&) -> gantry::Result<Nothing> {
                 *flag = true;
                 return Nothing{};
             });
}

}  // namespace gantry::bus
