// The zstd:chunked layers of the images that are here, by what is in them.
#pragma once

#include "image/registry/chunked_table.hpp"
#include "image/store.hpp"

#include <deque>
#include <unordered_map>

namespace gantry::image::registry {

struct LocalLayer {
    os::Fd blob;
    os::Fd files;  // the unpacked layer's folder; none where the storage driver does not show it
    ChunkedTable table;
    std::unordered_map<std::string_view, const BlobPart*> parts;                 // of the table, by key
    std::unordered_map<std::string_view, const ListedFile*> by_path, by_digest;  // the table's files

    // The unpacked file, where it is a regular one of the size that the table says.
    [[nodiscard]] std::optional<os::Fd> open_file(const ListedFile& file) const;
};

using LocalLayers = std::deque<LocalLayer>;

// Those whose image's manifest says where the table is, and whose table is good; the images of this repository
// ("docker.io/library/nginx") come first. What is above 32 layers or 64 MiB of tables is passed over. The caller has
// Store::hold().
LocalLayers find_local_layers(const Store& store, const std::string& repository);

}  // namespace gantry::image::registry
