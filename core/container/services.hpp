// Services: one address for several containers of a network. Who connects to it, from the host or from a container of the
// network, gets one of them (bpf/service chooses at connect(2), by weight).
//
// A running container that is behind a service is a file, <run>/services/NETWORK/SERVICE/CONTAINER.member, written before it
// can be chosen and removed by the reaper; what the kernel's maps have is made of these files. The address is a lease of the
// network's driver, the resolver of the network answers with it. Root, in the host's namespaces; any number of processes at
// once.
#pragma once

#include "config/definition.hpp"
#include "config/engine.hpp"
#include "container/record.hpp"

namespace gantry::container {

enum class MemberState : std::uint8_t {
    waiting,  // not healthy, or not ready yet: gets no connections
    serving,
    leaving,  // about to stop: gets no new ones
};
const char* state_text(MemberState state);

struct ServiceMember {
    std::string container;
    MemberState state = MemberState::waiting;
    std::uint32_t weight = 1;
    std::vector<std::string> addresses;
};
struct Service {
    std::string network, name;
    std::vector<std::string> addresses;
    std::vector<ServiceMember> members;  // by name
};

// The definition's attachment to that network; nullptr where it has none of its own.
const config::NetworkAttachment* attachment_of(const config::Definition& definition, std::string_view network);
// "service:NAME", which stands for a service where others have a container: no container's name has a colon.
std::string service_owner(std::string_view service);

// What programs in the kernel know a network namespace by.
Result<std::uint64_t> netns_number(int netns);

// After the container's record was written with its namespace: it sees the services of its networks. Costs one look at a
// folder where there are none.
Result<> show_services(const config::Paths& paths, const Record& record);
// The container is behind the services of its record, with the weights of the definition. waits: it serves when
// serve_services() says so, else now. On error leave_services() takes back what was done.
Result<> join_services(const config::Paths& paths, const Record& record, const config::Definition& definition, bool waits);
// Whether it serves from now on, or waits. One that is leaving is left alone.
Result<> serve_services(const config::Paths& paths, const Record& record, bool serves);
// It gets no new connections from now on, and keeps those that it has.
Result<> drain_services(const config::Paths& paths, const Record& record);
// Another weight from now on, on that network.
Result<> weigh_service(const config::Paths& paths, const Record& record, std::string_view network, std::uint32_t weight);
// It is behind no service any more, and sees none. Idempotent; goes on past errors and returns the first.
Result<> leave_services(const config::Paths& paths, const Record& record);

// Puts back into the kernel what it should have of a network's services.
Result<> renew_services(const config::Paths& paths, const std::string& network);

// Gives back the address of a service that no definition but that of container `except` names, on that network.
Result<> free_service(const config::Paths& paths, driver::NetworkDriver& driver, const driver::NetworkConfig& network,
                      const std::string& service, const std::string& except);

// The services that running containers are behind, sorted. network: that one's alone; empty: all.
Result<std::vector<Service>> read_services(const config::Paths& paths, std::string_view network = "");

// Members that are not in alive, which a crash left. One that is taken away is so from the maps too.
struct LostMember {
    std::string network, service, container;
};
Result<std::vector<LostMember>> lost_members(const config::Paths& paths, const std::vector<std::string>& alive);
Result<> remove_member(const config::Paths& paths, const LostMember& lost);

}  // namespace gantry::container
