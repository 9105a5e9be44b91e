// What a definition means to systemd: the drop-in of ctr@NAME.service, and the properties that can be set on a loaded unit.
//
// The drop-in is written in two places with the same text: by the generator (at boot and daemon-reload) into
// generator.early, and by create/run into /run/systemd/system before the unit is first loaded, which systemd honours without a
// daemon-reload. Both are named 10-gantry.conf: the early one wins, an administrator's own drop-ins come after both.
#pragma once

#include "config/definition.hpp"
#include "config/engine.hpp"
#include "systemd/manager.hpp"

namespace gantry::container {

// What the drop-in needs to know besides the definition.
struct UnitFacts {
    std::string id;                                // 64 digits
    std::string stop_signal;                       // the image's, empty if unknown
    std::vector<std::string> entrypoint, command;  // the image's
    std::string definition_file;  // SourcePath=: systemd then notices that the file was edited; empty: not told
    bool image_health = false;    // the image has a health check
    std::optional<config::Microseconds> image_interval, image_timeout, image_start_period;
    std::optional<std::uint32_t> image_retries;
    std::string bind_address;  // the engine's, for socket ports that name none
};

// The facts as the generator and the command line both see them, read from the store's plain files (index.json and two blobs;
// no lock, no driver). A missing or broken image leaves its part empty: the start itself will say so.
class FactsReader {
public:
    explicit FactsReader(config::Paths paths);
    ~FactsReader();
    UnitFacts facts(const ContainerName& name, const config::Definition& definition, const std::string& definition_file);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// Description=, Requires=/Wants=/After=, RequiresMountsFor=, Restart=, limits, DeviceAllow=, LogExtraFields=, credentials, ...
// `%` is doubled, strings are quoted as systemd.syntax(7) wants; a value that a unit file cannot carry is an error.
Result<std::string> unit_dropin(const ContainerName& name, const config::Definition& definition, const UnitFacts& facts);

// The drop-in of ctr-health@NAME.timer; empty where the container has no health check.
std::string health_dropin(const config::Definition& definition, const UnitFacts& facts);

// The drop-in of ctr@NAME.socket, which holds the ports that are sockets; empty where there are none.
std::string socket_dropin(const config::Definition& definition, const UnitFacts& facts);
[[nodiscard]] bool has_sockets(const config::Definition& definition);
// The drop-in of ctr-idle@NAME.timer; empty where the container does not stop when idle.
std::string idle_dropin(const config::Definition& definition);

// All drop-ins of a container but that of its service: the unit's name and the text, which is empty where it has none.
std::vector<std::pair<std::string, std::string>> companion_dropins(const ContainerName& name,
                                                                   const config::Definition& definition,
                                                                   const UnitFacts& facts);
std::string socket_name(const ContainerName& name);

// The part of it that SetUnitProperties can change at run time: the cgroup's (limits, weights, devices). Everything else of a
// service (Restart=, timeouts, KillSignal=, Limit*=, OOMScoreAdjust=, dependencies, LogExtraFields=) systemd 252 only takes
// from files. A limit that the definition does not have is lifted.
systemd::Properties runtime_properties(const config::Definition& definition);

// /run/systemd/system/ctr@NAME.service.d/10-gantry.conf, and the generator's copy where there is one, which would win; returns
// whether the text changed.
Result<bool> write_dropin(const ContainerName& name, std::string_view text);
// The same for a companion's unit; an empty text removes it.
Result<bool> write_companion_dropin(const std::string& unit, std::string_view text);
// All of them, and the generator's copies.
Result<> remove_dropin(const ContainerName& name);

// All of the above in one: facts, all texts, written below root (/run/systemd). Returns whether anything changed.
Result<bool> install_units(const config::Paths& paths, const ContainerName& name, const config::Definition& definition,
                           const std::string& definition_file);

// After both are written: the definition is as old as the drop-in that was made of it. The launcher takes a definition that is
// newer for one that systemd has not read (launch/cgroup_limits.hpp).
Result<> date_definition(const ContainerName& name, const std::string& definition_file);

}  // namespace gantry::container
