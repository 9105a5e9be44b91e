// A layer's blob whose digest nobody knows yet: plain bytes come in, are hashed (diff ID), compressed, hashed again and
// written.
#pragma once

#include "image/compress.hpp"
#include "image/hasher.hpp"
#include "image/partial_blob.hpp"
#include "image/store.hpp"

namespace gantry::image {

class BlobMaker {
public:
    // Without finish() nothing is left of what was written.
    static Result<std::unique_ptr<BlobMaker>> begin(Store& store, Compression compression);

    Result<> write(std::string_view plain);

    struct Made {
        Descriptor blob;
        Digest diff_id;
        bool is_new = false;  // the store did not have it before
    };
    // keep: durable and in its place; the caller has Store::hold(), else it may be swept at once. Else only what it would be.
    Result<Made> finish(bool keep = true);

private:
    BlobMaker(Store& store, Compression compression, PartialBlob blob)
        : store_(store), compression_(compression), blob_(std::move(blob)) {}

    Store& store_;
    Compression compression_;
    PartialBlob blob_;
    Hasher plain_;
    std::unique_ptr<Compressor> compressor_;  // last: its threads end before what they write to
};

// A blob that was made, but of no use: away with it, unless it was there before.
void forget_blob(Store& store, const BlobMaker::Made& made);

}  // namespace gantry::image
