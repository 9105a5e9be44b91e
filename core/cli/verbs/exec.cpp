// exec, attach.
#include "cli/console.hpp"
#include "cli/terminal.hpp"
#include "cli/verbs/verbs.hpp"
#include "container/exec.hpp"
#include "os/pipe.hpp"
#include "os/self.hpp"

#include <unistd.h>

namespace gantry::cli {

namespace {

struct ExecFlags {
    Verb verb;
    std::string container, user, workdir, detach_keys;
    std::vector<std::string> env, env_files;
    bool detach = false, interactive = false, privileged = false, tty = false;
};

void declare_exec(Verb& verb, ExecFlags& flags) {
    flags.verb = verb;
    verb.add_flag("-d,--detach", flags.detach, "leave the command running and return");
    verb.add_option("--detach-keys", flags.detach_keys, "keys that detach from the command").value("KEYS");
    verb.add_option("-e,--env", flags.env, "set a variable: NAME=VALUE, or NAME for our own value").value("NAME[=VALUE]");
    verb.add_option("--env-file", flags.env_files, "a file of variables").value("FILE");
    verb.add_flag("-i,--interactive", flags.interactive, "pass standard input on");
    verb.add_flag("--privileged", flags.privileged, "every capability, no system call filter");
    verb.add_flag("-t,--tty", flags.tty, "give the command a terminal");
    verb.add_option("-u,--user", flags.user, "NAME|UID[:GROUP|GID]").value("USER[:GROUP]");
    verb.add_option("-w,--workdir", flags.workdir, "working folder inside the container").value("FOLDER");
    verb.add_option("CONTAINER", flags.container, "name, id or the first digits of an id").required();
    verb.take_rest();
    verb.usage("usage: gantry exec [OPTIONS] CONTAINER COMMAND [ARG...]");
}

// "NAME" alone means our own value; one that we have not is left out, as docker does.
std::vector<std::string> completed(const std::vector<std::string>& entries) {
    std::vector<std::string> out;
    for (const auto& entry : entries) {
        if (entry.find('=') != std::string::npos)
            out.push_back(entry);
        else if (const char* ours = std::getenv(entry.c_str()))
            out.push_back(entry + "=" + ours);
    }
    return out;
}

Result<int> exec_on_terminal(container::EnterRequest& request, const ExecFlags& flags) {
    std::optional<DetachKeys> detach = TRY(DetachKeys::parse(flags.detach_keys));
    auto entered = TRY(container::enter(request));
    CopyEnd end = CopyEnd::process_ended;
    {
        std::optional<RawTerminal> raw;
        if (flags.interactive) raw.emplace(TRY(RawTerminal::enter(STDIN_FILENO)));
        Streams streams{.input = flags.interactive ? STDIN_FILENO : -1,
                        .output = STDOUT_FILENO,
                        .terminal = entered.terminal(),
                        .process = entered.pidfd()};
        streams.detach = std::move(detach);
        end = TRY(copy_streams(std::move(streams)));
    }
    if (end == CopyEnd::detached) return 0;
    return entered.wait();
}

// Pipes and not our own streams: a terminal of the host's inside a container could be typed into from there.
Result<int> exec_on_pipes(container::EnterRequest& request, const ExecFlags& flags) {
    os::Pipe output = TRY(os::make_output_pipe()), errors = TRY(os::make_output_pipe()), input;
    if (flags.interactive) input = TRY(os::make_output_pipe());
    request.stdio = {input.read.get(), output.write.get(), errors.write.get()};
    auto entered = TRY(container::enter(request));
    input.read.reset();
    output.write.reset();
    errors.write.reset();
    TRY(copy_streams({.input = flags.interactive ? STDIN_FILENO : -1,
                      .output = STDOUT_FILENO,
                      .errors = STDERR_FILENO,
                      .remote_input = flags.interactive ? &input.write : nullptr,
                      .remote_output = output.read.get(),
                      .remote_errors = errors.read.get(),
                      .process = entered.pidfd()}));
    return entered.wait();
}

Result<int> run_exec(Context& context, ExecFlags& flags) {
    container::ExecOptions options;
    options.command = flags.verb.remaining();
    if (!options.command.empty() && options.command.front() == "--") options.command.erase(options.command.begin());
    if (options.command.empty()) return error(Errc::invalid, "exec needs a command: gantry exec CONTAINER COMMAND [ARG...]");
    if (flags.tty && flags.interactive && !flags.detach && !isatty(STDIN_FILENO))
        return error(Errc::invalid, "the input device is not a TTY");
    // Executes this program once more: nothing has happened yet.
    TRY(os::seal_own_binary());
    options.env = completed(flags.env);
    options.env_files = flags.env_files;
    if (!flags.user.empty()) options.run_as = flags.user;
    options.workdir = flags.workdir;
    options.privileged = flags.privileged;
    options.terminal = flags.tty && !flags.detach;
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO}) {
        const auto [rows, columns] = window_size(fd);
        if (rows != 0 && options.size.rows == 0) options.size = {rows, columns};
    }
    auto* engine = TRY(context.engine());
    const auto container = TRY(engine->container(flags.container));
    auto request = TRY(container::exec_request(*engine, container, options));
    const auto run = [&]() -> Result<int> {
        if (options.terminal) return exec_on_terminal(request, flags);
        if (!flags.detach) return exec_on_pipes(request, flags);
        TRY(container::enter(request));
        return 0;
    };
    auto status = run();
    if (status.ok()) return status;
    complain(status.error());
    return container::exec_exit_status(status.error());
}

struct AttachFlags {
    std::string container, detach_keys;
    bool no_stdin = false, sig_proxy = true;
};

void declare_attach(Verb& verb, AttachFlags& flags) {
    verb.add_option("CONTAINER", flags.container, "name, id or the first digits of an id").required();
    verb.add_option("--detach-keys", flags.detach_keys, "keys that detach from the container").value("KEYS");
    verb.add_flag("--no-stdin", flags.no_stdin, "do not pass standard input on");
    verb.add_flag("--sig-proxy,!--no-sig-proxy", flags.sig_proxy, "pass signals on (without a terminal)");
}

Result<int> run_attach(Context& context, AttachFlags& flags) {
    auto* engine = TRY(context.engine());
    const auto container = TRY(engine->container(flags.container));
    return attach_running(*engine, container, {!flags.no_stdin, flags.sig_proxy, flags.detach_keys});
}

}  // namespace

void add_exec_verbs(Parents& parents, Context& context) {
    for (Verb* parent : {&parents.top, &parents.container}) {
        add_verb(*parent, context, "exec", "Run a command in a running container", declare_exec, run_exec);
        add_verb(*parent, context, "attach", "Attach to a running container", declare_attach, run_attach);
    }
}

}  // namespace gantry::cli
