#include "container/units.hpp"

#include "os/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cstdlib>

namespace gantry::container {

namespace {

// GANTRY_ROOT moves these for tests; systemd itself reads the real ones only.
std::string folder(std::string_view base, std::string_view unit) {
    const char* root = secure_getenv("GANTRY_ROOT");
    return fmt::format("{}{}/{}.d", root ? root : "", base, unit);
}

constexpr std::string_view runtime_base = "/run/systemd/system", generator_base = "/run/systemd/generator.early";
constexpr const char* file_name = "/10-gantry.conf";

Result<bool> write_changed(const std::string& path, std::string_view text) {
    const auto old = os::read_file(path);
    if (old.ok() && *old == text) return false;
    // World-readable like every unit file: systemctl cat. Secrets belong into files named by LoadCredential=.
    TRY(os::write_file_atomic(path, text, 0644, false));
    return true;
}

Result<bool> write_unit(const std::string& unit, std::string_view text) {
    const std::string own = folder(runtime_base, unit), generated = folder(generator_base, unit);
    TRY(os::make_dirs(own));
    bool changed = TRY(write_changed(own + file_name, text));
    // What the generator wrote comes first in systemd's search; until the next daemon-reload it must say the same.
    if (os::path_exists(generated + file_name)) changed |= TRY(write_changed(generated + file_name, text));
    return changed;
}

Result<> remove_unit(const std::string& unit) {
    auto first = os::remove_tree(folder(runtime_base, unit));
    auto second = os::remove_tree(folder(generator_base, unit));
    return first.ok() ? std::move(second) : std::move(first);
}

}  // namespace

Result<bool> write_dropin(const ContainerName& name, std::string_view text) { return write_unit(unit_name(name), text); }

Result<bool> write_companion_dropin(const std::string& unit, std::string_view text) {
    if (!text.empty()) return write_unit(unit, text);
    const bool existed = os::path_exists(folder(runtime_base, unit));
    TRY(remove_unit(unit));
    return existed;
}

Result<> remove_dropin(const ContainerName& name) {
    auto first = remove_unit(unit_name(name));
    for (const auto& [unit, text] : companion_dropins(name, {}, {})) {
        auto removed = remove_unit(unit);
        if (first.ok()) first = std::move(removed);
    }
    return first;
}

Result<bool> install_units(const config::Paths& paths, const ContainerName& name, const config::Definition& definition,
                           const std::string& definition_file) {
    const UnitFacts facts = FactsReader(paths).facts(name, definition, definition_file);
    const std::string text = TRY(unit_dropin(name, definition, facts));
    bool changed = TRY(write_dropin(name, text));
    for (const auto& [unit, companion] : companion_dropins(name, definition, facts))
        changed |= TRY(write_companion_dropin(unit, companion));
    return changed;
}

Result<> date_definition(const ContainerName& name, const std::string& definition_file) {
    for (const auto base : {generator_base, runtime_base}) {
        struct stat dropin {};
        if (stat((folder(base, unit_name(name)) + file_name).c_str(), &dropin) != 0) continue;
        const timespec times[2]{{0, UTIME_OMIT}, dropin.st_mtim};
        if (utimensat(AT_FDCWD, definition_file.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0)
            return errno_error("set the time of '{}'", definition_file);
        return {};
    }
    return {};
}

}  // namespace gantry::container
