// Keeps containers to their own names: the program of bpf/guard on the host's end of each pair lets out what has the
// container's MAC and addresses, and nothing else. See README.md for why it is a program and no rule of the firewall.
#pragma once

#include "address.hpp"

#include "guard/pins.hpp"
#include "os/netlink.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace gantry::bridge {

struct Places {
    std::string run_dir;  // of the engine: the lock is below its net/
    std::string pins = "/sys/fs/bpf/gantry";
    // Loads the program and pins it in a folder: gantry-bpf-load, or in tests the library that it is made of.
    std::function<Result<>(const std::string& into)> load;
};

class Guard {
public:
    explicit Guard(Places places) : places_(std::move(places)) {}

    // Before the interface is up, or of one that may have lost it. mac: six bytes.
    Result<> keep(os::NetlinkSocket& route, const std::string& interface, const std::string& mac,
                  const std::vector<net::Address>& addresses);
    // An interface that is gone leaves an entry, which a later keep() removes.
    Result<> forget(const os::NetlinkSocket& route, const std::string& interface);

private:
    Result<guard::Pins*> pins();

    Places places_;
    std::optional<guard::Pins> pins_;
};

}  // namespace gantry::bridge
