// What a socket's storage remembers, for policy.bpf.c: packets between it and a peer that was allowed pass without a look at
// headers (but for what could lead elsewhere), flows and rules.
//
// TCP: from connect(2) on, under the policy that allowed it; from the handshake's end on, under any: a connection that is there
// is not cut. So there is no table of connections that could overflow: the memory of each is its socket's. UDP: a flow that has
// gone on for some packets (POLICY_LONG_FLOW), under the same policy, for a second; then the flow is looked up.
//
// An entry is never written over with another peer, but replaced: other processors may be reading it.
#pragma once

#include "packet.bpf.h"
#include "policy.h"

#define STREAM 1  // SOCK_STREAM, SOCK_DGRAM: bits/socket_type.h wants the C library
#define DATAGRAM 2
#define AF_INET 2  // bits/socket.h, the same
#define TRUSTED_NS 1000000000ULL

struct {
    __uint(type, BPF_MAP_TYPE_SK_STORAGE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, int);
    __type(value, struct policy_connection);
} connections SEC(".maps");

static __always_inline void peer_of(const struct bpf_sock *sock, __u8 *remote) {
    // The verifier takes no sum of a socket's address and an offset, which the compiler would keep in a register, nor two words
    // in one load: so the address is a new one to the compiler in each branch, and the words are volatile.
    if (sock->family == AF_INET) {
        barrier_var(sock);
        mapped(remote, sock->dst_ip4);
    } else {
        barrier_var(sock);
        const volatile __u32 *from = sock->dst_ip6;
        const __u32 words[4] = {from[0], from[1], from[2], from[3]};
        __builtin_memcpy(remote, words, 16);
    }
}

// Whether the socket is connected to whom the entry is for.
static __always_inline int is_peer(const struct bpf_sock *sock, const struct policy_connection *known) {
    __u8 remote[16] __attribute__((aligned(8)));
    peer_of(sock, remote);
    return same_address(remote, known->remote) && bpf_ntohs(sock->dst_port) == known->remote_port;
}

// States of a TCP socket that knows its peer: what belongs to it is of this one connection. Half-open connections, TIME_WAIT
// and resets have no such socket: the kernel shows a listener's or one of its own.
#define SYNCHRONISED                                                                                        \
    (1 << BPF_TCP_ESTABLISHED | 1 << BPF_TCP_FIN_WAIT1 | 1 << BPF_TCP_FIN_WAIT2 | 1 << BPF_TCP_CLOSE_WAIT | \
     1 << BPF_TCP_CLOSING | 1 << BPF_TCP_LAST_ACK)

static __always_inline int synchronised(const struct bpf_sock *sock) { return (1U << (sock->state & 31) & SYNCHRONISED) != 0; }

// Whether the header has nothing that leads elsewhere than to the socket's peer: the socket may have been given IPv4 options or
// an IPv6 routing header since (setsockopt(2)).
static __always_inline int plain_header(struct __sk_buff *skb) {
    const __u8 *data = (const __u8 *)(long)skb->data, *end = (const __u8 *)(long)skb->data_end;
    if (data + sizeof(struct ipv6hdr) > end) return 0;  // TCP's are no shorter: 20 + 20
    return (data[0] == 0x45 && data[9] == IPPROTO_TCP) || (data[0] >> 4 == 6 && data[6] == IPPROTO_TCP);
}

// Whether the packet belongs to a TCP connection that was allowed. The type is looked at as well: a raw socket of protocol 6
// sends what it likes.
static __always_inline int stream_goes_on(struct __sk_buff *skb, struct bpf_sock *sock, __u32 policy, __u32 direction) {
    if (sock->type != STREAM || (direction == POLICY_EGRESS && !plain_header(skb))) return 0;
    // A listener sends answers to SYNs that were let in, and nothing else.
    if (sock->state == BPF_TCP_LISTEN) return direction == POLICY_EGRESS;
    const struct policy_connection *known = bpf_sk_storage_get(&connections, sock, 0, 0);
    if (!known || !is_peer(sock, known)) return 0;
    // A socket that is closed still has to say so to its peer (RST).
    return known->established ? synchronised(sock) || sock->state == BPF_TCP_CLOSE : known->policy == policy;
}

