#include "image/store.hpp"

#include "image/hasher.hpp"
#include "image/ingest.hpp"
#include "image/json.hpp"
#include "image/partial_blob.hpp"
#include "image/store_impl.hpp"
#include "os/file.hpp"

#include <fcntl.h>

namespace gantry::image {

Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&&) noexcept = default;
Store::~Store() = default;

driver::StorageDriver& Store::storage() const { return *impl_->storage; }
const config::Paths& Store::paths() const { return impl_->paths; }

Result<os::Fd> Store::Impl::lock_index() const { return os::lock_file(folder + "/.lock"); }

Result<std::optional<os::Fd>> Store::Impl::lock_removal() const {
    auto lock = os::lock_file(folder + "/.transfer", true, false);
    if (lock.ok()) return std::optional(std::move(lock).value());
    if (lock.error().code() == Errc::in_use) return std::optional<os::Fd>();
    return std::move(lock).error();
}

Result<os::Fd> Store::hold() const { return os::lock_file(impl_->folder + "/.transfer", false); }

Result<Store> Store::open(const config::Paths& paths, driver::StorageDriver& storage) {
    auto impl = std::make_unique<Impl>(Impl{paths, &storage, paths.images()});
    const std::string layout = impl->folder + "/oci-layout";
    TRY_CONTEXT(os::make_dirs(impl->blob_folder("sha256")), "open the image store");
    TRY_CONTEXT(os::make_dirs(impl->partial_folder(), 0700), "open the image store");
    if (!os::path_exists(layout))
        TRY_CONTEXT(os::write_file_atomic(layout, "{\"imageLayoutVersion\": \"1.0.0\"}\n"), "open the image store");
    return Store(std::move(impl));
}

std::string Store::blob_path(const Digest& digest) const {
    return fmt::format("{}/{}", impl_->blob_folder(digest.algorithm()), digest.hex());
}

bool Store::has_blob(const Digest& digest) const { return os::path_exists(blob_path(digest)); }

Result<os::Fd> Store::open_blob(const Digest& digest) const {
    auto fd = os::open(blob_path(digest), O_RDONLY | O_NOFOLLOW);
    if (!fd.ok() && fd.error().code() == Errc::not_found) return error(Errc::not_found, "blob '{}' is missing", digest.str());
    return fd;
}

Result<std::string> Store::blob_text(const Digest& digest) const {
    os::Fd fd = TRY(open_blob(digest));
    std::string text = TRY(os::read_fd(fd.get(), digest.str(), detail::json_limit));
    if (digest_of(text, digest.algorithm()) != digest)
        return error(Errc::corrupt, "blob '{}' has other content than its name says", digest.str());
    return text;
}

Result<> Store::Impl::sync_blobs() const {
    for (const char* algorithm : {"sha256", "sha512"})
        if (os::path_exists(blob_folder(algorithm))) TRY(os::sync_folder(blob_folder(algorithm)));
    return {};
}

Result<> commit_blob(Store::Impl& impl, const std::string& from, const Digest& digest) {
    const std::string folder = impl.blob_folder(digest.algorithm());
    TRY(os::make_dirs(folder));
    TRY(os::rename(from, fmt::format("{}/{}", folder, digest.hex())));
    return {};
}

Result<> put_blob(Store& store, const Digest& digest, std::string_view data) {
    if (digest_of(data, digest.algorithm()) != digest)
        return error(Errc::corrupt, "blob '{}': the content has another digest", digest.str());
    if (store.blob_text(digest).ok()) return {};  // one with other content is replaced
    PartialBlob blob = TRY(PartialBlob::begin(store));
    TRY_CONTEXT(blob.write(data), "blob '{}'", digest.str());
    return blob.finish(digest);
}

Result<Manifest> Store::manifest(const Image& image) const {
    const std::string text = TRY_CONTEXT(blob_text(image.manifest), "image '{}'", image.id.hex().substr(0, 12));
    return TRY_CONTEXT(parse_manifest(text), "image '{}'", image.id.hex().substr(0, 12));
}

Result<ImageConfig> Store::config(const Image& image) const {
    const std::string text = TRY_CONTEXT(blob_text(image.id), "image '{}'", image.id.hex().substr(0, 12));
    return TRY_CONTEXT(parse_image_config(text), "image '{}'", image.id.hex().substr(0, 12));
}

std::vector<driver::LayerKey> Store::layer_keys(const ImageConfig& config) const {
    std::vector<driver::LayerKey> keys;
    std::string chain;
    for (const Digest& diff_id : config.diff_ids) {
        // image-spec config.md: ChainID(L0) = DiffID(L0), ChainID(L0|..|Ln) = digest(ChainID(L0|..|Ln-1) + " " + DiffID(Ln))
        chain = chain.empty() ? diff_id.str() : digest_of(chain + " " + diff_id.str()).str();
        if (impl_->storage->layer_format() == driver::LayerFormat::overlay)
            keys.emplace_back(diff_id.hex());
        else
            keys.emplace_back(Digest::parse(chain).value().hex());
    }
    return keys;
}

Result<Image> Store::find(std::string_view text) const {
    const Index index = TRY(read_index(impl_->folder));
    return TRY(match_image(images_of(*this, index), text)).image;
}

Result<std::vector<Image>> Store::list() const { return images_of(*this, TRY(read_index(impl_->folder))); }

}  // namespace gantry::image
