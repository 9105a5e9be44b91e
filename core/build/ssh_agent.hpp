// --ssh with keys instead of an agent: an ssh-agent(1) of the build's own.
#pragma once

#include "base/result.hpp"
#include "os/process.hpp"

namespace gantry::build {

class SshAgent {
public:
    // Listens in folder, which is the caller's and outlives it, and holds the keys in these files; one with a passphrase is
    // refused, for nobody is asked. Errc::not_found where ssh-agent is not installed.
    static Result<SshAgent> start(const std::string& folder, const std::vector<std::string>& keys);
    SshAgent(SshAgent&&) = default;
    SshAgent& operator=(SshAgent&&) = delete;
    ~SshAgent();  // it ends

    [[nodiscard]] const std::string& socket() const { return socket_; }

private:
    SshAgent(std::string socket, os::Companion companion, pid_t agent)
        : socket_(std::move(socket)), companion_(std::move(companion)), agent_(agent) {}

    std::string socket_;
    // The command that the agent was started with. Were this process killed, its input would end, and the agent, which looks
    // for it every ten seconds, would follow.
    os::Companion companion_;
    pid_t agent_;
};

}  // namespace gantry::build
