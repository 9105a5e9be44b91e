// SPDX-License-Identifier: GPL-2.0
// Service addresses at connect(2) and sendmsg(2): the address becomes that of one of the service's backends before there is a
// packet. Nothing is translated per packet, no connection is tracked, and the backend sees who the client is. On the host's root
// cgroup, for sockets of the host's network namespace and of containers on the service's network; others (a container that
// has networks of its own inside) may have the same addresses and mean something else.
//
// What a connected socket has chosen it keeps, whatever becomes of the backend. A datagram socket that is not connected has
// its choice from a number of its own, so that a conversation stays with one backend while the backends stay.
// Helpers: bpf-helpers(7); bpf_set_retval is Linux 5.18, for these hooks 6.1.
#include <linux/bpf.h>
#include <linux/errno.h>
#include <linux/in.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "../sockaddr.bpf.h"
#include "service.h"

#define GO_ON 1
#define REFUSE 0

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, 1 << 16);
    __type(key, struct service_address);
    __type(value, struct service_set);
} services SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, 1 << 20);
    __type(key, struct service_slot_key);
    __type(value, struct service_slot);
} slots SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, 1 << 20);
    __type(key, struct service_place);
    __type(value, __u8);
} places SEC(".maps");

// The cookie of the host's network namespace.
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u64);
} host SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 1 << 16);
    __type(key, struct service_said_key);
    __type(value, struct service_address);
} said SEC(".maps");

static __always_inline int sees(struct bpf_sock_addr *context, const struct service_set *service) {
    const __u32 zero = 0;
    const struct service_place place = {.netns = bpf_get_netns_cookie(context), .network = service->network};
    const __u64 *home = bpf_map_lookup_elem(&host, &zero);
    return (home && *home == place.netns) || bpf_map_lookup_elem(&places, &place);
}

// splitmix64's finaliser (Steele, Lea, Flood 2014).
static __always_inline __u64 mixed(__u64 number) {
    number = (number ^ (number >> 30)) * 0xbf58476d1ce4e5b9ULL;
    number = (number ^ (number >> 27)) * 0x94d049bb133111ebULL;
    return number ^ (number >> 31);
}

enum outcome { NO_SERVICE, NO_BACKEND, CHOSEN };

static __always_inline enum outcome choose(struct bpf_sock_addr *context, int connects, const struct service_address *address,
                                           struct service_address *chosen) {
    if (context->protocol != IPPROTO_TCP && context->protocol != IPPROTO_UDP) return NO_SERVICE;
    // Twice: between the two look-ups the round may have ended.
#pragma unroll
    for (int attempt = 0; attempt < 2; ++attempt) {
        const struct service_set *service = bpf_map_lookup_elem(&services, address);
        if (!service || !sees(context, service)) return NO_SERVICE;
        const __u32 count = service->count;
        if (count == 0) return NO_BACKEND;
        __u64 random;
        if (connects) {
            random = (__u64)bpf_get_prandom_u32() << 32 | bpf_get_prandom_u32();
        } else {
            const __u64 *words = (const __u64 *)address->bytes;
            random = mixed(bpf_get_socket_cookie(context) ^ mixed(words[0] ^ words[1] ^ context->user_port));
        }
        struct service_slot_key key = {.service = *address, .round = service->round, .number = (__u32)(random >> 32) % count};
        const struct service_slot *slot = bpf_map_lookup_elem(&slots, &key);
        if (!slot) continue;
        *chosen = (random & 0xffffffff) < slot->share ? slot->first : slot->second;
        return CHOSEN;
    }
    return NO_BACKEND;
}

static __always_inline struct service_said_key said_key(struct bpf_sock_addr *context, const struct service_address *address) {
    const struct service_said_key key = {
        .socket = bpf_get_socket_cookie(context), .address = *address, .port = (__u16)context->user_port};
    return key;
}

static __always_inline struct service_address named(const struct bpf_sock_addr *context, int v4) {
    struct service_address address;
    if (v4)
        named_address4(context, address.bytes);
    else
        named_address6(context, address.bytes);
    return address;
}
static __always_inline void name(struct bpf_sock_addr *context, int v4, const struct service_address *address) {
    if (v4)
        name_address4(context, address->bytes);
    else
        name_address6(context, address->bytes);
}

// False: nothing takes connections, and the caller is told as by a host where nobody listens.
static __always_inline int to_backend(struct bpf_sock_addr *context, int v4, int connects) {
    struct service_address chosen, address = named(context, v4);
    const enum outcome outcome = choose(context, connects, &address, &chosen);
    if (outcome == NO_SERVICE) return GO_ON;
    if (outcome == NO_BACKEND) {
        bpf_set_retval(-ECONNREFUSED);
        return REFUSE;
    }
    const struct service_said_key key = said_key(context, &chosen);
    bpf_map_update_elem(&said, &key, &address, BPF_ANY);
    name(context, v4, &chosen);
    return GO_ON;
}

static __always_inline int from_backend(struct bpf_sock_addr *context, int v4) {
    const struct service_address address = named(context, v4);
    const struct service_said_key key = said_key(context, &address);
    const struct service_address *service = bpf_map_lookup_elem(&said, &key);
    if (service) name(context, v4, service);
    return GO_ON;
}

SEC("cgroup/connect4") int service_connect4(struct bpf_sock_addr *context) { return to_backend(context, 1, 1); }
SEC("cgroup/connect6") int service_connect6(struct bpf_sock_addr *context) { return to_backend(context, 0, 1); }
// UDP without connect(2).
SEC("cgroup/sendmsg4") int service_sendmsg4(struct bpf_sock_addr *context) { return to_backend(context, 1, 0); }
SEC("cgroup/sendmsg6") int service_sendmsg6(struct bpf_sock_addr *context) { return to_backend(context, 0, 0); }
SEC("cgroup/recvmsg4") int service_recvmsg4(struct bpf_sock_addr *context) { return from_backend(context, 1); }
SEC("cgroup/recvmsg6") int service_recvmsg6(struct bpf_sock_addr *context) { return from_backend(context, 0); }
SEC("cgroup/getpeername4") int service_getpeername4(struct bpf_sock_addr *context) { return from_backend(context, 1); }
SEC("cgroup/getpeername6") int service_getpeername6(struct bpf_sock_addr *context) { return from_backend(context, 0); }

char _license[] SEC("license") = "GPL";
