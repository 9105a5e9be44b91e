// The manager's manifest lists: indexes of images for several platforms, on their way to a registry.
#include "bus/objects.hpp"
#include "bus/options.hpp"
#include "image/registry/manifest_tool.hpp"

namespace gantry::bus {

namespace {

Result<image::PlatformChange> platform_change(const TextMap& wanted) {
    image::PlatformChange change;
    for (const auto& [name, value] : wanted) {
        if (name == "arch")
            change.architecture = value;
        else if (name == "os")
            change.os = value;
        else if (name == "os-features")
            change.os_features = {value};
        else if (name == "os-version")
            change.os_version = value;
        else if (name == "variant")
            change.variant = value;
        else
            return unknown_option(name, Texts{"arch", "os", "os-features", "os-version", "variant"});
    }
    return change;
}

Permission on_list(const std::string& verb, const std::string& name) {
    return permission("manifest." + verb, {{"image", name}});
}

}  // namespace

void ManagerObject::ListManifestLists(sdbus::Result<Texts>&& result) {
    answer<Texts>(host_, getObject(), std::move(result), {}, 0, [](container::Engine& engine) -> Result<std::tuple<Texts>> {
        return std::tuple(TRY(image::list_manifest_lists(engine.paths())));
    });
}

void ManagerObject::GetManifestList(sdbus::Result<std::string, std::string>&& result, std::string name) {
    answer<std::string, std::string>(host_, getObject(), std::move(result), {}, 0,
                                     [name](container::Engine& engine) -> Result<std::tuple<std::string, std::string>> {
                                         const auto list =
                                             TRY(image::read_manifest_list(engine.paths(), TRY(image::parse_list_name(name))));
                                         auto index = image::index_of(list);
                                         return std::tuple(std::move(index.media_type), std::move(index.text));
                                     });
}

void ManagerObject::CreateManifestList(sdbus::Result<sdbus::ObjectPath>&& result, std::string name, Texts manifests,
                                       bool amend) {
    const auto look = [name, manifests, amend]() -> Result<JobWork> {
        const ImageRef ref = TRY(image::parse_list_name(name));
        if (manifests.empty()) return error(Errc::invalid, "no image is named");
        return JobWork{"create manifest list " + ref.normalized().str(), 0,
                       [ref, manifests, amend](container::Engine& engine, const std::atomic<bool>& cancel,
                                               const Teller&) -> Result<std::string> {
                           const auto fetch = [&](const ImageRef& one) {
                               return image::fetch_manifest(engine.paths(), engine.config(), one, {false, &cancel});
                           };
                           TRY(image::create_manifest_list(engine.paths(), ref, manifests, amend, fetch));
                           return "/";
                       }};
    };
    answer_job(host_, getObject(), std::move(result), on_list("create", name), look);
}

void ManagerObject::AnnotateManifest(sdbus::Result<>&& result, std::string name, std::string manifest, TextMap platform) {
    answer<>(host_, getObject(), std::move(result), on_list("annotate", name), 0,
             [name, manifest, platform](container::Engine& engine) -> Result<Nothing> {
                 const image::PlatformChange change = TRY(platform_change(platform));
                 TRY(image::annotate_manifest(engine.paths(), TRY(image::parse_list_name(name)), manifest, change));
                 return Nothing{};
             });
}

void ManagerObject::RemoveManifestList(sdbus::Result<>&& result, std::string name) {
    answer<>(host_, getObject(), std::move(result), on_list("remove", name), 0,
             [name](container::Engine& engine) -> Result<Nothing> {
                 TRY(image::remove_manifest_list(engine.paths(), TRY(image::parse_list_name(name))));
                 return Nothing{};
             });
}

void ManagerObject::PushManifestList(sdbus::Result<sdbus::ObjectPath>&& result, std::string name, bool purge) {
    const auto look = [name, purge]() -> Result<JobWork> {
        const ImageRef ref = TRY(image::parse_list_name(name));
        return JobWork{
            "push manifest list " + ref.normalized().str(), 0,
            [ref, purge](container::Engine& engine, const std::atomic<bool>& cancel,
                         const Teller& tell) -> Result<std::string> {
                const auto list = TRY(image::read_manifest_list(engine.paths(), ref));
                const auto pushed = TRY(image::push_manifest_list(engine.paths(), engine.config(), list, {false, &cancel}));
                for (const std::string& manifest : pushed.manifests) tell.progress({"", "Pushed " + manifest, 0, 0});
                tell.progress({"", fmt::format("{}: digest: {}", ref.normalized().tag, pushed.digest.str()), 0, 0});
                if (purge) TRY(image::remove_manifest_list(engine.paths(), ref));
                return "/";
            }};
    };
    answer_job(host_, getObject(), std::move(result), on_list("push", name), look);
}

}  // namespace gantry::bus
