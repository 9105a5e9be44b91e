// completion, and the hidden verb that the completion scripts ask. What can be typed is read from the tree of verbs itself, so
// that no list has to be kept in step with it.
#include "cli/verbs/verbs.hpp"

#include "config/reader.hpp"

namespace gantry::cli {

namespace {

using Words = std::vector<std::string>;

// What a verb's first argument names, by its place in the tree ("container start" and "start" are the same).
enum class Kind { nothing, container, image, network, volume };

Kind kind_of(const std::string& group, const std::string& verb) {
    static const std::set<std::string> containers{"start", "stop",   "restart", "kill", "pause",  "unpause", "wait",
                                                  "rm",    "rename", "update",  "port", "top",    "stats",   "logs",
                                                  "exec",  "attach", "cp",      "diff", "export", "inspect"};
    static const std::set<std::string> images{"run", "create", "rmi", "tag", "history", "save", "pull"};
    if (group == "policy" || group == "net") return Kind::container;
    if (group == "network") return verb == "create" || verb == "ls" || verb == "prune" ? Kind::nothing : Kind::network;
    if (group == "volume") return verb == "create" || verb == "ls" || verb == "prune" ? Kind::nothing : Kind::volume;
    if (images.contains(verb) || (group == "image" && verb != "ls" && verb != "load" && verb != "prune")) return Kind::image;
    return containers.contains(verb) ? Kind::container : Kind::nothing;
}

// Names are a convenience: whatever cannot be read just is not offered.
Words names_of(Context& context, Kind kind) {
    Words names;
    if (kind == Kind::container) {
        if (const auto all = config::list_definitions(); all.ok())
            for (const auto& [name, file] : *all) names.push_back(name.str());
        return names;
    }
    if (kind == Kind::nothing) return names;
    const auto engine = context.engine();
    if (!engine.ok()) return names;
    if (kind == Kind::network) {
        if (const auto all = (*engine)->networks(); all.ok())
            for (const auto& network : *all) names.push_back(network.config.name);
    } else if (kind == Kind::volume) {
        if (const auto all = (*engine)->volumes(); all.ok())
            for (const auto& volume : *all) names.push_back(volume.name);
    } else if (const auto store = (*engine)->images(); store.ok()) {
        if (const auto all = (*store)->list(); all.ok())
            for (const auto& image : *all)
                for (const auto& name : image.names)
                    if (const auto ref = ImageRef::parse(name); ref.ok()) names.push_back(ref->familiar());
    }
    return names;
}

Words candidates(Verb root, Context& context, const Words& typed) {
    Verb at = root;
    std::string group, verb;
    for (std::size_t index = 0; index + 1 < typed.size(); ++index) {
        const auto next = at.find(typed[index]);
        if (!next) break;
        if (index > 0) group = verb;
        verb = next->name();
        at = *next;
    }
    const std::string& last = typed.empty() ? "" : typed.back();
    if (last.starts_with("-")) return at.long_flags();
    Words words = at.visible_verbs();
    return words.empty() ? names_of(context, kind_of(group, verb)) : words;
}

struct AskOptions {
    Verb verb;
};

void declare_ask(Verb& verb, AskOptions& options) {
    options.verb = verb;
    verb.take_rest();
    verb.hide();
}

Result<int> run_ask(Context& context, AskOptions& options) {
    Words typed = options.verb.remaining();
    if (!typed.empty()) typed.erase(typed.begin());  // "words": CLI11 takes a "--" for itself
    std::string out;
    const std::string prefix = typed.empty() ? "" : typed.back();
    for (const auto& word : candidates(options.verb.parent(), context, typed))
        if (word.starts_with(prefix)) out += word + "\n";
    return print(out);
}

struct ScriptOptions {
    std::string shell;
};

void declare_script(Verb& verb, ScriptOptions& options) {
    verb.add_option("SHELL", options.shell, "bash, zsh or fish").required().one_of({"bash", "zsh", "fish"});
}

constexpr const char* bash_script = R"SH(# bash completion for gantry
_gantry() {
    local IFS=$'\n'
    COMPREPLY=($(gantry __complete words "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
    [[ ${#COMPREPLY[@]} -gt 0 ]] || compopt -o default
}
complete -F _gantry gantry
)SH";

constexpr const char* zsh_script = R"SH(#compdef gantry
_gantry() {
    local -a found
    found=(${(f)"$(gantry __complete words "${(@)words[2,CURRENT]}" 2>/dev/null)"})
    if (( ${#found} )); then compadd -- "${found[@]}"; else _files; fi
}
compdef _gantry gantry
)SH";

constexpr const char* fish_script = R"SH(# fish completion for gantry
function __gantry_complete
    set -l typed (commandline -opc)[2..-1] (commandline -ct)
    gantry __complete words $typed 2>/dev/null
end
complete -c gantry -a '(__gantry_complete)'
)SH";

Result<int> run_script(Context&, ScriptOptions& options) {
    return print(options.shell == "bash" ? bash_script : options.shell == "zsh" ? zsh_script : fish_script);
}

}  // namespace

void add_completion_verbs(Parents& parents, Context& context) {
    add_verb(parents.top, context, "completion", "Print the completion script of a shell", declare_script, run_script);
    add_verb(parents.top, context, "__complete", "Candidates for the last word", declare_ask, run_ask);
}

}  // namespace gantry::cli
