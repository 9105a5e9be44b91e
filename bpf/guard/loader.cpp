#include "guard/loader.hpp"

#include "load/object.hpp"

#include "guard.skel.h"

namespace gantry::guard {

Result<> load(const std::string& folder) {
    std::size_t size = 0;
    const auto* bytes = static_cast<const char*>(guard_bpf__elf_bytes(&size));
    return bpf::load_and_pin({bytes, size}, "guard", folder);
}

}  // namespace gantry::guard
