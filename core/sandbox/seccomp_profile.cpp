#include "sandbox/seccomp_profile.hpp"

#include "base/json.hpp"

#include <sys/utsname.h>

namespace gantry::sandbox {

namespace {

Result<std::vector<std::string>> strings(const Json& object, const char* key) {
    std::vector<std::string> out;
    const auto found = object.find(key);
    if (found == object.end() || found->is_null()) return out;
    if (!found->is_array()) return error(Errc::invalid, "'{}' is not a list", key);
    for (const Json& item : *found) {
        if (!item.is_string()) return error(Errc::invalid, "'{}' holds something else than strings", key);
        out.push_back(item.get<std::string>());
    }
    return out;
}

Result<std::string> text(const Json& object, const char* key) {
    const auto found = object.find(key);
    if (found == object.end() || found->is_null()) return std::string();
    if (!found->is_string()) return error(Errc::invalid, "'{}' is not a string", key);
    return found->get<std::string>();
}

Result<std::optional<std::uint64_t>> number(const Json& object, const char* key) {
    const auto found = object.find(key);
    if (found == object.end() || found->is_null()) return std::optional<std::uint64_t>();
    if (!found->is_number_unsigned()) return error(Errc::invalid, "'{}' is not a number of 0 or more", key);
    return std::optional(found->get<std::uint64_t>());
}

Result<std::optional<unsigned>> errno_of(const Json& object, const char* key) {
    const auto value = TRY(number(object, key));
    if (!value) return std::optional<unsigned>();
    if (*value > 4095) return error(Errc::invalid, "'{}' {} is no error number", key, *value);
    return std::optional(static_cast<unsigned>(*value));
}

bool kernel_at_least(std::string_view wanted) {
    utsname host{};
    uname(&host);
    unsigned major = 0, minor = 0, want_major = 0, want_minor = 0;
    if (sscanf(std::string(wanted).c_str(), "%u.%u", &want_major, &want_minor) != 2) return false;
    if (sscanf(host.release, "%u.%u", &major, &minor) != 2) return false;
    return std::pair(major, minor) >= std::pair(want_major, want_minor);
}

struct Condition {
    std::vector<std::string> arches;
    CapSet caps = 0;
    bool has_caps = false;
    std::string min_kernel;
};

Result<Condition> condition(const Json& rule, const char* key) {
    Condition out;
    const auto found = rule.find(key);
    if (found == rule.end() || found->is_null()) return out;
    if (!found->is_object()) return error(Errc::invalid, "'{}' is not an object", key);
    for (const auto& [member, value] : found->items())
        if (member != "arches" && member != "caps" && member != "minKernel")
            return error(Errc::invalid, "'{}' has the unknown member '{}'", key, member);
    out.arches = TRY(strings(*found, "arches"));
    for (const std::string& name : TRY(strings(*found, "caps"))) {
        out.has_caps = true;
        // A capability younger than these sources cannot be in the set: it neither includes nor excludes.
        if (auto one = parse_capability(name); one.ok())
            out.caps |= CapSet{1} << *one;
        else
            out.caps |= CapSet{1} << 63;
    }
    out.min_kernel = TRY(text(*found, "minKernel"));
    return out;
}

bool names_this_host(const Condition& condition) {
    return std::ranges::find(condition.arches, docker_architecture()) != condition.arches.end();
}

// moby profiles/seccomp/seccomp_linux.go: every excluded capability, architecture or kernel drops the rule if it is there;
// every included one must be.
bool applies(const Condition& includes, const Condition& excludes, CapSet capabilities) {
    if (!excludes.arches.empty() && names_this_host(excludes)) return false;
    if (excludes.caps & capabilities) return false;
    if (!excludes.min_kernel.empty() && kernel_at_least(excludes.min_kernel)) return false;
    if (!includes.arches.empty() && !names_this_host(includes)) return false;
    if (includes.has_caps && (includes.caps & capabilities) != includes.caps) return false;
    return includes.min_kernel.empty() || kernel_at_least(includes.min_kernel);
}

Result<std::optional<SeccompRule>> read_rule(const Json& from, CapSet capabilities) {
    if (!from.is_object()) return error(Errc::invalid, "it is not an object");
    static const std::set<std::string> known{"name", "names", "action", "errnoRet", "args", "includes", "excludes", "comment"};
    for (const auto& [member, value] : from.items())
        if (!known.contains(member)) return error(Errc::invalid, "member '{}' is not known", member);
    const Condition includes = TRY(condition(from, "includes")), excludes = TRY(condition(from, "excludes"));
    SeccompRule rule;
    rule.names = TRY(strings(from, "names"));
    if (std::string one = TRY(text(from, "name")); !one.empty()) rule.names.push_back(std::move(one));
    rule.action = TRY(text(from, "action"));
    rule.errno_ret = TRY(errno_of(from, "errnoRet"));
    if (const auto args = from.find("args"); args != from.end() && !args->is_null()) {
        if (!args->is_array() || args->size() > 6) return error(Errc::invalid, "'args' is not a list of at most 6");
        for (const Json& arg : *args) {
            if (!arg.is_object()) return error(Errc::invalid, "'args' holds something else than objects");
            SeccompArgument argument;
            const std::uint64_t index = TRY(number(arg, "index")).value_or(0);
            if (index > 5) return error(Errc::invalid, "argument index {} is above 5", index);
            argument.index = static_cast<unsigned>(index);
            argument.value = TRY(number(arg, "value")).value_or(0);
            argument.value_two = TRY(number(arg, "valueTwo")).value_or(0);
            argument.op = TRY(text(arg, "op"));
            rule.arguments.push_back(std::move(argument));
        }
    }
    if (!applies(includes, excludes, capabilities)) return std::optional<SeccompRule>();
    return std::optional(std::move(rule));
}

std::string short_arch(std::string_view name) {  // "SCMP_ARCH_X86_64" to "x86_64"
    if (name.starts_with("SCMP_ARCH_")) name.remove_prefix(10);
    std::string out(name);
    for (char& c : out)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return out;
}

Result<> read_architectures(const Json& document, SeccompProfile& profile) {
    for (const std::string& name : TRY(strings(document, "architectures"))) profile.architectures.push_back(short_arch(name));
    const auto map = document.find("archMap");
    if (map == document.end() || map->is_null()) return {};
    if (!map->is_array()) return error(Errc::invalid, "'archMap' is not a list");
    const std::map<std::string_view, std::string_view> native{{"amd64", "x86_64"}, {"arm64", "aarch64"}};
    const auto own = native.find(docker_architecture());
    const std::string_view wanted = own == native.end() ? docker_architecture() : own->second;
    for (const Json& entry : *map) {
        if (!entry.is_object()) return error(Errc::invalid, "'archMap' holds something else than objects");
        if (short_arch(TRY(text(entry, "architecture"))) != wanted) continue;
        for (const std::string& name : TRY(strings(entry, "subArchitectures")))
            profile.architectures.push_back(short_arch(name));
    }
    return {};
}

}  // namespace

std::string_view docker_architecture() {
#if defined(__x86_64__)
    return "amd64";
#elif defined(__aarch64__)
    return "arm64";
#elif defined(__riscv)
    return "riscv64";
#elif defined(__powerpc64__)
    return "ppc64le";
#elif defined(__s390x__)
    return "s390x";
#else
    return "unknown";
#endif
}

Result<SeccompProfile> parse_profile(std::string_view text_in, CapSet capabilities) {
    const Json document = parse_json(text_in);
    if (document.is_discarded() || !document.is_object()) return error(Errc::invalid, "it is not a JSON object");
    SeccompProfile profile;
    profile.default_action = TRY(text(document, "defaultAction"));
    if (profile.default_action.empty()) return error(Errc::invalid, "'defaultAction' is missing");
    profile.default_errno = TRY(errno_of(document, "defaultErrnoRet"));
    TRY(read_architectures(document, profile));
    const auto rules = document.find("syscalls");
    if (rules == document.end() || rules->is_null()) return profile;
    if (!rules->is_array()) return error(Errc::invalid, "'syscalls' is not a list");
    for (std::size_t i = 0; i < rules->size(); ++i)
        if (auto rule = TRY_CONTEXT(read_rule((*rules)[i], capabilities), "rule {}", i + 1))
            profile.rules.push_back(std::move(*rule));
    return profile;
}

}  // namespace gantry::sandbox
