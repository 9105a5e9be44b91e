#include "sandbox/seccomp_library.hpp"

#include <dlfcn.h>

namespace gantry::sandbox {

namespace {

template <class Function>
bool find(void* library, const char* name, Function& function) {
    function = reinterpret_cast<Function>(dlsym(library, name));
    return function != nullptr;
}

Result<SeccompLibrary> open_library() {
    void* library = dlopen("libseccomp.so.2", RTLD_NOW | RTLD_LOCAL);
    if (!library) return error(Errc::unsupported, "load libseccomp: {}", dlerror());
    SeccompLibrary out{};
    const bool complete =
        find(library, "seccomp_init", out.init) && find(library, "seccomp_release", out.release) &&
        find(library, "seccomp_arch_exist", out.arch_exist) && find(library, "seccomp_arch_add", out.arch_add) &&
        find(library, "seccomp_arch_resolve_name", out.arch_resolve_name) && find(library, "seccomp_attr_set", out.attr_set) &&
        find(library, "seccomp_syscall_resolve_name", out.resolve_name) &&
        find(library, "seccomp_rule_add_array", out.rule_add) && find(library, "seccomp_export_bpf", out.export_bpf);
    if (!complete) return error(Errc::unsupported, "load libseccomp: it lacks a function of version 2.4");
    return out;
}

}  // namespace

Result<const SeccompLibrary*> SeccompLibrary::load() {
    static const Result<SeccompLibrary> loaded = open_library();
    if (!loaded.ok()) return loaded.error();
    return &loaded.value();
}

}  // namespace gantry::sandbox
