// SPDX-License-Identifier: GPL-2.0
// What containers talk to, counted on the cgroup of all of them (insight.h). Decides nothing: every packet passes.
//
// TCP: sock_ops says when a connection opens, is established and ends; the socket's storage remembers its peer. Whose it is only
// the packet's way out can tell (there is no helper for it in sock_ops), so the first packet writes it down. All else is counted
// packet by packet.
// What the kernel answers by itself (echo requests, segments for no socket) has no socket of the container's and is not counted.
// Helpers: bpf-helpers(7); nothing newer than Linux 5.11 (the coarse clock, socket storage in sock_ops).
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "../address.bpf.h"
#include "insight.h"

#define PASS 1
#define DEEPEST_LEVEL 16  // of a container's cgroup, counted from the root

struct {
    __uint(type, BPF_MAP_TYPE_SK_STORAGE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, int);
    __type(value, struct insight_socket);
} sockets SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 1 << 15);
    __type(key, struct insight_peer_key);
    __type(value, struct insight_peer);
} peers SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 1 << 14);
    __type(key, struct insight_conversation_key);
    __type(value, __u8);  // who began
} conversations SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct insight_control);
} control SEC(".maps");

struct ring {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, INSIGHT_RING_BYTES);
};
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
    __uint(max_entries, INSIGHT_WATCHERS);
    __type(key, __u32);
    __array(values, struct ring);
} rings SEC(".maps");

static __always_inline struct insight_control *get_control(void) {
    const __u32 zero = 0;
    return bpf_map_lookup_elem(&control, &zero);
}

// The container's cgroup: the slice's child on the way to the socket's.
static __always_inline __u64 container_cgroup(struct __sk_buff *skb) {
    struct insight_control *c = get_control();
    if (!c) return 0;
    if (c->level == 0) {
        // The slice's level is not its depth below this cgroup namespace, but below the machine's root.
#pragma unroll
        for (int level = 0; level < DEEPEST_LEVEL; ++level)
            if (bpf_skb_ancestor_cgroup_id(skb, level) == c->slice) c->level = level + 1;
    }
    return c->level ? bpf_skb_ancestor_cgroup_id(skb, c->level) : 0;
}

static __always_inline struct insight_peer *peer_of(const struct insight_peer_key *key, __u64 now) {
    struct insight_peer *peer = bpf_map_lookup_elem(&peers, key);
    if (!peer) {
        struct insight_peer first = {.first_ns = now};
        bpf_map_update_elem(&peers, key, &first, BPF_NOEXIST);
        peer = bpf_map_lookup_elem(&peers, key);
    }
    if (peer) peer->last_ns = now;
    return peer;
}

static __always_inline int watched(__u64 now) {
    const struct insight_control *c = get_control();
    return c && c->watched_until_ns >= now;
}

static __always_inline void tell(struct insight_event *event) {
#pragma unroll
    for (__u32 i = 0; i < INSIGHT_WATCHERS; ++i) {
        const __u32 slot = i;
        void *ring = bpf_map_lookup_elem(&rings, &slot);
        if (ring) bpf_ringbuf_output(ring, event, sizeof *event, 0);
    }
}

static __always_inline void opened(const struct insight_peer_key *key, __u64 took_ns, __u64 now) {
    struct insight_peer *peer = peer_of(key, now);
    if (peer) {
        __sync_fetch_and_add(&peer->opened, 1);
        if (took_ns) {
            __sync_fetch_and_add(&peer->answered, 1);
            __sync_fetch_and_add(&peer->answer_ns, took_ns);
            if (took_ns > peer->answer_ns_max) peer->answer_ns_max = took_ns;
        }
    }
    if (watched(now)) {
        struct insight_event event = {.at_ns = now, .peer = *key, .took_ns = took_ns, .kind = INSIGHT_OPENED};
        tell(&event);
    }
}

