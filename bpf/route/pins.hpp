// The programs and maps of route.bpf.c where they are pinned, and entries as values. One folder of pins serves all networks of
// a host.
#pragma once

#include "base/result.hpp"
#include "os/bpf.hpp"
#include "route/route.h"

#include <functional>
#include <string>

namespace gantry::route {

class Pins {
public:
    struct Making {
        std::function<Result<>(const std::string& into)> load;  // loads and pins everything in a folder
        // Entries and attachments of what runs already, before anybody else sees the pins (which are in folder until then).
        std::function<Result<>(Pins& pins, const std::string& folder)> fill;
    };

    // What is pinned below folder (/sys/fs/bpf/gantry). Errc::not_found where nothing is, or what another build of the programs
    // pinned.
    static Result<Pins> open(const std::string& folder);
    // The same; made where it is missing, by one process at a time (lock: a file of the caller's).
    static Result<Pins> open_or_make(const std::string& folder, const std::string& lock, const Making& making);

    // Published ports are translated when sockets of this network namespace connect, in all of this cgroup; links are pinned in
    // folder.
    Result<> attach_host(int cgroup, const std::string& folder);

    // Connections to published ports are translated where they come in by this interface: those that bypass the host's
    // firewall, and all that are known. let_in: those that the firewall has let in come by it. Attached already is no error.
    // Errc::unsupported: Linux before 6.6.
    Result<> attach_outside(std::uint32_t interface, bool let_in);
    [[nodiscard]] bool is_attached_outside(std::uint32_t interface) const;

    [[nodiscard]] int from_container() const { return from_container_.get(); }
    [[nodiscard]] int to_container() const { return to_container_.get(); }

    [[nodiscard]] int from_outside() const { return from_outside_.get(); }
    [[nodiscard]] int let_in() const { return let_in_.get(); }

    Result<> put(std::uint32_t interface, const route_wire& wire);
    Result<> put(const route_address& address, const route_container& container);
    // The container of an address and the wire that it names; missing ones are no error.
    Result<> erase(const route_address& address);
    Result<bool> find(const route_address& address, route_container& container);
    Result<> put(const route_port& port, const route_endpoint& endpoint);
    // Only if it leads there; a missing one is no error.
    Result<> erase(const route_port& port, const route_endpoint& endpoint);
    // What is known of a client's connection, with the server as the client names it.
    Result<> put(const route_flow& flow, const route_endpoint& endpoint);
    Result<> erase(const route_flow& flow);

private:
    static Result<Pins> open_in(const std::string& pins);
    [[nodiscard]] std::string outside_pin(std::uint32_t interface) const;

    std::string folder_;  // where they are pinned
    os::Fd from_container_, to_container_, from_outside_, let_in_, wires_, containers_, ports_, flows_, host_;
};

// From the 4 or 16 bytes of the wire.
route_address address_of(std::string_view bytes);

}  // namespace gantry::route
