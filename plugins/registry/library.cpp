#include "library.hpp"

#include "base/reference.hpp"

#include <sys/stat.h>
#include <unistd.h>

namespace gantry::registry {

namespace {

std::string without_port(const std::string& domain) {
    const std::size_t colon = domain.rfind(':');
    return colon == domain.npos || domain.ends_with(']') ? domain : domain.substr(0, colon);
}

std::string index_state(const std::string& folder) {
    struct stat info {};
    if (stat((folder + "/index.json").c_str(), &info) != 0) return {};
    return fmt::format("{}.{} {}", info.st_mtim.tv_sec, info.st_mtim.tv_nsec, info.st_ino);
}

}  // namespace

EngineImages::EngineImages(const image::Repositories& repositories) : repositories_(repositories) {
    char name[256] = {};
    if (gethostname(name, sizeof name - 1) == 0) host_ = name;
}

void EngineImages::add(View& view, const image::IndexRecord& record, const std::set<std::string>& own) const {
    std::vector<image::RepositoryManifest> manifests{{record.digest, record.media_type, record.size, {}, {}}};
    if (const auto facts = repositories_.facts(record.digest, record.media_type); facts.ok())
        for (const image::Descriptor& nested : (*facts)->manifests)
            manifests.push_back({nested.digest, nested.media_type, nested.size, {}, {}});
    for (const std::string& name : record.names) {
        const auto ref = ImageRef::parse(name);
        if (!ref.ok() || ref->tag.empty()) continue;
        const bool ours = own.contains(ref->domain) || own.contains(without_port(ref->domain));
        const auto repository = image::RepositoryName::parse(ours ? ref->path : ref->repository());
        if (!repository.ok()) continue;  // a host with a port is no part of one
        View::Content& content = view.repositories[repository->str()];
        content.tags.emplace(ref->tag, record.digest);
        for (const image::RepositoryManifest& manifest : manifests) content.manifests.emplace(manifest.digest, manifest);
    }
}

std::shared_ptr<const EngineImages::View> EngineImages::view(const config::RegistryServer& server) const {
    const std::string folder = repositories_.store().paths().images();
    std::string state = index_state(folder) + (server.engine_images ? "" : "off");
    for (const std::string& name : server.names) state += " " + name;
    const std::lock_guard lock(mutex_);
    if (view_ && state == state_) return view_;
    auto view = std::make_shared<View>();
    std::set<std::string> own{"localhost", "127.0.0.1", "[::1]", host_};
    own.insert(server.names.begin(), server.names.end());
    if (server.engine_images)
        if (const auto index = image::read_index(folder); index.ok())
            for (const image::IndexRecord& record : index->records) add(*view, record, own);
    view_ = std::move(view);
    state_ = std::move(state);
    return view_;
}

std::optional<Library::Found> Library::find(const config::RegistryServer& server, const image::RepositoryName& name,
                                            const std::string& reference) const {
    const auto digest = Digest::parse(reference);
    if (const auto pushed = repositories_.read(name); pushed.ok())
        if (const auto* found = digest.ok() ? (*pushed)->find(*digest) : (*pushed)->find_tag(reference))
            return Found{*found, true};
    const auto view = engine_images_.view(server);
    const auto content = view->repositories.find(name.str());
    if (content == view->repositories.end()) return std::nullopt;
    const auto& tags = content->second.tags;
    const auto tag = tags.find(reference);
    if (!digest.ok() && tag == tags.end()) return std::nullopt;
    const auto found = content->second.manifests.find(digest.ok() ? *digest : tag->second);
    if (found == content->second.manifests.end()) return std::nullopt;
    return Found{found->second, false};
}

bool Library::has_blob(const config::RegistryServer& server, const image::RepositoryName& name, const Digest& digest) const {
    if (const auto pushed = repositories_.read(name); pushed.ok())
        if ((*pushed)->pending.contains(digest) || repositories_.named_blob(**pushed, digest)) return true;
    const auto view = engine_images_.view(server);
    const auto content = view->repositories.find(name.str());
    if (content == view->repositories.end()) return false;
    return std::ranges::any_of(content->second.manifests, [&](const auto& entry) {
        const auto facts = repositories_.facts(entry.first, entry.second.media_type);
        return facts.ok() && std::ranges::find((*facts)->blobs, digest, &image::Descriptor::digest) != (*facts)->blobs.end();
    });
}

std::optional<std::vector<std::string>> Library::tags(const config::RegistryServer& server,
                                                      const image::RepositoryName& name) const {
    std::set<std::string> all;
    const auto pushed = repositories_.read(name);
    if (pushed.ok())
        for (std::string& tag : (*pushed)->tags()) all.insert(std::move(tag));
    const auto view = engine_images_.view(server);
    const auto content = view->repositories.find(name.str());
    if (content != view->repositories.end())
        for (const auto& [tag, digest] : content->second.tags) all.insert(tag);
    if (!pushed.ok() && content == view->repositories.end()) return std::nullopt;
    return std::vector<std::string>(all.begin(), all.end());
}

Result<std::vector<std::string>> Library::names(const config::RegistryServer& server) const {
    std::set<std::string> all;
    for (const image::RepositoryName& name : TRY(repositories_.list())) all.insert(name.str());
    for (const auto& [name, content] : engine_images_.view(server)->repositories) all.insert(name);
    return std::vector<std::string>(all.begin(), all.end());
}

}  // namespace gantry::registry
