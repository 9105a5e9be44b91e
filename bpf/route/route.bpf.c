// SPDX-License-Identifier: GPL-2.0
// The data path of network driver `ebpf`: what a bridge would do, by address.
//
//     container ── pair ── route_from_container ── same network ──> the other's namespace, past the host's stack
//                                               └─ all else ──────> the host's stack, as if it came in by the network's interface
//     host's stack ── network's interface ── route_to_container ──> pair ── container
//
// A container sends with its own addresses or not at all, and nothing but IPv4 and IPv6: there is no ARP and no neighbour discovery to
// be lied to, the gateway's MAC is a permanent entry inside. The stack sees one interface a network, as with a bridge, so that
// firewalls, resolvers and routes need to know no single container.
// Helpers: bpf-helpers(7). bpf_redirect_peer: Linux 5.10.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/tcp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "../sockaddr.bpf.h"
#include "route.h"

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, 1 << 20);
    __type(key, __u32);
    __type(value, struct route_wire);
} wires SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, 1 << 20);
    __type(key, struct route_address);
    __type(value, struct route_container);
} containers SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, 1 << 20);
    __type(key, struct route_port);
    __type(value, struct route_endpoint);
} ports SEC(".maps");

// The destination of a packet, and whether its source is the wire's (any, without a wire). False: it goes nowhere.
static __always_inline int read_packet(struct __sk_buff *skb, const struct route_wire *wire, struct route_address *destination) {
    const __u32 v4_size = sizeof(struct ethhdr) + sizeof(struct iphdr), v6_size = sizeof(struct ethhdr) + sizeof(struct ipv6hdr);
    const int v4 = skb->protocol == bpf_htons(ETH_P_IP);
    if (!v4 && skb->protocol != bpf_htons(ETH_P_IPV6)) return 0;
    if (skb->vlan_present) return 0;
    void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
    // What sockets send has its headers in front; packet sockets may not.
    if (data + sizeof(struct ethhdr) + (v4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr)) > end) {
        if (bpf_skb_pull_data(skb, v4 ? v4_size : v6_size)) return 0;
        data = (void *)(long)skb->data;
        end = (void *)(long)skb->data_end;
    }
    if (v4) {
        if (data + v4_size > end) return 0;
        const struct iphdr *ip = data + sizeof(struct ethhdr);
        if (ip->version != 4 || (wire && (wire->v4 == 0 || ip->saddr != wire->v4))) return 0;
        mapped(destination->bytes, ip->daddr);
        return 1;
    }
    if (data + v6_size > end) return 0;
    const struct ipv6hdr *ip = data + sizeof(struct ethhdr);
    // A wire without an IPv6 address has "::", which is nobody's source but that of a host in search of one.
    if (ip->version != 6 || (wire && !same_address((const __u8 *)&ip->saddr, wire->v6))) return 0;
    if (wire && ip->saddr.in6_u.u6_addr32[0] == 0 && ip->saddr.in6_u.u6_addr32[1] == 0 && ip->saddr.in6_u.u6_addr32[2] == 0 &&
        ip->saddr.in6_u.u6_addr32[3] == 0)
        return 0;
    __builtin_memcpy(destination->bytes, &ip->daddr, 16);
    return 1;
}

static __always_inline int is_v4(const struct route_address *address) {
    const __u32 *words = (const __u32 *)address->bytes;
    return words[0] == 0 && words[1] == 0 && words[2] == bpf_htonl(0xffff);
}

static __always_inline int is_loopback(const struct route_address *address) {
    const __u32 *words = (const __u32 *)address->bytes;
    if (is_v4(address)) return address->bytes[12] == 127;
    return words[0] == 0 && words[1] == 0 && words[2] == 0 && words[3] == bpf_htonl(1);
}

static __always_inline int is_multicast(const struct route_address *address) {
    if (is_v4(address)) return address->bytes[12] >= 224;
    return address->bytes[0] == 0xff;
}

#include "published.bpf.h"

// On the host's end of a container's pair, ingress.
SEC("tc") int route_from_container(struct __sk_buff *skb) {
    const __u32 index = skb->ifindex;
    const struct route_wire *wire = bpf_map_lookup_elem(&wires, &index);
    struct route_address to;
    if (!wire || !read_packet(skb, wire, &to)) return TC_ACT_SHOT;
    const struct route_container *container = bpf_map_lookup_elem(&containers, &to);
    if (container && container->network == wire->network && container->wire != index) {
        if (bpf_skb_store_bytes(skb, 0, container->header, sizeof container->header, 0)) return TC_ACT_SHOT;
        return (int)bpf_redirect_peer(container->wire, 0);
    }
    // Groups and broadcasts end here: there is no link that others are on.
    if (is_multicast(&to)) return TC_ACT_SHOT;
    const int answered = answer_client(skb, wire->network);
    if (answered != -1) return answered;
    return (int)bpf_redirect(wire->network, BPF_F_INGRESS);
}

// On the network's own interface, egress: nothing ever leaves by it.
SEC("tc") int route_to_container(struct __sk_buff *skb) {
    struct route_address to;
    if (!read_packet(skb, 0, &to)) return TC_ACT_SHOT;
    const struct route_container *container = bpf_map_lookup_elem(&containers, &to);
    if (!container || container->network != skb->ifindex) return TC_ACT_SHOT;
    if (bpf_skb_store_bytes(skb, 0, container->header, sizeof container->header, 0)) return TC_ACT_SHOT;
    return (int)bpf_redirect(container->wire, 0);
}

#include "connect.bpf.h"

char _license[] SEC("license") = "GPL";
