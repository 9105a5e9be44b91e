#include "build/ssh_agent.hpp"

#include "base/text.hpp"

#include <signal.h>

namespace gantry::build {

namespace {

std::string last_line(std::string text) {
    while (text.ends_with('\n')) text.pop_back();
    return text.substr(text.rfind('\n') + 1);
}

}  // namespace

Result<SshAgent> SshAgent::start(const std::string& folder, const std::vector<std::string>& keys) {
    const std::string socket = folder + "/ssh-agent";
    os::Companion companion =
        TRY(os::Companion::start({"ssh-agent", "-a", socket, "sh", "-c", "echo $SSH_AGENT_PID; exec cat"}));
    const auto pid = whole_number(TRY_CONTEXT(companion.read_line(std::chrono::seconds(10)), "ssh-agent"));
    if (!pid || *pid < 2) return error(Errc::unavailable, "ssh-agent: it does not say its process ID");
    SshAgent agent(socket, std::move(companion), static_cast<pid_t>(*pid));
    for (const std::string& key : keys) {
        const auto added = TRY(os::run({{"env", "SSH_AUTH_SOCK=" + socket, "SSH_ASKPASS=/bin/false",
                                         "SSH_ASKPASS_REQUIRE=force", "ssh-add", "-q", "--", key},
                                        {}}));
        if (added.status != 0) return error(Errc::invalid, "ssh-add '{}': {}", key, last_line(added.errors));
    }
    return agent;
}

SshAgent::~SshAgent() {
    if (companion_.running()) kill(agent_, SIGTERM);
}

}  // namespace gantry::build
