// SPDX-License-Identifier: GPL-2.0
// What a container on a bridge may say who it is: its own MAC, its own addresses. On the host's end of its pair, ingress, where every
// frame passes whatever made it (packet sockets too), and nothing in the container can take it away.
//
//     frame      from its MAC, ARP, IPv4 or IPv6, without a VLAN tag
//     ARP        RFC 826: sender is its MAC, and its address or nobody (a probe, RFC 5227)
//     IPv4       source is its address
//     IPv6       source is its address or the link-local one of its MAC; nobody (::) only in what ICMPv6 has for that: neighbour
//                solicitation (RFC 4862), reports of groups (RFC 3590)
//     ICMPv6     neighbour advertisement (RFC 4861) for its addresses alone; a link-layer address that is offered is its MAC; no router
//                advertisement and no redirect: a container is no router. In fragments they are nobody's (RFC 6980: receivers drop them)
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "../address.bpf.h"
#include "guard.h"

#define PASS TC_ACT_UNSPEC  // on to what others have attached, and to the bridge
#define DROP TC_ACT_SHOT
#define EXTENSION_LIMIT 8  // IPv6 extension headers that are walked
#define OPTION_LIMIT 8     // of a neighbour discovery message

enum { ETHERNET = 1 };  // ARPHRD_ETHER: linux/if_arp.h wants headers of the C library

// RFC 4861, 2710, 3810.
enum { LISTENER_REPORT = 131, LISTENER_DONE = 132, ROUTER_SOLICIT = 133, ROUTER_ADVERT, NEIGHBOUR_SOLICIT, NEIGHBOUR_ADVERT, REDIRECT,
       LISTENER_REPORT_2 = 143 };

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, 1 << 20);
    __type(key, __u32);
    __type(value, struct guard_port);
} ports SEC(".maps");

struct arp {
    __be16 hardware, protocol;
    __u8 hardware_size, protocol_size;
    __be16 operation;
    __u8 sender_mac[6];  // the sender's address and the target's two follow
};

static __always_inline int same4(const __u8 *a, const __u8 *b) { return *(const __u32 *)a == *(const __u32 *)b; }
static __always_inline int same_mac(const __u8 *a, const __u8 *b) {
    return *(const __u16 *)a == *(const __u16 *)b && *(const __u16 *)(a + 2) == *(const __u16 *)(b + 2) &&
           *(const __u16 *)(a + 4) == *(const __u16 *)(b + 4);
}
static __always_inline int nobody4(const __u8 *a) { return *(const __u32 *)a == 0; }
static __always_inline int nobody6(const __u8 *a) { return nobody4(a) && nobody4(a + 4) && nobody4(a + 8) && nobody4(a + 12); }

static __always_inline int own6(const struct guard_port *port, const __u8 *address) {
    return (!nobody6(port->v6) && same_address(address, port->v6)) || same_address(address, port->link_local);
}

static __always_inline int may_arp(struct __sk_buff *skb, const struct guard_port *port) {
    struct arp arp;
    __u8 sender[4] __attribute__((aligned(4)));
    if (bpf_skb_load_bytes(skb, ETH_HLEN, &arp, sizeof arp) || bpf_skb_load_bytes(skb, ETH_HLEN + sizeof arp, sender, sizeof sender))
        return DROP;
    if (arp.hardware != bpf_htons(ETHERNET) || arp.protocol != bpf_htons(ETH_P_IP) || arp.hardware_size != 6 || arp.protocol_size != 4)
        return DROP;
    if (!same_mac(arp.sender_mac, port->mac)) return DROP;
    if (!nobody4(sender) && (nobody4(port->v4) || !same4(sender, port->v4))) return DROP;
    return PASS;
}

