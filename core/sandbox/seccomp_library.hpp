// libseccomp, loaded when a filter has to be compiled: a start with a cached filter does not pay for the library.
#pragma once

#include "base/result.hpp"

#include <seccomp.h>

namespace gantry::sandbox {

struct SeccompLibrary {
    decltype(&seccomp_init) init;
    decltype(&seccomp_release) release;
    decltype(&seccomp_arch_exist) arch_exist;
    decltype(&seccomp_arch_add) arch_add;
    decltype(&seccomp_arch_resolve_name) arch_resolve_name;
    decltype(&seccomp_attr_set) attr_set;
    decltype(&seccomp_syscall_resolve_name) resolve_name;
    decltype(&seccomp_rule_add_array) rule_add;
    decltype(&seccomp_export_bpf) export_bpf;

    static Result<const SeccompLibrary*> load();
};

}  // namespace gantry::sandbox
