// Steps that the kinds of archives share.
#pragma once

#include "image/archive_tree.hpp"
#include "image/transfer.hpp"

namespace gantry::image {

struct Loading {
    Store& store;
    const ArchiveTree& tree;
    const ProgressFn& progress;
    std::string folder;               // the name of the folder that is loaded, empty for an archive
    std::vector<std::string> loaded;  // what load() returns
    const std::atomic<bool>* cancel = nullptr;
};

Result<> load_oci(Loading& loading);
Result<> load_docker(Loading& loading);

// Brings in every layer that is not there. members: their names in the archive, lowest first.
Result<> load_layers(Loading& loading, const Manifest& manifest, const ImageConfig& config,
                     const std::vector<std::string>& members);
// The manifest's blobs are there: it becomes an image with these names, or without one.
Result<> load_names(Loading& loading, const Digest& manifest, const std::vector<ImageRef>& names);

// What an archive calls an image. A name that is no more than a word ("web", as `skopeo copy ... oci:DIR:web` leaves it) has no
// registry: it is taken to be this host's, "localhost/web:latest", as podman does. A word that is but a tag ("latest", "1.36",
// as umoci and the image-spec's own examples have it) goes with the folder's name. Nothing for what is no reference, or a tag
// alone.
std::optional<ImageRef> archive_name(const std::string& text, const std::string& folder);

}  // namespace gantry::image
