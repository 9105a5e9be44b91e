// Everything there is to be pulled: what was pushed, and the engine's own images.
#pragma once

#include "config/engine.hpp"
#include "image/index.hpp"
#include "image/repositories.hpp"

#include <set>

namespace gantry::registry {

// The engine's images as repositories, read from the store's index. An image is served under its full name
// ("docker.io/library/nginx"), and under its path alone where its host is this registry: localhost, 127.0.0.1, [::1], the
// machine's name or one of `names`, with any port. Safe for several threads.
class EngineImages {
public:
    explicit EngineImages(const image::Repositories& repositories);

    struct View {
        struct Content {
            std::map<std::string, Digest> tags;
            std::map<Digest, image::RepositoryManifest> manifests;  // those of indexes too
        };
        std::map<std::string, Content> repositories;
    };
    [[nodiscard]] std::shared_ptr<const View> view(const config::RegistryServer& server) const;

private:
    void add(View& view, const image::IndexRecord& record, const std::set<std::string>& own) const;

    const image::Repositories& repositories_;
    std::string host_;
    mutable std::mutex mutex_;
    mutable std::shared_ptr<const View> view_;
    mutable std::string state_;
};

class Library {
public:
    explicit Library(image::Store& store) : repositories_(store), engine_images_(repositories_) {}

    struct Found {
        image::RepositoryManifest manifest;
        bool pushed = false;  // else an image of the engine
    };
    // What a tag or a digest names in what was pushed, and in the engine's images; the former goes first.
    std::optional<Found> find(const config::RegistryServer& server, const image::RepositoryName& name,
                              const std::string& reference) const;
    // May the blob be read through this repository? (It may be missing from the store even so.)
    bool has_blob(const config::RegistryServer& server, const image::RepositoryName& name, const Digest& digest) const;
    // Sorted; nothing for a repository that does not exist.
    std::optional<std::vector<std::string>> tags(const config::RegistryServer& server, const image::RepositoryName& name) const;
    Result<std::vector<std::string>> names(const config::RegistryServer& server) const;  // of all, sorted

    [[nodiscard]] const image::Repositories& pushed() const { return repositories_; }
    [[nodiscard]] image::Store& store() const { return repositories_.store(); }

private:
    image::Repositories repositories_;
    EngineImages engine_images_;
};

}  // namespace gantry::registry
