// The one place where a started container's outside is written down: /run/gantry/ctr/NAME/. Written by gantry-launch before a
// thing takes effect, read by everybody, removed by the reaper (ExecStopPost=, or `gantry system check --repair`).
//     record.json   what below says                     hosts, resolv.conf, hostname   bound into the container
//     health.json   last probes, if there is a health check
#pragma once

#include "base/names.hpp"
#include "config/engine.hpp"
#include "gantry/driver/network.hpp"

#include <optional>
#include <vector>

namespace gantry::container {

struct Record {
    std::string name, id;
    std::string image, image_id;  // as defined; "sha256:..."
    std::string storage_driver;
    bool writable_layer = false;
    bool auto_remove = false;
    std::vector<std::string> command;  // what was executed, for ps
    std::string definition_file;
    std::int64_t started_us = 0;  // CLOCK_REALTIME
    std::uint64_t oom_kills = 0;  // of its cgroup when it started: a restart finds the counter where it was
    std::int64_t pid = 0;         // of the first process, in the host's namespace; 0 until there is one
    std::uint64_t netns = 0;      // what programs in the kernel know its own network namespace by; 0: it has none, or not yet
    struct Network {
        driver::NetworkConfig config;
        driver::AttachStatus status;  // empty until attached
        // The service that it is behind on this network, and its addresses (services.hpp); empty: none.
        std::string service;
        std::vector<std::string> service_addresses;
    };
    std::vector<Network> networks;
};

Result<> write_record(const config::Paths& paths, const Record& record);
// Errc::not_found: the container is not started. Half-written or foreign text: Errc::corrupt with the file's name.
Result<Record> read_record(const config::Paths& paths, const std::string& name);
Result<std::vector<std::string>> list_records(const config::Paths& paths);

// Takes down everything a record names (networks with their leases kept, the record's folder) and, for auto_remove or when
// remove is set, the writable layer, anonymous volumes, definition and drop-in too. Idempotent; never stops at the first
// error, returns the first.
Result<> reap(const config::Paths& paths, const ContainerName& name, bool remove);

}  // namespace gantry::container
