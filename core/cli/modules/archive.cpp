// Tar streams and their libarchive.
#include "cli/modules/module.hpp"

extern "C" __attribute__((visibility("default"))) const gantry::cli::ArchiveModule gantry_cli_module{
    GANTRY_VERSION, gantry::archive::write_archive, gantry::archive::copy_to_stream, gantry::archive::copy_from_stream,
    gantry::archive::unpack_archive};
