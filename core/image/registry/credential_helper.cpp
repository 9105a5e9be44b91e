#include "image/registry/credential_helper.hpp"

#include "image/json.hpp"
#include "os/process.hpp"

namespace gantry::image::registry {

namespace {

// The name becomes part of a program's name that is looked up in $PATH: nothing in it may lead elsewhere.
Result<std::string> program_of(const std::string& helper) {
    const bool plain =
        !helper.empty() && helper.size() <= 64 && helper.front() != '.' && std::ranges::all_of(helper, [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
                   c == '-';
        });
    if (!plain) return error(Errc::invalid, "'{}' is not the name of a credential helper", helper.substr(0, 64));
    return "docker-credential-" + helper;
}

std::string first_line(std::string_view text) {
    std::string line;
    for (const char c : text.substr(0, std::min<std::size_t>(text.find('\n'), 200))) line += (c >= ' ' && c < 0x7f) ? c : ' ';
    return line;
}

Result<os::Finished> call(const std::string& helper, const char* verb, const std::string& input) {
    const std::string program = TRY(program_of(helper));
    os::Command command{{program, verb}};
    command.input = input;
    command.output_limit = 64U << 10;
    command.timeout = std::chrono::seconds(60);  // some ask their user
    return TRY_CONTEXT(os::run(command), "credential helper '{}'", program);
}

Error refused(const std::string& helper, const os::Finished& finished) {
    const std::string said = first_line(finished.output.empty() ? finished.errors : finished.output);
    return error(Errc::denied, "credential helper 'docker-credential-{}' failed: {}", helper,
                 said.empty() ? fmt::format("exit status {}", finished.status) : said);
}

}  // namespace

Result<std::optional<Credentials>> helper_get(const std::string& helper, const std::string& server) {
    const os::Finished finished = TRY(call(helper, "get", server));
    if (finished.status != 0) {
        // The protocol's only way to say "none" (docker-credential-helpers credentials/error.go).
        if (finished.output.find("credentials not found") != std::string::npos) return std::optional<Credentials>();
        return refused(helper, finished);
    }
    const std::string what = fmt::format("answer of credential helper 'docker-credential-{}'", helper);
    const Json root = TRY(detail::parse_object(finished.output, what));
    const std::string user = TRY(detail::string_member(root, "Username", what));
    const std::string secret = TRY(detail::string_member(root, "Secret", what));
    if (user.empty() && secret.empty()) return std::optional<Credentials>();
    if (user == "<token>") return std::optional(Credentials{"", "", secret});
    return std::optional(Credentials{user, secret, ""});
}

Result<> helper_store(const std::string& helper, const std::string& server, const Credentials& credentials) {
    const bool token = !credentials.identity_token.empty();
    const Json root{{"ServerURL", server},
                    {"Username", token ? "<token>" : credentials.user},
                    {"Secret", token ? credentials.identity_token : credentials.password}};
    const os::Finished finished = TRY(call(helper, "store", dump_json(root)));
    if (finished.status != 0) return refused(helper, finished);
    return {};
}

Result<> helper_erase(const std::string& helper, const std::string& server) {
    const os::Finished finished = TRY(call(helper, "erase", server));
    if (finished.status != 0 && finished.output.find("credentials not found") == std::string::npos)
        return refused(helper, finished);
    return {};
}

}  // namespace gantry::image::registry
