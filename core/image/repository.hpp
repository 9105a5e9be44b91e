// A repository of the engine's registry: what was pushed under one name.
#pragma once

#include "base/digest.hpp"
#include "base/result.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace gantry::image {

// "team/app": the grammar of distribution-spec ("Pulling manifests", <name>), at most 220 bytes, so that its file's name and a
// temporary neighbour's fit into NAME_MAX.
class RepositoryName {
public:
    static Result<RepositoryName> parse(std::string_view text);
    [[nodiscard]] const std::string& str() const { return text_; }
    auto operator<=>(const RepositoryName&) const = default;

private:
    explicit RepositoryName(std::string text) : text_(std::move(text)) {}
    std::string text_;
};

// [a-zA-Z0-9_][a-zA-Z0-9._-]{0,127} (distribution-spec, <reference> as a tag).
bool is_tag(std::string_view text);

struct RepositoryManifest {
    Digest digest;
    std::string media_type;
    std::uint64_t size = 0;
    std::vector<std::string> tags;
    std::optional<Digest> subject;
};

struct Repository {
    std::vector<RepositoryManifest> manifests;  // in the order in which they came
    std::map<Digest, std::int64_t> pending;  // blobs that no manifest of the repository names yet; when they came, unix seconds

    [[nodiscard]] const RepositoryManifest* find(const Digest& digest) const;
    [[nodiscard]] const RepositoryManifest* find_tag(std::string_view tag) const;
    [[nodiscard]] std::vector<std::string> tags() const;  // sorted
    [[nodiscard]] bool empty() const { return manifests.empty() && pending.empty(); }

    void put(RepositoryManifest manifest);                   // keeps the tags of one that is there
    void tag(const std::string& tag, const Digest& digest);  // a manifest that is there; others lose the tag
    bool untag(std::string_view tag);                        // false: no such tag
    bool erase(const Digest& digest);
};

// As a root of the store (roots.hpp): "manifests" and "blobs" for it, "entries" and "pending" for us.
std::string repository_text(const RepositoryName& name, const Repository& repository);
Result<Repository> parse_repository(std::string_view json);

}  // namespace gantry::image
