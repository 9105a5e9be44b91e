// The programs and maps of service.bpf.c where they are pinned, and services as values. One folder of pins serves all services
// of a host; it is there from the first service on.
#pragma once

#include "base/result.hpp"
#include "os/bpf.hpp"
#include "service/shares.hpp"

#include <functional>
#include <string>

namespace gantry::service {

class Pins {
public:
    struct Making {
        std::function<Result<>(const std::string& into)> load;  // loads and pins everything in a folder
        // Entries of what is there already, and the programs' cgroup (attach()), before anybody else sees the pins.
        std::function<Result<>(Pins& pins, const std::string& folder)> fill;
    };

    // What is pinned below folder (/sys/fs/bpf/gantry). Errc::not_found where nothing is, or what another build of the programs
    // pinned.
    static Result<Pins> open(const std::string& folder);
    // The same; made where it is missing, by one process at a time (lock: a file of the caller's).
    static Result<Pins> open_or_make(const std::string& folder, const std::string& lock, const Making& making);

    // Services are chosen from for all sockets in this cgroup, if they belong to the calling thread's network namespace, which
    // is the host's, or to a place (put_place()). Links are pinned in folder.
    Result<> attach(int cgroup, const std::string& folder);

    // What the service's backends are from now on; none: who connects is refused. One call at a time for a service: the
    // caller's lock.
    Result<> put(const service_address& service, std::uint64_t network, const std::vector<Backend>& backends);
    // The service and its slots. Idempotent.
    Result<> erase(const service_address& service);

    Result<> put(const service_place& place);
    // A missing one is no error.
    Result<> erase(const service_place& place);

private:
    static Result<Pins> open_in(const std::string& pins);
    Result<> erase_round(const service_address& service, std::uint32_t round, std::uint32_t from);

    os::Fd services_, slots_, places_, host_;
};

// From the 4 or 16 bytes of the wire.
service_address address_of(std::string_view bytes);
// A network's number: a hash of its name.
std::uint64_t network_number(std::string_view name);

}  // namespace gantry::service
