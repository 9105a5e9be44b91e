// SPDX-License-Identifier: GPL-2.0
// A program that every verifier refuses: it reads behind the end of the packet without a look.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

SEC("cgroup_skb/egress") int refused(struct __sk_buff *skb) { return *(__u8 *)(long)skb->data & 1; }

char _license[] SEC("license") = "GPL";
