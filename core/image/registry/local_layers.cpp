#include "image/registry/local_layers.hpp"

#include "image/byte_source.hpp"
#include "os/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <set>

namespace gantry::image::registry {

namespace {

constexpr std::size_t layers_limit = 32;
constexpr std::uint64_t tables_limit = 64U << 20;

bool is_of(const Image& image, const std::string& repository) {
    const auto names_it = [&](const std::string& name) {
        return name.starts_with(repository) && name.find_first_of(":@", repository.size()) == repository.size();
    };
    return std::ranges::any_of(image.names, names_it) || std::ranges::any_of(image.digests, names_it);
}

class Finder {
public:
    explicit Finder(const Store& store) : store_(store) {}

    LocalLayers run(const std::string& repository) {
        auto images = store_.list();
        if (!images.ok()) return {};
        std::ranges::stable_partition(*images, [&](const Image& image) { return is_of(image, repository); });
        // An image or a layer that is damaged has nothing to give.
        for (const Image& image : *images)
            if (found_.size() < layers_limit) static_cast<void>(add_image(image).ok());
        return std::move(found_);
    }

private:
    Result<> add_image(const Image& image) {
        const Manifest manifest = TRY(store_.manifest(image));
        if (std::ranges::none_of(manifest.layers, is_chunked)) return {};
        const auto keys = store_.layer_keys(TRY(store_.config(image)));
        for (std::size_t at = 0; at < std::min(manifest.layers.size(), keys.size()); ++at)
            static_cast<void>(add_layer(manifest.layers[at], keys[at]).ok());
        return {};
    }

    Result<> add_layer(const Descriptor& blob, const driver::LayerKey& key) {
        const auto place = TRY(table_place(blob));
        if (!place || found_.size() == layers_limit || place->plain_size > tables_left_) return {};
        if (!seen_.insert(blob.digest.str()).second) return {};
        LocalLayer layer;
        layer.blob = TRY(store_.open_blob(blob.digest));
        FileSource bytes(layer.blob.get(), blob.digest.str(), place->offset, place->size);
        std::string compressed(static_cast<std::size_t>(place->size), '\0');
        if (!TRY(read_exactly(bytes, compressed.data(), compressed.size()))) return error(Errc::corrupt, "a blob is too short");
        const std::string text = TRY(table_text(compressed, *place));
        layer.table = TRY(parse_table(text, place->frame()));
        tables_left_ -= place->plain_size;
        if (auto files = store_.storage().layer_files(key); files.ok()) layer.files = std::move(files).value();
        for (const BlobPart& part : layer.table.parts)
            if (!part.key.empty()) layer.parts.emplace(part.key, &part);
        for (const ListedFile& file : layer.table.files) {
            layer.by_path.insert_or_assign(file.path, &file);  // of a path twice, the last is what was unpacked
            layer.by_digest.emplace(file.digest, &file);
        }
        found_.push_back(std::move(layer));
        return {};
    }

    const Store& store_;
    LocalLayers found_;
    std::set<std::string> seen_;
    std::uint64_t tables_left_ = tables_limit;
};

}  // namespace

std::optional<os::Fd> LocalLayer::open_file(const ListedFile& file) const {
    // A layer may have a device there, whatever its table says: opening one can do things.
    const auto found = os::open_beneath(files.get(), file.path, O_PATH | O_NOFOLLOW);
    struct stat info {};
    if (!found.ok() || fstat(found->get(), &info) != 0 || !S_ISREG(info.st_mode)) return std::nullopt;
    if (static_cast<std::uint64_t>(info.st_size) != file.size) return std::nullopt;
    auto opened = os::open(fmt::format("/proc/self/fd/{}", found->get()), O_RDONLY);
    if (!opened.ok()) return std::nullopt;
    return std::move(opened).value();
}

LocalLayers find_local_layers(const Store& store, const std::string& repository) { return Finder(store).run(repository); }

}  // namespace gantry::image::registry
