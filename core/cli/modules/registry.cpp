// The registry client and its libcurl.
#include "cli/modules/module.hpp"

extern "C" __attribute__((visibility("default"))) const gantry::cli::RegistryModule gantry_cli_module{
    GANTRY_VERSION,           gantry::image::pull,           gantry::image::push,
    gantry::image::list_tags, gantry::image::fetch_manifest, gantry::image::push_manifest_list,
    gantry::image::login,     gantry::image::logout,         gantry::image::download};
