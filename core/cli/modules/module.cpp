#include "cli/modules/module.hpp"

#include <boost/dll/shared_library.hpp>

namespace gantry::cli {

namespace {

template <class Module>
Result<const Module*> open_module(const char* name) {
    const std::string file = fmt::format("{}/{}.so", GANTRY_MODULEDIR, name);
    // Never unloaded: what it made may outlive this call.
    auto& library = *new boost::dll::shared_library;
    try {
        library.load(file, boost::dll::load_mode::rtld_now | boost::dll::load_mode::rtld_local);
        const Module& module = library.get<const Module>("gantry_cli_module");
        if (std::string_view(module.version) != GANTRY_VERSION)
            return error(Errc::unsupported, "module '{}' belongs to another version of gantry", file);
        return &module;
    } catch (const std::exception& caught) {
        return error(Errc::unsupported, "load module '{}': {}", file, caught.what());
    }
}

// Once, from whichever thread comes first.
template <class Module>
Result<const Module*> load_module(const char* name) {
    static const Result<const Module*> loaded = open_module<Module>(name);
    return loaded;
}

}  // namespace

Result<const RegistryModule*> RegistryModule::load() { return load_module<RegistryModule>("registry"); }
Result<const BuildModule*> BuildModule::load() { return load_module<BuildModule>("build"); }
Result<const ArchiveModule*> ArchiveModule::load() { return load_module<ArchiveModule>("archive"); }

}  // namespace gantry::cli
