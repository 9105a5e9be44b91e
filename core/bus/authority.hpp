// May the sender of a message do this? Asked of polkit, for every call anew.
#pragma once

#include "base/result.hpp"

#include <map>
#include <string>

namespace gantry::bus {

struct Caller {
    std::string name;          // unique bus name, ":1.42"
    bool interactive = false;  // the message allows to ask its user
};

struct Permission {
    std::string action;                          // "io.gantry1.container.start"
    std::map<std::string, std::string> details;  // "container" -> "web"; shown in polkit's dialogue and seen by its rules
};

// Errc::denied where polkit says no, and where it cannot be asked. Root needs no polkit. Opens a connection of its own and may
// wait for a user: not for the thread that serves the bus.
Result<> authorise(const Caller& caller, const Permission& permission);

// Whether the sender is root, who may do everything.
Result<bool> is_root(const Caller& caller);

// Is a unique name still on the bus? Unknown counts as yes.
bool is_on_bus(const std::string& name);

// "io.gantry1.Error.NotFound"
std::string error_name(const Error& error);
// "/io/gantry1/container/web", escaped as sd_bus_path_encode(3).
std::string object_path(const std::string& kind, const std::string& name);

}  // namespace gantry::bus
