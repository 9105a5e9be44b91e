#include "image/repository.hpp"

#include "base/reference.hpp"
#include "image/json.hpp"

#include <algorithm>

namespace gantry::image {

namespace {

constexpr std::size_t name_limit = 220;  // bytes
constexpr const char* what = "repository";

bool alphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

Result<RepositoryManifest> parse_entry(const Json& entry) {
    if (!entry.is_object()) return error(Errc::invalid, "repository: an entry is not an object");
    RepositoryManifest manifest{TRY(detail::digest_member(entry, "digest", what)), {}, 0, {}, {}};
    manifest.media_type = TRY(detail::string_member(entry, "mediaType", what));
    manifest.size = static_cast<std::uint64_t>(std::max<std::int64_t>(0, TRY(detail::integer_member(entry, "size", what))));
    manifest.tags = TRY(detail::strings_member(entry, "tags", what));
    if (entry.contains("subject")) manifest.subject = TRY(detail::digest_member(entry, "subject", what));
    return manifest;
}

Json entry_json(const RepositoryManifest& manifest) {
    Json entry{{"digest", manifest.digest.str()}, {"mediaType", manifest.media_type}, {"size", manifest.size}};
    if (!manifest.tags.empty()) entry["tags"] = manifest.tags;
    if (manifest.subject) entry["subject"] = manifest.subject->str();
    return entry;
}

}  // namespace

Result<RepositoryName> RepositoryName::parse(std::string_view text) {
    if (text.size() > name_limit) return error(Errc::invalid, "a repository's name has more than {} bytes", name_limit);
    // A host in front, so that nothing of the name is taken for one.
    const auto ref = ImageRef::parse(fmt::format("localhost/{}", text));
    if (!ref.ok() || ref->path != text || !ref->tag.empty() || ref->digest)
        return error(Errc::invalid, "'{}' is not a repository's name", text);
    return RepositoryName(std::string(text));
}

bool is_tag(std::string_view text) {
    if (text.empty() || text.size() > 128 || text[0] == '.' || text[0] == '-') return false;
    return std::ranges::all_of(text, [](char c) { return alphanumeric(c) || c == '_' || c == '.' || c == '-'; });
}

const RepositoryManifest* Repository::find(const Digest& digest) const {
    const auto found = std::ranges::find(manifests, digest, &RepositoryManifest::digest);
    return found == manifests.end() ? nullptr : &*found;
}

const RepositoryManifest* Repository::find_tag(std::string_view tag) const {
    for (const RepositoryManifest& manifest : manifests)
        if (std::ranges::find(manifest.tags, tag) != manifest.tags.end()) return &manifest;
    return nullptr;
}

std::vector<std::string> Repository::tags() const {
    std::vector<std::string> all;
    for (const RepositoryManifest& manifest : manifests) all.insert(all.end(), manifest.tags.begin(), manifest.tags.end());
    std::ranges::sort(all);
    return all;
}

void Repository::put(RepositoryManifest manifest) {
    if (const RepositoryManifest* known = find(manifest.digest)) {
        manifest.tags = known->tags;
        erase(manifest.digest);
    }
    manifests.push_back(std::move(manifest));
}

void Repository::tag(const std::string& tag, const Digest& digest) {
    untag(tag);
    const auto found = std::ranges::find(manifests, digest, &RepositoryManifest::digest);
    if (found != manifests.end()) found->tags.push_back(tag);
}

bool Repository::untag(std::string_view tag) {
    std::size_t gone = 0;
    for (RepositoryManifest& manifest : manifests)
        gone += std::erase_if(manifest.tags, [&](const std::string& other) { return other == tag; });
    return gone != 0;
}

bool Repository::erase(const Digest& digest) {
    return std::erase_if(manifests, [&](const RepositoryManifest& manifest) { return manifest.digest == digest; }) != 0;
}

std::string repository_text(const RepositoryName& name, const Repository& repository) {
    Json manifests = Json::array(), blobs = Json::array(), entries = Json::array();
    Json pending = Json::object();
    for (const RepositoryManifest& manifest : repository.manifests) {
        manifests.push_back(manifest.digest.str());
        entries.push_back(entry_json(manifest));
    }
    for (const auto& [digest, since] : repository.pending) {
        blobs.push_back(digest.str());
        pending[digest.str()] = since;
    }
    const Json root{{"name", name.str()},
                    {"manifests", std::move(manifests)},
                    {"blobs", std::move(blobs)},
                    {"entries", std::move(entries)},
                    {"pending", std::move(pending)}};
    return dump_json(root) + "\n";
}

Result<Repository> parse_repository(std::string_view json) {
    const Json root = TRY(detail::parse_object(json, what));
    Repository repository;
    if (const Json* entries = TRY(detail::array_member(root, "entries", what)))
        for (const Json& entry : *entries) repository.manifests.push_back(TRY(parse_entry(entry)));
    if (const Json* pending = TRY(detail::object_member(root, "pending", what)))
        for (const auto& [key, since] : pending->items())
            repository.pending.emplace(TRY(Digest::parse(key)), since.is_number_integer() ? since.get<std::int64_t>() : 0);
    return repository;
}

}  // namespace gantry::image
