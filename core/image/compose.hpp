// New layers of the store: of what a container changed (`commit`, each step of `build`) and of an archive (`import`). In one
// pass over the data the tar is made, hashed (diff ID), compressed, hashed again (the blob's digest) and written.
//
// The caller has Store::hold() from before the first call until Store::add() has named the image: until then nothing but the
// hold keeps a new blob and layer from being swept.
#pragma once

#include "image/byte_source.hpp"
#include "image/decompress.hpp"
#include "image/store.hpp"

#include <atomic>
#include <functional>
#include <optional>

namespace gantry::image {

struct LayerOptions {
    Compression compression = Compression::gzip;  // of the blob: gzip, zstd or none
    // SOURCE_DATE_EPOCH, seconds since 1970: a later modification time becomes this one, in the blob and in the unpacked layer.
    std::optional<std::int64_t> clamp;
    // layer_of_changes only. true: the writable layer itself becomes the unpacked layer (by rename, where the driver can;
    // nothing is copied) and the container has none any more; nobody may have it mounted. false: the container keeps its own,
    // the layer is unpacked from its blob; the container may run.
    bool consume = false;
    // layer_of_changes only: an empty change makes nothing in the store; digests and sizes are told all the same.
    bool skip_empty = false;
    // layer_of_changes only: called once, when the container's files are read no more (a paused one may go on).
    std::function<void()> read_done;
    const std::atomic<bool>* cancel = nullptr;  // looked at often; Errc::cancelled
};

struct NewLayer {
    Descriptor blob;  // OCI media type by compression
    Digest diff_id;
    std::uint64_t size = 0;  // bytes of its files, as StorageDriver::layer_size()
    // layer_of_changes: there is nothing in it, no file, no deletion. The layer is valid all the same (an archive of no
    // entries); a caller that leaves it out of the image writes a history entry with empty_layer.
    bool empty = false;
};

// What the container's writable layer changed against the layers `below` (lowest first), as Docker has it: whole new and
// changed files, parents of changes with their metadata, ".wh." entries for what was deleted or replaced. Left out: sockets,
// what is the storage driver's own, mount points that the driver showed for a start (RootfsRequest::mount_points). Sorted by
// path, so that equal changes give equal bytes. A container without a writable layer has an empty change.
//
// Errors: Errc::invalid for what an image cannot hold (a name that starts with ".wh."), Errc::unsupported where the driver has
// no files to show, Errc::no_space. On an error nothing new is in the store, and the container still has its writable layer
// (with `consume` perhaps without sockets and fractions of seconds).
Result<NewLayer> layer_of_changes(Store& store, const std::string& container, const std::vector<driver::LayerKey>& below,
                                  const LayerOptions& options = {});

// A tar archive, plain or compressed with gzip or zstd, to its end. The blob holds the archive's very bytes, compressed anew;
// what is unpacked follows the rules of unpack_tar. clamp does not apply: the archive says the times. parent: the key of the
// layer below, "" for none. Errc::invalid for what is no archive.
Result<NewLayer> layer_of_tar(Store& store, ByteSource& source, const driver::LayerKey& parent,
                              const LayerOptions& options = {});

// Takes back a layer, and the two blobs that put_image() made or would have made of it, where the image came to nothing: what
// of them no image and no root names. The caller holds the store no more; while somebody else does, they stay for the next
// prune.
void take_back(Store& store, const NewLayer& layer, const ImageConfig& config, const std::vector<Descriptor>& layers);

}  // namespace gantry::image