// A packet that is not of TCP.
static __always_inline int count(struct __sk_buff *skb, __u32 direction) {
    struct insight_conversation_key key = {};
    __u32 at;
    const int out = direction == INSIGHT_OUT;

    if (skb->protocol == bpf_htons(ETH_P_IP)) {
        struct iphdr ip;
        if (bpf_skb_load_bytes(skb, 0, &ip, sizeof ip)) return PASS;
        mapped(key.pair.remote, out ? ip.daddr : ip.saddr);
        key.pair.protocol = ip.protocol;
        at = ip.ihl * 4U;
    } else if (skb->protocol == bpf_htons(ETH_P_IPV6)) {
        struct ipv6hdr ip;
        if (bpf_skb_load_bytes(skb, 0, &ip, sizeof ip)) return PASS;
        __builtin_memcpy(key.pair.remote, out ? ip.daddr.in6_u.u6_addr8 : ip.saddr.in6_u.u6_addr8, 16);
        key.pair.protocol = ip.nexthdr;  // where extension headers follow: the first one's
        at = sizeof ip;
        // What a link needs for itself is nobody's conversation: neighbour discovery, groups (RFC 4861, 2710; MLDv2 and its
        // router alert, RFC 3810).
        if (ip.nexthdr == IPPROTO_HOPOPTS && ip.daddr.in6_u.u6_addr8[0] == 0xff) return PASS;
        if (ip.nexthdr == IPPROTO_ICMPV6) {
            __u8 type;
            if (bpf_skb_load_bytes(skb, at, &type, 1) || (type >= 130 && type <= 137) || type == 143) return PASS;
        }
    } else {
        return PASS;
    }
    // The kernel's answers for no socket; groups.
    if (key.pair.protocol == IPPROTO_TCP || key.pair.protocol == IPPROTO_IGMP) return PASS;
    if (key.pair.protocol == IPPROTO_UDP || key.pair.protocol == IPPROTO_UDPLITE || key.pair.protocol == IPPROTO_SCTP) {
        __be16 ports[2];
        if (bpf_skb_load_bytes(skb, at, ports, sizeof ports)) return PASS;
        key.pair.port = bpf_ntohs(out ? ports[1] : ports[0]);
        key.local_port = bpf_ntohs(out ? ports[0] : ports[1]);
    }
    key.pair.cgroup = container_cgroup(skb);
    if (!key.pair.cgroup) return PASS;

    const __u64 now = bpf_ktime_get_coarse_ns();
    const __u8 *known = bpf_map_lookup_elem(&conversations, &key);
    const __u8 began = known ? *known : (__u8)direction;
    if (!known) bpf_map_update_elem(&conversations, &key, &began, BPF_ANY);
    struct insight_peer_key pair = key.pair;
    pair.direction = began;
    if (began == INSIGHT_IN) pair.port = key.local_port;
    if (!known) opened(&pair, 0, now);
    struct insight_peer *peer = peer_of(&pair, now);
    if (peer) {
        __sync_fetch_and_add(&peer->packets[direction & 1], 1);
        __sync_fetch_and_add(&peer->bytes[direction & 1], skb->len);
    }
    return PASS;
}

SEC("cgroup_skb/egress") int insight_egress(struct __sk_buff *skb) {
    struct bpf_sock *sk = skb->sk;
    if (!sk) return PASS;
    sk = bpf_sk_fullsock(sk);
    if (!sk) return PASS;
    if (sk->protocol != IPPROTO_TCP) return count(skb, INSIGHT_OUT);
    if (sk->state == BPF_TCP_LISTEN) return PASS;  // its SYN-ACKs
    struct insight_socket *socket = bpf_sk_storage_get(&sockets, sk, 0, 0);
    if (!socket || socket->peer.cgroup) return PASS;  // older than this program; known
    socket->peer.cgroup = container_cgroup(skb);
    if (socket->established) opened(&socket->peer, 0, bpf_ktime_get_coarse_ns());
    return PASS;
}

SEC("cgroup_skb/ingress") int insight_ingress(struct __sk_buff *skb) {
    struct bpf_sock *sk = skb->sk;
    if (!sk) return PASS;
    sk = bpf_sk_fullsock(sk);
    if (!sk || sk->protocol == IPPROTO_TCP) return PASS;
    return count(skb, INSIGHT_IN);
}

