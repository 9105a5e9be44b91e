#include "image/registry/policy/registries_d.hpp"

#include "image/registry/policy/identity.hpp"
#include "os/file.hpp"

#include <yaml.h>

#include <filesystem>

namespace gantry::image::registry {

namespace {

constexpr std::size_t file_limit = 1U << 20;
constexpr int depth_limit = 8;  // two are used

// As much of YAML as these files are made of: mappings of words, anything else is passed over where nobody looks at it.
class Yaml {
public:
    Yaml(std::string_view text, const std::string& file) : file_(file) {
        yaml_parser_initialize(&parser_);
        yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()), text.size());
    }
    ~Yaml() {
        yaml_event_delete(&event_);
        yaml_parser_delete(&parser_);
    }
    Yaml(const Yaml&) = delete;
    Yaml& operator=(const Yaml&) = delete;

    [[nodiscard]] yaml_event_type_t type() const { return event_.type; }
    [[nodiscard]] bool null() const {
        const std::string text = word();
        return type() == YAML_SCALAR_EVENT && event_.data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
               (text.empty() || text == "~" || text == "null");
    }
    [[nodiscard]] std::string word() const {
        if (type() != YAML_SCALAR_EVENT) return {};
        return {reinterpret_cast<const char*>(event_.data.scalar.value), event_.data.scalar.length};
    }
    [[nodiscard]] Error wrong(std::string_view why) const {
        return error(Errc::invalid, "'{}' line {}: {}", file_, event_.start_mark.line + 1, why);
    }

    Result<> next() {
        yaml_event_delete(&event_);
        if (yaml_parser_parse(&parser_, &event_) == 1) return {};
        return error(Errc::invalid, "'{}' line {}: {}", file_, parser_.problem_mark.line + 1,
                     parser_.problem ? parser_.problem : "not valid YAML");
    }

    // The value that begins here, to its end.
    Result<> skip() {
        for (int depth = 0;;) {
            if (type() == YAML_MAPPING_START_EVENT || type() == YAML_SEQUENCE_START_EVENT) ++depth;
            if (type() == YAML_MAPPING_END_EVENT || type() == YAML_SEQUENCE_END_EVENT) --depth;
            if (depth > depth_limit) return wrong("nested too deep");
            if (depth == 0) return {};
            TRY(next());
        }
    }

    // The mapping that begins here: visit is called at each value, and leaves the last event of that.
    Result<> mapping(const std::function<Result<>(const std::string& key)>& visit) {
        if (null()) return {};
        if (type() != YAML_MAPPING_START_EVENT) return wrong("a mapping is expected");
        std::set<std::string> keys;
        for (TRY(next()); type() != YAML_MAPPING_END_EVENT; TRY(next())) {
            if (type() != YAML_SCALAR_EVENT) return wrong("a word is expected");
            const std::string key = word();
            if (!keys.insert(key).second) return wrong(fmt::format("'{}' is there twice", key));
            TRY(next());
            TRY(visit(key));
        }
        return {};
    }

private:
    std::string file_;
    yaml_parser_t parser_{};
    yaml_event_t event_{};
};

bool is_store(const std::string& address) {
    return address.starts_with("file:///") || address.starts_with("http://") || address.starts_with("https://");
}

// A section's address for reading: "lookaside", or "sigstore", as it was called before. Empty where it has none.
Result<std::string> read_section(Yaml& yaml) {
    std::string lookaside, sigstore;
    TRY(yaml.mapping([&](const std::string& key) -> Result<> {
        if (key != "lookaside" && key != "sigstore") return yaml.skip();
        if (yaml.type() != YAML_SCALAR_EVENT) return yaml.wrong("an address is expected");
        if (!is_store(yaml.word())) return yaml.wrong(fmt::format("'{}' is no file, http or https address", yaml.word()));
        (key == "lookaside" ? lookaside : sigstore) = yaml.word();
        return {};
    }));
    return lookaside.empty() ? sigstore : lookaside;
}

std::string user_folder() {
    const char* home = secure_getenv("HOME");
    return home && *home ? std::string(home) + "/.config/containers/registries.d" : std::string();
}

}  // namespace

Result<> read_registries_d(std::string_view text, const std::string& file, Lookaside& into) {
    Yaml yaml(text, file);
    TRY(yaml.next());
    TRY(yaml.next());
    if (yaml.type() == YAML_STREAM_END_EVENT) return {};  // nothing but comments
    TRY(yaml.next());
    return yaml.mapping([&](const std::string& key) -> Result<> {
        if (key == "default-docker") {
            const std::string store = TRY(read_section(yaml));
            if (!into.otherwise.empty() && !store.empty()) return yaml.wrong("another file has 'default-docker' too");
            if (!store.empty()) into.otherwise = store;
            return {};
        }
        if (key != "docker") return yaml.wrong(fmt::format("'{}' is not known", key));
        return yaml.mapping([&](const std::string& name) -> Result<> {
            std::string store = TRY(read_section(yaml));
            if (!into.stores.emplace(name, std::move(store)).second)
                return yaml.wrong(fmt::format("another file has '{}' too", name));
            return {};
        });
    });
}

Result<Lookaside> load_registries_d(const config::Paths& paths) {
    std::string folder = user_folder();
    if (folder.empty() || !os::path_exists(folder))
        folder = std::filesystem::path(paths.etc).parent_path().string() + "/containers/registries.d";
    Lookaside lookaside;
    for (const std::string& name : TRY(os::list_dir(folder))) {
        if (!name.ends_with(".yaml")) continue;
        const std::string file = folder + "/" + name;
        TRY(read_registries_d(TRY(os::read_file(file, file_limit)), file, lookaside));
    }
    return lookaside;
}

std::string Lookaside::store_of(const ImageRef& image) const {
    std::vector<std::string> names = namespaces_of(image);
    names.insert(names.begin(), exact_name(image));
    for (const std::string& name : names)
        if (const auto found = stores.find(name); found != stores.end() && !found->second.empty()) return found->second;
    return otherwise.empty() ? "file:///var/lib/containers/sigstore" : otherwise;
}

}  // namespace gantry::image::registry
