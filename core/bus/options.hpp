// Options by name, as several methods take them.
#pragma once

#include "base/result.hpp"
#include "base/units.hpp"

#include <string>

namespace gantry::bus {

template <class Names>
Error unknown_option(const std::string& name, const Names& known) {
    const std::string near = nearest(name, known);
    return error(Errc::invalid, "option '{}' is not known{}", name, near.empty() ? "" : ", did you mean '" + near + "'");
}

}  // namespace gantry::bus
