// Options by name, as several methods take them.
#pragma once

#include "base/result.hpp"
#include "base/units.hpp"

#include <string>

namespace gantry::bus {

template <class Names>
Error unknown_option(const std::string& name, const Names& known) {
    return error(Errc::invalid, "option '{}' is not known{}", name, did_you_mean(name, known));
}

}  // namespace gantry::bus
