#include "base/json.hpp"
#include "api.hpp"

#include "image/media_types.hpp"
#include "image/roots.hpp"
#include "log.hpp"
#include "paging.hpp"
#include "rights.hpp"

namespace gantry::registry {

namespace {

constexpr std::size_t referrers_page = 1000;

std::string dump_line(const Json& value) { return dump_json(value) + "\n"; }

Answer listing(const Request& request, const std::vector<std::string>& sorted, const char* member, Json root,
               const std::string& path) {
    const std::string n = request.route.parameter("n");
    auto page = page_of(sorted, n, request.route.parameter("last"));
    if (!page.ok()) return refuse(page_invalid, page.error().message());
    root[member] = page->entries;
    Answer answer = json(dump_line(root));
    if (page->more)
        answer.headers.emplace_back(
            "Link", next_link(path, fmt::format("n={}&last={}", page->entries.size(), encoded(page->entries.back()))));
    return answer;
}

}  // namespace

Api::Api(image::Store& store, Tokens tokens)
    : library_(store), uploads_(store), quota_(library_, uploads_), gate_(std::move(tokens)), upstream_(library_) {}

bool Api::asks_upstream(const Request& request) {
    const Endpoint endpoint = request.route.endpoint;
    return request.is_read() && (endpoint == Endpoint::manifest || endpoint == Endpoint::tags) &&
           Upstream::source(request.server(), request.repository());
}

bool Api::tidy() {
    uploads_.expire();
    return uploads_.empty() && !upstream_.busy();
}

Answer Api::handle(const Request& request) {
    switch (request.route.endpoint) {
    case Endpoint::root:
    case Endpoint::token:  // answered by the gate
        if (!request.is_read()) return refuse(unsupported, "only GET and HEAD");
        return json("{}\n");
    case Endpoint::catalog: return catalog(request);
    case Endpoint::manifest: return manifest(request);
    case Endpoint::blob: return blob(request);
    case Endpoint::uploads: return start_upload(request);
    case Endpoint::upload: return upload(request);
    case Endpoint::tags: return tags(request);
    case Endpoint::referrers: return referrers(request);
    }
    return refuse({"UNKNOWN", 500}, "no such end point");
}

void Api::drop(const std::vector<Digest>& unneeded) {
    quota_.changed();
    if (unneeded.empty()) return;
    if (const auto dropped = image::drop_blobs(library_.store(), unneeded); !dropped.ok())
        warn("{}", dropped.error().message());
}

Answer Api::catalog(const Request& request) const {
    if (!request.is_read()) return refuse(unsupported, "only GET and HEAD");
    auto names = library_.names(request.server());
    if (!names.ok()) return failure(names.error());
    std::erase_if(*names, [&](const std::string& name) { return !may(request.server(), request.user, name, Right::read); });
    return listing(request, *names, "repositories", Json::object(), "/v2/_catalog");
}

Answer Api::tags(const Request& request) {
    if (!request.is_read()) return refuse(unsupported, "only GET and HEAD");
    const std::string& name = request.repository().str();
    auto sorted = library_.tags(request.server(), request.repository());
    if (asks_upstream(request))
        if (auto theirs = upstream_.tags(request.settings, request.repository()); theirs.ok()) {
            std::ranges::sort(*theirs);
            sorted = std::move(theirs).value();
        }
    if (!sorted) return refuse(name_unknown, fmt::format("no repository '{}'", name));
    return listing(request, *sorted, "tags", {{"name", name}}, fmt::format("/v2/{}/tags/list", name));
}

Answer Api::referrers(const Request& request) const {
    if (!request.is_read()) return refuse(unsupported, "only GET and HEAD");
    const auto subject = Digest::parse(request.route.reference);
    if (!subject.ok()) return refuse(digest_invalid, subject.error().message());
    const std::string wanted = request.route.parameter("artifactType"), last = request.route.parameter("last");
    Json list = Json::array();
    std::string more;
    const auto repository = library_.pushed().read(request.repository());
    bool skipping = !last.empty();
    for (const image::RepositoryManifest& manifest :
         repository.ok() ? (*repository)->manifests : std::vector<image::RepositoryManifest>()) {
        if (skipping) {
            skipping = manifest.digest.str() != last;
            continue;
        }
        if (manifest.subject != *subject) continue;
        const auto facts = library_.pushed().facts(manifest.digest, manifest.media_type);
        if (!facts.ok() || (!wanted.empty() && (*facts)->artifact_type != wanted)) continue;
        if (list.size() == referrers_page) {
            more = list.back()["digest"].get<std::string>();
            break;
        }
        Json entry{{"mediaType", manifest.media_type}, {"digest", manifest.digest.str()}, {"size", manifest.size}};
        if (!(*facts)->artifact_type.empty()) entry["artifactType"] = (*facts)->artifact_type;
        if (!(*facts)->annotations.empty()) entry["annotations"] = (*facts)->annotations;
        list.push_back(std::move(entry));
    }
    Answer answer =
        json(dump_line({{"schemaVersion", 2}, {"mediaType", image::oci_index_type}, {"manifests", std::move(list)}}));
    answer.headers = {{"Content-Type", image::oci_index_type}};
    if (!wanted.empty()) answer.headers.emplace_back("OCI-Filters-Applied", "artifactType");
    if (!more.empty()) {
        std::string query = "last=" + encoded(more);
        if (!wanted.empty()) query += "&artifactType=" + encoded(wanted);
        answer.headers.emplace_back(
            "Link", next_link(fmt::format("/v2/{}/referrers/{}", request.repository().str(), subject->str()), query));
    }
    return answer;
}

}  // namespace gantry::registry
