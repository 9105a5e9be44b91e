#include "container/service_files.hpp"

#include "dns/entries.hpp"
#include "load/pins.hpp"
#include "os/file.hpp"
#include "os/netns.hpp"
#include "service/pins.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>

#include <algorithm>

namespace gantry::container {

using namespace detail;

namespace {

constexpr const char* root_cgroup = "/sys/fs/cgroup";

// Of an address with or without the length of a prefix; empty: it is none.
std::string address_bytes(std::string_view address) {
    const std::string text(address.substr(0, address.find('/')));
    char bytes[sizeof(in6_addr)];
    if (inet_pton(AF_INET, text.c_str(), bytes) == 1) return {bytes, sizeof(in_addr)};
    if (inet_pton(AF_INET6, text.c_str(), bytes) == 1) return {bytes, sizeof(in6_addr)};
    return "";
}

// Each family of the service's address has the members' addresses of that family.
Result<> put_service(service::Pins& pins, const std::string& network, const std::vector<MemberFile>& members) {
    for (const std::string& address : members.front().service_addresses) {
        const std::string bytes = address_bytes(address);
        std::vector<service::Backend> backends;
        for (const MemberFile& file : members)
            for (const std::string& own : file.member.addresses)
                if (const std::string to = address_bytes(own);
                    to.size() == bytes.size() && file.member.state == MemberState::serving)
                    backends.push_back({service::address_of(to), file.member.weight});
        TRY(pins.put(service::address_of(bytes), service::network_number(network), backends));
    }
    return {};
}

Result<> put_places(service::Pins& pins, const Record& record) {
    if (record.netns == 0) return {};
    for (const auto& network : record.networks)
        TRY(pins.put(service_place{record.netns, service::network_number(network.config.name)}));
    return {};
}

// All that is there, for new pins.
Result<> fill(const config::Paths& paths, service::Pins& pins, const std::string& folder) {
    // The launcher may be in another container's network namespace by now; PID 1 is in the host's.
    const os::Fd home = TRY(os::open("/proc/1/ns/net", O_RDONLY));
    {
        const auto visit = TRY(os::NetnsVisit::enter(home.get()));
        const os::Fd cgroup = TRY(os::open(root_cgroup, O_RDONLY | O_DIRECTORY));
        TRY_CONTEXT(pins.attach(cgroup.get(), folder), "cgroup '{}'", root_cgroup);
    }
    for (const std::string& name : TRY(list_records(paths)))
        if (const auto record = read_record(paths, name); record.ok()) TRY(put_places(pins, *record));
    for (const std::string& network : TRY(folders_in(services_folder(paths))))
        for (const std::string& name : TRY(folders_in(services_folder(paths) + "/" + network)))
            if (const auto members = TRY(read_members(paths, network, name)); !members.empty())
                TRY(put_service(pins, network, members));
    return {};
}

Result<service::Pins> pins_of(const config::Paths& paths) {
    return service::Pins::open_or_make(
        paths.bpf, services_folder(paths) + "/.pins",
        {[](const std::string& into) { return bpf::load_programs("service", into); },
         [&](service::Pins& pins, const std::string& folder) { return fill(paths, pins, folder); }});
}

// The resolver knows the service as long as it has a member.
Result<> publish_name(const config::Paths& paths, const std::string& network, const std::string& name,
                      const MemberFile& member) {
    if (!dns::has_resolver(paths) || member.gateways.empty()) return {};
    dns::Entry entry;
    entry.network = network;
    entry.container = service_owner(name);
    entry.addresses = member.service_addresses;
    entry.gateways = member.gateways;
    entry.internal = member.internal;
    entry.names = {name};
    return dns::publish_service(paths, entry);
}

// What the kernel has becomes what the members' files say, which are returned. The service's lock is held.
Result<std::vector<MemberFile>> renew(const config::Paths& paths, const std::string& network, const std::string& name) {
    auto members = TRY(read_members(paths, network, name));
    service::Pins pins = TRY(pins_of(paths));
    if (!members.empty()) TRY(put_service(pins, network, members));
    return members;
}

// Changes a member where it is there, and then what the kernel has.
template <class Change>
Result<> change_member(const config::Paths& paths, const std::string& network, const std::string& name,
                       const std::string& container, Change change) {
    const auto all = [&]() -> Result<> {
        const os::Fd lock = TRY(lock_service(paths, network, name));
        auto file = TRY(read_member(paths, network, name, container));
        if (!file || !change(file->member)) return {};
        TRY(write_member(paths, network, name, *file));
        TRY(renew(paths, network, name));
        return {};
    };
    return all().context(fmt::format("service '{}' on network '{}'", name, network));
}

Result<> set_state(const config::Paths& paths, const Record& record, MemberState wanted) {
    FirstError first;
    for (const auto& network : record.networks) {
        if (network.service.empty()) continue;
        first.note(change_member(paths, network.config.name, network.service, record.name, [&](ServiceMember& member) {
            if (member.state == wanted || member.state == MemberState::leaving) return false;
            member.state = wanted;
            return true;
        }));
    }
    return first.result();
}

}  // namespace

const char* state_text(MemberState state) {
    switch (state) {
    case MemberState::waiting: return "waiting";
    case MemberState::serving: return "serving";
    case MemberState::leaving: return "leaving";
    }
    return "";
}

const config::NetworkAttachment* attachment_of(const config::Definition& definition, std::string_view network) {
    const auto found = std::ranges::find(definition.networks, network, &config::NetworkAttachment::name);
    return found == definition.networks.end() ? nullptr : &*found;
}

std::string service_owner(std::string_view service) { return fmt::format("service:{}", service); }

Result<std::uint64_t> netns_number(int netns) {
    const auto visit = TRY(os::NetnsVisit::enter(netns));
    return os::netns_cookie();
}

// The record comes first and then this look: who makes the pins first makes the folder, and then reads the records.
Result<> show_services(const config::Paths& paths, const Record& record) {
    if (record.netns == 0 || record.networks.empty() || !os::path_exists(services_folder(paths))) return {};
    service::Pins pins = TRY(pins_of(paths));
    return put_places(pins, record);
}

Result<> join_services(const config::Paths& paths, const Record& record, const config::Definition& definition, bool waits) {
    for (const auto& network : record.networks) {
        if (network.service.empty()) continue;
        const config::NetworkAttachment* attachment = attachment_of(definition, network.config.name);
        MemberFile file;
        file.member = {record.name, waits ? MemberState::waiting : MemberState::serving,
                       attachment == nullptr ? 1 : attachment->service_weight, network.status.addresses};
        file.service_addresses = network.service_addresses;
        file.gateways = dns::own_addresses(network.status.gateways);
        file.internal = network.config.internal;
        const auto join = [&]() -> Result<> {
            const os::Fd lock = TRY(lock_service(paths, network.config.name, network.service));
            TRY(write_member(paths, network.config.name, network.service, file));
            TRY(renew(paths, network.config.name, network.service));
            return publish_name(paths, network.config.name, network.service, file);
        };
        TRY_CONTEXT(join(), "service '{}' on network '{}'", network.service, network.config.name);
    }
    return {};
}

Result<> serve_services(const config::Paths& paths, const Record& record, bool serves) {
    return set_state(paths, record, serves ? MemberState::serving : MemberState::waiting);
}

Result<> drain_services(const config::Paths& paths, const Record& record) {
    return set_state(paths, record, MemberState::leaving);
}

Result<> weigh_service(const config::Paths& paths, const Record& record, std::string_view network, std::uint32_t weight) {
    for (const auto& entry : record.networks) {
        if (entry.config.name != network || entry.service.empty()) continue;
        TRY(change_member(paths, entry.config.name, entry.service, record.name,
                          [&](ServiceMember& member) { return std::exchange(member.weight, weight) != weight; }));
    }
    return {};
}

Result<> remove_member(const config::Paths& paths, const LostMember& lost) {
    const auto all = [&]() -> Result<> {
        const os::Fd lock = TRY(lock_service(paths, lost.network, lost.service));
        const auto file = TRY(read_member(paths, lost.network, lost.service, lost.container));
        TRY(erase_member(paths, lost.network, lost.service, lost.container));
        const auto others = TRY(read_members(paths, lost.network, lost.service));
        auto pins = service::Pins::open(paths.bpf);
        if (!pins.ok() && pins.error().code() != Errc::not_found) return pins.error();
        if (!others.empty()) return pins.ok() ? put_service(*pins, lost.network, others) : Result<>();
        FirstError first;
        first.note(dns::withdraw(paths, lost.network, service_owner(lost.service)));
        if (file && pins.ok())
            for (const std::string& address : file->service_addresses)
                first.note(pins->erase(service::address_of(address_bytes(address))));
        remove_empty(paths, lost.network, lost.service);
        return first.result();
    };
    return all().context(fmt::format("service '{}' on network '{}'", lost.service, lost.network));
}

Result<> leave_services(const config::Paths& paths, const Record& record) {
    if (!os::path_exists(services_folder(paths))) return {};
    FirstError first;
    for (const auto& network : record.networks)
        if (!network.service.empty()) first.note(remove_member(paths, {network.config.name, network.service, record.name}));
    auto pins = service::Pins::open(paths.bpf);
    if (!pins.ok() || record.netns == 0) return first.result();
    for (const auto& network : record.networks)
        first.note(pins->erase(service_place{record.netns, service::network_number(network.config.name)}));
    return first.result();
}

Result<> renew_services(const config::Paths& paths, const std::string& network) {
    FirstError first;
    for (const std::string& name : TRY(folders_in(services_folder(paths) + "/" + network))) {
        const auto again = [&]() -> Result<> {
            const os::Fd lock = TRY(lock_service(paths, network, name));
            const auto members = TRY(renew(paths, network, name));
            return members.empty() ? Result<>() : publish_name(paths, network, name, members.front());
        };
        first.note(again().context(fmt::format("service '{}' on network '{}'", name, network)));
    }
    return first.result();
}

Result<std::vector<Service>> read_services(const config::Paths& paths, std::string_view network) {
    std::vector<Service> out;
    for (const std::string& on : TRY(folders_in(services_folder(paths)))) {
        if (!network.empty() && on != network) continue;
        for (const std::string& name : TRY(folders_in(services_folder(paths) + "/" + on))) {
            Service service{on, name, {}, {}};
            for (MemberFile& file : TRY(read_members(paths, on, name))) {
                service.addresses = std::move(file.service_addresses);
                service.members.push_back(std::move(file.member));
            }
            if (!service.members.empty()) out.push_back(std::move(service));
        }
    }
    return out;
}

Result<std::vector<LostMember>> lost_members(const config::Paths& paths, const std::vector<std::string>& alive) {
    std::vector<LostMember> out;
    for (const Service& service : TRY(read_services(paths)))
        for (const ServiceMember& member : service.members)
            if (std::ranges::find(alive, member.container) == alive.end())
                out.push_back({service.network, service.name, member.container});
    return out;
}

}  // namespace gantry::container
