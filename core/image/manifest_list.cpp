#include "image/manifest_list.hpp"

#include "image/json.hpp"
#include "image/media_types.hpp"
#include "os/file.hpp"
#include "os/lock.hpp"

#include <unistd.h>

namespace gantry::image {

namespace {

std::string folder_of(const config::Paths& paths) { return paths.data + "/manifests"; }

std::string file_of(const config::Paths& paths, const ImageRef& name) {
    std::string file;
    for (const char c : name.normalized().str()) {
        const bool plain =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
        file += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
    return fmt::format("{}/{}.json", folder_of(paths), file);
}

OrderedJson platform_json(const ListPlatform& platform) {
    OrderedJson json{{"architecture", platform.architecture}, {"os", platform.os}};
    if (!platform.os_version.empty()) json["os.version"] = platform.os_version;
    if (!platform.os_features.empty()) json["os.features"] = platform.os_features;
    if (!platform.variant.empty()) json["variant"] = platform.variant;
    return json;
}

OrderedJson descriptor_json(const ListEntry& entry) {
    return {{"mediaType", entry.descriptor.media_type},
            {"size", entry.descriptor.size},
            {"digest", entry.descriptor.digest.str()},
            {"platform", platform_json(entry.platform)}};
}

Result<ListEntry> parse_entry(const Json& json) {
    if (!json.is_object()) return error(Errc::corrupt, "an entry is not an object");
    const Digest digest = TRY(detail::digest_member(json, "digest", "entry"));
    ListEntry entry{TRY(detail::string_member(json, "reference", "entry")), {"", digest, 0, {}}, {}};
    entry.descriptor.media_type = TRY(detail::string_member(json, "mediaType", "entry"));
    entry.descriptor.size = static_cast<std::uint64_t>(TRY(detail::integer_member(json, "size", "entry")));
    const Json* platform = TRY(detail::object_member(json, "platform", "entry"));
    if (!platform) return entry;
    entry.platform.os = TRY(detail::string_member(*platform, "os", "platform"));
    entry.platform.architecture = TRY(detail::string_member(*platform, "architecture", "platform"));
    entry.platform.variant = TRY(detail::string_member(*platform, "variant", "platform"));
    entry.platform.os_version = TRY(detail::string_member(*platform, "os.version", "platform"));
    entry.platform.os_features = TRY(detail::strings_member(*platform, "os.features", "platform"));
    return entry;
}

Result<ManifestList> parse_list(std::string_view text) {
    const Json root = TRY(detail::parse_object(text, "manifest list"));
    ManifestList list{TRY(detail::string_member(root, "name", "manifest list")), {}};
    const Json* entries = TRY(detail::array_member(root, "manifests", "manifest list"));
    if (!entries) return error(Errc::corrupt, "member 'manifests' is missing");
    for (const Json& entry : *entries) list.entries.push_back(TRY(parse_entry(entry)));
    return list;
}

std::string list_text(const ManifestList& list) {
    OrderedJson root{{"name", list.name}, {"manifests", OrderedJson::array()}};
    for (const ListEntry& entry : list.entries) {
        OrderedJson json = descriptor_json(entry);
        json["reference"] = entry.reference;
        root["manifests"].push_back(std::move(json));
    }
    return dump_json(root, 2) + "\n";
}

Error missing(const ImageRef& name) {
    return error(Errc::not_found, "no such manifest list '{}'", name.normalized().familiar());
}

}  // namespace

Result<ManifestList> read_manifest_list(const config::Paths& paths, const ImageRef& name) {
    const auto text = os::read_file(file_of(paths, name), detail::json_limit);
    if (!text.ok() && text.error().code() == Errc::not_found) return missing(name);
    if (!text.ok()) return text.error();
    return TRY_CONTEXT(parse_list(*text), "'{}'", file_of(paths, name));
}

Result<> change_manifest_list(const config::Paths& paths, const ImageRef& name,
                              const std::function<Result<>(ManifestList&)>& change) {
    TRY(os::make_dirs(folder_of(paths)));
    const os::Fd alone = TRY(os::lock_name(folder_of(paths) + "/.lock", name.normalized().str()));
    ManifestList list{name.normalized().str(), {}};
    if (auto known = read_manifest_list(paths, name); known.ok())
        list = std::move(*known);
    else if (known.error().code() != Errc::not_found)
        return std::move(known).error();
    TRY(change(list));
    return os::write_file_atomic(file_of(paths, name), list_text(list));
}

Result<> remove_manifest_list(const config::Paths& paths, const ImageRef& name) {
    if (unlink(file_of(paths, name).c_str()) == 0) return {};
    if (errno == ENOENT) return missing(name);
    return errno_error("remove '{}'", file_of(paths, name));
}

Result<std::vector<std::string>> list_manifest_lists(const config::Paths& paths) {
    std::vector<std::string> names;
    for (const std::string& file : TRY(os::list_dir(folder_of(paths)))) {
        if (file.starts_with('.') || !file.ends_with(".json")) continue;
        const auto text = os::read_file(folder_of(paths) + "/" + file, detail::json_limit);
        if (!text.ok() && text.error().code() == Errc::not_found) continue;  // gone since we looked
        if (!text.ok()) return text.error();
        names.push_back(TRY_CONTEXT(parse_list(*text), "'{}/{}'", folder_of(paths), file).name);
    }
    std::ranges::sort(names);
    return names;
}

IndexDocument index_of(const ManifestList& list) {
    const bool docker = std::ranges::all_of(
        list.entries, [](const ListEntry& entry) { return entry.descriptor.media_type == docker_manifest_type; });
    const char* type = docker && !list.entries.empty() ? docker_list_type : oci_index_type;
    OrderedJson root{{"schemaVersion", 2}, {"mediaType", type}, {"manifests", OrderedJson::array()}};
    for (const ListEntry& entry : list.entries) root["manifests"].push_back(descriptor_json(entry));
    return {dump_json(root, 3), type};
}

}  // namespace gantry::image
