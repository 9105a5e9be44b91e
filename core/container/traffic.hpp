// What running containers talk to, with names instead of numbers: what bpf/insight counted, open connections included, and what
// bpf/policy refused. Root, in the host's namespaces.
#pragma once

#include "container/policy.hpp"
#include "insight/counters.hpp"

namespace gantry::container {

// One container and one peer: an address, a port, a protocol, and who began.
struct Traffic {
    std::string container, peer;  // peer: a container's name or an address
    insight_peer_key key;
    insight_peer counters;   // with what open connections have come to
    std::uint64_t open = 0;  // connections of TCP
    bool policy = false;     // the container has rules for that direction
    std::string rule;        // the one that allows it, as it was written; empty: none is needed, or it would be denied by now
};

// Newest first. container: that one alone; empty: all that run. What is new since the last call costs nothing: everything is
// read each time, the namespace of each container is entered once. Errc::not_found: nothing counts (gantry-insight.service).
Result<std::vector<Traffic>> read_traffic(const config::Paths& paths, const std::string& container);

// Running containers by the inode number of their unit's cgroup, as the counters know them. Containers whose unit was put into
// another slice than ctr.slice are not counted.
Result<std::map<std::uint64_t, std::string>> counted_containers(const config::Paths& paths);

// "egress" (the container began), "ingress"
const char* traffic_direction(std::uint8_t direction);

// Connections opening, closing, failing, and refusals, as they happen.
struct TrafficEvent {
    std::string container, peer;
    insight_event event;      // of a denial: its time, its peer, kind 0
    std::string reason;       // why it was denied
    std::uint64_t times = 0;  // how often since the last look
};
class TrafficWatch {
public:
    // container: that one alone; empty: all, also those that start later.
    static Result<TrafficWatch> begin(const config::Paths& paths, std::string container);
    // Waits up to a quarter of a second.
    Result<> next(const std::function<void(const TrafficEvent& event)>& use);

private:
    TrafficWatch(const config::Paths& paths, std::string only, insight::Watch watch)
        : paths_(&paths), only_(std::move(only)), watch_(std::move(watch)) {}
    Result<> look_up();

    const config::Paths* paths_;
    std::string only_;
    insight::Watch watch_;
    std::map<std::uint64_t, std::string> containers_;
    PeerNames names_;
    NewDenials denials_;
};

}  // namespace gantry::container
