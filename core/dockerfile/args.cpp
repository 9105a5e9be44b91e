// ARG: predefined ones, global ones, and their values.
#include "dockerfile/expand.hpp"
#include "dockerfile/parse.hpp"

namespace gantry::dockerfile {

namespace {

std::string platform_text(const PlatformName& name) {
    const std::string text = fmt::format("{}/{}", name.os, name.architecture);
    return name.variant.empty() ? text : fmt::format("{}/{}", text, name.variant);
}

std::optional<std::string> find(const Values& values, std::string_view name) {
    const auto found = values.find(name);
    return found == values.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace

const std::vector<std::string_view>& proxy_args() {
    static const std::vector<std::string_view> names = {"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "FTP_PROXY",
                                                        "ftp_proxy",  "NO_PROXY",   "no_proxy",    "ALL_PROXY",   "all_proxy"};
    return names;
}

bool is_proxy_arg(std::string_view name) { return std::ranges::find(proxy_args(), name) != proxy_args().end(); }

Values platform_args(const PlatformName& build, const PlatformName& target, std::string_view target_stage) {
    return {{"BUILDPLATFORM", platform_text(build)},
            {"BUILDOS", build.os},
            {"BUILDARCH", build.architecture},
            {"BUILDVARIANT", build.variant},
            {"TARGETOS", target.os},
            {"TARGETARCH", target.architecture},
            {"TARGETPLATFORM", platform_text(target)},
            {"TARGETVARIANT", target.variant},
            {"TARGETSTAGE", std::string(target_stage)}};
}

Result<Values> global_values(const Dockerfile& dockerfile, const Values& build_args, const Values& platform_values,
                             Location* failed) {
    Values values = platform_values;
    for (auto& [name, value] : values) value = find(build_args, name).value_or(value);
    const Lookup lookup = [&](std::string_view name) { return find(values, name); };
    for (const Instruction& instruction : dockerfile.global_args) {
        for (const Arg::Item& item : std::get<Arg>(instruction.what).items) {
            auto value = arg_value(item, build_args, values, lookup, dockerfile.directives.escape);
            if (!value) {
                if (failed) *failed = instruction.where;
                return located(value.error(), dockerfile.file, instruction.where);
            }
            if (*value) values[item.name] = **value;
        }
    }
    return values;
}

Result<std::optional<std::string>> arg_value(const Arg::Item& item, const Values& build_args, const Values& globals,
                                             const Lookup& lookup, char escape) {
    using Value = std::optional<std::string>;
    if (auto given = find(build_args, item.name)) return given;
    if (item.value) return Value(TRY(expand_word(*item.value, lookup, escape)));
    return find(globals, item.name);
}

}  // namespace gantry::dockerfile
