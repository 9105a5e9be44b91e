// What the programs of service.bpf.c and their user-space half share: the maps' keys and values. C, for both sides.
//
// A service is an address that no interface has. Its backends are slots, one for each:
//     services: (address)                -> how many slots there are, and in which round of them
//     slots:    (address, round, number) -> two backends, and how often the first of them is taken
// Two random numbers choose (the alias method: Walker 1977, Vose 1991): a slot, and one of its two. So a choice is one look-up for
// any number of backends with any weights. A change writes the slots of a new round, then the service, then erases the old
// round: whoever chooses sees the one or the other.
#pragma once

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

// IPv4 as ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2).
struct service_address {
    __u8 bytes[16];
};

struct service_set {
    __u64 network;  // the number of the network that it is on
    __u32 round;
    __u32 count;  // of slots; 0: no backend takes connections, and who tries is refused
};

struct service_slot_key {
    struct service_address service;
    __u32 round;
    __u32 number;
};
struct service_slot {
    struct service_address first, second;
    __u64 share;  // of 2^32: how often first is taken
};

// map `places`: a network namespace from which the services of a network are seen.
struct service_place {
    __u64 netns;  // its cookie
    __u64 network;
};

// map `said`: what a socket was connected to or sent to, as the kernel has it, and (the value) as the program said it.
struct service_said_key {
    __u64 socket;  // its cookie
    struct service_address address;
    __u16 port;  // network order
    __u8 unused[6];
};
