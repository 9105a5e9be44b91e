// What changes a manifest list.
#include "base/text.hpp"
#include "image/manifest_list.hpp"

namespace gantry::image {

namespace {

void put_entry(ManifestList& list, ListEntry entry) {
    const auto same = [&](const ListEntry& other) {
        return other.reference == entry.reference || other.descriptor.digest == entry.descriptor.digest;
    };
    const auto known = std::ranges::find_if(list.entries, same);
    if (known == list.entries.end())
        list.entries.push_back(std::move(entry));
    else
        *known = std::move(entry);
}

Result<ListEntry> fetch_entry(const std::string& text, const ImageRef& ref, const FetchManifestFn& fetch) {
    const RemoteManifest found = TRY_CONTEXT(fetch(ref), "'{}'", text);
    if (!found.platform) return error(Errc::invalid, "'{}' is a manifest list itself", text);
    return ListEntry{ref.normalized().str(), {found.media_type, found.digest, found.text.size(), {}}, *found.platform};
}

void change_platform(ListPlatform& platform, const PlatformChange& change) {
    if (change.os) platform.os = *change.os;
    if (change.architecture) platform.architecture = *change.architecture;
    if (change.variant) platform.variant = *change.variant;
    if (change.os_version) platform.os_version = *change.os_version;
    for (const std::string& features : change.os_features)
        for (const std::string_view feature : split(features, ',')) {
            auto& known = platform.os_features;
            if (!feature.empty() && std::ranges::find(known, feature) == known.end()) known.emplace_back(feature);
        }
}

}  // namespace

Result<ImageRef> parse_list_name(const std::string& text) {
    ImageRef ref = TRY(ImageRef::parse(text));
    if (ref.digest) return error(Errc::invalid, "'{}': a manifest list has a tag, no digest", text);
    return ref;
}

Result<ListEntry*> find_entry(ManifestList& list, const std::string& text) {
    const ImageRef ref = TRY(ImageRef::parse(text)).normalized();
    for (ListEntry& entry : list.entries)
        if (entry.reference == ref.str() || (ref.digest && entry.descriptor.digest == *ref.digest)) return &entry;
    return error(Errc::not_found, "manifest for image {} does not exist in {}", text, list.name);
}

Result<> create_manifest_list(const config::Paths& paths, const ImageRef& name, const std::vector<std::string>& manifests,
                              bool amend, const FetchManifestFn& fetch) {
    const auto refuse = [&] { return error(Errc::exists, "refusing to amend an existing manifest list with no --amend flag"); };
    if (!amend && read_manifest_list(paths, name).ok()) return refuse();
    std::vector<ListEntry> entries;
    for (const std::string& text : manifests) {
        const ImageRef ref = TRY(ImageRef::parse(text));
        if (ref.normalized().domain != name.normalized().domain)
            return error(Errc::invalid, "cannot use source images from a different registry than the target image: {} != {}",
                         ref.normalized().domain, name.normalized().domain);
        entries.push_back(TRY(fetch_entry(text, ref, fetch)));
    }
    return change_manifest_list(paths, name, [&](ManifestList& list) -> Result<> {
        if (!amend && !list.entries.empty()) return refuse();
        for (ListEntry& entry : entries) put_entry(list, std::move(entry));
        return {};
    });
}

Result<> annotate_manifest(const config::Paths& paths, const ImageRef& name, const std::string& manifest,
                           const PlatformChange& change) {
    TRY(read_manifest_list(paths, name));
    return change_manifest_list(paths, name, [&](ManifestList& list) -> Result<> {
        ListPlatform& platform = TRY(find_entry(list, manifest))->platform;
        change_platform(platform, change);
        if (platform.os.empty() || platform.architecture.empty())
            return error(Errc::invalid, "an entry needs an os and an architecture");
        return {};
    });
}

}  // namespace gantry::image