// The link-layer addresses that a message's options offer (RFC 4861, section 4.6.1) from there to the packet's end.
static __always_inline int own_options(struct __sk_buff *skb, const struct guard_port *port, __u32 at, __u32 end) {
    for (int i = 0; i < OPTION_LIMIT; ++i) {
        __u8 option[8] __attribute__((aligned(8)));
        if (at >= end) return 1;
        if (bpf_skb_load_bytes(skb, at, option, sizeof option)) return 0;  // none is shorter
        if (option[1] == 0) return 0;
        if ((option[0] == 1 || option[0] == 2) && (option[1] != 1 || !same_mac(option + 2, port->mac))) return 0;
        at += option[1] * 8U;
    }
    return 0;
}

static __always_inline int may_icmp6(struct __sk_buff *skb, const struct guard_port *port, __u32 at, __u32 end, int nobody) {
    __u8 head[24] __attribute__((aligned(8)));  // up to the target
    if (bpf_skb_load_bytes(skb, at, head, 1)) return DROP;
    switch (head[0]) {
    case ROUTER_ADVERT:
    case REDIRECT: return DROP;
    case LISTENER_REPORT:
    case LISTENER_DONE:
    case LISTENER_REPORT_2: return PASS;
    case ROUTER_SOLICIT: return own_options(skb, port, at + 8, end) ? PASS : DROP;
    case NEIGHBOUR_SOLICIT:
    case NEIGHBOUR_ADVERT:
        if (bpf_skb_load_bytes(skb, at, head, sizeof head)) return DROP;
        // Who asks as nobody asks for an address of its own.
        if ((nobody || head[0] == NEIGHBOUR_ADVERT) && !own6(port, head + 8)) return DROP;
        return own_options(skb, port, at + sizeof head, end) ? PASS : DROP;
    default: return nobody ? DROP : PASS;
    }
}

static __always_inline int may_ip6(struct __sk_buff *skb, const struct guard_port *port) {
    struct ipv6hdr ip;
    if (bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof ip) || ip.version != 6) return DROP;
    const int nobody = nobody6(ip.saddr.in6_u.u6_addr8);
    if (!nobody && !own6(port, ip.saddr.in6_u.u6_addr8)) return DROP;
    __u8 next = ip.nexthdr;
    __u32 at = ETH_HLEN + sizeof ip;
    const __u32 end = at + bpf_ntohs(ip.payload_len);
    for (int i = 0; i < EXTENSION_LIMIT; ++i) {
        __u8 head[2];
        if (next == IPPROTO_ICMPV6) return may_icmp6(skb, port, at, end, nobody);
        if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING && next != IPPROTO_DSTOPTS && next != IPPROTO_AH) return nobody ? DROP : PASS;
        if (bpf_skb_load_bytes(skb, at, head, sizeof head)) return DROP;
        at += next == IPPROTO_AH ? (head[1] + 2U) * 4U : (head[1] + 1U) * 8U;
        next = head[0];
    }
    return DROP;
}

SEC("tc") int guard_from_container(struct __sk_buff *skb) {
    const __u32 index = skb->ifindex, size = ETH_HLEN + sizeof(struct iphdr);
    const struct guard_port *port = bpf_map_lookup_elem(&ports, &index);
    if (!port || skb->vlan_present) return DROP;
    const void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
    if (data + size > end) {
        // What sockets send has its headers in front; packet sockets may not. No frame of the three kinds is shorter.
        if (bpf_skb_pull_data(skb, size)) return DROP;
        data = (void *)(long)skb->data;
        end = (void *)(long)skb->data_end;
        if (data + size > end) return DROP;
    }
    const struct ethhdr *frame = data;
    if (!same_mac(frame->h_source, port->mac)) return DROP;
    if (frame->h_proto == bpf_htons(ETH_P_IP)) {
        const struct iphdr *ip = data + ETH_HLEN;
        return ip->version == 4 && !nobody4(port->v4) && same4((const __u8 *)&ip->saddr, port->v4) ? PASS : DROP;
    }
    if (frame->h_proto == bpf_htons(ETH_P_IPV6)) return may_ip6(skb, port);
    return frame->h_proto == bpf_htons(ETH_P_ARP) ? may_arp(skb, port) : DROP;
}

char _license[] SEC("license") = "GPL";
