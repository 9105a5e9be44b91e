// SPDX-License-Identifier: GPL-2.0
// Addresses as all our maps have them.
#pragma once

#include <linux/types.h>

// IPv4 as ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2).
static __always_inline void mapped(__u8 *address, __be32 v4) {
    __builtin_memset(address, 0, 10);
    address[10] = address[11] = 0xff;
    __builtin_memcpy(address + 12, &v4, 4);
}

// In words: what lies in a packet or on the stack is aligned to those.
static __always_inline int same_address(const __u8 *left, const __u8 *right) {
    const __u32 *a = (const __u32 *)left, *b = (const __u32 *)right;
    return a[0] == b[0] && a[1] == b[1] && a[2] == b[2] && a[3] == b[3];
}
