#include "policy/loader.hpp"

#include "load/object.hpp"

#include "policy.skel.h"

namespace gantry::policy {

Result<> load(const std::string& folder) {
    std::size_t size = 0;
    const auto* bytes = static_cast<const char*>(policy_bpf__elf_bytes(&size));
    return bpf::load_and_pin({bytes, size}, "policy", folder);
}

}  // namespace gantry::policy
