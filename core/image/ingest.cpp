#include "image/ingest.hpp"

#include "image/hasher.hpp"
#include "image/layer_pipeline.hpp"
#include "image/store_impl.hpp"
#include "os/file.hpp"

#include <fcntl.h>
#include <unistd.h>

namespace gantry::image {

struct LayerIngest::Impl {
    Impl(Store& into, Descriptor what, Digest plain) : store(into), blob(std::move(what)), diff_id(std::move(plain)) {}

    Store& store;
    Descriptor blob;
    Digest diff_id;
    driver::LayerKey key, parent;
    const LocalFiles* local = nullptr;
    std::optional<driver::LayerStaging> staging;  // none: the layer is there already
    os::Fd folder;
    os::Fd file;         // the partial blob, locked; or the whole one
    bool whole = false;  // file is a blob of the store, only read
    bool finished = false;
    bool discard = false;  // what was kept of the blob is of no use
    std::uint64_t received = 0, replayed = 0;
    Hasher hasher;
    Chunk chunk;
    std::unique_ptr<LayerPipeline> pipeline;

    [[nodiscard]] std::string label() const { return fmt::format("layer '{}'", blob.digest.hex().substr(0, 12)); }
    Result<> open_staging();
    Result<> open_file();
    Result<> open_partial();
    Result<> replay();
    Result<> start();
    Result<> stop();
    Result<> feed(std::string_view data, bool keep);
    Result<> flush(bool keep);
    Result<> check();
    Result<> failed(Error error);
};

Result<> LayerIngest::Impl::open_staging() {
    auto begun = store.storage().layer_begin(key, parent);
    if (!begun.ok()) {
        if (begun.error().code() == Errc::exists) return {};
        return std::move(begun).error();
    }
    staging = std::move(begun).value();
    folder = TRY(os::open(staging->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    return {};
}

Result<> LayerIngest::Impl::open_file() {
    struct stat info {};
    if (auto fd = store.open_blob(blob.digest);
        fd.ok() && fstat(fd->get(), &info) == 0 && static_cast<std::uint64_t>(info.st_size) == blob.size) {
        if (!staging) return error(Errc::exists, "blob '{}' and its layer are there already", blob.digest.str());
        file = std::move(fd).value();
        whole = true;
        return {};
    }
    return open_partial();
}

Result<> LayerIngest::Impl::open_partial() {
    whole = false;
    const std::string path = store.impl().partial_path(blob.digest);
    for (;;) {
        file = TRY(os::lock_file(path));
        struct stat mine {
        }, named{};
        if (fstat(file.get(), &mine) != 0) return errno_error("stat '{}'", path);
        // While we waited, whoever had the lock may have finished: then the name is gone, or another file's.
        if (stat(path.c_str(), &named) != 0 || named.st_ino != mine.st_ino) {
            if (store.has_blob(blob.digest)) return open_file();
            continue;
        }
        if (static_cast<std::uint64_t>(mine.st_size) > blob.size && ftruncate(file.get(), 0) != 0)
            return errno_error("truncate '{}'", path);
        return {};
    }
}

Result<> LayerIngest::Impl::start() {
    hasher = Hasher(blob.digest.algorithm());
    received = 0;
    pipeline = std::make_unique<LayerPipeline>(staging ? folder.get() : -1, store.storage().layer_format(),
                                               std::string(diff_id.algorithm()), blob.size, local);
    TRY(pipeline->start());
    chunk = pipeline->blank();
    return {};
}

Result<> LayerIngest::Impl::replay() {
    TRY(start());
    std::string buffer(chunk_size, '\0');
    if (lseek(file.get(), 0, SEEK_SET) < 0) return errno_error("seek '{}'", blob.digest.str());
    for (;;) {
        const ssize_t got = read(file.get(), buffer.data(), buffer.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return errno_error("read '{}'", blob.digest.str());
        if (got == 0) break;
        TRY(feed(std::string_view(buffer.data(), static_cast<std::size_t>(got)), false));
    }
    TRY(flush(false));
    replayed = received;
    return {};
}

Result<> LayerIngest::Impl::feed(std::string_view data, bool keep) {
    if (data.size() > blob.size - received)
        return error(Errc::corrupt, "more than the {} bytes that the manifest says", blob.size);
    received += data.size();
    while (!data.empty()) {
        const std::size_t part = std::min(data.size(), chunk.room());
        std::memcpy(chunk.bytes.get() + chunk.size, data.data(), part);
        chunk.size += part;
        data.remove_prefix(part);
        if (chunk.room() == 0) TRY(flush(keep));
    }
    return {};
}

// keep: the bytes are new, not read from what was kept.
Result<> LayerIngest::Impl::flush(bool keep) {
    if (chunk.size == 0) return {};
    if (keep) TRY(os::write_all(file.get(), chunk.view(), blob.digest.str()));
    hasher.update(chunk.view());
    TRY(pipeline->write(std::exchange(chunk, pipeline->blank())));
    return {};
}

// A failure of the transfer keeps the partial blob for a later resume; bad data, or a disk that is full, does not.
Result<> LayerIngest::Impl::failed(Error error) {
    discard = discard || error.code() == Errc::corrupt || error.code() == Errc::invalid || error.code() == Errc::unsupported ||
              error.code() == Errc::no_space;
    return std::move(error).context(label());
}

Result<> LayerIngest::Impl::stop() {
    pipeline.reset();
    folder.reset();
    if (!staging) return {};
    driver::LayerStaging given_up = std::move(*staging);
    staging.reset();
    return store.storage().layer_abort(std::move(given_up));
}

Result<> LayerIngest::Impl::check() {
    if (received != blob.size) return error(Errc::unavailable, "ended after {} of {} bytes", received, blob.size);
    TRY(flush(true));
    auto outcome = pipeline->finish();
    const Digest digest = hasher.finish();
    // Told first: a wrong blob explains whatever it did to the unpacker.
    if (digest != blob.digest)
        return error(Errc::corrupt, "the data have digest '{}' instead of '{}'", digest.str(), blob.digest.str());
    const LayerPipeline::Outcome done = TRY(std::move(outcome));
    if (done.diff_id != diff_id)
        return error(Errc::corrupt, "the unpacked data have digest '{}', the image's configuration says '{}'",
                     done.diff_id.str(), diff_id.str());
    pipeline.reset();
    folder.reset();
    if (staging) {
        driver::LayerStaging complete = std::move(*staging);
        staging.reset();
        auto committed = store.storage().layer_commit(std::move(complete), done.bytes);
        if (!committed.ok() && committed.error().code() != Errc::exists) return committed;
    }
    if (whole) return {};
    if (fdatasync(file.get()) != 0) return errno_error("fsync");
    if (fchmod(file.get(), 0644) != 0) return errno_error("chmod");
    return commit_blob(store.impl(), store.impl().partial_path(blob.digest), blob.digest);
}

LayerIngest::LayerIngest(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<LayerIngest>> LayerIngest::begin(Store& store, const Descriptor& blob, const Digest& diff_id,
                                                        const driver::LayerKey& key, const driver::LayerKey& parent,
                                                        const LocalFiles* local) {
    auto impl = std::make_unique<Impl>(store, blob, diff_id);
    impl->key = key;
    impl->parent = parent;
    impl->local = local;
    std::unique_ptr<LayerIngest> ingest(new LayerIngest(std::move(impl)));
    Impl& self = *ingest->impl_;
    TRY_CONTEXT(self.open_staging(), "{}", self.label());
    TRY_CONTEXT(self.open_file(), "{}", self.label());
    if (auto replayed = self.replay(); !replayed.ok()) {
        const auto failure = self.failed(std::move(replayed).error());
        if (!self.discard || failure.error().code() == Errc::no_space) return failure.error();
        TRY(ingest->restart());  // what was kept was bad
    }
    return ingest;
}

LayerIngest::~LayerIngest() {
    if (impl_->finished) return;
    if (impl_->file && !impl_->discard && !impl_->whole && impl_->chunk.size > 0)
        static_cast<void>(os::write_all(impl_->file.get(), impl_->chunk.view(), impl_->blob.digest.str()));
    if (impl_->file && impl_->discard)
        unlink(
            (impl_->whole ? impl_->store.blob_path(impl_->blob.digest) : impl_->store.impl().partial_path(impl_->blob.digest))
                .c_str());
    static_cast<void>(impl_->stop());
}

std::uint64_t LayerIngest::offset() const { return impl_->replayed; }

Result<> LayerIngest::write(std::string_view data) {
    if (auto fed = impl_->feed(data, true); !fed.ok()) return impl_->failed(std::move(fed).error());
    return {};
}

Result<> LayerIngest::restart() {
    Impl& self = *impl_;
    const bool had_staging = self.staging.has_value();
    TRY(self.stop());
    if (self.whole) {
        // A blob with other content than its name says: nobody can use it.
        const std::string path = self.store.blob_path(self.blob.digest);
        if (unlink(path.c_str()) != 0 && errno != ENOENT) return errno_error("remove '{}'", path);
    }
    if (had_staging) TRY_CONTEXT(self.open_staging(), "{}", self.label());
    if (self.whole) TRY_CONTEXT(self.open_partial(), "{}", self.label());
    if (ftruncate(self.file.get(), 0) != 0 || lseek(self.file.get(), 0, SEEK_SET) < 0)
        return errno_error("truncate '{}'", self.blob.digest.str());
    self.discard = false;
    self.replayed = 0;
    return self.start();
}

Result<> LayerIngest::finish() {
    auto done = impl_->check();
    if (done.ok()) {
        impl_->finished = true;
        return {};
    }
    return impl_->failed(std::move(done).error());
}

}  // namespace gantry::image
