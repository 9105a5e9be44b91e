// SPDX-License-Identifier: GPL-2.0
// Peers by DNS name, for policy.bpf.c: a resolver's answers are read on their way to the container, so that what it is told is allowed
// before it can use it. No process watches, and there is nothing that could be late.
#pragma once

#include "packet.bpf.h"
#include "policy.h"

// How long an address is good for at least and at most, whatever the answer says (RFC 2181, section 8: it may say 68 years).
#define ANSWER_MIN_S 60U
#define ANSWER_MAX_S 86400U
#define ANSWER_LIMIT 32  // records of a message that are read
#define LABEL_LIMIT 128  // of a name: 255 bytes, each label has two at least
#define DNS_PORT 53
#define MESSAGES_A_SEGMENT 4  // of a stream that are read: a library sends two questions at once (A, AAAA)

struct {
    __uint(type, BPF_MAP_TYPE_LPM_TRIE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, 1 << 20);
    __type(key, struct policy_target_key);
    __type(value, struct policy_target);
} targets SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LPM_TRIE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, 1 << 20);
    __type(key, struct policy_name_key);
    __type(value, __u64);  // the pattern
} names SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, 1 << 20);
    __type(key, struct policy_permit_key);
    __type(value, struct policy_target);
} permits SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 1 << 16);
    __type(key, struct policy_answer_key);
    __type(value, struct policy_answer);
} answers SEC(".maps");

static __always_inline const struct policy_target *find_target(__u32 scope, const __u8 *remote) {
    struct policy_target_key key = {.prefixlen = POLICY_SCOPE_BITS + POLICY_ADDRESS_BITS, .scope = scope};
    __builtin_memcpy(key.address, remote, 16);
    return bpf_map_lookup_elem(&targets, &key);
}

static __always_inline const struct policy_answer *find_answer(__u32 owner, const __u8 *remote) {
    struct policy_answer_key key = {.owner = owner};
    __builtin_memcpy(key.remote, remote, 16);
    return bpf_map_lookup_elem(&answers, &key);
}

struct dns_header {
    __be16 id;
    __u8 flags, code;
    __be16 questions, answers, authorities, additional;
};
struct dns_record {
    __be16 type, class;
    __be16 ttl[2];
    __be16 length;
};
enum { DNS_IN = 1, DNS_A = 1, DNS_AAAA = 28 };  // RFC 1035, RFC 3596

// The parts of reading an answer are global functions, which the verifier looks at one by one instead of along every way through all.

// Behind a record's name (RFC 1035, section 4.1.4: a pointer ends it); 0: there is no end.
__noinline __u32 policy_behind_name(struct __sk_buff *skb, __u32 at) {
    for (int i = 0; i < LABEL_LIMIT; ++i) {
        __u8 length;
        if (bpf_skb_load_bytes(skb, at, &length, 1)) return 0;
        if (length == 0) return at + 1;
        if (length >= 0xc0) return at + 2;
        if (length > 63) return 0;
        at += 1U + length;
    }
    return 0;
}

// A question's name while it is read, byte by byte.
struct name_reading {
    struct policy_name_key key;
    struct __sk_buff *skb;
    __u32 at, size;  // where it begins; its length as text, without the first length and the root
    __u32 left;      // of the label
    __u32 fits;      // it is a host's name so far
};