static __always_inline struct insight_socket *begin(struct bpf_sock_ops *context, __u32 direction) {
    struct bpf_sock *sk = context->sk;
    if (!sk) return 0;
    struct insight_socket *socket = bpf_sk_storage_get(&sockets, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
    if (!socket) return 0;
    __builtin_memset(socket, 0, sizeof *socket);
    if (context->family == 2 /* AF_INET */) {
        mapped(socket->peer.remote, context->remote_ip4);
    } else {
        // volatile: the verifier refuses two of them in one load.
        const volatile __u32 *from = context->remote_ip6;
        __u32 words[4] = {from[0], from[1], from[2], from[3]};
        __builtin_memcpy(socket->peer.remote, words, 16);
    }
    socket->peer.protocol = IPPROTO_TCP;
    socket->peer.direction = (__u8)direction;
    socket->peer.port = direction == INSIGHT_OUT ? (__u16)bpf_ntohl(context->remote_port) : (__u16)context->local_port;
    socket->opened_ns = bpf_ktime_get_ns();
    bpf_sock_ops_cb_flags_set(context, context->bpf_sock_ops_cb_flags | BPF_SOCK_OPS_STATE_CB_FLAG);
    return socket;
}

static __always_inline void ended(struct bpf_sock_ops *context) {
    struct bpf_sock *sk = context->sk;
    if (!sk) return;
    const struct insight_socket *socket = bpf_sk_storage_get(&sockets, sk, 0, 0);
    if (!socket) return;
    const __u64 now = bpf_ktime_get_ns();
    if (socket->peer.cgroup) {
        const __u64 out = context->bytes_acked, in = context->bytes_received;
        const __u32 segments_out = context->segs_out, segments_in = context->segs_in, again = context->total_retrans;
        struct insight_peer *peer = peer_of(&socket->peer, now);
        if (peer) {
            if (!socket->established) __sync_fetch_and_add(&peer->failed, 1);
            __sync_fetch_and_add(&peer->bytes[INSIGHT_OUT], out);
            __sync_fetch_and_add(&peer->bytes[INSIGHT_IN], in);
            __sync_fetch_and_add(&peer->packets[INSIGHT_OUT], segments_out);
            __sync_fetch_and_add(&peer->packets[INSIGHT_IN], segments_in);
            __sync_fetch_and_add(&peer->retransmits, again);
        }
        if (watched(now)) {
            struct insight_event event = {.at_ns = now,
                                          .peer = socket->peer,
                                          .bytes = {out, in},
                                          .packets = {segments_out, segments_in},
                                          .took_ns = now - socket->opened_ns,
                                          .kind = socket->established ? INSIGHT_CLOSED : INSIGHT_FAILED,
                                          .retransmits = again};
            tell(&event);
        }
    }
    bpf_sk_storage_delete(&sockets, sk);  // connect(2) may come again
}

SEC("sockops") int insight_socket_events(struct bpf_sock_ops *context) {
    struct insight_socket *socket;
    switch (context->op) {
    case BPF_SOCK_OPS_TCP_CONNECT_CB: begin(context, INSIGHT_OUT); break;
    case BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB:
        if (!context->sk) break;
        socket = bpf_sk_storage_get(&sockets, context->sk, 0, 0);
        if (!socket || socket->established) break;
        socket->established = 1;
        if (socket->peer.cgroup) {
            const __u64 now = bpf_ktime_get_ns();
            opened(&socket->peer, now - socket->opened_ns, now);
        }
        break;
    case BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB:
        socket = begin(context, INSIGHT_IN);
        if (socket) socket->established = 1;
        break;
    case BPF_SOCK_OPS_STATE_CB:
        if (context->args[1] == BPF_TCP_CLOSE) ended(context);
        break;
    default: break;
    }
    return 1;
}

char _license[] SEC("license") = "GPL";
