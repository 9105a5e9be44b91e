// Variables: which instructions expand them, how, and which names are there without being declared.
#pragma once

#include "dockerfile/ast.hpp"

#include <functional>
#include <map>
#include <string_view>

namespace gantry::dockerfile {

// The value of a variable, nothing where it is not set. Is not asked for special names ("$1", "$@": never set).
using Lookup = std::function<std::optional<std::string>(std::string_view name)>;

constexpr std::size_t expansion_limit = 1U << 20;  // bytes of one expanded word
constexpr int expansion_depth = 50;                // levels of ${a:-${b:-...}}

// $x ${x} ${x:-w} ${x-w} ${x:+w} ${x+w} ${x:?w} ${x?w} ${x#p} ${x##p} ${x%p} ${x%%p} ${x/p/r} ${x//p/r}, nested; quotes are taken
// off, single quotes keep what is in them, escape (the directive's character) keeps the next character.
// One word: spaces in values stay. Errors: unknown modifier, missing brace or quote, what ":?" says.
Result<std::string> expand_word(std::string_view text, const Lookup& lookup, char escape = '\\');
// Several: splits at unquoted blanks of the text and of expanded values (EXPOSE).
Result<std::vector<std::string>> expand_words(std::string_view text, const Lookup& lookup, char escape = '\\');
// Here-documents of COPY and ADD: as expand_word, but quotes are text.
Result<std::string> expand_document(std::string_view text, const Lookup& lookup, char escape = '\\');

// The instruction as it is to be carried out. Expands: FROM (image, platform), ADD, COPY (paths, chown, chmod, checksum, exclude,
// here-documents with an unquoted delimiter), ENV, ARG, LABEL, EXPOSE, VOLUME, USER, WORKDIR, STOPSIGNAL, RUN's --mount (not its
// command: the shell does that, with the environment). CMD, ENTRYPOINT, SHELL, HEALTHCHECK, ONBUILD, MAINTAINER come back as they are.
// Several values of one ENV, ARG or LABEL all see the old ones: set them after the call. Checks what only then can be checked
// (chmod, checksum, ports, signals, mounts); errors have no place: see located().
Result<Instruction> expanded(const Instruction& instruction, const Lookup& lookup, char escape = '\\');

// ARGs that exist without being declared: the proxies, upper and lower case. Visible to RUN (its environment) when given with
// --build-arg, also undeclared, and then not part of history or cache key.
const std::vector<std::string_view>& proxy_args();  // "HTTP_PROXY", "http_proxy", ...
bool is_proxy_arg(std::string_view name);

// "linux/arm/v7" and what follows from it.
struct Platform {
    std::string os, architecture, variant;
    [[nodiscard]] std::string str() const;
};
// "amd64", "linux/arm64", "linux/arm/v7"; spellings are normalised ("x86_64" to amd64, "aarch64" and arm64/v8 to arm64, "armhf"); a lone
// architecture gets linux, a lone os gets host's architecture.
Result<Platform> parse_platform(std::string_view text, const Platform& host);

// BUILDPLATFORM, BUILDOS, ..., TARGETPLATFORM, TARGETOS, TARGETARCH, TARGETVARIANT, TARGETSTAGE: global ARGs that are always declared.
// FROM sees them at once; within a stage each needs "ARG NAME" (without default; one given there wins only where no --build-arg and no
// such global value exists: never).
std::map<std::string, std::string, std::less<>> platform_args(const Platform& build, const Platform& target,
                                                              std::string_view target_stage);

// The values of the global ARGs, in order, for FROM: --build-arg (build_args) wins over the default; defaults see those before and
// platform ones. An ARG without a value is left out.
using Values = std::map<std::string, std::string, std::less<>>;
Result<Values> global_values(const Dockerfile& dockerfile, const Values& build_args, const Values& platform_values);

// The value that "ARG NAME[=DEFAULT]" has in a stage: build_args, else the (already expanded) default, else the global ARG of that name
// (globals of global_values), else the platform ones; nothing: declared but not set. An ENV of that name, set before or after, wins: that
// is the caller's to look up first.
std::optional<std::string> arg_value(const Arg::Item& item, const Values& build_args, const Values& globals, const Values& platform_values);

}  // namespace gantry::dockerfile
