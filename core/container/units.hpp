// What a definition means to systemd: the drop-in of ctr@NAME.service, and the properties that can be set on a loaded unit.
//
// The drop-in is written in two places with the same text: by the generator (at boot and daemon-reload) into
// generator.early, and by create/run into /run/systemd/system before the unit is first loaded, which systemd honours without a
// daemon-reload. Both are named 10-gantry.conf: the early one wins, an administrator's own drop-ins come after both.
#pragma once

#include "config/definition.hpp"
#include "systemd/manager.hpp"

namespace gantry::container {

// What the drop-in needs to know besides the definition.
struct UnitFacts {
    std::string id;                    // 64 digits
    std::string stop_signal;           // the image's, empty if unknown
};

// Description=, Requires=/Wants=/After=, RequiresMountsFor=, Restart=, limits, DeviceAllow=, LogExtraFields=, credentials, ...
// `%` is doubled, strings are quoted as systemd.syntax(7) wants; a value that a unit file cannot carry is an error.
Result<std::string> unit_dropin(const ContainerName& name, const config::Definition& definition, const UnitFacts& facts);

// The part of it that SetUnitProperties can change at run time (limits, devices), for `update` and for a start whose drop-in
// systemd has not read.
systemd::Properties runtime_properties(const config::Definition& definition);

// /run/systemd/system/ctr@NAME.service.d/10-gantry.conf; returns whether the text changed.
Result<bool> write_dropin(const ContainerName& name, std::string_view text);
Result<> remove_dropin(const ContainerName& name);

}  // namespace gantry::container
