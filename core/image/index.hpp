// index.json of the store's OCI layout (image-spec image-layout.md). One entry for each name of a manifest, so that other tools
// find images by `oci:/var/lib/gantry/images:NAME`; an image without a name has one entry without one.
#pragma once

#include "base/digest.hpp"
#include "base/result.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace gantry::image {

// Annotations: the name as skopeo, podman and umoci look for it (image-spec annotations.md), and as containerd does.
inline constexpr const char* ref_name_annotation = "org.opencontainers.image.ref.name";
inline constexpr const char* containerd_name_annotation = "io.containerd.image.name";
// Ours: facts that would cost reading every blob for `gantry images`. All follow from the digest, so they cannot be stale.
inline constexpr const char* id_annotation = "io.gantry.image.id";
inline constexpr const char* created_annotation = "io.gantry.image.created";
inline constexpr const char* size_annotation = "io.gantry.image.size";
inline constexpr const char* digests_annotation = "io.gantry.image.digests";  // "repository@digest", separated by spaces

struct IndexRecord {  // a manifest and all its names
    std::string media_type;
    Digest digest;
    std::uint64_t size = 0;
    std::vector<std::string> names;
    std::vector<std::string> digests;
    std::map<std::string, std::string> annotations;  // the rest
    std::string rest;                                // further members of the entry (platform, ...), as JSON; kept as they are
};

struct Index {
    std::vector<IndexRecord> records;

    IndexRecord* find(const Digest& digest);
    IndexRecord* find_name(const std::string& name);
    // Takes the name from whoever has it. Records without any name stay: they are images without one.
    void drop_name(const std::string& name);
};

Result<Index> parse_index(std::string_view json);
std::string index_text(const Index& index);

// folder: of the layout. A missing file is an empty index; a damaged one is Errc::corrupt.
Result<Index> read_index(const std::string& folder);
Result<> write_index(const std::string& folder, const Index& index);

}  // namespace gantry::image
