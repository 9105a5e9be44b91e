// What a repository has, for pull --all-tags.
#include "image/registry/auth_file.hpp"
#include "image/registry/manifest_source.hpp"
#include "image/registry/pull.hpp"
#include "image/registry/short_names.hpp"

namespace gantry::image::registry {

namespace {

Result<std::vector<std::string>> tags_of(const config::Paths& paths, const config::Engine& engine, const ImageRef& full,
                                         const Settings& settings) {
    HttpClient client(settings);
    const CredentialsFn credentials = [&] { return find_credentials(paths, full.domain, full.path); };
    const TlsFn tls = [&](const std::string& host) {
        const auto other = endpoint_of(paths, engine, host);
        return other.ok() ? other->tls : Tls{};
    };
    Connection connection(client, TRY(endpoint_of(paths, engine, full.domain)), credentials, tls);
    return Repository(connection, full.path).tags();
}

}  // namespace

Result<std::vector<std::string>> list_tags_with(const config::Paths& paths, const config::Engine& engine, const ImageRef& ref,
                                                const std::atomic<bool>* cancel, Settings settings) {
    settings.cancelled = [cancel] { return cancel && *cancel; };
    std::optional<Error> first;
    for (const ImageRef& full : TRY(candidates(engine, ref))) {
        auto tags = tags_of(paths, engine, full, settings);
        if (tags.ok() || (tags.error().code() != Errc::not_found && tags.error().code() != Errc::denied)) return tags;
        if (!first) first = std::move(tags).error();
    }
    return std::move(*first);
}

}  // namespace gantry::image::registry

namespace gantry::image {

Result<std::vector<std::string>> list_tags(const config::Paths& paths, const config::Engine& engine, const ImageRef& ref,
                                           const std::atomic<bool>* cancel) {
    registry::Settings settings;
    settings.stall_window = std::chrono::seconds(engine.pull_stall_seconds);
    return registry::list_tags_with(paths, engine, ref, cancel, settings);
}

}  // namespace gantry::image
