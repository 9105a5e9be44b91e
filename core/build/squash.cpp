#include "build/squash.hpp"

#include "image/inflated_source.hpp"
#include "image/ingest.hpp"

#include <unistd.h>

#include <cerrno>

namespace gantry::build {

namespace {

// A layer's files on top of what is in the folder, deletions by deleting.
Result<> apply_layer(const image::Store& store, const image::Descriptor& blob, int folder) {
    const os::Fd file = TRY(store.open_blob(blob.digest));
    image::FileSource packed(file.get(), blob.digest.str(), 0, blob.size);
    image::InflatedSource plain(packed);
    const auto read = [&](char* buffer, std::size_t room) -> Result<std::size_t> {
        const std::string_view piece = TRY(plain.peek()).substr(0, room);
        std::memcpy(buffer, piece.data(), piece.size());
        plain.consume(piece.size());
        return piece.size();
    };
    TRY(image::unpack_tar(read, folder, driver::LayerFormat::applied));
    return plain.end();
}

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
                TRY(apply_layer(session.store, state.layers[at], root.get()));
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
