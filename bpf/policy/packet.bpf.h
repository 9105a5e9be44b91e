// SPDX-License-Identifier: GPL-2.0
// The headers of a packet, read for policy.bpf.c.
#pragma once

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "../address.bpf.h"

#define UDP_HEADER 8       // RFC 768
#define EXTENSION_LIMIT 8  // IPv6 extension headers that are walked

// RFC 792, RFC 4443. (linux/icmp.h wants headers of the C library.)
enum { ECHO_REPLY = 0, UNREACHABLE = 3, ECHO = 8, TIME_EXCEEDED = 11, PARAMETER_PROBLEM = 12, ECHO6 = 128, ECHO6_REPLY = 129 };

// What a packet is about. Ports in host order.
struct packet {
    __u8 remote[16];
    __u32 at;  // where its transport header begins
    __u16 remote_port, local_port;
    __u8 protocol;
    __u8 opens;     // a TCP segment that opens a connection: SYN without ACK
    __u8 fragment;  // not the first one: no ports
    __u8 resets;    // a TCP segment with RST: also the kernel's answer to what nobody listens for
    __u8 error;     // an ICMP error
    __u8 link;      // neighbour discovery, multicast groups
};

static __always_inline int read_ports(struct __sk_buff *skb, struct packet *packet, __u32 at, int out) {
    __be16 ports[2];
    __u8 flags, icmp[8];

    packet->at = at;
    packet->remote_port = packet->local_port = 0;
    switch (packet->protocol) {
    case IPPROTO_TCP:
        if (bpf_skb_load_bytes(skb, at + 13, &flags, 1)) return -1;
        packet->opens = (flags & 0x12) == 0x02;
        packet->resets = (flags & 0x04) != 0;
        /* fallthrough */
    case IPPROTO_UDP:
    case IPPROTO_UDPLITE:
    case IPPROTO_SCTP:
    case IPPROTO_DCCP:
        if (bpf_skb_load_bytes(skb, at, ports, 4)) return -1;
        packet->remote_port = bpf_ntohs(out ? ports[1] : ports[0]);
        packet->local_port = bpf_ntohs(out ? ports[0] : ports[1]);
        return 0;
    case IPPROTO_ICMP:
        if (bpf_skb_load_bytes(skb, at, icmp, 8)) return -1;
        if (icmp[0] == ECHO || icmp[0] == ECHO_REPLY)
            packet->remote_port = (__u16)(icmp[4] << 8 | icmp[5]);
        else
            packet->error = icmp[0] == UNREACHABLE || icmp[0] == TIME_EXCEEDED || icmp[0] == PARAMETER_PROBLEM;
        return 0;
    case IPPROTO_ICMPV6:
        if (bpf_skb_load_bytes(skb, at, icmp, 8)) return -1;
        if (icmp[0] == ECHO6 || icmp[0] == ECHO6_REPLY)
            packet->remote_port = (__u16)(icmp[4] << 8 | icmp[5]);
        else
            packet->error = icmp[0] < 128;  // RFC 4443 section 2.1: errors have the high bit clear
        packet->link = (icmp[0] >= 130 && icmp[0] <= 137) || icmp[0] == 143;  // RFC 2710, 4861, 3810
        return 0;
    case IPPROTO_IGMP: packet->link = 1; return 0;
    default: return 0;
    }
}

static __always_inline int read_packet(struct __sk_buff *skb, struct packet *packet, int out) {
    __builtin_memset(packet, 0, sizeof *packet);
    if (skb->protocol == bpf_htons(ETH_P_IP)) {
        struct iphdr ip;
        if (bpf_skb_load_bytes(skb, 0, &ip, sizeof ip)) return -1;
        if (ip.ihl < 5) return -1;
        mapped(packet->remote, out ? ip.daddr : ip.saddr);
        packet->protocol = ip.protocol;
        // Options could name another destination than the one that is judged (source routes, RFC 791). IGMP has its router alert.
        if (out && ip.ihl > 5 && ip.protocol != IPPROTO_IGMP) return -1;
        packet->fragment = (ip.frag_off & bpf_htons(0x1fff)) != 0;
        if (packet->fragment) return 0;
        return read_ports(skb, packet, ip.ihl * 4U, out);
    }
    if (skb->protocol == bpf_htons(ETH_P_IPV6)) {
        struct ipv6hdr ip;
        if (bpf_skb_load_bytes(skb, 0, &ip, sizeof ip)) return -1;
        __builtin_memcpy(packet->remote, out ? ip.daddr.in6_u.u6_addr8 : ip.saddr.in6_u.u6_addr8, 16);
        __u8 next = ip.nexthdr;
        __u32 at = sizeof ip;
#pragma unroll
        for (int i = 0; i < EXTENSION_LIMIT; ++i) {
            __u8 head[4];
            if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING && next != IPPROTO_DSTOPTS && next != IPPROTO_FRAGMENT &&
                next != IPPROTO_AH)
                break;
            if (bpf_skb_load_bytes(skb, at, head, 4)) return -1;
            if (out && next == IPPROTO_ROUTING && head[3] != 0) return -1;  // segments left: the same
            if (next == IPPROTO_FRAGMENT) {
                packet->fragment = head[2] != 0 || (head[3] & 0xf8) != 0;
                at += 8;
            } else {
                at += next == IPPROTO_AH ? (head[1] + 2U) * 4U : (head[1] + 1U) * 8U;
            }
            next = head[0];
            if (packet->fragment) break;
        }
        packet->protocol = next;
        if (packet->fragment) return 0;
        return read_ports(skb, packet, at, out);
    }
    return -1;
}