// The socket's connection is there, and was allowed.
static __always_inline void remember_stream(struct bpf_sock *sock, __u32 policy) {
    struct policy_connection *known = bpf_sk_storage_get(&connections, sock, 0, 0);
    if (known && is_peer(sock, known)) {
        known->established = 1;
        return;
    }
    struct policy_connection first = {.remote_port = bpf_ntohs(sock->dst_port), .policy = policy, .established = 1};
    peer_of(sock, first.remote);
    bpf_sk_storage_delete(&connections, sock);
    bpf_sk_storage_get(&connections, sock, &first, BPF_SK_STORAGE_GET_F_CREATE);
}

// The same, of a segment that was allowed and whose socket had nothing of it.
static __always_inline void remember_segment(struct __sk_buff *skb, __u32 policy) {
    struct bpf_sock *sock = skb->sk;
    if (!sock) return;
    sock = bpf_sk_fullsock(sock);
    if (sock && sock->protocol == IPPROTO_TCP && sock->type == STREAM && synchronised(sock)) remember_stream(sock, policy);
}

// Whether the datagram is one of the flow that the socket had last. Without options, extension headers and fragments.
static __always_inline int datagram_goes_on(struct __sk_buff *skb, struct bpf_sock *sock, __u32 policy, __u32 direction) {
    const struct policy_connection *known = bpf_sk_storage_get(&connections, sock, 0, 0);
    if (!known || known->policy != policy) return 0;
    const __u8 *data = (const __u8 *)(long)skb->data, *end = (const __u8 *)(long)skb->data_end;
    const int out = direction == POLICY_EGRESS;
    __u8 remote[16] __attribute__((aligned(8)));
    const __be16 *ports;
    if (data + sizeof(struct iphdr) + UDP_HEADER > end) return 0;
    if (data[0] == 0x45) {
        const struct iphdr *ip = (const struct iphdr *)data;
        if (ip->protocol != IPPROTO_UDP || (ip->frag_off & bpf_htons(0x3fff))) return 0;
        mapped(remote, out ? ip->daddr : ip->saddr);
        ports = (const __be16 *)(data + sizeof *ip);
    } else {
        const struct ipv6hdr *ip = (const struct ipv6hdr *)data;
        if (data + sizeof *ip + UDP_HEADER > end || data[0] >> 4 != 6 || ip->nexthdr != IPPROTO_UDP) return 0;
        __builtin_memcpy(remote, out ? &ip->daddr : &ip->saddr, 16);
        ports = (const __be16 *)(data + sizeof *ip);
    }
    return same_address(remote, known->remote) && bpf_ntohs(ports[out]) == known->remote_port &&
           bpf_ntohs(ports[!out]) == known->local_port && (__s64)(known->until_ns - bpf_ktime_get_coarse_ns()) > 0;
}

// A flow that was looked up just now, and is allowed.
static __always_inline void remember_datagrams(struct __sk_buff *skb, const struct packet *packet, __u32 policy, __u64 now) {
    struct bpf_sock *sock = skb->sk;
    if (!sock) return;
    sock = bpf_sk_fullsock(sock);
    if (!sock || sock->protocol != IPPROTO_UDP || sock->type != DATAGRAM) return;
    struct policy_connection *known = bpf_sk_storage_get(&connections, sock, 0, 0);
    if (known && same_address(known->remote, packet->remote) && known->remote_port == packet->remote_port &&
        known->local_port == packet->local_port) {
        // In any order with another processor's: whoever writes a policy here has asked it.
        known->policy = policy;
        known->until_ns = now + TRUSTED_NS;
        return;
    }
    // A socket with many peers keeps one for the while: replacing it costs more than looking up.
    if (known && (__s64)(known->until_ns - now) > 0) return;
    struct policy_connection first = {
        .until_ns = now + TRUSTED_NS, .remote_port = packet->remote_port, .local_port = packet->local_port, .policy = policy};
    __builtin_memcpy(first.remote, packet->remote, 16);
    if (known) bpf_sk_storage_delete(&connections, sock);
    bpf_sk_storage_get(&connections, sock, &first, BPF_SK_STORAGE_GET_F_CREATE);
}
