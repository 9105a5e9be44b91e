#include "image/roots.hpp"

#include "image/json.hpp"
#include "os/file.hpp"

#include <dirent.h>
#include <sys/stat.h>

namespace gantry::image {

namespace {

constexpr int folder_depth = 16;  // a repository's name has fewer parts

Result<std::vector<Digest>> digests_member(const detail::Json& object, const char* key) {
    std::vector<Digest> digests;
    for (const std::string& text : TRY(detail::strings_member(object, key, "root")))
        digests.push_back(TRY_CONTEXT(Digest::parse(text), "root: {}", key));
    return digests;
}

Result<> collect(const std::string& folder, int depth, std::vector<FoundRoot>& found) {
    for (const std::string& name : TRY(os::list_dir(folder))) {
        const std::string path = folder + "/" + name;
        struct stat info {};
        if (lstat(path.c_str(), &info) != 0) continue;
        if (S_ISDIR(info.st_mode) && depth < folder_depth) TRY(collect(path, depth + 1, found));
        if (!S_ISREG(info.st_mode) || !name.ends_with(".json")) continue;
        const auto text = os::read_file(path, detail::json_limit);
        if (!text.ok() && text.error().code() == Errc::not_found) continue;
        found.push_back({path, text.ok() ? parse_root(*text) : Result<Root>(text.error())});
    }
    return {};
}

}  // namespace

std::string roots_folder(const config::Paths& paths, std::string_view kind) {
    return fmt::format("{}/roots/{}", paths.images(), kind);
}

Result<Root> parse_root(std::string_view json) {
    const detail::Json object = TRY(detail::parse_object(json, "root"));
    Root root;
    root.manifests = TRY(digests_member(object, "manifests"));
    root.blobs = TRY(digests_member(object, "blobs"));
    root.layers = TRY(detail::strings_member(object, "layers", "root"));
    root.dependent_on = TRY(digests_member(object, "while"));
    return root;
}

Result<std::vector<FoundRoot>> read_roots(const config::Paths& paths) {
    std::vector<FoundRoot> found;
    TRY(collect(paths.images() + "/roots", 0, found));
    return found;
}

}  // namespace gantry::image
