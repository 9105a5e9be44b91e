// The program and map of guard.bpf.c where they are pinned. One folder of pins serves all networks of a host.
#pragma once

#include "base/result.hpp"
#include "guard/guard.h"
#include "os/bpf.hpp"

#include <functional>
#include <string>

namespace gantry::guard {

class Pins {
public:
    // What is pinned below folder (/sys/fs/bpf/gantry). Where it is missing, or another build's, load is called with a folder
    // to pin everything in, by one process at a time (lock: a file of the caller's). Interfaces keep the program that they
    // have.
    static Result<Pins> open_or_make(const std::string& folder, const std::string& lock,
                                     const std::function<Result<>(const std::string& into)>& load);

    [[nodiscard]] int program() const { return program_.get(); }
    Result<> put(std::uint32_t interface, const guard_port& port);
    // A missing one is no error.
    Result<> erase(std::uint32_t interface);
    // Interfaces go with their containers, without a word. Looks at a few entries behind that of an interface and removes those
    // whose own is gone: every start does it, from where it has put its own, so the table is never much larger than what runs.
    Result<> sweep(std::uint32_t behind, const std::function<bool(std::uint32_t interface)>& exists);

private:
    static Result<Pins> open_in(const std::string& pins);
    os::Fd program_, ports_;
};

// mac: six bytes; addresses: 4 or 16 bytes, at most one of each family, as they are in packets.
guard_port port_of(std::string_view mac, const std::vector<std::string>& addresses);

}  // namespace gantry::guard
