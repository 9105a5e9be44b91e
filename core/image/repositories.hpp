// The repositories of the engine's registry: what was pushed, kept as roots of the store (roots.hpp), one file a repository:
// <images>/roots/registry/NAME.json, with '+' for the '/' of its name. Manifests and blobs themselves are the store's; what is
// taken out of a repository goes with drop_blobs() or the store's next sweep, if nobody else needs it. Safe for several threads
// and processes.
#pragma once

#include "image/manifest_facts.hpp"
#include "image/repository.hpp"

#include <functional>
#include <memory>
#include <mutex>
#include <set>

namespace gantry::image {

// What contents() takes.
std::uint64_t sum_of(const std::map<Digest, std::uint64_t>& contents);

class Repositories {
public:
    // store outlives it.
    explicit Repositories(Store& store) : store_(store) {}

    Result<std::vector<RepositoryName>> list() const;  // sorted
    // Errc::not_found where nothing was pushed under that name.
    Result<std::shared_ptr<const Repository>> read(const RepositoryName& name) const;
    // Changes it, or makes it; one that is empty afterwards is gone. Nothing is swept meanwhile: what `change` finds in the
    // store and puts into the repository stays. Errc::no_space for a repository that outgrows its file (some 10,000 manifests).
    Result<> change(const RepositoryName& name, const std::function<Result<>(Repository&)>& change) const;

    // Takes out blobs that came more than a day ago and that no manifest names, and with untagged also manifests without a tag
    // that no index of the repository names and that refer to nothing that stays. Returns the digests.
    Result<std::vector<Digest>> collect(const RepositoryName& name, bool untagged) const;

    // Of all of them; lines "REPOSITORY@DIGEST".
    Result<std::vector<std::string>> collect_all(bool untagged) const;
    // A repository, a tag or a manifest, and what nobody needs then: "REPOSITORY", "REPOSITORY:TAG", "REPOSITORY@DIGEST".
    // Errc::not_found where there is none.
    Result<> remove(const std::string& text) const;

    // What a manifest of the store names; remembered.
    Result<std::shared_ptr<const ManifestFacts>> facts(const Digest& manifest, std::string_view media_type) const;
    // As a manifest of the repository names it.
    [[nodiscard]] std::optional<Descriptor> named_blob(const Repository& repository, const Digest& blob) const;
    // What a manifest of the store and all that it names take: what may go when the manifest does.
    [[nodiscard]] std::vector<Digest> reach(const RepositoryManifest& manifest) const;
    // Everything that the repository keeps, with sizes.
    [[nodiscard]] std::map<Digest, std::uint64_t> contents(const Repository& repository) const;

    [[nodiscard]] Store& store() const { return store_; }

private:
    struct Cached {
        std::int64_t changed_ns = 0;
        std::uint64_t inode = 0;
        std::shared_ptr<const Repository> repository;
    };
    std::string folder() const;
    std::string file(const RepositoryName& name) const;
    std::set<Digest> needed_manifests(const Repository& repository) const;
    Result<std::shared_ptr<const Repository>> load(const RepositoryName& name) const;

    Store& store_;
    mutable std::mutex mutex_;
    mutable std::map<std::string, Cached> cache_;
    mutable std::map<Digest, std::shared_ptr<const ManifestFacts>> facts_;
};

}  // namespace gantry::image
