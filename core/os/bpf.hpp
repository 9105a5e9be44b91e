// bpf(2) for what is loaded already: objects pinned in a bpffs, their maps, links to a cgroup. Loading is libbpf's business
// (bpf/). All of it needs CAP_BPF and CAP_NET_ADMIN. Kernel: 5.10.
#pragma once

#include "base/result.hpp"
#include "os/fd.hpp"

#include <linux/bpf.h>

#include <functional>
#include <span>
#include <string>

namespace gantry::os {

// A pinned map, program or link. Errc::not_found where nothing is pinned.
Result<Fd> bpf_open(const std::string& path);
// Errc::exists where something is pinned already. The object lives as long as the pin (unlink(2) removes it).
Result<> bpf_pin(int object, const std::string& path);

// Attaches a program to a cgroup; what it does ends when the link has no descriptor and no pin any more, or with the cgroup.
Result<Fd> bpf_link_cgroup(int program, int cgroup, bpf_attach_type type);

// Attaches a program to an interface of the calling thread's network namespace by tcx, before what is attached there; it stays
// until the interface goes, without a descriptor or a pin. One that is attached already is no error. Errc::unsupported: Linux
// before 6.6.
enum class InterfaceSide : std::uint8_t { ingress, egress };
Result<> bpf_attach_interface(int program, unsigned interface, InterfaceSide side);

// The same, before all that is attached there, until the link has no descriptor and no pin any more. Errc::exists where the
// program is attached already; Errc::unsupported: Linux before 6.6.
Result<Fd> bpf_link_interface(int program, unsigned interface, InterfaceSide side);

// key and value as the map has them. flags: BPF_ANY, BPF_NOEXIST (else Errc::exists), BPF_EXIST.
Result<> bpf_put(int map, const void* key, const void* value, std::uint64_t flags = BPF_ANY);
// False where the key is not there.
Result<bool> bpf_get(int map, const void* key, void* value);
// A missing key is no error.
Result<> bpf_erase(int map, const void* key);
// The key behind another one in the map's own order, or the first where that is not there. False: there is none.
Result<bool> bpf_next_key(int map, const void* key, void* next);
// Every key, as bytes of key_size; use may erase the key it is given. Keys that come and go meanwhile may be missed or told
// twice.
Result<> bpf_each_key(int map, std::size_t key_size, const std::function<Result<>(std::span<const std::byte> key)>& use);

// Runs a socket-buffer program once over a frame (Ethernet header first); context is read before and written after, and the
// frame too where it is given as written.
Result<std::uint32_t> bpf_run(int program, std::span<const std::byte> frame, __sk_buff& context,
                              std::span<std::byte> written = {});

// Inode number of a cgroup's folder: the key of its storage (BPF_MAP_TYPE_CGROUP_STORAGE) and bpf_get_current_cgroup_id().
Result<std::uint64_t> cgroup_id(int cgroup);

}  // namespace gantry::os
