#include "launch/image_reader.hpp"

#include "base/reference.hpp"
#include "image/index.hpp"
#include "os/file.hpp"

#include <fcntl.h>

namespace gantry::launch {

namespace {

constexpr std::size_t blob_limit = 4U << 20;

Result<std::string> blob(const config::Paths& paths, const Digest& digest) {
    const std::string file = fmt::format("{}/blobs/{}/{}", paths.images(), digest.algorithm(), digest.hex());
    auto text = os::read_file(file, blob_limit);
    if (!text.ok() && text.error().code() == Errc::not_found)
        return error(Errc::not_found, "blob '{}' is missing", digest.str());
    return text;
}

// Our own entries tell the image's id; one that another tool wrote only names its manifest.
Result<Digest> id_of(const config::Paths& paths, const image::IndexRecord& record) {
    const auto note = record.annotations.find(image::id_annotation);
    if (note != record.annotations.end())
        if (auto id = Digest::parse(note->second); id.ok()) return id;
    const std::string manifest = TRY(blob(paths, record.digest));
    return TRY(image::parse_manifest(manifest)).config.digest;
}

bool contains(const std::vector<std::string>& list, const std::string& text) {
    return std::ranges::find(list, text) != list.end();
}

// The same order as the store's find(): a digest, a complete name, a local name, then the beginning of an id.
Result<Digest> look_up(const config::Paths& paths, const std::string& name) {
    if (auto id = Digest::parse(name); id.ok()) return id;
    const image::Index index = TRY(image::read_index(paths.images()));
    if (const auto ref = ImageRef::parse(name); ref.ok()) {
        const ImageRef complete = ref->normalized();
        const std::string pinned = complete.digest ? complete.repository() + "@" + complete.digest->str() : "";
        ImageRef local = *ref;
        local.domain = "localhost";
        const std::string local_name = ref->domain.empty() && !ref->digest ? local.normalized().str() : "";
        for (const image::IndexRecord& record : index.records)
            if (pinned.empty() ? contains(record.names, complete.str()) : contains(record.digests, pinned))
                return id_of(paths, record);
        for (const image::IndexRecord& record : index.records)
            if (!local_name.empty() && contains(record.names, local_name)) return id_of(paths, record);
    }
    std::optional<Digest> found;
    if (name.size() >= 2)
        for (const image::IndexRecord& record : index.records) {
            const auto id = id_of(paths, record);
            if (!id.ok() || !id->hex().starts_with(name)) continue;
            if (found && *found != *id) return error(Errc::invalid, "image id '{}' is ambiguous", name);
            found = *id;
        }
    if (found) return *found;
    return error(Errc::not_found, "no such image '{}', pull it first", name);
}

}  // namespace

Result<FoundImage> find_image(const config::Paths& paths, const std::string& name, const std::string& image_id) {
    const Digest id = TRY(image_id.empty() ? look_up(paths, name) : Digest::parse(image_id));
    const std::string text = TRY_CONTEXT(blob(paths, id), "image '{}'", name);
    image::ImageConfig config = TRY_CONTEXT(image::parse_image_config(text), "image '{}'", name);
    return FoundImage{id, std::move(config)};
}

Result<std::vector<driver::LayerKey>> layer_keys(const image::ImageConfig& config, driver::LayerFormat format) {
    if (format != driver::LayerFormat::overlay && config.diff_ids.size() > 1)
        return error(Errc::unsupported, "storage drivers that stack layers by copying are not started from yet");
    std::vector<driver::LayerKey> keys;
    for (const Digest& diff_id : config.diff_ids) keys.emplace_back(diff_id.hex());
    return keys;
}

}  // namespace gantry::launch
