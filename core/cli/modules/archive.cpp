// Tar streams and their libarchive.
#include "cli/modules/module.hpp"

extern "C" __attribute__((visibility("default")))
const gantry::cli::ArchiveModule gantry_cli_module{GANTRY_VERSION, gantry::cli::write_archive, gantry::cli::copy_to_stream,
                                                   gantry::cli::copy_from_stream, gantry::cli::unpack_archive};
