// Steps that the kinds of archives share.
#pragma once

#include "image/archive_tree.hpp"
#include "image/transfer.hpp"

namespace gantry::image {

struct Loading {
    Store& store;
    const ArchiveTree& tree;
    const ProgressFn& progress;
    std::vector<std::string> loaded;  // what load() returns
};

Result<> load_oci(Loading& loading);
Result<> load_docker(Loading& loading);

// Brings in every layer that is not there. members: their names in the archive, lowest first.
Result<> load_layers(Loading& loading, const Manifest& manifest, const ImageConfig& config,
                     const std::vector<std::string>& members);
// The manifest's blobs are there: it becomes an image with these names, or without one.
Result<> load_names(Loading& loading, const Digest& manifest, const std::vector<ImageRef>& names);

// What an archive calls an image. A name that is no more than a word ("web", as `skopeo copy ... oci:DIR:web` leaves it) has no
// registry: it is taken to be this host's, "localhost/web:latest", as podman does. Nothing for what is no reference.
std::optional<ImageRef> archive_name(const std::string& text);

}  // namespace gantry::image
