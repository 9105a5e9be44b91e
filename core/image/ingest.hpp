// One layer on its way in: compressed bytes arrive in order, are written to the blob store, hashed, decompressed, hashed again
// and unpacked into the storage driver, all in one pass. Used by pull, load and build.
#pragma once

#include "image/local_files.hpp"
#include "image/store.hpp"

#include <functional>

namespace gantry::image {

// Bounds on what a hostile layer may unpack to.
struct UnpackLimits {
    std::uint64_t bytes = 256ULL << 30;
    std::uint64_t entries = 4'000'000;
};

// Unpacks a tar stream below folder (an open directory). read fills the buffer and returns the count, 0 at the end.
// Whiteouts become what format says. Nothing outside folder is ever touched, whatever names and links the archive has.
// Returns the bytes of all regular files.
Result<std::uint64_t> unpack_tar(const std::function<Result<std::size_t>(char*, std::size_t)>& read, int folder,
                                 driver::LayerFormat format, const UnpackLimits& limits = {});

class LayerIngest {
public:
    // Errc::exists if blob and layer are both there. Only one of them missing is made good: a whole blob that was kept is
    // replayed (offset() is its size then, finish() may follow at once); a layer that is there is only compared. Waits while
    // somebody else, in this process too, brings in the same blob or layer: never hold two of the same in one thread.
    // diff_id: what the uncompressed stream must hash to (from the image's configuration). blob: what the compressed one must.
    // parent: key of the layer below, "" for none. Where a partial blob from an earlier attempt exists, offset() tells how much
    // of it was kept and replayed; the source goes on from there.
    // local: files of other layers that need not be stored again (it outlives this); nullptr: none.
    static Result<std::unique_ptr<LayerIngest>> begin(Store& store, const Descriptor& blob, const Digest& diff_id,
                                                      const driver::LayerKey& key, const driver::LayerKey& parent,
                                                      const LocalFiles* local = nullptr);
    ~LayerIngest();  // without finish(): the staging is aborted, the partial blob kept for a later resume

    [[nodiscard]] std::uint64_t offset() const;
    // Feeds compressed bytes; blocks while the unpacker is behind. An error is final.
    Result<> write(std::string_view data);
    // After a source that turned out not to resume: forget everything, start at 0.
    Result<> restart();
    // The end: both digests and the size are checked, blob and layer committed. Errc::corrupt: what was kept of the blob is
    // thrown away; if offset() was not 0 the kept part may have been the bad one, and restart() is worth a try.
    Result<> finish();

    struct Impl;

private:
    explicit LayerIngest(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

// A small blob (configuration, manifest) into the store; the digest is checked.
Result<> put_blob(Store& store, const Digest& digest, std::string_view data);

}  // namespace gantry::image
