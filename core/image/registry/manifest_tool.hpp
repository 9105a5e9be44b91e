// What `gantry manifest` needs of registries: manifests without their layers, and indexes on their way out.
#pragma once

#include "image/manifest_list.hpp"

#include <atomic>

namespace gantry::image {

struct RemoteOptions {
    bool insecure = false;  // plain HTTP or TLS unchecked, whatever the configuration says of this registry
    const std::atomic<bool>* cancel = nullptr;
};

// Of a registry (no mirror), verified; short names are Docker Hub's.
Result<RemoteManifest> fetch_manifest(const config::Paths& paths, const config::Engine& engine, const ImageRef& ref,
                                      const RemoteOptions& options);

struct PushedList {
    Digest digest;                       // of the index
    std::vector<std::string> manifests;  // "repository@digest" of what had to be brought into the repository first
};
// The index under its name. Manifests of other repositories of the registry are brought along, by mounts where the registry
// does them. Errc::invalid for an entry of another registry.
Result<PushedList> push_manifest_list(const config::Paths& paths, const config::Engine& engine, const ManifestList& list,
                                      const RemoteOptions& options);

}  // namespace gantry::image
