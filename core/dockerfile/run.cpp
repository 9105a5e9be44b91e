#include "dockerfile/instruction.hpp"
#include "dockerfile/words.hpp"

#include "base/units.hpp"

namespace gantry::dockerfile {

namespace {

using namespace detail;

Result<RunNetwork> parse_network(std::string_view text) {
    if (text == "default") return RunNetwork::standard;
    if (text == "none") return RunNetwork::none;
    if (text == "host") return RunNetwork::host;
    return error(Errc::invalid, "flag '--network' of RUN is default, none or host, not '{}'", shown(text));
}

Result<RunSecurity> parse_security(std::string_view text) {
    if (text == "sandbox") return RunSecurity::sandbox;
    if (text == "insecure") return RunSecurity::insecure;
    return error(Errc::invalid, "flag '--security' of RUN is sandbox or insecure, not '{}'", shown(text));
}

}  // namespace

namespace detail {

Result<What> make_run(const Statement& statement) {
    const Flags flags = TRY(Flags::read(
        statement,
        {{"mount", FlagKind::list}, {"network", FlagKind::text}, {"security", FlagKind::text}, {"device", FlagKind::list}}));
    if (!flags.list("device").empty())
        return error(Errc::unsupported, "flag '--device' of RUN: devices of the CDI are not supported in builds");
    TRY(need_text(statement));
    Run run;
    for (const std::string& text : flags.list("mount")) run.mounts.push_back(TRY_CONTEXT(parse_mount(text), "--mount"));
    run.network = TRY(parse_network(flags.text("network").value_or("default")));
    run.security = TRY(parse_security(flags.text("security").value_or("sandbox")));
    run.command = TRY(make_command(statement.rest));
    if (run.command.exec && run.command.args.empty()) return error(Errc::invalid, "RUN requires at least one argument");
    run.heredocs = statement.heredocs;
    return What(std::move(run));
}

}  // namespace detail

ShellText shell_text(const Run& run) {
    ShellText result;
    const std::string& line = run.command.shell();
    if (run.heredocs.size() == 1 && heredoc_word(trimmed(line))) {
        const Heredoc& document = run.heredocs.front();
        if (document.content.starts_with("#!"))
            result.script = document;
        else
            result.text = document.content;
        return result;
    }
    result.text = line;
    for (const Heredoc& document : run.heredocs) result.text += fmt::format("\n{}{}", document.raw, document.name);
    return result;
}

}  // namespace gantry::dockerfile
