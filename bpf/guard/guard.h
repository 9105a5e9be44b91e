// What the program of guard.bpf.c and its user-space half share. C, for both sides.
#pragma once

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

// map `ports`: the host's end of a container's pair, by interface index, and who may send through it.
struct guard_port {
    __u8 mac[6];
    __u8 unused[2];
    __u8 v4[4];          // zero: it has none
    __u8 v6[16];         // zero: it has none
    __u8 link_local[16]; // made of the MAC (RFC 4291, appendix A)
};
