#include "image/json.hpp"
#include "image/store.hpp"

namespace gantry::image {

namespace {

Result<HealthCheck> parse_health(const Json& object) {
    constexpr const char* what = "image configuration: Healthcheck";
    HealthCheck health;
    health.test = TRY(detail::strings_member(object, "Test", what));
    health.interval = TRY(detail::integer_member(object, "Interval", what));
    health.timeout = TRY(detail::integer_member(object, "Timeout", what));
    health.start_period = TRY(detail::integer_member(object, "StartPeriod", what));
    health.start_interval = TRY(detail::integer_member(object, "StartInterval", what));
    const std::int64_t retries = TRY(detail::integer_member(object, "Retries", what));
    if (health.interval < 0 || health.timeout < 0 || health.start_period < 0 || health.start_interval < 0 || retries < 0 ||
        retries > 1'000'000)
        return error(Errc::invalid, "{}: a number is out of range", what);
    health.retries = static_cast<int>(retries);
    return health;
}

Result<> parse_run_config(const Json& object, ImageConfig& config) {
    constexpr const char* what = "image configuration: config";
    config.user = TRY(detail::string_member(object, "User", what));
    config.workdir = TRY(detail::string_member(object, "WorkingDir", what));
    config.stop_signal = TRY(detail::string_member(object, "StopSignal", what));
    config.env = TRY(detail::strings_member(object, "Env", what));
    config.entrypoint = TRY(detail::strings_member(object, "Entrypoint", what));
    config.command = TRY(detail::strings_member(object, "Cmd", what));
    config.volumes = TRY(detail::keys_member(object, "Volumes", what));
    config.exposed_ports = TRY(detail::keys_member(object, "ExposedPorts", what));
    config.shell = TRY(detail::strings_member(object, "Shell", what));
    config.on_build = TRY(detail::strings_member(object, "OnBuild", what));
    config.labels = TRY(detail::map_member(object, "Labels", what));
    if (const Json* health = TRY(detail::object_member(object, "Healthcheck", what)))
        config.health = TRY(parse_health(*health));
    return {};
}

Result<HistoryEntry> parse_history(const Json& object) {
    constexpr const char* what = "image configuration: history";
    if (!object.is_object()) return error(Errc::invalid, "{}: not a list of objects", what);
    HistoryEntry entry;
    entry.created = TRY(detail::string_member(object, "created", what));
    entry.created_by = TRY(detail::string_member(object, "created_by", what));
    entry.author = TRY(detail::string_member(object, "author", what));
    entry.comment = TRY(detail::string_member(object, "comment", what));
    entry.empty_layer = TRY(detail::bool_member(object, "empty_layer", what));
    return entry;
}

Result<std::vector<Digest>> parse_rootfs(const Json& root) {
    constexpr const char* what = "image configuration: rootfs";
    const Json* rootfs = TRY(detail::object_member(root, "rootfs", "image configuration"));
    if (!rootfs) return error(Errc::invalid, "image configuration: member 'rootfs' is missing");
    std::vector<Digest> diff_ids;
    for (const std::string& text : TRY(detail::strings_member(*rootfs, "diff_ids", what)))
        diff_ids.push_back(TRY_CONTEXT(Digest::parse(text), "{}: diff_ids", what));
    if (diff_ids.size() > 512) return error(Errc::invalid, "{}: more than 512 layers", what);
    return diff_ids;
}

}  // namespace

Result<ImageConfig> parse_image_config(std::string_view json) {
    constexpr const char* what = "image configuration";
    const Json root = TRY(detail::parse_object(json, what));
    ImageConfig config;
    config.platform.os = TRY(detail::string_member(root, "os", what));
    config.platform.architecture = TRY(detail::string_member(root, "architecture", what));
    config.platform.variant = TRY(detail::string_member(root, "variant", what));
    config.created = TRY(detail::string_member(root, "created", what));
    config.author = TRY(detail::string_member(root, "author", what));
    if (const Json* run = TRY(detail::object_member(root, "config", what))) TRY(parse_run_config(*run, config));
    config.diff_ids = TRY(parse_rootfs(root));
    if (const Json* history = TRY(detail::array_member(root, "history", what)))
        for (const Json& entry : *history) config.history.push_back(TRY(parse_history(entry)));
    return config;
}

}  // namespace gantry::image
