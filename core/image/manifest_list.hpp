// Indexes in the making: `gantry manifest` and io.gantry1. One is a JSON file, <data>/manifests/NAME.json (the name
// percent-encoded): its name and the entries with the references that they came from. They are no images; a registry gets them
// as an index.
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

// Complete names, sorted.
Result<std::vector<std::string>> list_manifest_lists(const config::Paths& paths);

// Lists are found by what they are called: no digest.
Result<ImageRef> parse_list_name(const std::string& text);
// An entry by its reference or digest.
Result<ListEntry*> find_entry(ManifestList& list, const std::string& text);

// A manifest as a registry has it.
struct RemoteManifest {
    std::string text, media_type;
    Digest digest;
    std::optional<ListPlatform> platform;  // of an image, from its configuration; none for an index
};
using FetchManifestFn = std::function<Result<RemoteManifest>(const ImageRef&)>;
// A list of these images, which are in the registry of its name. Errc::exists for one that is there, unless it is to be
// amended.
Result<> create_manifest_list(const config::Paths& paths, const ImageRef& name, const std::vector<std::string>& manifests,
                              bool amend, const FetchManifestFn& fetch);

struct PlatformChange {
    std::optional<std::string> os, architecture, variant, os_version;
    std::vector<std::string> os_features;  // are added; each may be several, by commas
};
// What platform an entry of a list is for.
Result<> annotate_manifest(const config::Paths& paths, const ImageRef& name, const std::string& manifest,
                           const PlatformChange& change);

struct IndexDocument {
    std::string text, media_type;
};
// What a registry gets: Docker's list where all entries are of Docker's kind, else an OCI index. The same text for the same
// entries.
IndexDocument index_of(const ManifestList& list);

}  // namespace gantry::image
