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

// $x ${x} ${x:-w} ${x-w} ${x:+w} ${x+w} ${x:?w} ${x?w} ${x#p} ${x##p} ${x%p} ${x%%p} ${x/p/r} ${x//p/r}, nested; quotes are
// taken off, single quotes keep what is in them, escape (the directive's character) keeps the next character. One word: spaces
// in values stay. Errors: unknown modifier, missing brace or quote, what ":?" says.
Result<std::string> expand_word(std::string_view text, const Lookup& lookup, char escape = '\\');
// Several: splits at unquoted blanks of the text and of expanded values (EXPOSE).
Result<std::vector<std::string>> expand_words(std::string_view text, const Lookup& lookup, char escape = '\\');
// Here-documents of COPY and ADD: as expand_word, but quotes are text.
Result<std::string> expand_document(std::string_view text, const Lookup& lookup, char escape = '\\');

// The instruction as it is to be carried out. Expands: FROM (image, platform), ADD, COPY (paths, chown, chmod, checksum,
// exclude, here-documents with an unquoted delimiter; not --from), ENV, LABEL, EXPOSE, VOLUME, USER, WORKDIR, STOPSIGNAL, RUN's
// --mount (not its command: the shell does that, with the environment). CMD, ENTRYPOINT, SHELL, HEALTHCHECK, ONBUILD,
// MAINTAINER come back as they are, and so does ARG: see arg_value(). Several values of one ENV or LABEL all see the old ones:
// set them after the call. Checks what only then can be checked (chmod, checksum, ports, signals, mounts); errors have no
// place: see located().
Result<Instruction> expanded(const Instruction& instruction, const Lookup& lookup, char escape = '\\');

// ARGs that exist without being declared: the proxies, upper and lower case. Visible to RUN (its environment) when given with
// --build-arg, also undeclared, and then not part of history or cache key.
const std::vector<std::string_view>& proxy_args();  // "HTTP_PROXY", "http_proxy", ...
bool is_proxy_arg(std::string_view name);

using Values = std::map<std::string, std::string, std::less<>>;

struct PlatformName {
    std::string os, architecture, variant;  // as Go names them; variant may be empty
};
// BUILDPLATFORM, BUILDOS, BUILDARCH, BUILDVARIANT, TARGETPLATFORM, TARGETOS, TARGETARCH, TARGETVARIANT, TARGETSTAGE: global
// ARGs that are always declared. FROM sees them at once; within a stage each needs "ARG NAME" to be visible (whose default,
// where one is given, wins).
Values platform_args(const PlatformName& build, const PlatformName& target, std::string_view target_stage);

// All global values, for FROM and for plan(): platform ones (of platform_args) and, in order, ARGs before the first FROM.
// --build-arg (build_args) wins over a default, and over a platform value of that name; defaults see what stands before them.
// An ARG without a value is left out. Errors have their place in front.
Result<Values> global_values(const Dockerfile& dockerfile, const Values& build_args, const Values& platform_values,
                             Location* failed = nullptr);

// The value that one item of "ARG NAME[=DEFAULT] ..." has in a stage: that of build_args, else the default, expanded with
// lookup (which must see the items before it), else that of globals (global_values()); nothing: declared but not set. The
// caller sets the variable; the stage's ENV of that name wins over it.
Result<std::optional<std::string>> arg_value(const Arg::Item& item, const Values& build_args, const Values& globals,
                                             const Lookup& lookup, char escape = '\\');

}  // namespace gantry::dockerfile
