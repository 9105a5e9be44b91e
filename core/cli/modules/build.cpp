// Everything of `gantry build`: Dockerfiles, stages, their cache.
#include "cli/modules/module.hpp"

extern "C" __attribute__((visibility("default")))
const gantry::cli::BuildModule gantry_cli_module{GANTRY_VERSION, gantry::build::build, gantry::build::check};
