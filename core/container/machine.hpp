// Machine containers: an init system as the container's first process, which wants what https://systemd.io/CONTAINER_INTERFACE
// describes. The launcher provides it (launch/machine.cpp), the drop-in stops it by the right signal.
#pragma once

#include "config/definition.hpp"

namespace gantry::container {

// What the container runs: the definition's words or the image's (entrypoint and command of its configuration).
std::vector<std::string> command_words(const config::Definition& definition, const std::vector<std::string>& entrypoint,
                                       const std::vector<std::string>& command);

// As the definition says; where it says nothing, whether the command is an init system, as `podman run --systemd=true` decides.
bool is_machine(const config::Definition& definition, const std::vector<std::string>& entrypoint,
                const std::vector<std::string>& command);

}  // namespace gantry::container
