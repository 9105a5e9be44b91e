// `gantry exec` and health probes: a definition, its image and a few flags become a request to enter.
#pragma once

#include "container/engine.hpp"
#include "container/enter.hpp"

namespace gantry::container {

struct ExecOptions {
    std::vector<std::string> command;
    std::vector<std::string> env;  // "NAME=VALUE"; later ones win
    std::vector<std::string> env_files;
    std::optional<std::string> run_as;  // --user; else the container's
    std::string workdir;                // else the container's
    bool privileged = false;            // every capability and no filter
    bool terminal = false;
    TerminalSize size;
};

// pid: of the container's first process. What the container was started with bounds what the command gets, also where the
// definition was edited since (its capabilities are those of the first process's bounding set at most), unless privileged.
Result<EnterRequest> exec_request(const config::Paths& paths, const std::string& name, pid_t pid, const std::string& hostname,
                                  const config::Definition& definition, const image::ImageConfig& image,
                                  const ExecOptions& options);

// The same for a container that the engine knows; Errc::unavailable where it is not running or paused.
Result<EnterRequest> exec_request(Engine& engine, const Container& container, const ExecOptions& options);

// NAME=VALUE into an environment, in place of an entry of that name; a word without '=' takes the name away.
void set_variable(std::vector<std::string>& environment, const std::string& entry);

}  // namespace gantry::container
