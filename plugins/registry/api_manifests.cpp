// /v2/NAME/manifests/REFERENCE
#include "api.hpp"
#include "image/ingest.hpp"
#include "image/registry/choose.hpp"
#include "image/hasher.hpp"
#include "log.hpp"

#include <sys/stat.h>

namespace gantry::registry {

namespace {

std::string location(const Request& request, const Digest& digest) {
    return fmt::format("/v2/{}/manifests/{}", request.repository().str(), digest.str());
}

Answer unknown(const Request& request) {
    return refuse(manifest_unknown,
                  fmt::format("no manifest '{}' in '{}'", request.route.reference, request.repository().str()));
}

// What the document must hash to, and the tag it gets.
struct Target {
    Digest digest;
    std::optional<std::string> tag;
};
Result<Target> target_of(const Request& request) {
    const std::string& reference = request.route.reference;
    if (const auto digest = Digest::parse(reference); digest.ok()) {
        const Digest got = image::digest_of(request.body, digest->algorithm());
        if (got != *digest)
            return error(Errc::corrupt, "the manifest has digest '{}' instead of '{}'", got.str(), digest->str());
        return Target{*digest, std::nullopt};
    }
    if (!image::is_tag(reference)) return error(Errc::invalid, "'{}' is neither a tag nor a digest", reference);
    return Target{image::digest_of(request.body), reference};
}

}  // namespace

Answer Api::manifest(const Request& request) {
    if (request.is_read()) return get_manifest(request);
    if (request.method == "PUT") return put_manifest(request);
    if (request.method == "DELETE") return delete_manifest(request);
    return refuse(unsupported, "only GET, HEAD, PUT and DELETE");
}

Answer Api::get_manifest(const Request& request) {
    if (asks_upstream(request)) {
        const auto room = quota_.room(request.server(), request.repository());
        if (!room.ok()) return failure(room.error());
        const auto fresh =
            *room == 0 ? Result<>() : upstream_.refresh(request.settings, request.repository(), request.route.reference);
        if (!fresh.ok()) return fresh.error().code() == Errc::not_found ? unknown(request) : failure(fresh.error());
    }
    const auto found = library_.find(request.server(), request.repository(), request.route.reference);
    if (!found) return unknown(request);
    const image::RepositoryManifest& manifest = found->manifest;
    Answer answer;
    answer.headers = {{"Docker-Content-Digest", manifest.digest.str()}, {"ETag", '"' + manifest.digest.str() + '"'}};
    if (!found->pushed) answer.headers.emplace_back(image::registry::engine_image_header, "yes");
    if (request.if_none_match == '"' + manifest.digest.str() + '"') {
        answer.status = 304;
        return answer;
    }
    auto text = library_.store().blob_text(manifest.digest);
    if (!text.ok()) {
        if (text.error().code() == Errc::not_found) return unknown(request);
        return failure(text.error());
    }
    answer.headers.emplace_back("Content-Type", manifest.media_type);
    answer.body = std::move(text).value();
    return answer;
}

// All that the manifest names must be in this repository; only a subject may come later (distribution-spec "Pushing Manifests
// with Subject"), and layers that are not for distribution may be elsewhere.
Result<> Api::check_named(const Request& request, const image::Repository& repository,
                          const image::ManifestFacts& facts) const {
    for (const image::Descriptor& blob : facts.blobs) {
        if (image::registry::is_foreign(blob.media_type) && !blob.urls.empty()) continue;
        struct stat info {};
        const bool named =
            repository.pending.contains(blob.digest) || library_.has_blob(request.server(), request.repository(), blob.digest);
        if (!named || stat(library_.store().blob_path(blob.digest).c_str(), &info) != 0)
            return error(Errc::not_found, "blob '{}' was not pushed to '{}'", blob.digest.str(), request.repository().str());
        if (static_cast<std::uint64_t>(info.st_size) != blob.size)
            return error(Errc::invalid, "blob '{}' has {} bytes, the manifest says {}", blob.digest.str(), info.st_size,
                         blob.size);
    }
    for (const image::Descriptor& nested : facts.manifests) {
        const bool named =
            repository.find(nested.digest) || library_.find(request.server(), request.repository(), nested.digest.str());
        if (!named || !library_.store().has_blob(nested.digest))
            return error(Errc::not_found, "manifest '{}' was not pushed to '{}'", nested.digest.str(),
                         request.repository().str());
    }
    return {};
}

// What an index names and only the engine's images have: from now on the repository has it too, whatever becomes of them.
void Api::keep_named(const Request& request, image::Repository& repository, const image::ManifestFacts& facts) const {
    for (const image::Descriptor& nested : facts.manifests) {
        if (repository.find(nested.digest)) continue;
        const auto found = library_.find(request.server(), request.repository(), nested.digest.str());
        if (!found) continue;
        const auto& [digest, media_type, size, tags, subject] = found->manifest;
        const auto below = library_.pushed().facts(digest, media_type);
        repository.put({digest, media_type, size, {}, below.ok() ? (*below)->subject : std::nullopt});
        if (below.ok()) keep_named(request, repository, **below);
    }
}

Answer Api::put_manifest(const Request& request) {
    const auto target = target_of(request);
    if (!target.ok()) return failure(target.error());
    const auto facts = image::manifest_facts(request.body, request.content_type);
    if (!facts.ok()) return refuse(manifest_invalid, facts.error().message());
    const auto room = quota_.room(request.server(), request.repository());
    if (!room.ok()) return failure(room.error());
    if (*room < request.body.size())
        return refuse(denied, fmt::format("the quota of '{}' is used up", request.repository().str()));
    std::optional<Answer> refused;
    const auto done = library_.pushed().change(request.repository(), [&](image::Repository& repository) -> Result<> {
        if (auto named = check_named(request, repository, *facts); !named.ok()) {
            const bool missing = named.error().code() == Errc::not_found;
            refused = refuse(missing ? manifest_blob_unknown : manifest_invalid, named.error().message());
            return named;
        }
        TRY(image::put_blob(library_.store(), target->digest, request.body));
        repository.put({target->digest, facts->media_type, request.body.size(), {}, facts->subject});
        keep_named(request, repository, *facts);
        if (target->tag) repository.tag(*target->tag, target->digest);
        for (const image::Descriptor& blob : facts->blobs) repository.pending.erase(blob.digest);
        return {};
    });
    if (refused) return std::move(*refused);
    if (!done.ok()) return failure(done.error());
    quota_.changed();
    note("{} pushed {}:{} ({})", request.sender(), request.repository().str(), request.route.reference, target->digest.str());
    Answer answer;
    answer.status = 201;
    answer.headers = {{"Location", location(request, target->digest)}, {"Docker-Content-Digest", target->digest.str()}};
    if (facts->subject) answer.headers.emplace_back("OCI-Subject", facts->subject->str());
    return answer;
}

// A tag goes alone; a manifest by its digest goes with its tags.
Answer Api::delete_manifest(const Request& request) {
    const std::string& reference = request.route.reference;
    bool gone = false;
    std::vector<Digest> unneeded;
    const auto done = library_.pushed().change(request.repository(), [&](image::Repository& repository) -> Result<> {
        const auto digest = Digest::parse(reference);
        if (const auto* manifest = digest.ok() ? repository.find(*digest) : nullptr)
            unneeded = library_.pushed().reach(*manifest);
        gone = digest.ok() ? repository.erase(*digest) : repository.untag(reference);
        return {};
    });
    if (!done.ok()) return failure(done.error());
    if (!gone) {
        if (!library_.find(request.server(), request.repository(), reference)) return unknown(request);
        return refuse(denied, "it is an image of the engine, which `gantry rmi` removes");
    }
    drop(unneeded);
    note("{} deleted {}:{}", request.sender(), request.repository().str(), reference);
    Answer answer;
    answer.status = 202;
    return answer;
}

}  // namespace gantry::registry
