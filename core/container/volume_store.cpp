#include "container/volume_store.hpp"

#include "base/json.hpp"
#include "os/file.hpp"

#include <ctime>

namespace gantry::container {

namespace {

// No volume's name starts with a dot (ObjectName), so these never collide with one.
constexpr std::string_view new_prefix = ".new-", gone_prefix = ".gone-";

std::string folder_of(const config::Paths& paths, std::string_view name) { return fmt::format("{}/{}", paths.volumes(), name); }

std::map<std::string, std::string> string_map(const Json& json, const char* key) {
    std::map<std::string, std::string> map;
    if (const auto found = json.find(key); found != json.end() && found->is_object())
        for (const auto& [name, value] : found->items())
            if (value.is_string()) map.emplace(name, value.get<std::string>());
    return map;
}

void fill_from_json(std::string_view text, VolumeInfo& volume) {
    const auto json = parse_json(text);
    if (!json.is_object()) return;
    if (const auto found = json.find("created"); found != json.end() && found->is_number_integer()) volume.created = *found;
    if (const auto found = json.find("anonymous"); found != json.end() && found->is_boolean()) volume.anonymous = *found;
    if (const auto found = json.find("owner"); found != json.end() && found->is_string()) volume.owner = *found;
    if (const auto found = json.find("driver"); found != json.end() && found->is_string()) volume.driver = *found;
    volume.labels = string_map(json, "labels");
    volume.options = string_map(json, "options");
}

std::string json_of(const VolumeInfo& volume) {
    Json json{{"name", volume.name}, {"driver", volume.driver}, {"created", volume.created}};
    if (volume.anonymous) json["anonymous"] = true;
    if (!volume.owner.empty()) json["owner"] = volume.owner;
    if (!volume.labels.empty()) json["labels"] = volume.labels;
    if (!volume.options.empty()) json["options"] = volume.options;
    // Labels come from the command line as any bytes.
    return dump_json(json, 2) + "\n";
}

std::uint64_t fnv1a(std::uint64_t seed, std::string_view text) {
    std::uint64_t hash = 14695981039346656037ULL ^ (seed * 0x9e3779b97f4a7c15ULL);
    for (char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
    hash ^= hash >> 33;
    hash *= 0xff51afd7ed558ccdULL;
    return hash ^ (hash >> 33);
}

}  // namespace

std::string anonymous_volume_name(std::string_view container_id, std::string_view target) {
    const std::string text = fmt::format("{}:{}", container_id, target);
    std::string name;
    for (std::uint64_t seed = 1; seed <= 4; ++seed) name += fmt::format("{:016x}", fnv1a(seed, text));
    return name;
}

Result<VolumeInfo> read_volume(const config::Paths& paths, std::string_view name) {
    const ObjectName checked = TRY(ObjectName::parse("volume", name));
    const std::string folder = folder_of(paths, checked.str());
    struct stat info {};
    if (stat((folder + "/_data").c_str(), &info) != 0 || !S_ISDIR(info.st_mode))
        return error(Errc::not_found, "volume '{}' not found", name);
    VolumeInfo volume;
    volume.name = checked.str();
    volume.path = folder + "/_data";
    volume.created = info.st_ctim.tv_sec;
    auto text = os::read_file(folder + "/volume.json", 1U << 20);
    if (text.ok()) fill_from_json(*text, volume);
    return volume;
}

Result<std::vector<VolumeInfo>> read_volumes(const config::Paths& paths) {
    std::vector<VolumeInfo> volumes;
    for (const std::string& entry : TRY(os::list_dir(paths.volumes())))
        if (auto volume = read_volume(paths, entry); volume.ok()) volumes.push_back(std::move(volume).value());
    return volumes;
}

Result<VolumeInfo> make_volume(const config::Paths& paths, VolumeInfo wanted) {
    const ObjectName name = TRY(ObjectName::parse("volume", wanted.name));
    if (wanted.driver != "local")
        return error(Errc::unsupported, "volume '{}': there is no volume driver '{}', only 'local'", wanted.name,
                     wanted.driver);
    // Docker's local driver mounts what "type", "device" and "o" say; ignoring them would put data where nobody expects it.
    if (!wanted.options.empty())
        return error(Errc::unsupported, "volume '{}': the local driver has no option '{}'", wanted.name,
                     wanted.options.begin()->first);
    if (wanted.created == 0) wanted.created = std::time(nullptr);
    TRY(os::make_dirs(paths.volumes(), 0711));
    const std::string folder = folder_of(paths, name.str());
    const std::string staging = folder_of(paths, std::string(new_prefix) + random_container_id().substr(0, 16));
    const auto fill = [&]() -> Result<> {
        TRY(os::make_dirs(staging + "/_data", 0755));
        TRY(os::write_file_atomic(staging + "/volume.json", json_of(wanted)));
        auto renamed = os::rename(staging, folder, false);
        if (!renamed.ok() && renamed.error().code() == Errc::exists)
            return error(Errc::exists, "volume '{}' exists already", name.str());
        return renamed;
    };
    if (auto filled = fill(); !filled.ok()) {
        [[maybe_unused]] const auto removed = os::remove_tree(staging);
        return std::move(filled).error();
    }
    wanted.path = folder + "/_data";
    return wanted;
}

Result<VolumeInfo> ensure_volume(const config::Paths& paths, const VolumeInfo& wanted) {
    auto found = read_volume(paths, wanted.name);
    if (found.ok() || found.error().code() != Errc::not_found) return found;
    auto made = make_volume(paths, wanted);
    if (!made.ok() && made.error().code() == Errc::exists) return read_volume(paths, wanted.name);
    return made;
}

Result<> erase_volume(const config::Paths& paths, std::string_view name) {
    const ObjectName checked = TRY(ObjectName::parse("volume", name));
    const std::string gone = folder_of(paths, std::string(gone_prefix) + random_container_id().substr(0, 16));
    auto renamed = os::rename(folder_of(paths, checked.str()), gone, false);
    if (!renamed.ok()) {
        if (renamed.error().code() == Errc::not_found) return {};
        return std::move(renamed).error().context(fmt::format("remove volume '{}'", name));
    }
    return os::remove_tree(gone).context(fmt::format("remove volume '{}'", name));
}

Result<std::vector<std::string>> sweep_volumes(const config::Paths& paths, bool repair) {
    std::vector<std::string> findings;
    for (const std::string& entry : TRY(os::list_dir(paths.volumes()))) {
        if (!entry.starts_with(new_prefix) && !entry.starts_with(gone_prefix)) continue;
        findings.push_back(folder_of(paths, entry));
        if (repair) TRY(os::remove_tree(findings.back()));
    }
    return findings;
}

}  // namespace gantry::container
