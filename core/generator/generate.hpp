// systemd.generator(7): definitions to drop-ins, at boot and at every daemon-reload. Runs before file systems other than the
// root are mounted and before any other process of the system: no bus, no network, nothing but files.
#pragma once

#include "config/engine.hpp"
#include "config/reader.hpp"

#include <functional>

namespace gantry::generator {

// One line about a definition that gets no drop-in; the others do.
using Complain = std::function<void(std::string_view line)>;

// Writes EARLY/ctr@NAME.service.d/10-gantry.conf (and the health timer's) for every definition. Returns how many.
std::size_t generate(const config::Paths& paths, const config::DefinitionFolders& folders, const std::string& early,
                     const Complain& complain);

// Where the engine's data lie on a file system that is mounted later in this boot: NORMAL/multi-user.target.wants/ gets a link
// to gantry-definitions.service, which lets systemd read everything again before the first container starts.
Result<> ask_again_later(const config::Paths& paths, const std::string& normal);

}  // namespace gantry::generator
