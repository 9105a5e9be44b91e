#include "route/loader.hpp"

#include "load/object.hpp"

#include "route.skel.h"

namespace gantry::route {

Result<> load(const std::string& folder) {
    std::size_t size = 0;
    const auto* bytes = static_cast<const char*>(route_bpf__elf_bytes(&size));
    return bpf::load_and_pin({bytes, size}, "route", folder);
}

}  // namespace gantry::route
