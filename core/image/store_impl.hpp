// What the files of the store share. Locks, in the order they are taken:
//     <images>/.transfer  shared by transfers (Store::hold); whoever removes unnamed blobs or layers takes it exclusively,
//     without waiting <images>/.lock      exclusive for the moment in which index.json changes
#pragma once

#include "image/index.hpp"
#include "image/media_types.hpp"
#include "image/store.hpp"

namespace gantry::image {

struct Store::Impl {
    config::Paths paths;
    driver::StorageDriver* storage;
    std::string folder;  // paths.images()

    [[nodiscard]] std::string partial_folder() const { return folder + "/partial"; }
    [[nodiscard]] std::string partial_path(const Digest& digest) const {
        return partial_folder() + "/" + std::string(digest.hex());
    }
    [[nodiscard]] std::string blob_folder(std::string_view algorithm) const {
        return fmt::format("{}/blobs/{}", folder, algorithm);
    }
    // The renames that brought the blobs here must be on disk before what names them.
    [[nodiscard]] Result<> sync_blobs() const;
    [[nodiscard]] Result<os::Fd> lock_index() const;
    // The transfer lock for a removal; nothing while a transfer runs.
    [[nodiscard]] Result<std::optional<os::Fd>> lock_removal() const;
};

// The image that a record is; nothing for one that cannot be (a blob missing or not an image, an index of other platforms
// only).
std::optional<Image> image_of(const Store& store, const IndexRecord& record);
// Records with the same configuration are one image.
std::vector<Image> images_of(const Store& store, const Index& index);
// Of an index (OCI, Docker list): the manifest for this host; nothing if it has none.
std::optional<Digest> choose_platform(std::string_view index_json, const Platform& platform);

// How find() resolves a text: the image, and what the text was.
struct Match {
    Image image;
    std::string name;    // a name of the image
    std::string digest;  // or one of its "repository@digest"; both empty for an id
};
Result<Match> match_image(std::vector<Image> images, std::string_view text);

// Bytes into partial/, durable, then by rename to where the digest says.
Result<> commit_blob(Store::Impl& impl, const std::string& from, const Digest& digest);

}  // namespace gantry::image
