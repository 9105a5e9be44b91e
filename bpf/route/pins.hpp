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
        std::function<Result<>(Pins& pins)>
            fill;  // entries and attachments of what runs already, before anybody else sees the pins
    };

    // What is pinned below folder (/sys/fs/bpf/gantry). Errc::not_found where nothing is, or what another build of the programs
    // pinned.
    static Result<Pins> open(const std::string& folder);
    // The same; made where it is missing, by one process at a time (lock: a file of the caller's).
    static Result<Pins> open_or_make(const std::string& folder, const std::string& lock, const Making& making);

    [[nodiscard]] int from_container() const { return from_container_.get(); }
    [[nodiscard]] int to_container() const { return to_container_.get(); }

    Result<> put(std::uint32_t interface, const route_wire& wire);
    Result<> put(const route_address& address, const route_container& container);
    // The container of an address and the wire that it names; missing ones are no error.
    Result<> erase(const route_address& address);
    Result<bool> find(const route_address& address, route_container& container);

private:
    static Result<Pins> open_in(const std::string& pins);

    os::Fd from_container_, to_container_, wires_, containers_;
};

// From the 4 or 16 bytes of the wire.
route_address address_of(std::string_view bytes);

}  // namespace gantry::route
