#include "image/registry/choose.hpp"

#include "image/json.hpp"

namespace gantry::image::registry {

namespace {

// Spelled so that equal platforms are equal (containerd platforms/database.go).
Platform canonical(Platform platform) {
    if (platform.os.empty()) platform.os = "linux";
    if (platform.architecture == "amd64" && platform.variant == "v1") platform.variant.clear();
    if (platform.architecture == "arm64" && (platform.variant == "v8" || platform.variant == "8")) platform.variant.clear();
    if (platform.architecture == "arm" && platform.variant.empty()) platform.variant = "v7";
    if (platform.variant.size() == 1) platform.variant = "v" + platform.variant;
    return platform;
}

bool same(const Platform& a, const Platform& b) {
    return a.os == b.os && a.architecture == b.architecture && a.variant == b.variant;
}

int variant_number(const Platform& platform) {
    const std::string& text = platform.variant;
    return text.size() == 2 && text[0] == 'v' && text[1] >= '0' && text[1] <= '9' ? text[1] - '0' : 0;
}

void add_arm(std::vector<Platform>& list, const std::string& os, int from) {
    for (int variant = from; variant >= 5; --variant) list.push_back({os, "arm", fmt::format("v{}", variant)});
}

Result<std::optional<Platform>> platform_of(const Json& entry, std::string_view what) {
    const Json* object = TRY(detail::object_member(entry, "platform", what));
    if (!object) return std::optional<Platform>();
    std::string os = TRY(detail::string_member(*object, "os", what));
    std::string architecture = TRY(detail::string_member(*object, "architecture", what));
    std::string variant = TRY(detail::string_member(*object, "variant", what));
    return std::optional(canonical({std::move(os), std::move(architecture), std::move(variant)}));
}

struct Candidate {
    Descriptor descriptor;
    std::optional<Platform> platform;
};

Result<std::vector<Candidate>> read_index_entries(std::string_view json) {
    const Json root = TRY(detail::parse_object(json, "index"));
    const Json* entries = TRY(detail::array_member(root, "manifests", "index"));
    if (!entries) return error(Errc::invalid, "index: member 'manifests' is missing");
    std::vector<Candidate> candidates;
    for (std::size_t at = 0; at < entries->size(); ++at) {
        const Json& entry = (*entries)[at];
        const std::string what = fmt::format("index: entry {}", at + 1);
        if (!entry.is_object()) return error(Errc::invalid, "{}: not an object", what);
        const std::string type = TRY(detail::string_member(entry, "mediaType", what));
        if (!type.empty() && !is_manifest_type(type) && !is_index_type(type))
            continue;  // artifacts of other kinds may stand beside
        const std::uint64_t size = TRY(detail::size_member(entry, "size", what));
        Digest digest = TRY(detail::digest_member(entry, "digest", what));
        candidates.push_back({{type, std::move(digest), size, {}}, TRY(platform_of(entry, what))});
    }
    return candidates;
}

}  // namespace

const char* const manifest_accept =
    "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json, "
    "application/vnd.docker.distribution.manifest.v1+prettyjws;q=0.1";  // only to be told apart from a missing image

bool is_schema1(std::string_view type) { return type.starts_with("application/vnd.docker.distribution.manifest.v1+"); }
bool is_foreign(std::string_view type) {
    return type.find(".nondistributable.") != std::string_view::npos || type.find(".foreign.") != std::string_view::npos;
}

std::vector<Platform> runnable(const Platform& platform, bool others) {
    const Platform wanted = canonical(platform);
    std::vector<Platform> list{wanted};
    const int variant = variant_number(wanted);
    if (wanted.architecture == "amd64") {
        for (int lower = variant - 1; lower >= 1; --lower)
            list.push_back(canonical({wanted.os, "amd64", fmt::format("v{}", lower)}));
        if (others) list.push_back({wanted.os, "386", ""});
    } else if (wanted.architecture == "arm64") {
        for (int lower = variant - 1; lower >= 8; --lower)
            list.push_back(canonical({wanted.os, "arm64", fmt::format("v{}", lower)}));
        if (others) add_arm(list, wanted.os, 8);
    } else if (wanted.architecture == "arm") {
        add_arm(list, wanted.os, variant - 1);
    }
    return list;
}

bool same_platform(const Platform& a, const Platform& b) { return same(canonical(a), canonical(b)); }

bool fits(const Platform& image, const Platform& wanted, bool others) {
    const Platform plain = canonical(image);
    return std::ranges::any_of(runnable(wanted, others), [&](const Platform& one) { return same(one, plain); });
}

Result<Descriptor> choose_manifest(std::string_view json, const Platform& wanted, bool others) {
    std::vector<Candidate> candidates = TRY(read_index_entries(json));
    for (const Platform& platform : runnable(wanted, others))
        for (Candidate& candidate : candidates)
            if (candidate.platform && same(*candidate.platform, platform)) return std::move(candidate.descriptor);
    if (candidates.size() == 1 && !candidates.front().platform) return std::move(candidates.front().descriptor);
    std::string there;
    for (const Candidate& candidate : candidates) {
        if (!candidate.platform || candidate.platform->architecture == "unknown") continue;  // attestations
        if (there.size() > 300) break;
        there += (there.empty() ? "" : ", ") + candidate.platform->str();
    }
    return error(Errc::not_found, "no image for platform '{}' in its index, there are: {}", canonical(wanted).str(),
                 there.empty() ? "none" : there);
}

Result<std::string> media_type_of(std::string_view json, std::string_view content_type) {
    const Json root = TRY(detail::parse_object(json, "manifest"));
    const std::int64_t version = TRY(detail::integer_member(root, "schemaVersion", "manifest"));
    if (version == 1 || is_schema1(content_type))
        return error(Errc::unsupported,
                     "the image is in Docker's schema 1, which is not supported: push it again with a newer tool");
    const bool list = root.contains("manifests");
    if (list && (root.contains("layers") || root.contains("config")))
        return error(Errc::invalid, "manifest: is both an index and an image");
    const std::string_view header = content_type.substr(0, content_type.find_first_of("; \t"));
    std::string said = TRY(detail::string_member(root, "mediaType", "manifest"));
    const bool header_known = is_index_type(header) || is_manifest_type(header);
    if (!said.empty() && header_known && said != header)
        return error(Errc::invalid, "manifest: says it is '{}', the registry says '{}'", said.substr(0, 100), header);
    if (said.empty()) said = header_known ? std::string(header) : list ? oci_index_type : oci_manifest_type;
    if (is_index_type(said) != list || (!is_index_type(said) && !is_manifest_type(said)))
        return error(Errc::invalid, "manifest: of type '{}', which it is not or which is not known", said.substr(0, 100));
    return said;
}

Result<> check_manifest(const Manifest& manifest) {
    const std::string& config = manifest.config.media_type;
    if (!config.empty() && config != oci_config_type && config != docker_config_type && config != "application/octet-stream")
        return error(Errc::unsupported, "not a container image but '{}'", config.substr(0, 100));
    for (const Descriptor& layer : manifest.layers) {
        const std::string& type = layer.media_type;
        const bool known = type.empty() || type.starts_with("application/vnd.oci.image.layer.") ||
                           type.starts_with("application/vnd.docker.image.rootfs.");
        if (!known || type.ends_with("+encrypted"))
            return error(Errc::unsupported, "layer '{}' is of type '{}', which cannot be unpacked",
                         layer.digest.hex().substr(0, 12), type.substr(0, 100));
    }
    return {};
}

}  // namespace gantry::image::registry
