// TOML to checked definitions, and back. Errors read "FILE:LINE:COLUMN: key 'memroy' is not known, did you mean 'memory'".
#pragma once

#include "config/definition.hpp"

namespace gantry::config {

// The largest definition file that is read at all.
constexpr std::size_t definition_limit = 1U << 20;

// file is for messages only. Checks types, ranges, grammar and what contradicts itself; nothing of the host is looked at.
Result<Definition> parse_definition(std::string_view text, const std::string& file);

// All that is wrong with it, one line each in the order of the file (`gantry check`); parse_definition's error is the first.
std::vector<std::string> definition_errors(std::string_view text, const std::string& file);

// The TOML text that parse_definition turns into the same definition (defaults are left out).
std::string write_definition(const Definition& definition);
// The same, after parse_definition has agreed: for definitions that were put together from flags or JSON. what names the origin
// in errors ("options").
Result<std::string> checked_definition(const Definition& definition, const std::string& what);

// Dotted names of every key that parse_definition knows ("limits.memory"), sorted; the manual page is compared with it.
std::vector<std::string> known_keys();

// Pieces that the command line's flags share with the file's keys.
Result<Port> parse_port(std::string_view text);  // short or long form, see Port
Result<Device> parse_device(std::string_view text);
Result<Ulimit> parse_ulimit(std::string_view text);  // "1024", "1024:2048", "unlimited", "-1"
Result<std::pair<Restart, std::uint32_t>> parse_restart(std::string_view text);
Result<NamespaceMode> parse_namespace(std::string_view text);             // "host", "private", "container:NAME"
Result<int> parse_signal(std::string_view text);                          // "TERM", "SIGTERM", "15", "SIGRTMIN+3"
Result<DeviceRate> parse_device_rate(std::string_view text, bool bytes);  // "/dev/sda:10mb", "/dev/sda:1000"
Result<Mount> parse_volume(std::string_view text);                        // -v "[SOURCE:]TARGET[:ro,rshared,nocopy,...]"
Result<Mount> parse_tmpfs(std::string_view text);                         // --tmpfs "TARGET[:size=64m,mode=755,exec]"
Result<Mount> parse_mount(std::string_view text);                         // --mount "type=bind,source=/a,target=/b,readonly"
Result<MountType> parse_mount_type(std::string_view text);
bool is_propagation(std::string_view text);
bool is_unit_name(std::string_view text);  // "x.service", "x.mount", ...: not a container's name
Result<> check_mount(const Mount& mount);
bool is_address(const std::string& text, int family);     // AF_INET, AF_INET6, 0 for either
std::string port_text(const Port& port);                  // short form: without what only the long one can say
Result<std::uint64_t> parse_rate(std::string_view text);  // "100mbit": bits a second
inline constexpr std::uint32_t most_service_weight = 1000;
Result<std::uint32_t> parse_service_weight(std::string_view text);
std::string rate_text(std::uint64_t rate);
std::string restart_text(Restart restart, std::uint32_t max);

// Where definitions are found: NAME.toml in these folders, first found wins. /etc, /run, /var/lib and /usr/lib, below
// GANTRY_ROOT where that is set.
std::vector<std::string> definition_folders();
struct DefinitionFolders {
    std::vector<std::string> folders = definition_folders();
};
struct FoundDefinition {
    ContainerName name;
    std::string file;
    Definition definition;
};
// Errc::not_found when no folder has it; a broken first one is an error, not a reason to take the next.
Result<FoundDefinition> find_definition(const ContainerName& name, const DefinitionFolders& folders = {});
// Every name that some folder has, sorted, with the file that wins. Files whose name is no container's are reported as errors
// by `gantry system check`, not here.
Result<std::vector<std::pair<ContainerName, std::string>>> list_definitions(const DefinitionFolders& folders = {});

}  // namespace gantry::config
