#include "image/image_text.hpp"

#include "image/hasher.hpp"
#include "image/ingest.hpp"
#include "image/json.hpp"

#include <set>

namespace gantry::image {

namespace {

using Ordered = nlohmann::ordered_json;  // members stay in the order in which they are put

void put(Ordered& object, const char* key, const std::string& text) {
    if (!text.empty()) object[key] = text;
}

void put(Ordered& object, const char* key, const std::vector<std::string>& texts) {
    if (!texts.empty()) object[key] = texts;
}

void put(Ordered& object, const char* key, std::int64_t number) {
    if (number != 0) object[key] = number;
}

void put(Ordered& object, const char* key, const std::map<std::string, std::string>& texts) {
    if (texts.empty()) return;
    Ordered& member = object[key] = Ordered::object();
    for (const auto& [name, value] : texts) member[name] = value;
}

// As Docker writes sets: {"/data": {}}.
void put_set(Ordered& object, const char* key, const std::vector<std::string>& texts) {
    if (texts.empty()) return;
    Ordered& member = object[key] = Ordered::object();
    for (const std::string& text : std::set<std::string>(texts.begin(), texts.end())) member[text] = Ordered::object();
}

void put_object(Ordered& object, const char* key, Ordered value) {
    if (!value.empty()) object[key] = std::move(value);
}

Ordered health_check(const HealthCheck& health) {
    Ordered object = Ordered::object();
    put(object, "Test", health.test);
    put(object, "Interval", health.interval);
    put(object, "Timeout", health.timeout);
    put(object, "StartPeriod", health.start_period);
    put(object, "StartInterval", health.start_interval);
    put(object, "Retries", std::int64_t{health.retries});
    return object;
}

Ordered run_config(const ImageConfig& config) {
    Ordered object = Ordered::object();
    put(object, "User", config.user);
    put_set(object, "ExposedPorts", config.exposed_ports);
    put(object, "Env", config.env);
    put(object, "Entrypoint", config.entrypoint);
    put(object, "Cmd", config.command);
    if (config.health) object["Healthcheck"] = health_check(*config.health);
    put_set(object, "Volumes", config.volumes);
    put(object, "WorkingDir", config.workdir);
    put(object, "OnBuild", config.on_build);
    put(object, "Labels", config.labels);
    put(object, "StopSignal", config.stop_signal);
    put(object, "Shell", config.shell);
    return object;
}

Ordered history_entry(const HistoryEntry& entry) {
    Ordered object = Ordered::object();
    put(object, "created", entry.created);
    put(object, "created_by", entry.created_by);
    put(object, "author", entry.author);
    put(object, "comment", entry.comment);
    if (entry.empty_layer) object["empty_layer"] = true;
    return object;
}

Ordered descriptor(const Descriptor& blob) {
    Ordered object = {{"mediaType", blob.media_type}, {"digest", blob.digest.str()}, {"size", blob.size}};
    put(object, "urls", blob.urls);
    return object;
}

std::string dump(const Ordered& value) { return value.dump(-1, ' ', false, Ordered::error_handler_t::replace); }

}  // namespace

std::string image_config_text(const ImageConfig& config) {
    Ordered root = Ordered::object();
    put(root, "created", config.created);
    put(root, "author", config.author);
    root["architecture"] = config.platform.architecture;
    root["os"] = config.platform.os;
    put(root, "variant", config.platform.variant);
    put_object(root, "config", run_config(config));
    Ordered diff_ids = Ordered::array();
    for (const Digest& diff_id : config.diff_ids) diff_ids.push_back(diff_id.str());
    root["rootfs"] = {{"type", "layers"}, {"diff_ids", std::move(diff_ids)}};
    Ordered history = Ordered::array();
    for (const HistoryEntry& entry : config.history) history.push_back(history_entry(entry));
    put_object(root, "history", std::move(history));
    return dump(root);
}

std::string manifest_text(const Manifest& manifest) {
    Ordered layers = Ordered::array();
    for (const Descriptor& layer : manifest.layers) layers.push_back(descriptor(layer));
    Ordered root = {{"schemaVersion", 2},
                    {"mediaType", manifest.media_type.empty() ? oci_manifest_type : manifest.media_type},
                    {"config", descriptor(manifest.config)},
                    {"layers", std::move(layers)}};
    put(root, "annotations", manifest.annotations);
    return dump(root);
}

Manifest image_manifest(const Descriptor& config, const std::vector<Descriptor>& layers,
                        const std::map<std::string, std::string>& annotations) {
    Manifest manifest{oci_manifest_type, config, layers, annotations};
    for (Descriptor& layer : manifest.layers) layer.media_type = oci_layer_type(layer.media_type);
    return manifest;
}

Result<Digest> put_image(Store& store, const ImageConfig& config, const std::vector<Descriptor>& layers,
                         const std::map<std::string, std::string>& annotations) {
    if (layers.size() != config.diff_ids.size())
        return error(Errc::invalid, "the manifest has {} layers, the configuration {}", layers.size(), config.diff_ids.size());
    const std::string config_text = image_config_text(config);
    const Digest id = digest_of(config_text);
    const std::string text = manifest_text(image_manifest({oci_config_type, id, config_text.size(), {}}, layers, annotations));
    // What we could not read again must not get in: an image with a thousand variables, a label of megabytes.
    TRY(parse_image_config(config_text));
    TRY(parse_manifest(text));
    TRY(put_blob(store, id, config_text));
    const Digest digest = digest_of(text);
    TRY(put_blob(store, digest, text));
    return digest;
}

}  // namespace gantry::image
