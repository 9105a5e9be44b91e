// Which image a text means.
#include "image/json.hpp"
#include "image/store_impl.hpp"

#include <charconv>

namespace gantry::image {

namespace {

std::uint64_t number_of(const std::string& text) {
    std::uint64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

bool hexadecimal(std::string_view text) {
    return text.size() >= 2 && text.size() <= 128 &&
           std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

std::uint64_t unpacked_size(const Store& store, const ImageConfig& config) {
    std::uint64_t sum = 0;
    for (const driver::LayerKey& key : store.layer_keys(config)) sum += store.storage().layer_size(key).value_or(0);
    return sum;
}

// For entries that another tool wrote: what our annotations would say.
std::optional<Image> image_from_blobs(const Store& store, const IndexRecord& record) {
    Digest digest = record.digest;
    auto text = store.blob_text(digest);
    if (text.ok() && is_index_type(record.media_type)) {
        const auto chosen = choose_platform(*text, Platform::host());
        if (!chosen) return std::nullopt;
        digest = *chosen;
        text = store.blob_text(digest);
    }
    if (!text.ok()) return std::nullopt;
    const auto manifest = parse_manifest(*text);
    if (!manifest.ok()) return std::nullopt;
    Image image{manifest->config.digest, digest, record.names, record.digests, 0, {}};
    const auto config = store.config(image);
    if (!config.ok()) return std::nullopt;
    image.created = config->created;
    image.size = unpacked_size(store, *config);
    return image;
}

std::string short_id(const Image& image) { return std::string(image.id.hex().substr(0, 12)); }

Result<Match> match_id(std::vector<Image>& images, std::string_view prefix, std::string_view text) {
    Image* found = nullptr;
    for (Image& image : images) {
        if (!image.id.hex().starts_with(prefix)) continue;
        if (found)
            return error(Errc::invalid, "image id '{}' is ambiguous: '{}' and '{}' have it", text, short_id(*found),
                         short_id(image));
        found = &image;
    }
    if (!found) return error(Errc::not_found, "no such image '{}'", text);
    return Match{std::move(*found), {}, {}};
}

std::optional<Match> match_name(std::vector<Image>& images, const ImageRef& ref) {
    const std::string wanted = ref.digest ? ref.repository() + "@" + ref.digest->str() : ref.str();
    for (Image& image : images) {
        const auto& list = ref.digest ? image.digests : image.names;
        if (std::ranges::find(list, wanted) == list.end()) continue;
        if (ref.digest) return Match{std::move(image), {}, wanted};
        return Match{std::move(image), wanted, {}};
    }
    return std::nullopt;
}

}  // namespace

std::optional<Digest> choose_platform(std::string_view index_json, const Platform& platform) {
    const auto root = detail::parse_object(index_json, "index");
    if (!root.ok()) return std::nullopt;
    const auto manifests = detail::array_member(*root, "manifests", "index");
    if (!manifests.ok() || !*manifests) return std::nullopt;
    std::optional<Digest> near;
    for (const Json& entry : **manifests) {
        if (!entry.is_object()) continue;
        const auto digest = detail::digest_member(entry, "digest", "index");
        const auto where = detail::object_member(entry, "platform", "index");
        if (!digest.ok() || !where.ok()) continue;
        if (!*where) {
            if (!near && (*manifests)->size() == 1) near = *digest;  // a lone entry needs no platform
            continue;
        }
        const std::string os = detail::string_member(**where, "os", "index").value_or("");
        const std::string arch = detail::string_member(**where, "architecture", "index").value_or("");
        const std::string variant = detail::string_member(**where, "variant", "index").value_or("");
        if (os != platform.os || arch != platform.architecture) continue;
        if (variant == platform.variant) return *digest;
        if (!near && (variant.empty() || platform.variant.empty())) near = *digest;
    }
    return near;
}

std::optional<Image> image_of(const Store& store, const IndexRecord& record) {
    const auto note = [&](const char* key) {
        const auto found = record.annotations.find(key);
        return found == record.annotations.end() ? std::string() : found->second;
    };
    const auto id = Digest::parse(note(id_annotation));
    if (!id.ok() || is_index_type(record.media_type)) return image_from_blobs(store, record);
    return Image{*id, record.digest, record.names, record.digests, number_of(note(size_annotation)), note(created_annotation)};
}

std::vector<Image> images_of(const Store& store, const Index& index) {
    std::vector<Image> images;
    for (const IndexRecord& record : index.records) {
        std::optional<Image> image = image_of(store, record);
        if (!image) continue;
        const auto same = std::ranges::find(images, image->id, &Image::id);
        if (same == images.end()) {
            images.push_back(std::move(*image));
            continue;
        }
        same->names.insert(same->names.end(), image->names.begin(), image->names.end());
        same->digests.insert(same->digests.end(), image->digests.begin(), image->digests.end());
    }
    return images;
}

Result<Match> match_image(std::vector<Image> images, std::string_view text) {
    if (text.empty()) return error(Errc::invalid, "an image's name is empty");
    if (const auto id = Digest::parse(text); id.ok()) return match_id(images, id->hex(), text);
    if (text.size() == 64 && hexadecimal(text)) return match_id(images, text, text);
    // A name goes before the beginning of an id, as in Docker: an image may be called "cafe".
    const auto ref = ImageRef::parse(text);
    if (ref.ok()) {
        if (auto match = match_name(images, ref->normalized())) return std::move(*match);
        if (ref->domain.empty()) {
            // What load made of an archive's bare name, see archive_names.cpp.
            ImageRef local = *ref;
            local.domain = "localhost";
            if (auto match = match_name(images, local.normalized())) return std::move(*match);
        }
    }
    if (hexadecimal(text)) return match_id(images, text, text);
    if (!ref.ok()) return ref.error();
    return error(Errc::not_found, "no such image '{}'", text);
}

}  // namespace gantry::image
