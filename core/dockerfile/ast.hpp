// A Dockerfile as a tree. What stands in it is unexpanded (variables and quotes as written) until expanded() of expand.hpp has
// returned a copy of the instruction. The grammar is Docker's Dockerfile reference (docs.docker.com/reference/dockerfile);
// where that is silent, what BuildKit's frontend does.
#pragma once

#include "base/result.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace gantry::dockerfile {

// Lines of the Dockerfile, counted from 1, both included. {0, 0}: no place (an instruction that was not read from a file).
struct Location {
    std::size_t first = 0;
    std::size_t last = 0;
    bool operator==(const Location&) const = default;
};

// A here-document: "<<EOF", "3<<-'EOF'".
struct Heredoc {
    std::string name;     // the delimiter, without quotes
    std::string content;  // ends in a newline unless empty; of "<<-" without leading tabs
    std::string raw;      // as in the file, for a shell that is given the whole text
    bool expand = true;   // the delimiter had no quotes
    bool strip_tabs = false;
    unsigned descriptor = 0;  // "3<<EOF": 3
    bool operator==(const Heredoc&) const = default;
};

// RUN, CMD, ENTRYPOINT, HEALTHCHECK CMD. Exec form is a JSON array of strings; anything else, also broken JSON, is shell form.
struct Command {
    bool exec = false;
    std::vector<std::string>
        args;  // exec form: all words (may be empty); shell form: one, the text after the flags, as written
    [[nodiscard]] const std::string& shell() const { return args.front(); }  // only of the shell form
    bool operator==(const Command&) const = default;
};

struct From {
    std::string platform;  // --platform, empty where not given
    std::string image;     // image reference, "scratch" or the name of an earlier stage
    std::string name;      // AS: as written, empty where not given
    std::string as;        // the word AS as written ("As"), for lint
    bool operator==(const From&) const = default;
};

enum class MountType { bind, cache, tmpfs, secret, ssh };
enum class MountSharing { shared, exclusive, locked };  // exclusive: Docker's "private"
const char* mount_type_name(MountType type);

// RUN --mount. Before expansion, values that have a '$' are not in their fields yet (only in text) unless they are strings.
struct RunMount {
    std::string text;  // "type=cache,target=/root/.cache", as written
    MountType type = MountType::bind;
    std::string from;    // bind, cache: stage, image or named context; empty: the build context (bind), an empty folder (cache)
    std::string source;  // bind, cache: path in from
    std::string
        target;  // empty: the working directory; secret: /run/secrets/ID (nothing where env is given); ssh: see its default
    std::optional<bool> read_only;  // given by ro/readonly/rw/readwrite; default: bind true, cache false
    std::string id;                 // cache: default is the target; secret: the base name of source or target; ssh: "default"
    MountSharing sharing = MountSharing::shared;  // cache
    bool required = false;                        // secret, ssh
    std::optional<std::uint64_t> uid, gid;        // cache, secret, ssh; default 0
    std::optional<std::uint64_t> mode;            // cache (default 0755), secret (0400), ssh (0600)
    std::optional<std::uint64_t> size;            // tmpfs: bytes
    std::optional<std::string> env;               // secret: environment variable; set with an empty text: default is the id
    bool operator==(const RunMount&) const = default;
};

enum class RunNetwork { standard, none, host };  // --network=default|none|host
enum class RunSecurity { sandbox, insecure };

struct Run {
    Command command;
    std::vector<Heredoc> heredocs;  // only of the shell form
    std::vector<RunMount> mounts;
    RunNetwork network = RunNetwork::standard;
    RunSecurity security = RunSecurity::sandbox;
    bool operator==(const Run&) const = default;
};

// What the shell (SHELL, default ["/bin/sh", "-c"]) is given for a shell-form RUN.
//   RUN make                        text "make"
//   RUN <<EOF (nothing else)        text is the document; where that starts with "#!", script is set instead: it is to be run
//                                   as an executable file (BuildKit mounts it as /dev/pipes/NAME)
//   RUN cat <<A >x && cat <<B >y    text is the line, then the documents with their delimiters: the shell reads them itself
struct ShellText {
    std::string text;
    std::optional<Heredoc> script;
};
ShellText shell_text(const Run& run);

// COPY and ADD. At least one source, of either kind.
struct Copy {
    std::vector<std::string> sources;  // paths, wildcards; of ADD also URLs and git references
    std::vector<Heredoc>
        heredocs;  // sources that stand in the Dockerfile; each becomes a file of its name (or the destination)
    std::string destination;
    std::string from;   // COPY only: stage name, index, image or named context
    std::string chown;  // "user[:group]", names or numbers
    std::string chmod;  // octal ("755", "0644") or symbolic ("u=rwX,go=rX"): see FileMode, which has agreed to it when expanded
    bool link = false;
    bool parents = false;
    std::vector<std::string> exclude;  // patterns, see patterns.hpp
    bool operator==(const Copy&) const = default;
};

