// Parts of the command line whose libraries are slow to load: libcurl and libarchive bring some fifty others, which would cost
// every `gantry run` and `gantry ps` milliseconds. They live in shared objects of this very build, in GANTRY_MODULEDIR, and are
// loaded when a verb needs them.
#pragma once

#include "archive/archive.hpp"
#include "build/build.hpp"
#include "image/download.hpp"
#include "image/registry/manifest_tool.hpp"
#include "image/transfer.hpp"

namespace gantry::cli {

// What each module exports under the name gantry_cli_module. version first: it is all that another build may look at.
struct RegistryModule {
    char version[32];
    decltype(&image::pull) pull;
    decltype(&image::push) push;
    decltype(&image::list_tags) list_tags;
    decltype(&image::fetch_manifest) fetch_manifest;
    decltype(&image::push_manifest_list) push_manifest_list;
    decltype(&image::login) login;
    decltype(&image::logout) logout;
    decltype(&image::download) download;

    static Result<const RegistryModule*> load();
};
struct BuildModule {
    char version[32];
    decltype(&build::build) build;
    decltype(&build::check) check;

    static Result<const BuildModule*> load();
};
struct ArchiveModule {
    char version[32];
    decltype(&archive::write_archive) write;
    decltype(&archive::copy_to_stream) copy_to_stream;
    decltype(&archive::copy_from_stream) copy_from_stream;
    decltype(&archive::unpack_archive) unpack;

    static Result<const ArchiveModule*> load();
};

}  // namespace gantry::cli
