// SPDX-License-Identifier: GPL-2.0
// The address that a program names at connect(2) and the like (struct bpf_sock_addr), as our maps have addresses.
#pragma once

#include <linux/bpf.h>

#include "address.bpf.h"

static __always_inline void named_address4(const struct bpf_sock_addr *context, __u8 *address) { mapped(address, context->user_ip4); }
static __always_inline void named_address6(const struct bpf_sock_addr *context, __u8 *address) {
    __u32 *words = (__u32 *)address;
    words[0] = context->user_ip6[0];
    words[1] = context->user_ip6[1];
    words[2] = context->user_ip6[2];
    words[3] = context->user_ip6[3];
}
static __always_inline void name_address4(struct bpf_sock_addr *context, const __u8 *address) {
    context->user_ip4 = ((const __u32 *)address)[3];
}
static __always_inline void name_address6(struct bpf_sock_addr *context, const __u8 *address) {
    const __u32 *words = (const __u32 *)address;
    context->user_ip6[0] = words[0];
    context->user_ip6[1] = words[1];
    context->user_ip6[2] = words[2];
    context->user_ip6[3] = words[3];
}
