#include "image/blob_maker.hpp"

#include "base/names.hpp"
#include "image/store_impl.hpp"
#include "os/file.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace gantry::image {

namespace {

// image-spec layer.md.
const char* layer_type(Compression compression) {
    switch (compression) {
    case Compression::gzip: return "application/vnd.oci.image.layer.v1.tar+gzip";
    case Compression::zstd: return "application/vnd.oci.image.layer.v1.tar+zstd";
    default: return "application/vnd.oci.image.layer.v1.tar";
    }
}

}  // namespace

Result<std::unique_ptr<BlobMaker>> BlobMaker::begin(Store& store, Compression compression) {
    std::unique_ptr<BlobMaker> maker(new BlobMaker(store, compression));
    TRY_CONTEXT(maker->open(), "make a layer");
    return maker;
}

Result<> BlobMaker::open() {
    path_ = fmt::format("{}/new-{}", store_.impl().partial_folder(), random_container_id().substr(0, 16));
    file_ = TRY(os::lock_file(path_));
    compressor_ = TRY(make_compressor(compression_, 0, [this](std::string_view packed) -> Result<> {
        packed_.update(packed);
        size_ += packed.size();
        return os::write_all(file_.get(), packed, "a layer's blob");
    }));
    return {};
}

BlobMaker::~BlobMaker() {
    compressor_.reset();
    if (file_ && !path_.empty()) unlink(path_.c_str());
}

Result<> BlobMaker::write(std::string_view plain) {
    plain_.update(plain);
    return compressor_->write(plain);
}

Result<BlobMaker::Made> BlobMaker::finish(bool keep) {
    TRY(compressor_->end());
    const Digest digest = packed_.finish();
    Made made{{layer_type(compression_), digest, size_, {}}, plain_.finish(), !store_.has_blob(digest)};
    if (!keep) return made;
    if (fdatasync(file_.get()) != 0) return errno_error("fsync a layer's blob");
    if (fchmod(file_.get(), 0644) != 0) return errno_error("chmod a layer's blob");
    TRY(commit_blob(store_.impl(), path_, digest));
    path_.clear();
    return made;
}

void forget_blob(Store& store, const BlobMaker::Made& made) {
    if (made.is_new) unlink(store.blob_path(made.blob.digest).c_str());
}

}  // namespace gantry::image
