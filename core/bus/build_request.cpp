#include "bus/build_request.hpp"

#include "bus/options.hpp"
#include "config/reader.hpp"

#include <fcntl.h>
#include <sys/stat.h>

namespace gantry::bus {

namespace {

using Texts = std::vector<std::string>;
using TextMap = std::map<std::string, std::string>;
using build::Options;

// What an option's value becomes.
Result<> set_names(BuildRequest& request, const Texts& names) {
    for (const std::string& text : names) {
        ImageRef ref = TRY(ImageRef::parse(text));
        if (ref.digest) return error(Errc::invalid, "'{}' has a digest, which only the image decides", text);
        request.options.names.push_back(std::move(ref));
    }
    request.names = fmt::format("{}", fmt::join(names, " "));
    return {};
}

Result<> set_remote(Options& options, std::string address) {
    if (address.empty() || address == "-") return error(Errc::invalid, "'{}' is no address", address);
    options.context = std::move(address);
    return {};
}

Result<> set_file(Options& options, std::string file) {
    if (file == "-") return error(Errc::invalid, "'-' is no file of the context");
    options.dockerfile = std::move(file);
    return {};
}

Result<> set_cache_targets(Options& options, Texts places) {
    for (const std::string& place : places)
        if (place != "type=inline")
            return error(Errc::unsupported,
                         "'{}' is not type=inline, which is the only one here: the cache goes along with the image", place);
    options.cache_to = std::move(places);
    return {};
}

Result<> set_ulimits(Options& options, const TextMap& limits) {
    for (const auto& [name, value] : limits)
        options.limits.ulimits[name] = TRY_CONTEXT(config::parse_ulimit(value), "{}", name);
    return {};
}

Result<> set_processors(Options& options, double count) {
    if (!(count > 0)) return error(Errc::invalid, "{} is not a number of processors", count);
    options.limits.cpus = count;
    return {};
}

Result<> set_secrets(Options& options, const std::map<std::string, std::vector<std::uint8_t>>& secrets) {
    for (const auto& [id, bytes] : secrets) options.secrets.push_back({id, "", "", std::string(bytes.begin(), bytes.end())});
    return {};
}

struct Option {
    std::string_view name;
    std::string_view type;  // D-Bus signature
    Result<> (*take)(BuildRequest& request, const sdbus::Variant& value);
};

// Of an option that is nothing but a field.
template <auto Field>
Result<> assign(BuildRequest& request, const sdbus::Variant& value) {
    auto& field = request.options.*Field;
    field = value.get<std::remove_reference_t<decltype(field)>>();
    return {};
}

constexpr Option known[] = {
    {"add-host", "a{ss}",
     [](BuildRequest& request, const sdbus::Variant& value) -> Result<> {
         for (auto& host : value.get<TextMap>()) request.options.extra_hosts.emplace_back(host);
         return {};
     }},
    {"allow", "as", assign<&Options::allow>},
    {"build-arg", "a{ss}",
     [](BuildRequest& request, const sdbus::Variant& value) -> Result<> {
         for (auto& [name, text] : value.get<TextMap>()) request.options.build_args[name] = text;
         return {};
     }},
    {"build-context", "a{ss}", assign<&Options::contexts>},
    {"cache-from", "as", assign<&Options::cache_from>},
    {"cache-to", "as",
     [](BuildRequest& request, const sdbus::Variant& value) { return set_cache_targets(request.options, value.get<Texts>()); }},
    {"cpus", "d",
     [](BuildRequest& request, const sdbus::Variant& value) { return set_processors(request.options, value.get<double>()); }},
    {"file", "s",
     [](BuildRequest& request, const sdbus::Variant& value) { return set_file(request.options, value.get<std::string>()); }},
    {"label", "a{ss}", assign<&Options::labels>},
    {"memory", "t",
     [](BuildRequest& request, const sdbus::Variant& value) -> Result<> {
         request.options.limits.memory = value.get<std::uint64_t>();
         return {};
     }},
    {"network", "s", assign<&Options::network>},
    {"no-cache", "b", assign<&Options::no_cache>},
    {"no-cache-filter", "as", assign<&Options::no_cache_stages>},
    {"platform", "s",
     [](BuildRequest& request, const sdbus::Variant& value) -> Result<> {
         request.options.platform = TRY(image::Platform::parse(value.get<std::string>()));
         return {};
     }},
    {"pull", "b", assign<&Options::pull>},
    {"remote", "s",
     [](BuildRequest& request, const sdbus::Variant& value) { return set_remote(request.options, value.get<std::string>()); }},
    {"secret", "a{say}",
     [](BuildRequest& request, const sdbus::Variant& value) {
         return set_secrets(request.options, value.get<std::map<std::string, std::vector<std::uint8_t>>>());
     }},
    {"shm-size", "t",
     [](BuildRequest& request, const sdbus::Variant& value) -> Result<> {
         request.options.limits.shm_size = value.get<std::uint64_t>();
         return {};
     }},
    {"squash", "b", assign<&Options::squash>},
    {"tag", "as", [](BuildRequest& request, const sdbus::Variant& value) { return set_names(request, value.get<Texts>()); }},
    {"target", "s", assign<&Options::target>},
    {"ulimit", "a{ss}",
     [](BuildRequest& request, const sdbus::Variant& value) { return set_ulimits(request.options, value.get<TextMap>()); }},
};

}  // namespace

Result<BuildRequest> build_request(const VariantMap& options) {
    BuildRequest request;
    request.options.context = "-";
    request.options.host_files = false;
    request.options.network = "default";
    for (const auto& [name, value] : options) {
        const auto* option = std::ranges::find(known, name, &Option::name);
        if (option == std::end(known)) {
            Texts names;
            for (const Option& one : known) names.emplace_back(one.name);
            return unknown_option(name, names);
        }
        if (value.peekValueType() != option->type)
            return error(Errc::invalid, "option '{}' has the type '{}', not '{}'", name, option->type,
                         std::string(value.peekValueType()));
        TRY_CONTEXT(option->take(request, value), "option '{}'", name);
    }
    request.insecure = !request.options.allow.empty() || request.options.network == "host";
    return request;
}

Result<> check_context(int fd, const Caller& caller) {
    const int flags = fcntl(fd, F_GETFL);
    struct stat info {};
    if (flags < 0 || fstat(fd, &info) != 0) return errno_error("context");
    if (S_ISDIR(info.st_mode)) {
        if (TRY(is_root(caller))) return {};
        return error(Errc::denied,
                     "context: a folder is read with the engine's rights, so only root may give one: give a tar archive");
    }
    if ((flags & O_PATH) != 0 || (flags & O_ACCMODE) == O_WRONLY)
        return error(Errc::invalid, "context: the descriptor is not open for reading");
    return {};
}

}  // namespace gantry::bus
