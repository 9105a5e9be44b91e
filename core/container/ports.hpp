// Published ports of a container that exists: added, taken back and checked, at once where it runs.
#pragma once

#include "container/engine.hpp"

namespace gantry::container {

// What a change of ports is to change.
enum class PortScope {
    definition,  // the definition too, so that the next start has it; Errc::denied where that is an administrator's file
    runtime,     // the running container only, until it stops
};

// All or none. Returns what is published now, with every port of the host known; nothing for a container that does not run.
// Errc::in_use: somebody has the port; Errc::exists: the container has it.
Result<std::vector<driver::PublishedPort>> add_ports(Engine& engine, const Container& container,
                                                     const std::vector<config::Port>& ports, PortScope scope);

// Each names ports by that of the container; a port or address of the host, where given, must fit too. Parts of ranges can be
// taken back. New connections are refused from then on, those that are there go on. Errc::not_found names one that is not
// published, and nothing changes.
Result<> remove_ports(Engine& engine, const Container& container, const std::vector<config::Port>& ports, PortScope scope);

// See driver::NetworkDriver::check_ports(); of all networks of a running container.
Result<std::vector<driver::PortCheck>> check_ports(Engine& engine, const Container& container, const std::string& source);

// The definition's ports without those that the wanted one names; empty: it names none of them.
std::optional<std::vector<config::Port>> without_port(const std::vector<config::Port>& ports, const config::Port& wanted);

}  // namespace gantry::container
