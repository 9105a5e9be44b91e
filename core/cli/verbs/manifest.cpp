// manifest: indexes of images for several platforms.
#include "base/json.hpp"
#include "cli/interrupt.hpp"
#include "cli/modules/module.hpp"
#include "cli/verbs/verbs.hpp"
#include "image/manifest_list.hpp"

namespace gantry::cli {

namespace {

using Json = OrderedJson;

image::RemoteOptions remote_options(bool insecure) { return {insecure, &stop_on_interrupt()}; }

std::string reference_of(const ImageRef& ref) { return ref.normalized().str(); }

struct CreateVerb {
    std::string list;
    std::vector<std::string> manifests;
    bool amend = false, insecure = false;
};

void declare_create(Verb& verb, CreateVerb& options) {
    verb.add_option("LIST", options.list, "what the index will be called").required();
    verb.add_option("MANIFEST", options.manifests, "images in the same registry").required();
    verb.add_flag("-a,--amend", options.amend, "add to a list that is there");
    verb.add_flag("--insecure", options.insecure, "speak to a registry without TLS, or with a certificate that nobody knows");
}

Result<image::RemoteManifest> fetch(container::Engine& engine, const ImageRef& ref, bool insecure) {
    return TRY(RegistryModule::load())->fetch_manifest(engine.paths(), engine.config(), ref, remote_options(insecure));
}

Result<int> run_create(Context& context, CreateVerb& options) {
    const ImageRef name = TRY(image::parse_list_name(options.list));
    auto* engine = TRY(context.engine());
    TRY(image::create_manifest_list(engine->paths(), name, options.manifests, options.amend,
                                    [&](const ImageRef& ref) { return fetch(*engine, ref, options.insecure); }));
    return print(fmt::format("Created manifest list {}\n", name.normalized().str()));
}

struct AnnotateVerb {
    std::string list, manifest;
    image::PlatformChange platform;
};

void declare_annotate(Verb& verb, AnnotateVerb& options) {
    verb.add_option("LIST", options.list).required();
    verb.add_option("MANIFEST", options.manifest, "one of its entries").required();
    verb.add_option("--arch", options.platform.architecture, "architecture").value("ARCH");
    verb.add_option("--os", options.platform.os, "operating system").value("OS");
    verb.add_option("--os-features", options.platform.os_features, "features of the operating system, by commas")
        .value("FEATURE");
    verb.add_option("--os-version", options.platform.os_version, "version of the operating system").value("VERSION");
    verb.add_option("--variant", options.platform.variant, "variant of the architecture").value("VARIANT");
}

Result<int> run_annotate(Context& context, AnnotateVerb& options) {
    auto* engine = TRY(context.engine());
    TRY(image::annotate_manifest(engine->paths(), TRY(image::parse_list_name(options.list)), options.manifest,
                                 options.platform));
    return 0;
}

struct ManifestInspectVerb {
    std::vector<std::string> names;
    bool insecure = false, verbose = false;
};

void declare_inspect(Verb& verb, ManifestInspectVerb& options) {
    verb.add_option("NAME", options.names, "a list or a manifest; a list and one of its manifests").required();
    verb.add_flag("--insecure", options.insecure, "speak to a registry without TLS, or with a certificate that nobody knows");
    verb.add_flag("-v,--verbose", options.verbose, "with descriptors, and the manifests of a list");
}

std::string pretty(const Json& json) { return dump_json(json, 1, '\t') + "\n"; }

// As Docker's ImageManifest: reference, descriptor and the manifest.
Json described(const std::string& reference, const image::RemoteManifest& found) {
    Json descriptor{{"mediaType", found.media_type}, {"digest", found.digest.str()}, {"size", found.text.size()}};
    if (found.platform) {
        Json platform{{"architecture", found.platform->architecture}, {"os", found.platform->os}};
        if (!found.platform->variant.empty()) platform["variant"] = found.platform->variant;
        descriptor["platform"] = std::move(platform);
    }
    const bool docker = found.media_type.find("docker") != std::string::npos;
    return {{"Ref", reference},
            {"Descriptor", descriptor},
            {docker ? "SchemaV2Manifest" : "OCIManifest", parse_ordered_json(found.text)}};
}

// The entries of an index, each with its manifest.
Result<Json> described_entries(container::Engine& engine, const ImageRef& ref, std::string_view index, bool insecure) {
    const Json root = parse_ordered_json(index);
    Json all = Json::array();
    if (!root.is_object() || !root.contains("manifests") || !root["manifests"].is_array()) return all;
    for (const Json& entry : root["manifests"]) {
        if (!entry.is_object() || !entry.contains("digest") || !entry["digest"].is_string()) continue;
        ImageRef one = ref.normalized();
        one.tag.clear();
        one.digest = TRY(Digest::parse(entry["digest"].get<std::string>()));
        Json json = described(one.str(), TRY(fetch(engine, one, insecure)));
        if (entry.contains("platform")) json["Descriptor"]["platform"] = entry["platform"];
        all.push_back(std::move(json));
    }
    return all;
}

Result<int> run_inspect(Context& context, ManifestInspectVerb& options) {
    if (options.names.size() > 2) return error(Errc::invalid, "one or two names, not {}", options.names.size());
    auto* engine = TRY(context.engine());
    if (options.names.size() == 2) {
        image::ManifestList list =
            TRY(image::read_manifest_list(engine->paths(), TRY(image::parse_list_name(options.names[0]))));
        const image::ListEntry* entry = TRY(image::find_entry(list, options.names[1]));
        ImageRef ref = TRY(ImageRef::parse(entry->reference));
        ref.digest = entry->descriptor.digest;
        auto found = TRY(fetch(*engine, ref, options.insecure));
        found.platform = entry->platform;
        return print(options.verbose ? pretty(described(entry->reference, found)) : pretty(parse_ordered_json(found.text)));
    }
    const ImageRef ref = TRY(ImageRef::parse(options.names[0]));
    const auto list = image::read_manifest_list(engine->paths(), ref);
    if (!list.ok() && list.error().code() != Errc::not_found) return list.error();
    const Digest none = TRY(Digest::parse("sha256:" + std::string(64, '0')));  // a list of this machine has no digest yet
    image::RemoteManifest found{"", "", none, std::nullopt};
    if (list.ok())
        found.text = image::index_of(*list).text;
    else
        found = TRY_CONTEXT(fetch(*engine, ref, options.insecure), "'{}'", options.names[0]);
    if (!options.verbose) return print(pretty(parse_ordered_json(found.text)));
    if (found.platform) return print(pretty(described(reference_of(ref), found)));
    return print(pretty(TRY(described_entries(*engine, ref, found.text, options.insecure))));
}

struct ManifestPushVerb {
    std::string list;
    bool insecure = false, purge = false;
};

void declare_push(Verb& verb, ManifestPushVerb& options) {
    verb.add_option("LIST", options.list).required();
    verb.add_flag("--insecure", options.insecure, "speak to a registry without TLS, or with a certificate that nobody knows");
    verb.add_flag("-p,--purge", options.purge, "and remove it here");
}

Result<int> run_push(Context& context, ManifestPushVerb& options) {
    const ImageRef name = TRY(image::parse_list_name(options.list));
    auto* engine = TRY(context.engine());
    const auto list = TRY(image::read_manifest_list(engine->paths(), name));
    const auto pushed =
        TRY_CONTEXT(TRY(RegistryModule::load())
                        ->push_manifest_list(engine->paths(), engine->config(), list, remote_options(options.insecure)),
                    "push '{}'", options.list);
    for (const std::string& reference : pushed.manifests)
        TRY(print(fmt::format("Pushed ref {} with digest: {}\n", reference, reference.substr(reference.find('@') + 1))));
    if (options.purge) TRY(image::remove_manifest_list(engine->paths(), name));
    return print(pushed.digest.str() + "\n");
}

struct ManifestRmVerb {
    std::vector<std::string> lists;
};

void declare_rm(Verb& verb, ManifestRmVerb& options) { verb.add_option("LIST", options.lists).required(); }

Result<int> run_rm(Context& context, ManifestRmVerb& options) {
    auto* engine = TRY(context.engine());
    return for_each_object(options.lists, [&](const std::string& text) -> Result<> {
        return image::remove_manifest_list(engine->paths(), TRY(image::parse_list_name(text)));
    });
}

}  // namespace

void add_manifest_verbs(Parents& parents, Context& context) {
    Verb group = parents.top.add_group("manifest", "Manage indexes of images for several platforms");
    add_verb(group, context, "create", "Make a list of images for several platforms", declare_create, run_create);
    add_verb(group, context, "annotate", "Say what platform an entry is for", declare_annotate, run_annotate);
    add_verb(group, context, "inspect", "Show a manifest or a list", declare_inspect, run_inspect);
    add_verb(group, context, "push", "Push a list to its registry", declare_push, run_push);
    add_verb(group, context, "rm", "Remove lists", declare_rm, run_rm);
}

}  // namespace gantry::cli
