#include "build/cache_transfer.hpp"

#include "base/json.hpp"
#include "base/text.hpp"
#include "image/image_text.hpp"
#include "os/file.hpp"

namespace gantry::build {

namespace {

using Steps = std::vector<std::pair<Digest, image::CachedStep>>;

constexpr std::size_t layer_limit = 120;  // of an image that every engine can read

// Members are taken by type; a missing or wrong one throws. The layers are the image's own: nothing else is believed.
Result<Steps> parse_text(const Json& json, const image::Store& store, const image::Manifest& manifest,
                         const image::ImageConfig& config) {
    Steps steps;
    const auto keys = store.layer_keys(config);
    for (const Json& entry : json) {
        Digest key = TRY(Digest::parse(entry.at("key").get<std::string>()));
        image::CachedStep step{entry.at("step").get<std::string>(), entry.at("created").get<std::string>(), std::nullopt};
        if (entry.contains("diffId")) {
            const Digest diff_id = TRY(Digest::parse(entry.at("diffId").get<std::string>()));
            const auto layer = std::ranges::find(config.diff_ids, diff_id);
            if (layer == config.diff_ids.end()) continue;
            const auto at = static_cast<std::size_t>(layer - config.diff_ids.begin());
            step.layer = image::CachedStep::Layer{manifest.layers.at(at), keys.at(at), diff_id,
                                                  store.storage().layer_size(keys.at(at)).value_or(0)};
        }
        steps.emplace_back(std::move(key), std::move(step));
    }
    return steps;
}

Result<std::size_t> take_steps(Session& session, const image::Image& image) {
    const image::ImageConfig config = TRY(session.store.config(image));
    const image::Manifest manifest = TRY(session.store.manifest(image));
    const auto label = config.labels.find(cache_label);
    if (label == config.labels.end()) return error(Errc::not_found, "it carries no build cache");
    const auto read = [&]() -> Result<Steps> {
        try {
            return parse_text(parse_json(label->second), session.store, manifest, config);
        } catch (const Json::exception& failure) {
            return error(Errc::corrupt, "label {}: {}", cache_label, failure.what());
        }
    };
    const Steps steps = TRY(read());
    // A step that is known here stays as it is.
    for (const auto& [key, step] : steps)
        if (!session.cache.find(key)) TRY(session.remember(key, step));
    return steps.size();
}

Result<image::Image> fetch(Session& session, const CachePlace& place, bool& ours) {
    if (place.kind == CachePlace::Kind::local) {
        const auto loaded = TRY(image::load(session.store, place.where, {}));
        if (loaded.empty()) return error(Errc::not_found, "'{}' holds no image", place.where);
        auto image = TRY(session.store.find(loaded.front()));
        ours = image.names.empty();
        return image;
    }
    ours = !session.store.find(place.where).ok();
    image::PullOptions options;
    options.cancel = session.options.cancel;
    return TRY(session.fetchers.pull(session.store, session.engine.config(), TRY(ImageRef::parse(place.where)), options)).image;
}

}  // namespace

Result<CachePlace> CachePlace::parse(const std::string& text, bool target) {
    const char* flag = target ? "--cache-to" : "--cache-from";
    if (text.find('=') == std::string::npos) return CachePlace{Kind::registry, text};
    CachePlace place;
    std::string type = "registry", reference, folder;
    for (const auto& [key, value] : split_fields(text)) {
        if (key == "type")
            type = value;
        else if (key == "ref")
            reference = value;
        else if (key == (target ? "dest" : "src"))
            folder = value;
        else if (key != "mode" && key != "compression" && key != "image-manifest" && key != "oci-mediatypes")
            return error(Errc::invalid, "{}: unexpected key '{}' in '{}'", flag, key, text);
    }
    if (type == "inline") {
        if (!target) return error(Errc::invalid, "{}: the cache in an image is taken with type=registry,ref=IMAGE", flag);
        return CachePlace{Kind::inline_, ""};
    }
    if (type != "registry" && type != "local")
        return error(Errc::unsupported, "{}: type '{}' is none of registry, local, inline", flag, type);
    place.kind = type == "local" ? Kind::local : Kind::registry;
    place.where = type == "local" ? folder : reference;
    if (place.where.empty())
        return error(Errc::invalid, "{}: '{}' names no {}", flag, text,
                     type == "local" ? (target ? "dest=FOLDER" : "src=FOLDER") : "ref=REF");
    if (place.kind == Kind::registry) TRY_CONTEXT(ImageRef::parse(place.where), "{}", flag);
    return place;
}

std::string cache_text(const Steps& steps) {
    Json json = Json::array();
    for (const auto& [key, step] : steps) {
        Json entry{{"key", key.str()}, {"step", step.step}, {"created", step.created}};
        if (step.layer) entry["diffId"] = step.layer->diff_id.str();
        json.push_back(std::move(entry));
    }
    return dump_json(json);
}

void import_cache(Session& session, const CachePlace& place) {
    Vertex vertex(session.reporter, "importing cache from " + place.where);
    bool ours = false;
    auto taken = [&]() -> Result<std::size_t> {
        const image::Image image = TRY(fetch(session, place, ours));
        auto count = take_steps(session, image);
        // The steps keep what they need; an image that only brought them goes.
        if (ours) [[maybe_unused]]
            const auto removed = session.store.remove(image.id.str(), TRY(session.engine.images_in_use()), true);
        session.replaced = true;
        return count;
    }();
    if (taken.ok()) vertex.status(fmt::format("{} steps", *taken));
    vertex.end(taken);
}

Result<> export_cache(Session& session, const CachePlace& place) {
    Vertex vertex(session.reporter, "exporting cache to " + place.where);
    const auto write = [&]() -> Result<> {
        image::ImageConfig config;
        config.platform = session.options.platform.value_or(image::Platform::host());
        config.created = session.now();
        std::vector<image::Descriptor> layers;
        const Steps steps = session.used_steps();
        for (const auto& [key, step] : steps) {
            if (!step.layer || std::ranges::find(config.diff_ids, step.layer->diff_id) != config.diff_ids.end()) continue;
            if (layers.size() == layer_limit) break;
            config.diff_ids.push_back(step.layer->diff_id);
            layers.push_back(step.layer->blob);
        }
        config.labels[cache_label] = cache_text(steps);
        const Digest manifest = TRY(image::put_image(session.store, config, layers));
        std::optional<ImageRef> name;
        if (place.kind == CachePlace::Kind::registry) name = TRY(ImageRef::parse(place.where));
        const image::Image image = TRY(session.store.add(manifest, name, std::nullopt));
        auto sent = place.kind == CachePlace::Kind::local
                        ? image::save(session.store, {image.id.str()}, image::ArchiveFormat::oci_layout, place.where)
                        : session.push(*name);
        [[maybe_unused]] const auto removed = session.store.remove(image.id.str(), {}, true);
        session.replaced = true;
        return sent;
    };
    auto written = write();
    vertex.end(written);
    return std::move(written).context(fmt::format("cache to '{}'", place.where));
}

}  // namespace gantry::build
