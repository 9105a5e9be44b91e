#include "image/registry/short_names.hpp"

namespace gantry::image::registry {

Result<std::vector<ImageRef>> candidates(const config::Engine& engine, const ImageRef& ref) {
    if (!ref.domain.empty()) return std::vector{ref.normalized()};
    if (const auto alias = engine.aliases.find(ref.path); alias != engine.aliases.end()) {
        ImageRef target = TRY_CONTEXT(ImageRef::parse(alias->second), "alias '{}'", ref.path);
        if (target.domain.empty()) return error(Errc::invalid, "alias '{}': '{}' has no registry", ref.path, alias->second);
        if (!ref.tag.empty()) target.tag = ref.tag;
        if (ref.digest) target.digest = ref.digest;
        return std::vector{target.normalized()};
    }
    std::vector<ImageRef> list;
    for (const std::string& registry : engine.search_registries) {
        ImageRef full = ref;
        full.domain = registry;
        list.push_back(full.normalized());
    }
    if (list.empty())
        return error(Errc::invalid, "'{}' has no registry, and the configuration names none to search", ref.str());
    return list;
}

}  // namespace gantry::image::registry
