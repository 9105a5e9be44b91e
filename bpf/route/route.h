// What the programs of route.bpf.c and their user-space half share: the maps' keys and values. C, for both sides.
//
// One set of programs and maps serves all networks and containers of a host, without a limit but memory. Addresses are unique on a
// host, because networks whose subnets overlap are refused.
#pragma once

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

// IPv4 as ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2).
struct route_address {
    __u8 bytes[16];
};

// map `wires`: the host's end of a container's pair, by interface index, and who may send through it.
struct route_wire {
    __u32 network;  // index of the network's own interface
    __u32 v4;       // the container's address as it is in a packet; 0: it has none
    __u8 v6[16];
};

// map `containers`: where an address is.
struct route_container {
    __u32 wire;     // index of the host's end
    __u32 network;  // index of the network's own interface
    __u8 header[12];  // of the frames to it: its MAC, and the gateway's as their source
};

// map `ports`: published ports, as clients name them.
struct route_port {
    struct route_address address;  // 0.0.0.0 (mapped) or ::: every address of the family
    __u16 port;                    // network order
    __u8 protocol;
    __u8 unused;
};
enum {
    route_bypass = 1,  // a published port: the host's own firewall is not asked
    route_leave = 2,   // a connection: left to the firewall's table
};
struct route_endpoint {
    struct route_address address;
    __u16 port;  // network order
    __u16 flags;
};

// maps `flows` and `answers`: a TCP connection from outside, with the server as the client names it, and as the container's.
struct route_flow {
    struct route_address client, server;
    __u16 client_port, server_port;  // network order
};
