#include "service/loader.hpp"

#include "load/object.hpp"

#include "service.skel.h"

namespace gantry::service {

Result<> load(const std::string& folder) {
    std::size_t size = 0;
    const auto* bytes = static_cast<const char*>(service_bpf__elf_bytes(&size));
    return bpf::load_and_pin({bytes, size}, "service", folder);
}

}  // namespace gantry::service
