// Indexes in the making: `gantry manifest`. One is a JSON file, <data>/manifests/NAME.json (the name percent-encoded): its name
// and the entries with the references that they came from. They are no images; a registry gets them as an index.
#pragma once

#include "image/store.hpp"

#include <functional>

namespace gantry::image {

struct ListPlatform {
    std::string os, architecture, variant, os_version;
    std::vector<std::string> os_features;
};

struct ListEntry {
    std::string reference;  // complete, with tag or digest: whence it came
    Descriptor descriptor;  // of the manifest
    ListPlatform platform;
};

struct ManifestList {
    std::string name;  // complete: "registry.example/app:1"
    std::vector<ListEntry> entries;
};

// Errc::not_found where there is none.
Result<ManifestList> read_manifest_list(const config::Paths& paths, const ImageRef& name);
// Writes what change() makes of the list that is there, or of an empty one; one writer of a name at a time.
Result<> change_manifest_list(const config::Paths& paths, const ImageRef& name,
                              const std::function<Result<>(ManifestList&)>& change);
// Errc::not_found where there is none.
Result<> remove_manifest_list(const config::Paths& paths, const ImageRef& name);

struct IndexDocument {
    std::string text, media_type;
};
// What a registry gets: Docker's list where all entries are of Docker's kind, else an OCI index. The same text for the same
// entries.
IndexDocument index_of(const ManifestList& list);

}  // namespace gantry::image
