#include "image/image_text.hpp"

#include "image/hasher.hpp"
#include "image/ingest.hpp"
#include "image/json.hpp"

#include <set>

namespace gantry::image {

namespace {

void put(OrderedJson& object, const char* key, const std::string& text) {
    if (!text.empty()) object[key] = text;
}

void put(OrderedJson& object, const char* key, const std::vector<std::string>& texts) {
    if (!texts.empty()) object[key] = texts;
}

void put(OrderedJson& object, const char* key, std::int64_t number) {
    if (number != 0) object[key] = number;
}

void put(OrderedJson& object, const char* key, const std::map<std::string, std::string>& texts) {
    if (texts.empty()) return;
    OrderedJson& member = object[key] = OrderedJson::object();
    for (const auto& [name, value] : texts) member[name] = value;
}

// As Docker writes sets: {"/data": {}}.
void put_set(OrderedJson& object, const char* key, const std::vector<std::string>& texts) {
    if (texts.empty()) return;
    OrderedJson& member = object[key] = OrderedJson::object();
    for (const std::string& text : std::set<std::string>(texts.begin(), texts.end())) member[text] = OrderedJson::object();
}

void put_object(OrderedJson& object, const char* key, OrderedJson value) {
    if (!value.empty()) object[key] = std::move(value);
}

OrderedJson health_check(const HealthCheck& health) {
    OrderedJson object = OrderedJson::object();
    put(object, "Test", health.test);
    put(object, "Interval", health.interval);
    put(object, "Timeout", health.timeout);
    put(object, "StartPeriod", health.start_period);
    put(object, "StartInterval", health.start_interval);
    put(object, "Retries", std::int64_t{health.retries});
    return object;
}

OrderedJson run_config(const ImageConfig& config) {
    OrderedJson object = OrderedJson::object();
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

OrderedJson history_entry(const HistoryEntry& entry) {
    OrderedJson object = OrderedJson::object();
    put(object, "created", entry.created);
    put(object, "created_by", entry.created_by);
    put(object, "author", entry.author);
    put(object, "comment", entry.comment);
    if (entry.empty_layer) object["empty_layer"] = true;
    return object;
}

OrderedJson descriptor(const Descriptor& blob) {
    OrderedJson object = {{"mediaType", blob.media_type}, {"digest", blob.digest.str()}, {"size", blob.size}};
    put(object, "urls", blob.urls);
    return object;
}

}  // namespace

std::string image_config_text(const ImageConfig& config) {
    OrderedJson root = OrderedJson::object();
    put(root, "created", config.created);
    put(root, "author", config.author);
    root["architecture"] = config.platform.architecture;
    root["os"] = config.platform.os;
    put(root, "variant", config.platform.variant);
    put_object(root, "config", run_config(config));
    OrderedJson diff_ids = OrderedJson::array();
    for (const Digest& diff_id : config.diff_ids) diff_ids.push_back(diff_id.str());
    root["rootfs"] = {{"type", "layers"}, {"diff_ids", std::move(diff_ids)}};
    OrderedJson history = OrderedJson::array();
    for (const HistoryEntry& entry : config.history) history.push_back(history_entry(entry));
    put_object(root, "history", std::move(history));
    return dump_json(root);
}

std::string manifest_text(const Manifest& manifest) {
    OrderedJson layers = OrderedJson::array();
    for (const Descriptor& layer : manifest.layers) layers.push_back(descriptor(layer));
    OrderedJson root = {{"schemaVersion", 2},
                        {"mediaType", manifest.media_type.empty() ? oci_manifest_type : manifest.media_type},
                        {"config", descriptor(manifest.config)},
                        {"layers", std::move(layers)}};
    put(root, "annotations", manifest.annotations);
    return dump_json(root);
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
