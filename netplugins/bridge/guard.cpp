#include "guard.hpp"

#include "attach.hpp"

#include "os/file.hpp"

#include <net/if.h>

namespace gantry::bridge {

namespace {

bool exists(std::uint32_t index) {
    char name[IF_NAMESIZE];
    return if_indextoname(index, name) != nullptr;
}

}  // namespace

Result<guard::Pins*> Guard::pins() {
    if (!pins_) {
        const std::string folder = places_.run_dir + "/net";
        TRY(os::make_dirs(folder, 0755));
        pins_ = TRY(guard::Pins::open_or_make(places_.pins, folder + "/.guard", places_.load));
    }
    return &*pins_;
}

Result<> Guard::keep(os::NetlinkSocket& route, const std::string& interface, const std::string& mac,
                     const std::vector<net::Address>& addresses) {
    const auto all = [&]() -> Result<> {
        guard::Pins* pins = TRY(this->pins());
        const unsigned index = route.interface_index(interface);
        if (index == 0) return error(Errc::unavailable, "it is gone");
        std::vector<std::string> own;
        for (const auto& address : addresses) own.push_back(address.bytes());
        TRY(pins->put(index, guard::port_of(mac, own)));
        // Not by tcx: see attach.hpp.
        TRY(net::attach_filter(route, pins->program(), "guard_from_container", index, os::InterfaceSide::ingress));
        return pins->sweep(index, exists);
    };
    return all().context(fmt::format("guard interface '{}' against false addresses", interface));
}

Result<> Guard::forget(const os::NetlinkSocket& route, const std::string& interface) {
    const unsigned index = route.interface_index(interface);
    return index == 0 ? Result<>() : TRY(pins())->erase(index);
}

}  // namespace gantry::bridge
