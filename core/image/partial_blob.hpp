// A blob on its way into the store that is not unpacked: an upload to the registry, something fetched for others.
#pragma once

#include "image/hasher.hpp"
#include "image/store.hpp"

namespace gantry::image {

// The file has no name until finish(), so that nothing is left of it whatever happens. (File systems that cannot make such
// files, as overlayfs before Linux 6.2, get one in partial/ that is locked meanwhile.)
class PartialBlob {
public:
    // store outlives it.
    static Result<PartialBlob> begin(Store& store);
    PartialBlob(PartialBlob&& other) noexcept;
    PartialBlob& operator=(PartialBlob&&) = delete;
    ~PartialBlob();

    // An error leaves the blob as it was before.
    Result<> write(std::string_view data);
    Result<> restart();  // back to nothing
    [[nodiscard]] std::uint64_t size() const { return size_; }
    [[nodiscard]] int file() const { return file_.get(); }  // to read what is there so far

    // Durable and in the store under its digest. Errc::corrupt: the content has another one; the blob is then of no use.
    // The caller has Store::hold(), and keeps it until something names the blob.
    Result<> finish(const Digest& digest);
    // After the last write: the digest (sha256) of what there is, for content that nobody has named.
    Digest seal();

private:
    PartialBlob(Store& store, os::Fd file, std::string name) : store_(&store), file_(std::move(file)), name_(std::move(name)) {}
    Result<Digest> digest(std::string_view algorithm);
    Result<> name_it(const Digest& digest);

    Store* store_;
    os::Fd file_;
    std::string name_;  // its path, where it needs one
    std::uint64_t size_ = 0;
    Hasher hasher_;
    std::optional<Digest> sealed_;
};

}  // namespace gantry::image
