// What the programs of insight.bpf.c and their user-space half share: the maps' keys and values. C, for both sides.
//
// One set of programs, attached once to ctr.slice, counts for all containers: what a container talked to is an entry under the
// inode number of its unit's cgroup. A start costs nothing. A connection of TCP costs a few lookups when it opens and closes and
// one lookup for a packet that goes out: the kernel counts the bytes, and they are taken from it when the connection ends.
#pragma once

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

enum insight_direction { INSIGHT_OUT = 0, INSIGHT_IN = 1 };

// Who talks to whom.
struct insight_peer_key {
    __u64 cgroup;     // inode number of the container's cgroup (the unit's, also for what runs in one below)
    __u8 remote[16];  // IPv4 as ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2)
    __u16 port;       // host order. Opened by the container: the peer's; by the peer: the container's; 0: the protocol has none
    __u8 protocol;    // IANA number
    __u8 direction;   // who began
    __u32 unused;
};

struct insight_peer {
    __u64 first_ns, last_ns;  // CLOCK_MONOTONIC
    __u64 opened;             // connections of TCP that were established; of others: conversations (address and port pairs)
    __u64 failed;             // connections of TCP that never were: refused, or nobody answered
    // By direction of the packet. Of TCP only connections that have ended are in here, with the bytes that were acknowledged or
    // received (RFC 4898: a SYN and a FIN count as one); of others the packets' own.
    __u64 bytes[2], packets[2];
    __u64 retransmits;                        // segments that were sent again
    __u64 answered, answer_ns, answer_ns_max;  // connect(2) until SYN-ACK: how often, sum, longest
};

// What a socket of TCP is known by, in its storage (BPF_MAP_TYPE_SK_STORAGE).
struct insight_socket {
    struct insight_peer_key peer;  // cgroup 0: nothing was sent so far
    __u64 opened_ns;
    __u32 established;
    __u32 unused;
};

// A conversation that is not TCP, to find out who began. Remembered while it is among the last 16384.
struct insight_conversation_key {
    struct insight_peer_key pair;  // port: the peer's; direction: 0
    __u16 local_port;
    __u16 unused[3];
};

enum insight_event_kind { INSIGHT_OPENED = 1, INSIGHT_CLOSED = 2, INSIGHT_FAILED = 3 };

// Each watcher has a ring of its own, in one of so many slots of `rings`; while one of them watches, events go to all.
#define INSIGHT_WATCHERS 8
#define INSIGHT_RING_BYTES (1U << 18)
struct insight_event {
    __u64 at_ns;
    struct insight_peer_key peer;
    __u64 bytes[2], packets[2];  // INSIGHT_CLOSED
    __u64 took_ns;               // INSIGHT_OPENED, sent: until the answer; INSIGHT_CLOSED: the connection's life
    __u32 kind;
    __u32 retransmits;
};

// The one entry of `control`.
struct insight_control {
    __u64 watched_until_ns;  // CLOCK_MONOTONIC: events are written before; a watcher renews it, one that dies is forgotten
    __u64 slice;             // inode number of the cgroup that the programs are attached to
    __u32 level;             // of the containers' cgroups in the tree; 0: the programs look for it
    __u32 unused;
};
