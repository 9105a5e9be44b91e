#include "image/registry/auth_file.hpp"

#include "base/base64.hpp"
#include "image/json.hpp"
#include "image/registry/credential_helper.hpp"
#include "os/file.hpp"

#include <pwd.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>

namespace gantry::image::registry {

namespace {

constexpr std::size_t file_limit = 1U << 20;
constexpr const char* docker_hub_key = "https://index.docker.io/v1/";  // how docker itself writes Docker Hub's name

std::string variable(const char* name) {
    const char* value = getenv(name);
    return value ? value : "";
}

// Services have no $HOME.
std::string home() {
    if (std::string set = variable("HOME"); !set.empty()) return set;
    passwd entry{}, *found = nullptr;
    std::array<char, 4096> buffer{};
    if (getpwuid_r(geteuid(), &entry, buffer.data(), buffer.size(), &found) != 0 || !found) return {};
    return found->pw_dir;
}

// The content; an empty object for a file that is missing or not ours to read.
Result<Json> read_auths(const std::string& file) {
    auto text = os::read_file(file, file_limit);
    if (!text.ok()) {
        const int number = text.error().sys();
        if (number == ENOENT || number == ENOTDIR || number == EACCES) return Json::object();
        return std::move(text).error();
    }
    if (text->find_first_not_of(" \t\r\n") == std::string::npos) return Json::object();
    return detail::parse_object(*text, fmt::format("'{}'", file));
}

Result<std::optional<Credentials>> from_entry(const Json& entry, std::string_view what) {
    if (!entry.is_object()) return error(Errc::invalid, "{}: not an object", what);
    Credentials credentials{TRY(detail::string_member(entry, "username", what)),
                            TRY(detail::string_member(entry, "password", what)),
                            TRY(detail::string_member(entry, "identitytoken", what))};
    const std::string packed = TRY(detail::string_member(entry, "auth", what));
    if (!packed.empty()) {
        const auto plain = base64_decode(packed);
        const std::size_t colon = plain ? plain->find(':') : std::string::npos;
        if (colon == std::string::npos)
            return error(Errc::invalid, "{}: member 'auth' is not the base64 of USER:PASSWORD", what);
        credentials.user = plain->substr(0, colon);
        credentials.password = plain->substr(colon + 1);
        while (credentials.password.ends_with('\0')) credentials.password.pop_back();  // docker trims them too
    }
    if (credentials.user.empty() && credentials.identity_token.empty()) return std::optional<Credentials>();
    return std::optional(std::move(credentials));
}

// "registry/a/b", "registry/a", "registry"
std::vector<std::string> prefixes(const std::string& registry, const std::string& repository) {
    std::vector<std::string> keys;
    for (std::string key = registry + "/" + repository; key.size() > registry.size(); key.resize(key.rfind('/'))) {
        while (key.ends_with('/')) key.pop_back();
        if (key.size() > registry.size()) keys.push_back(key);
    }
    keys.push_back(registry);
    return keys;
}

std::string helper_of(const Json& root, const std::string& key) {
    const auto helpers = root.find("credHelpers");
    if (helpers == root.end() || !helpers->is_object()) return {};
    for (auto item = helpers->begin(); item != helpers->end(); ++item)
        if (normalized_auth_key(item.key()) == key && item->is_string()) return item->get<std::string>();
    return {};
}

std::string store_of(const Json& root) {
    const auto store = root.find("credsStore");
    return store != root.end() && store->is_string() ? store->get<std::string>() : std::string();
}

// What a helper calls the registry: docker's own keys.
std::string server_of(const std::string& key) { return key == "docker.io" ? docker_hub_key : key; }

Result<std::optional<Credentials>> from_auths(const Json& root, const std::string& key, const std::string& file) {
    const auto auths = root.find("auths");
    if (auths == root.end() || !auths->is_object()) return std::optional<Credentials>();
    for (auto item = auths->begin(); item != auths->end(); ++item) {
        if (normalized_auth_key(item.key()) != key) continue;
        auto found = TRY(from_entry(*item, fmt::format("'{}': entry '{}'", file, item.key())));
        if (found) return found;
    }
    return std::optional<Credentials>();
}

Result<std::optional<Credentials>> find_in(const std::string& file, const std::vector<std::string>& keys) {
    const Json root = TRY(read_auths(file));
    for (const std::string& key : keys) {
        if (const std::string helper = helper_of(root, key); !helper.empty()) {
            auto found = TRY_CONTEXT(helper_get(helper, server_of(key)), "'{}'", file);
            if (found) return found;
        }
    }
    for (const std::string& key : keys) {
        auto found = TRY(from_auths(root, key, file));
        if (found) return found;
    }
    if (const std::string store = store_of(root); !store.empty())
        return TRY_CONTEXT(helper_get(store, server_of(keys.back())), "'{}'", file);
    return std::optional<Credentials>();
}

std::string helper_for_writing(const Json& root, const std::string& key) {
    const std::string helper = helper_of(root, key);
    return helper.empty() ? store_of(root) : helper;
}

// Administrators link these files to elsewhere; a rename must not cut the link.
std::string real_file(const std::string& file) {
    std::array<char, PATH_MAX> buffer{};
    return realpath(file.c_str(), buffer.data()) ? std::string(buffer.data()) : file;
}

// Reads, changes and writes, alone.
Result<bool> change(const std::string& path, const std::function<Result<bool>(Json&)>& edit) {
    const std::string file = real_file(path);
    const std::string folder = file.substr(0, file.rfind('/'));
    if (!folder.empty()) TRY(os::make_dirs(folder, 0700));
    const os::Fd lock = TRY(os::lock_file(file + ".lock"));
    auto text = os::read_file(file, file_limit);
    if (!text.ok() && text.error().sys() != ENOENT) return std::move(text).error();
    Json root = TRY(read_auths(file));
    if (!TRY(edit(root))) return false;
    TRY(os::write_file_atomic(file, dump_json(root, 4) + "\n", 0600));
    return true;
}

Json& auths_of(Json& root) {
    Json& auths = root["auths"];
    if (!auths.is_object()) auths = Json::object();
    return auths;
}

bool erase_key(Json& root, const std::string& key) {
    Json& auths = auths_of(root);
    bool erased = false;
    for (auto item = auths.begin(); item != auths.end();) {
        if (normalized_auth_key(item.key()) == key) {
            item = auths.erase(item);
            erased = true;
        } else {
            ++item;
        }
    }
    return erased;
}

}  // namespace

std::string normalized_auth_key(std::string_view key) {
    const bool legacy = key.starts_with("https://") || key.starts_with("http://");
    if (legacy) key.remove_prefix(key.find("//") + 2);
    while (key.ends_with('/')) key.remove_suffix(1);
    const std::string_view host = key.substr(0, key.find('/'));
    const std::string_view path = key.size() > host.size() ? key.substr(host.size() + 1) : "";
    if (host == "index.docker.io" || host == "registry-1.docker.io" || host == "docker.io")
        return path.empty() || path == "v1" || path == "v2" ? "docker.io" : fmt::format("docker.io/{}", path);
    if (legacy || path == "v1" || path == "v2") return std::string(host);
    return std::string(key);
}

std::vector<std::string> auth_files(const config::Paths& paths) {
    std::vector<std::string> files{paths.etc + "/auth.json"};
    const auto add = [&](const std::string& folder, const char* name) {
        if (!folder.empty()) files.push_back(folder + name);
    };
    add(variable("REGISTRY_AUTH_FILE"), "");
    add(variable("XDG_RUNTIME_DIR"), "/containers/auth.json");
    const std::string user = home();
    const std::string config = variable("XDG_CONFIG_HOME");
    add(config.empty() && !user.empty() ? user + "/.config" : config, "/containers/auth.json");
    const std::string docker = variable("DOCKER_CONFIG");
    if (docker.empty())
        add(user, "/.docker/config.json");
    else
        add(docker, "/config.json");
    return files;
}

Result<std::string> login_file(const config::Paths& paths) {
    if (std::string file = variable("REGISTRY_AUTH_FILE"); !file.empty()) return file;
    if (geteuid() == 0) return paths.etc + "/auth.json";
    if (const std::string config = variable("XDG_CONFIG_HOME"); !config.empty()) return config + "/containers/auth.json";
    const std::string user = home();
    if (user.empty()) return error(Errc::invalid, "no home folder to keep credentials in: set REGISTRY_AUTH_FILE");
    return user + "/.config/containers/auth.json";
}

Result<std::optional<Credentials>> find_credentials(const config::Paths& paths, const std::string& registry,
                                                    const std::string& repository) {
    const std::vector<std::string> keys = prefixes(registry, repository);
    for (const std::string& file : auth_files(paths)) {
        auto found = TRY(find_in(file, keys));
        if (found) return found;
    }
    return std::optional<Credentials>();
}

Result<> store_credentials(const std::string& file, const std::string& key, const Credentials& credentials) {
    const auto edit = [&](Json& root) -> Result<bool> {
        erase_key(root, key);
        if (const std::string helper = helper_for_writing(root, key); !helper.empty()) {
            TRY(helper_store(helper, server_of(key), credentials));
            auths_of(root)[server_of(key)] = Json::object();  // as docker does: it lists who is logged in
            return true;
        }
        Json entry{{"auth", base64_encode(credentials.user + ":" + credentials.password)}};
        if (!credentials.identity_token.empty()) entry = {{"identitytoken", credentials.identity_token}};
        auths_of(root)[key] = std::move(entry);
        return true;
    };
    TRY_CONTEXT(change(file, edit), "write credentials to '{}'", file);
    return {};
}

Result<bool> erase_credentials(const std::string& file, const std::string& key) {
    if (!os::path_exists(file)) return false;
    const auto edit = [&](Json& root) -> Result<bool> {
        const std::string helper = helper_for_writing(root, key);
        bool erased = false;
        if (!helper.empty()) {
            erased = TRY(helper_get(helper, server_of(key))).has_value();
            if (erased) TRY(helper_erase(helper, server_of(key)));
        }
        return erase_key(root, key) || erased;
    };
    return TRY_CONTEXT(change(file, edit), "remove credentials from '{}'", file);
}

Result<bool> has_credentials(const std::string& file, const std::string& key) { return TRY(find_in(file, {key})).has_value(); }

}  // namespace gantry::image::registry
