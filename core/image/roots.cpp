#include "image/roots.hpp"

#include "image/json.hpp"
#include "os/file.hpp"

#include <cerrno>

namespace gantry::image {

namespace {

Result<std::vector<Digest>> digests_member(const Json& object, const char* key) {
    std::vector<Digest> digests;
    for (const std::string& text : TRY(detail::strings_member(object, key, "root")))
        digests.push_back(TRY_CONTEXT(Digest::parse(text), "root: {}", key));
    return digests;
}

}  // namespace

std::string roots_folder(const config::Paths& paths, std::string_view kind) {
    return fmt::format("{}/roots/{}", paths.images(), kind);
}

Result<Root> parse_root(std::string_view json) {
    const Json object = TRY(detail::parse_object(json, "root"));
    Root root;
    root.manifests = TRY(digests_member(object, "manifests"));
    root.blobs = TRY(digests_member(object, "blobs"));
    root.layers = TRY(detail::strings_member(object, "layers", "root"));
    root.dependent_on = TRY(digests_member(object, "while"));
    return root;
}

Result<std::vector<FoundRoot>> read_roots(const config::Paths& paths) {
    std::vector<FoundRoot> found;
    for (const std::string& kind : TRY(os::list_dir(paths.images() + "/roots"))) {
        const std::string folder = roots_folder(paths, kind);
        auto names = os::list_dir(folder);
        if (!names.ok() && names.error().sys() == ENOTDIR) continue;  // a stray file is no kind
        for (const std::string& name : TRY(std::move(names))) {
            if (!name.ends_with(".json")) continue;
            const std::string path = folder + "/" + name;
            const auto text = os::read_file(path, detail::json_limit);
            if (!text.ok() && text.error().code() == Errc::not_found) continue;
            found.push_back({path, text.ok() ? parse_root(*text) : Result<Root>(text.error())});
        }
    }
    return found;
}

}  // namespace gantry::image