struct Add : Copy {
    std::string checksum;              // "sha256:...", for HTTP(S) and git sources; checked by expanded()
    std::optional<bool> keep_git_dir;  // unset: not given (false)
    std::optional<bool> unpack;        // unset: archives of the context are unpacked, downloaded ones are not
    bool operator==(const Add&) const = default;
};

// A checked --chmod. apply() of a file's old permission bits gives the new ones. Symbolic: chmod(1)'s grammar
// ([ugoa]*([-+=][rwxXst]*)+, commas); X means x for folders and for files that somebody may execute already. No umask is used.
class FileMode {
public:
    static Result<FileMode> parse(std::string_view text);
    [[nodiscard]] std::uint32_t apply(std::uint32_t old, bool folder) const;

private:
    struct Change {
        std::uint32_t who;  // mask of the bits that may change
        char operation;     // '=', '+', '-'
        std::uint32_t bits;
        bool execute_if_any;
    };
    std::vector<Change> changes_;
    std::optional<std::uint32_t> octal_;
};

struct KeyValue {
    std::string key;
    std::string value;
    bool operator==(const KeyValue&) const = default;
};

struct Env {
    std::vector<KeyValue> values;
    bool legacy = false;  // "ENV key value"
    bool operator==(const Env&) const = default;
};

struct Arg {
    struct Item {
        std::string name;
        std::optional<std::string> value;  // the default
        bool operator==(const Item&) const = default;
    };
    std::vector<Item> items;
    bool operator==(const Arg&) const = default;
};

struct Label {
    std::vector<KeyValue> values;
    bool legacy = false;
    bool operator==(const Label&) const = default;
};

struct Expose {
    std::vector<std::string> ports;  // as written; expanded() turns them into "80/tcp", one a port (ranges are written out)
    bool operator==(const Expose&) const = default;
};

struct Volume {
    std::vector<std::string> paths;
    bool operator==(const Volume&) const = default;
};

struct User {
    std::string user;  // "user[:group]"
    bool operator==(const User&) const = default;
};

struct Workdir {
    std::string path;  // may be relative to the one before
    bool operator==(const Workdir&) const = default;
};

struct Cmd {
    Command command;
    bool operator==(const Cmd&) const = default;
};

struct Entrypoint {
    Command command;
    bool operator==(const Entrypoint&) const = default;
};

struct Shell {
    std::vector<std::string> command;  // never empty
    bool operator==(const Shell&) const = default;
};

struct StopSignal {
    std::string signal;  // "SIGTERM", "9"; expanded() checks that it is one
    bool operator==(const StopSignal&) const = default;
};

struct Healthcheck {
    bool none = false;  // HEALTHCHECK NONE: no other field counts
    Command command;
    // 0: not given. Else at least 1 ms, as Docker wants it.
    std::chrono::nanoseconds interval{}, timeout{}, start_period{}, start_interval{};
    int retries = 0;
    bool operator==(const Healthcheck&) const = default;
};

struct Onbuild {
    std::string trigger;  // the instruction's text as an image configuration stores it; parse_trigger() has agreed to it
    bool operator==(const Onbuild&) const = default;
};

struct Maintainer {
    std::string name;
    bool operator==(const Maintainer&) const = default;
};

struct Instruction {
    std::variant<From, Run, Copy, Add, Env, Arg, Label, Expose, Volume, User, Workdir, Cmd, Entrypoint, Shell, StopSignal,
                 Healthcheck, Onbuild, Maintainer>
        what;
    Location where;        // from the keyword to the last line, here-documents included
    std::string original;  // the whole instruction on one line, continuations joined and comments left out: "RUN a   && b"
    std::string keyword;   // as written ("run")
    std::vector<std::string> comments;  // the comment lines right above it, without "#" and blanks around
};
// "RUN", "COPY", ...
const char* instruction_name(const Instruction& instruction);

// "# check=skip=A,B;error=true"
struct CheckDirective {
    std::vector<std::string> skip;  // rule names; "all" skips all
    bool error = false;             // warnings fail the build
    std::vector<std::string> experimental;
};

struct Directives {
    std::string syntax;  // accepted and not used: the grammar is always the newest that we know
    char escape = '\\';
    CheckDirective check;
};

struct Stage {
    From from;
    Location where;        // of its FROM
    std::string original;  // of its FROM
    std::string keyword;
    std::string name;                   // lower case, as it is looked for; empty: only the index names it
    std::vector<std::string> comments;  // see Instruction
    std::vector<Instruction> instructions;
};

struct Dockerfile {
    std::string file;  // for messages
    Directives directives;
    std::vector<Instruction> global_args;          // ARG before the first FROM
    std::vector<Stage> stages;                     // never empty
    std::vector<std::size_t> empty_continuations;  // blank lines inside of instructions, for lint
};

}  // namespace gantry::dockerfile
