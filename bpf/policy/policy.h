// What the programs of policy.bpf.c and their user-space half share: the maps' keys and values. C, for both sides.
//
// One set of programs and maps serves all containers of a host (pinned once, see maps.hpp). Which container a packet belongs to the
// program learns from the storage of the cgroup that it was attached to. A policy is a number; its rules are entries of two tries:
//     targets: (scope, address)             -> which set of ports may be used there, the longest prefix decides
//     ports:   (scope, set, protocol, port) -> the rule that allows it
// A scope is a policy's number and a direction. User space puts into each prefix's set what wider prefixes allow as well.
// Peers by DNS name are on the way out only, and beside the tries:
//     names:   (policy, name backwards)     -> the pattern that it matches, the longest one
//     answers: (container, address)         -> patterns that it was an answer for, and until when
//     permits: (policy, pattern)            -> which set of ports may be used there
#pragma once

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

enum policy_direction { POLICY_EGRESS = 0, POLICY_INGRESS = 1 };

#define POLICY_SCOPE(policy, direction) ((policy) * 2U + (direction))
#define POLICY_ADDRESS_BITS 128U  // IPv4 as ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2)
#define POLICY_SCOPE_BITS 32U
#define POLICY_SET_BITS 64U  // scope and set
#define POLICY_EVERY_PORT 0xffffffffU
#define POLICY_NOTHING 0U

// storage of a cgroup
enum policy_flags {
    POLICY_HAS_EGRESS = 1,   // else everything may go out
    POLICY_HAS_INGRESS = 2,  // else everything may come in
    POLICY_HAS_LISTEN = 4,   // else every port may be listened on
    POLICY_HAS_NAMES = 8,    // peers by DNS name: answers of resolvers are read
};
struct policy_state {
    __u32 owner;   // the container's number: flows are kept under it, over changes of the policy
    __u32 policy;  // 0: none, everything passes
    __u32 flags;
};

struct policy_target_key {
    __u32 prefixlen;  // bits of what follows: 32 and the address's
    __u32 scope;
    __u8 address[16];
};
enum policy_place {
    POLICY_INSIDE = 1,    // no DNS name leads here: this host, its containers, the link
    POLICY_RESOLVER = 2,  // whose answers are believed
};
struct policy_target {
    __u32 set;    // POLICY_NOTHING, POLICY_EVERY_PORT, or what the ports trie has
    __u32 rule;   // with POLICY_EVERY_PORT: the rule that says so, counted from 1
    __u32 place;  // enum policy_place
};

// A name backwards, lower case: "api.example.com" is "moc.elpmaxe.ipa" and a NUL, "*.example.com" the prefix "moc.elpmaxe.". A trie's
// key has at most 256 bytes (kernel/bpf/lpm_trie.c): longer names match no pattern.
#define POLICY_NAME_SIZE 248U
struct policy_name_key {
    __u32 prefixlen;
    __u32 policy;
    __u8 name[POLICY_NAME_SIZE];
};
// A pattern's number is the same in every policy of a container: what was learned holds when the policy changes. 0 is none.
struct policy_permit_key {
    __u64 pattern;
    __u32 policy;
    __u32 unused;
};

#define POLICY_ANSWER_PATTERNS 4
struct policy_answer_key {
    __u32 owner;
    __u8 remote[16];
};
struct policy_answer {
    struct {
        __u64 pattern;
        __u64 until_ns;  // CLOCK_MONOTONIC
    } of[POLICY_ANSWER_PATTERNS];
};

struct policy_port_key {
    __u32 prefixlen;  // 32 + 32 + 8 for every port of a protocol, + 16 for one
    __u32 scope;
    __u32 set;
    __u8 protocol;
    __u8 port[2];  // network order; of ICMP: 0
    __u8 unused;
};

struct policy_flow_key {
    __u32 owner;
    __u8 remote[16];
    __u16 remote_port;  // host order; ICMP echo: the identifier
    __u16 local_port;
    __u8 protocol;
    __u8 unused[3];
};
struct policy_flow {
    __u64 last_ns;   // CLOCK_MONOTONIC
    __u32 policy;    // that allowed it
    __u8 direction;  // of its first packet
    __u8 packets;    // that were looked up so far; no more are counted than matter (POLICY_LONG_FLOW)
    __u8 unused[2];
};

// storage of a socket: the peer that packets pass to and from without a look at flows and rules
#define POLICY_LONG_FLOW 4  // packets after which a flow of datagrams is worth storage: not for a question and its answer
struct policy_connection {
    __u64 until_ns;  // of UDP: CLOCK_MONOTONIC, when the flow has to be looked up again
    __u8 remote[16];
    __u16 remote_port;  // host order
    __u16 local_port;   // of UDP
    __u32 policy;       // that allowed it
    __u32 established;  // of TCP: it was, and outlives the policy
    __u32 message;      // of TCP with a resolver: the sequence number where its next message begins, once reads is set
    __u32 reads;
    __u32 unused;
};

struct policy_denial_key {
    __u32 owner;
    __u8 remote[16];
    __u16 port;  // the remote's on the way out, the container's on the way in
    __u8 protocol;
    __u8 direction;
};
enum policy_reason {
    POLICY_NO_RULE = 1,       // nothing allows that peer
    POLICY_OTHER_PORT = 2,    // the peer is allowed, with other ports or protocols
    POLICY_FRAGMENT = 3,      // a fragment without ports, and not every port is allowed
    POLICY_MALFORMED = 4,     // no header where one should be
    POLICY_NOT_LISTENED = 5,  // a port that must not be listened on
};
struct policy_denial {
    __u64 count;
    __u64 last_ns;
    __u32 reason;
    __u32 unused;
};

// What policy_test_* answer, in the packet's cb: cb[0] the policy, cb[1] its flags and cb[2] the owner go in, these come out.
struct policy_verdict {
    __u32 allowed, rule, reason;
};
