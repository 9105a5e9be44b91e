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
