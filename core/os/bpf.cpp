#include "os/bpf.hpp"

#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace gantry::os {

namespace {

// The kernel wants what it does not know to be zero, so the whole union is.
long call(int command, bpf_attr& attributes) { return syscall(SYS_bpf, command, &attributes, sizeof attributes); }

bpf_attr none() {
    bpf_attr attributes;
    std::memset(&attributes, 0, sizeof attributes);
    return attributes;
}

std::uint64_t address_of(const void* pointer) { return reinterpret_cast<std::uintptr_t>(pointer); }

// Of linux/bpf.h of Linux 6.6; Debian 12 has that of 6.1.
constexpr unsigned tcx_ingress = 46, tcx_egress = 47, before_others = 1U << 3;

}  // namespace

Result<Fd> bpf_open(const std::string& path) {
    bpf_attr attributes = none();
    attributes.pathname = address_of(path.c_str());
    const long fd = call(BPF_OBJ_GET, attributes);
    if (fd < 0) return errno_error("open BPF object '{}'", path);
    return Fd(static_cast<int>(fd));
}

Result<> bpf_pin(int object, const std::string& path) {
    bpf_attr attributes = none();
    attributes.pathname = address_of(path.c_str());
    attributes.bpf_fd = static_cast<std::uint32_t>(object);
    if (call(BPF_OBJ_PIN, attributes) < 0) return errno_error("pin BPF object '{}'", path);
    return {};
}

Result<Fd> bpf_link_cgroup(int program, int cgroup, bpf_attach_type type) {
    bpf_attr attributes = none();
    attributes.link_create.prog_fd = static_cast<std::uint32_t>(program);
    attributes.link_create.target_fd = static_cast<std::uint32_t>(cgroup);
    attributes.link_create.attach_type = type;
    const long fd = call(BPF_LINK_CREATE, attributes);
    if (fd < 0) return errno_error("attach a BPF program to the cgroup");
    return Fd(static_cast<int>(fd));
}

Result<> bpf_attach_interface(int program, unsigned interface, InterfaceSide side) {
    bpf_attr attributes = none();
    attributes.target_fd = interface;  // target_ifindex
    attributes.attach_bpf_fd = static_cast<std::uint32_t>(program);
    attributes.attach_type = side == InterfaceSide::ingress ? tcx_ingress : tcx_egress;
    attributes.attach_flags = before_others;
    if (call(BPF_PROG_ATTACH, attributes) == 0 || errno == EEXIST) return {};
    if (errno == EINVAL || errno == EOPNOTSUPP) return error(Errc::unsupported, "this kernel has no tcx (Linux 6.6)");
    return errno_error("attach a BPF program to an interface");
}

Result<Fd> bpf_link_interface(int program, unsigned interface, InterfaceSide side) {
    bpf_attr attributes = none();
    attributes.link_create.prog_fd = static_cast<std::uint32_t>(program);
    attributes.link_create.target_fd = interface;  // target_ifindex
    attributes.link_create.attach_type = side == InterfaceSide::ingress ? tcx_ingress : tcx_egress;
    attributes.link_create.flags = before_others;
    const long fd = call(BPF_LINK_CREATE, attributes);
    if (fd >= 0) return Fd(static_cast<int>(fd));
    if (errno == EINVAL || errno == EOPNOTSUPP) return error(Errc::unsupported, "this kernel has no tcx (Linux 6.6)");
    return errno_error("attach a BPF program to an interface");
}

Result<> bpf_put(int map, const void* key, const void* value, std::uint64_t flags) {
    bpf_attr attributes = none();
    attributes.map_fd = static_cast<std::uint32_t>(map);
    attributes.key = address_of(key);
    attributes.value = address_of(value);
    attributes.flags = flags;
    if (call(BPF_MAP_UPDATE_ELEM, attributes) < 0) return errno_error("write to a BPF map");
    return {};
}

Result<bool> bpf_get(int map, const void* key, void* value) {
    bpf_attr attributes = none();
    attributes.map_fd = static_cast<std::uint32_t>(map);
    attributes.key = address_of(key);
    attributes.value = address_of(value);
    if (call(BPF_MAP_LOOKUP_ELEM, attributes) == 0) return true;
    if (errno == ENOENT) return false;
    return errno_error("read a BPF map");
}

Result<> bpf_erase(int map, const void* key) {
    bpf_attr attributes = none();
    attributes.map_fd = static_cast<std::uint32_t>(map);
    attributes.key = address_of(key);
    if (call(BPF_MAP_DELETE_ELEM, attributes) < 0 && errno != ENOENT) return errno_error("erase from a BPF map");
    return {};
}

Result<bool> bpf_next_key(int map, const void* key, void* next) {
    bpf_attr attributes = none();
    attributes.map_fd = static_cast<std::uint32_t>(map);
    attributes.key = address_of(key);
    attributes.next_key = address_of(next);
    if (call(BPF_MAP_GET_NEXT_KEY, attributes) == 0) return true;
    if (errno == ENOENT) return false;
    return errno_error("list a BPF map");
}

Result<> bpf_each_key(int map, std::size_t key_size, const std::function<Result<>(std::span<const std::byte> key)>& use) {
    // The next key is asked for before the one at hand is used: after an erasure the walk would begin again.
    std::vector<std::byte> key(key_size), next(key_size);
    bool more = TRY(bpf_next_key(map, nullptr, next.data()));
    while (more) {
        key = next;
        more = TRY(bpf_next_key(map, key.data(), next.data()));
        TRY(use(key));
    }
    return {};
}

Result<std::uint32_t> bpf_run(int program, std::span<const std::byte> frame, __sk_buff& context, std::span<std::byte> written) {
    bpf_attr attributes = none();
    attributes.test.prog_fd = static_cast<std::uint32_t>(program);
    attributes.test.data_in = address_of(frame.data());
    attributes.test.data_size_in = static_cast<std::uint32_t>(frame.size());
    attributes.test.data_out = written.empty() ? 0 : address_of(written.data());
    attributes.test.data_size_out = static_cast<std::uint32_t>(written.size());
    attributes.test.ctx_in = attributes.test.ctx_out = address_of(&context);
    attributes.test.ctx_size_in = attributes.test.ctx_size_out = sizeof context;
    attributes.test.repeat = 1;
    if (call(BPF_PROG_TEST_RUN, attributes) < 0) return errno_error("run a BPF program");
    return attributes.test.retval;
}

Result<std::uint64_t> cgroup_id(int cgroup) {
    struct stat info {};
    if (fstat(cgroup, &info) != 0) return errno_error("look at the cgroup");
    return info.st_ino;
}

}  // namespace gantry::os
