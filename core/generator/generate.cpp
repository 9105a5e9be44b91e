#include "generator/generate.hpp"

#include "container/units.hpp"
#include "os/file.hpp"

#include <fcntl.h>
#include <unistd.h>

namespace gantry::generator {

namespace {

Result<> write_unit(const std::string& early, const std::string& unit, const std::string& text) {
    if (text.empty()) return {};
    const std::string folder = fmt::format("{}/{}.d", early, unit);
    TRY(os::make_dirs(folder));
    // systemd empties the folder before each run, and nothing in /run outlives a crash.
    const os::Fd file = TRY(os::open(folder + "/10-gantry.conf", O_WRONLY | O_CREAT | O_TRUNC, 0644));
    return os::write_all(file.get(), text, folder);
}

Result<> generate_one(container::FactsReader& facts, const ContainerName& name, const std::string& file,
                      const std::string& early) {
    const std::string text = TRY(os::read_file(file, config::definition_limit));
    const config::Definition definition = TRY(config::parse_definition(text, file));
    const container::UnitFacts known = facts.facts(name, definition, file);
    const std::string dropin = TRY_CONTEXT(container::unit_dropin(name, definition, known), "{}", file);
    TRY(write_unit(early, unit_name(name), dropin));
    for (const auto& [unit, companion] : container::companion_dropins(name, definition, known))
        TRY(write_unit(early, unit, companion));
    return {};
}

}  // namespace

Result<> ask_again_later(const config::Paths& paths, const std::string& normal) {
    // tmpfiles.d makes it wherever Gantry is installed.
    if (os::path_exists(paths.data + "/images")) return {};
    const std::string folder = normal + "/multi-user.target.wants";
    TRY(os::make_dirs(folder));
    if (symlink("/usr/lib/systemd/system/gantry-definitions.service", (folder + "/gantry-definitions.service").c_str()) != 0)
        return errno_error("make link '{}/gantry-definitions.service'", folder);
    return {};
}

std::size_t generate(const config::Paths& paths, const config::DefinitionFolders& folders, const std::string& early,
                     const Complain& complain) {
    const auto found = config::list_definitions(folders);
    if (!found.ok()) {
        complain(found.error().message());
        return 0;
    }
    container::FactsReader facts(paths);
    std::size_t count = 0;
    for (const auto& [name, file] : *found) {
        if (const auto done = generate_one(facts, name, file, early); done.ok())
            ++count;
        else
            complain(done.error().message());
    }
    return count;
}

}  // namespace gantry::generator