static long read_name_byte(__u64 i, struct name_reading *name) {
    __u8 byte;
    name->fits = 0;
    if (bpf_skb_load_bytes(name->skb, name->at + (__u32)i, &byte, 1)) return 1;
    if (name->left == 0) {
        if (byte == 0 || byte > 63) return 1;  // a question's name has no pointer
        name->left = byte;
        byte = '.';
    } else {
        --name->left;
        if (byte >= 'A' && byte <= 'Z') byte |= 0x20;
        // A dot within a label would be taken for the end of one.
        if (!((byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '-' || byte == '_')) return 1;
    }
    name->fits = 1;
    const __u32 to = name->size - (__u32)i;
    if (i > 0 && to < POLICY_NAME_SIZE) name->key.name[to] = byte;
    return 0;
}

// The pattern of the policy that the name from at to end matches; 0: none, or it is no host's name.
__noinline __u64 policy_pattern_of(struct __sk_buff *skb, __u32 at, __u32 end, __u32 policy) {
    if (end <= at + 2 || end - at - 2 >= POLICY_NAME_SIZE) return 0;
    struct name_reading name = {.key = {.prefixlen = (4 + POLICY_NAME_SIZE) * 8, .policy = policy},
                                .skb = skb, .at = at, .size = end - at - 2};
    // bpf_loop (Linux 5.17): the verifier looks at one byte's reading instead of 248 in a row, which are too many branches for it
    // (BPF_COMPLEXITY_LIMIT_JMP_SEQ) with some compilers.
    bpf_loop(name.size + 1, read_name_byte, &name, 0);
    if (!name.fits) return 0;
    const __u64 *pattern = bpf_map_lookup_elem(&names, &name.key);
    return pattern ? *pattern : 0;
}

static __always_inline void keep_answer(const struct policy_answer_key *key, __u64 pattern, __u64 until) {
    struct policy_answer *answer = bpf_map_lookup_elem(&answers, key);
    if (!answer) {
        const struct policy_answer first = {.of = {{.pattern = pattern, .until_ns = until}}};
        bpf_map_update_elem(&answers, key, &first, BPF_ANY);
        return;
    }
    // The place that it has, else the one that ends first.
    __u32 place = 0;
    __u64 ends = answer->of[0].until_ns;
#pragma unroll
    for (__u32 i = 0; i < POLICY_ANSWER_PATTERNS; ++i) {
        if (answer->of[i].pattern == pattern) {
            if (answer->of[i].until_ns < until) answer->of[i].until_ns = until;
            return;
        }
        if (answer->of[i].until_ns < ends) {
            place = i;
            ends = answer->of[i].until_ns;
        }
    }
    place &= POLICY_ANSWER_PATTERNS - 1;
    answer->of[place].until_ns = 0;  // not for the pattern before
    answer->of[place].pattern = pattern;
    answer->of[place].until_ns = until;
}

// Learns the address of a record; where the next one begins, or 0.
__noinline __u32 policy_learn_record(struct __sk_buff *skb, __u32 at, __u32 policy, __u32 owner, __u64 pattern) {
    struct dns_record record;
    struct policy_answer_key key = {.owner = owner};
    at = policy_behind_name(skb, at);
    if (!at || bpf_skb_load_bytes(skb, at, &record, sizeof record)) return 0;
    at += sizeof record;
    const __u32 next = at + bpf_ntohs(record.length);
    if (record.class != bpf_htons(DNS_IN)) return next;
    if (record.type == bpf_htons(DNS_A) && record.length == bpf_htons(4)) {
        __be32 v4;
        if (bpf_skb_load_bytes(skb, at, &v4, 4)) return 0;
        mapped(key.remote, v4);
    } else if (record.type == bpf_htons(DNS_AAAA) && record.length == bpf_htons(16)) {
        if (bpf_skb_load_bytes(skb, at, key.remote, 16)) return 0;
    } else {
        return next;
    }
    // Rebinding: whoever answers for a name could name this host, a container, a metadata service. Those need a rule of their own.
    const struct policy_target *target = find_target(POLICY_SCOPE(policy, POLICY_EGRESS), key.remote);
    if (target && (target->place & POLICY_INSIDE)) return next;
    __u32 ttl = (__u32)bpf_ntohs(record.ttl[0]) << 16 | bpf_ntohs(record.ttl[1]);
    ttl = ttl < ANSWER_MIN_S ? ANSWER_MIN_S : ttl > ANSWER_MAX_S ? ANSWER_MAX_S : ttl;
    keep_answer(&key, pattern, bpf_ktime_get_coarse_ns() + ttl * 1000000000ULL);
    return next;
}

// A resolver's answer on its way to the container: the addresses that it has for a name of the policy are allowed before the
// container knows them. Names that the answer leads to (CNAME) are the resolver's business. at: of the message.
__noinline int policy_learn(struct __sk_buff *skb, __u32 at, __u32 policy, __u32 owner) {
    struct dns_header header;
    if (bpf_skb_load_bytes(skb, at, &header, sizeof header)) return 0;
    // A response without an error, to one question.
    if (!(header.flags & 0x80) || (header.code & 0x0f) || header.questions != bpf_htons(1)) return 0;
    at += sizeof header;
    const __u32 end = policy_behind_name(skb, at);
    const __u64 pattern = policy_pattern_of(skb, at, end, policy);
    if (!pattern) return 0;
    at = end + 4;  // type and class
    const __u32 count = bpf_ntohs(header.answers);
    for (__u32 i = 0; i < ANSWER_LIMIT && i < count && at; ++i) at = policy_learn_record(skb, at, policy, owner, pattern);
    return 0;
}
