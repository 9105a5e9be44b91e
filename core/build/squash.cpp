#include "build/squash.hpp"

#include "image/byte_source.hpp"
#include "image/decompress.hpp"
#include "image/ingest.hpp"

#include <unistd.h>

#include <cerrno>

namespace gantry::build {

namespace {

// A blob of the store, decompressed.
class BlobReader {
public:
    static Result<BlobReader> open(const image::Store& store, const image::Descriptor& blob) {
        BlobReader reader;
        reader.file_ = TRY(store.open_blob(blob.digest));
        reader.source_ = std::make_unique<image::FileSource>(reader.file_.get(), blob.digest.str(), 0, blob.size);
        const std::string_view head = TRY(reader.source_->peek());
        reader.inflate_ = TRY(image::make_decompressor(image::compression_of(head)));
        return reader;
    }

    Result<std::size_t> read(char* buffer, std::size_t room) {
        for (;;) {
            const std::string_view input = TRY(source_->peek());
            const auto step = TRY(inflate_->run(input, buffer, room));
            source_->consume(step.consumed);
            if (step.produced > 0) return step.produced;
            if (input.empty() || step.consumed == 0) {
                TRY(inflate_->end());
                return std::size_t{0};
            }
        }
    }

private:
    os::Fd file_;
    std::unique_ptr<image::FileSource> source_;
    std::unique_ptr<image::Decompressor> inflate_;
};

}  // namespace

Result<> squash(Session& session, std::size_t keep, StageState& state) {
    if (state.layers.size() <= keep + 1) return {};
    Vertex vertex(session.reporter, "squashing layers");
    image::ImageConfig below = state.config;
    below.diff_ids.erase(below.diff_ids.begin() + static_cast<std::ptrdiff_t>(keep), below.diff_ids.end());
    const Digest key = image::chained(state.key, fmt::format("squash {}", keep));
    auto known = session.cache.find(key);
    if (!known) {
        const ContainerName name = session.next_container();
        auto made = [&]() -> Result<> {
            // Unpacked on top of the base one after the other, deletions by deleting: the file system sums them up.
            const os::Fd root = TRY(session.mount_writable(below, name));
            for (std::size_t at = keep; at < state.layers.size(); ++at) {
                BlobReader blob = TRY(BlobReader::open(session.store, state.layers[at]));
                TRY(image::unpack_tar([&](char* buffer, std::size_t room) { return blob.read(buffer, room); }, root.get(),
                                      driver::LayerFormat::applied));
            }
            return {};
        }();
        if (!made.ok()) {
            [[maybe_unused]] const auto removed = session.storage.teardown(name.str());
            vertex.failed(made.error());
            return made;
        }
        known = image::CachedStep{"squash", session.now(), std::nullopt};
        known->layer = TRY(session.layer_of(below, name));
        TRY(session.remember(key, *known));
    }
    state.key = key;
    state.config.diff_ids = below.diff_ids;
    state.layers.erase(state.layers.begin() + static_cast<std::ptrdiff_t>(keep), state.layers.end());
    std::size_t layer = 0;
    for (image::HistoryEntry& entry : state.config.history)
        if (!entry.empty_layer && layer++ >= keep) entry.empty_layer = true;
    if (known->layer) {
        state.config.diff_ids.push_back(known->layer->diff_id);
        state.layers.push_back(known->layer->blob);
        state.config.history.push_back({known->created, "", "merge of all layers above the base image", false});
    }
    vertex.done();
    return {};
}

}  // namespace gantry::build
