// SPDX-License-Identifier: GPL-2.0
// Network policy of a container, on its cgroup: what its sockets may send, receive, connect to and listen on.
//
// What passes without a rule: packets of flows whose first packet was allowed (both ways), ICMP errors that come in (path MTU,
// unreachable), ICMP errors to who may talk to the container or be talked to, and what does not leave the link: neighbour discovery
// and reports of multicast groups. (What the kernel sends by itself in a container's network namespace counts as the container's:
// its control sockets were made by the process that made the namespace.) Packets are whole on the way out (fragmentation comes
// later) and on the way in (sockets get them reassembled); a fragment that is seen nevertheless was made by a raw socket, and has
// no ports.
// Helpers and hooks: bpf-helpers(7), Documentation/bpf/prog_cgroup_sockopt.rst; nothing newer than Linux 5.12 (the
// coarse clock, which is read in a few cycles; places on the stack that are not constant).
#include "connections.bpf.h"
#include "names.bpf.h"
#include "packet.bpf.h"

#define ALLOW 1
#define DENY 0
#define IDLE_NS (180LL * 1000000000LL)  // nf_conntrack_udp_timeout_stream is 120 s; a resolver's answer comes sooner
#define LOOPBACK 1                      // the kernel's LOOPBACK_IFINDEX (include/net/flow.h)

struct {
    __uint(type, BPF_MAP_TYPE_CGROUP_STORAGE);
    __type(key, __u64);  // cgroup's inode number: one storage for all programs on it (Linux 5.9)
    __type(value, struct policy_state);
} states SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LPM_TRIE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, 1 << 20);
    __type(key, struct policy_port_key);
    __type(value, __u32);  // the rule, counted from 1
} ports SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 1 << 16);
    __type(key, struct policy_flow_key);
    __type(value, struct policy_flow);
} flows SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 1 << 13);
    __type(key, struct policy_denial_key);
    __type(value, struct policy_denial);
} denials SEC(".maps");

static __always_inline const __u32 *find_port(__u32 scope, __u32 set, __u8 protocol, __u16 port) {
    struct policy_port_key key = {.prefixlen = POLICY_SET_BITS + 24,
                                  .scope = scope,
                                  .set = set,
                                  .protocol = protocol,
                                  .port = {port >> 8, port & 0xff}};
    return bpf_map_lookup_elem(&ports, &key);
}

// What a set of ports says. Fills in the rule, or the reason why not.
static __always_inline int in_set(__u32 scope, const struct policy_target *target, __u8 protocol, __u16 port, int fragment,
                                  struct policy_verdict *verdict) {
    __u32 rule = target->rule;
    if (target->set != POLICY_EVERY_PORT) {
        verdict->reason = fragment ? POLICY_FRAGMENT : POLICY_OTHER_PORT;
        if (fragment) return DENY;
        const __u32 *found = find_port(scope, target->set, protocol, port);
        if (!found) return DENY;
        rule = *found;
    }
    verdict->allowed = 1;
    verdict->rule = rule;
    verdict->reason = 0;
    return ALLOW;
}

// Whether a DNS name that the policy allows has that address.
static __always_inline int named(const struct policy_state *state, const __u8 *remote, __u8 protocol, __u16 port, int fragment,
                                 struct policy_verdict *verdict) {
    const struct policy_answer *answer = find_answer(state->owner, remote);
    if (!answer) return DENY;
    const __u64 now = bpf_ktime_get_coarse_ns();
    for (int i = 0; i < POLICY_ANSWER_PATTERNS; ++i) {
        const struct policy_permit_key key = {.pattern = answer->of[i].pattern, .policy = state->policy};
        if (!key.pattern || (__s64)(answer->of[i].until_ns - now) < 0) continue;
        const struct policy_target *permit = bpf_map_lookup_elem(&permits, &key);
        if (permit && in_set(POLICY_SCOPE(state->policy, POLICY_EGRESS), permit, protocol, port, fragment, verdict)) return ALLOW;
    }
    return DENY;
}

// Whether a rule of the policy allows it. Fills in the rule, or the reason why not.
static __always_inline int allowed(const struct policy_state *state, __u32 direction, const __u8 *remote, __u8 protocol, __u16 port,
                                   int fragment, struct policy_verdict *verdict) {
    const __u32 scope = POLICY_SCOPE(state->policy, direction);
    const struct policy_target *target = find_target(scope, remote);
    verdict->allowed = 0;
    verdict->rule = 0;
    verdict->reason = POLICY_NO_RULE;
    if (target && target->set != POLICY_NOTHING && in_set(scope, target, protocol, port, fragment, verdict)) return ALLOW;
    return direction == POLICY_EGRESS && (state->flags & POLICY_HAS_NAMES) && named(state, remote, protocol, port, fragment, verdict);
}

static __always_inline int denied(__u32 owner, __u32 direction, const __u8 *remote, __u8 protocol, __u16 port, __u32 reason) {
    struct policy_denial_key key = {.owner = owner, .port = port, .protocol = protocol, .direction = (__u8)direction};
    __builtin_memcpy(key.remote, remote, 16);
    struct policy_denial *denial = bpf_map_lookup_elem(&denials, &key);
    if (denial) {
        __sync_fetch_and_add(&denial->count, 1);
        denial->last_ns = bpf_ktime_get_coarse_ns();
        denial->reason = reason;
    } else {
        struct policy_denial first = {.count = 1, .last_ns = bpf_ktime_get_coarse_ns(), .reason = reason};
        bpf_map_update_elem(&denials, &key, &first, BPF_ANY);
    }
    return DENY;
}

static __always_inline int has_rules(const struct policy_state *state, __u32 direction) {
    return (state->flags & (direction == POLICY_EGRESS ? POLICY_HAS_EGRESS : POLICY_HAS_INGRESS)) != 0;
}

// The port that a rule speaks of: the remote's on the way out, the container's on the way in; ICMP has none.
static __always_inline __u16 rule_port(const struct packet *packet, __u32 direction) {
    if (packet->protocol == IPPROTO_ICMP || packet->protocol == IPPROTO_ICMPV6) return 0;
    return direction == POLICY_EGRESS ? packet->remote_port : packet->local_port;
}

// Whether the peer may be talked to in that direction at all.
static __always_inline int any_rule(const struct policy_state *state, __u32 direction, const __u8 *remote) {
    if (!has_rules(state, direction)) return 1;
    const struct policy_target *target = find_target(POLICY_SCOPE(state->policy, direction), remote);
    if (target && target->set != POLICY_NOTHING) return 1;
    return direction == POLICY_EGRESS && (state->flags & POLICY_HAS_NAMES) && find_answer(state->owner, remote);
}

static __always_inline int may_listen(const struct policy_state *state, __u8 protocol, __u16 port) {
    if (!(state->flags & POLICY_HAS_LISTEN)) return 1;
    // Which ports may be listened on has no peers: set 0 of the way in.
    return find_port(POLICY_SCOPE(state->policy, POLICY_INGRESS), 0, protocol, port) != 0;
}

// A flow of datagrams is judged anew when the policy has changed, as its first packet was: its address may be another's by now.
static __always_inline int still_allowed(const struct policy_state *state, struct policy_flow *flow, const struct packet *packet) {
    struct policy_verdict verdict;
    const __u32 direction = flow->direction ? POLICY_INGRESS : POLICY_EGRESS;
    if (flow->policy == state->policy) return 1;
    if (has_rules(state, direction) &&
        !allowed(state, direction, packet->remote, packet->protocol, rule_port(packet, direction), 0, &verdict))
        return 0;
    flow->policy = state->policy;
    return 1;
}

// Whether it belongs to a flow of datagrams that was allowed.
static __always_inline int flows_on(struct __sk_buff *skb, const struct policy_state *state, const struct packet *packet,
                                    const struct policy_flow_key *key, __u64 now) {
    struct policy_flow *flow = bpf_map_lookup_elem(&flows, key);
    // Signed: another processor may have written a later time than the one read above.
    if (!flow || (__s64)(now - flow->last_ns) >= IDLE_NS || !still_allowed(state, flow, packet)) return 0;
    flow->last_ns = now;
    if (flow->packets < POLICY_LONG_FLOW)
        ++flow->packets;
    else if (packet->protocol == IPPROTO_UDP && packet->remote_port != DNS_PORT)  // a resolver's answers are read
        remember_datagrams(skb, packet, state->policy, now);
    return 1;
}

// Whether it comes from a resolver of the container, by that protocol. What comes by the loopback interface a process of the container
// could have sent in the resolver's name, but for a resolver that is there (a container with the host's network).
static __always_inline int from_resolver(struct __sk_buff *skb, const struct policy_state *state, const struct packet *packet,
                                         __u8 protocol) {
    if (packet->protocol != protocol || packet->remote_port != DNS_PORT || !(state->flags & POLICY_HAS_NAMES)) return 0;
    const struct policy_target *target = find_target(POLICY_SCOPE(state->policy, POLICY_EGRESS), packet->remote);
    if (!target || !(target->place & POLICY_RESOLVER)) return 0;
    return skb->ifindex != LOOPBACK || packet->remote[12] == 127;
}

// A function of its own: most packets need none of it. ALLOW, DENY, or more: a resolver's message, which begins there.
static __noinline int judge(struct __sk_buff *skb, __u32 direction) {
    const struct policy_state *state = bpf_get_local_storage(&states, 0);
    if (!state->policy) return ALLOW;
    struct packet packet;
    if (read_packet(skb, &packet, direction == POLICY_EGRESS))
        return denied(state->owner, direction, packet.remote, packet.protocol, 0, POLICY_MALFORMED);
    if (packet.link) return ALLOW;
    if (packet.error &&
        (direction == POLICY_INGRESS || any_rule(state, POLICY_INGRESS, packet.remote) || any_rule(state, POLICY_EGRESS, packet.remote)))
        return ALLOW;

    // What of TCP has no storage on its socket is judged segment by segment: what opens a connection, what a listener is sent, and a
    // connection that is older than the programs.
    const __u64 now = bpf_ktime_get_coarse_ns();
    const int flow = packet.protocol != IPPROTO_TCP && !packet.fragment;
    struct policy_flow_key key = {.owner = state->owner,
                                  .remote_port = packet.remote_port,
                                  .local_port = packet.local_port,
                                  .protocol = packet.protocol};
    __builtin_memcpy(key.remote, packet.remote, 16);
    if (flow && flows_on(skb, state, &packet, &key, now))
        return direction == POLICY_INGRESS && from_resolver(skb, state, &packet, IPPROTO_UDP) ? (int)packet.at + UDP_HEADER : ALLOW;

    struct policy_verdict verdict = {.allowed = 1};
    const __u16 port = rule_port(&packet, direction);
    if (direction == POLICY_INGRESS && !packet.fragment && !may_listen(state, packet.protocol, packet.local_port) &&
        (packet.opens || packet.protocol == IPPROTO_UDP || packet.protocol == IPPROTO_UDPLITE || packet.protocol == IPPROTO_SCTP))
        return denied(state->owner, direction, packet.remote, packet.protocol, port, POLICY_NOT_LISTENED);
    if (has_rules(state, direction) &&
        !allowed(state, direction, packet.remote, packet.protocol, port, packet.fragment, &verdict)) {
        // A TCP segment from the middle of a connection: what the other direction would allow to be opened passes as well.
        const __u32 other = direction == POLICY_EGRESS ? POLICY_INGRESS : POLICY_EGRESS;
        struct policy_verdict reverse = {.allowed = 0};
        if (packet.protocol != IPPROTO_TCP || packet.opens || packet.fragment || !has_rules(state, other) ||
            !allowed(state, other, packet.remote, packet.protocol, rule_port(&packet, other), 0, &reverse)) {
            // The kernel's reset for a segment that was not let in: refused as well, and nothing that anyone did.
            if (packet.resets) return DENY;
            return denied(state->owner, direction, packet.remote, packet.protocol, port, verdict.reason);
        }
    }
    if (packet.protocol == IPPROTO_TCP) remember_segment(skb, state->policy);
    if (!flow) return ALLOW;
    const struct policy_flow first = {.last_ns = now, .policy = state->policy, .direction = (__u8)direction, .packets = 1};
    bpf_map_update_elem(&flows, &key, &first, BPF_ANY);
    return ALLOW;
}

// A segment of a resolver's stream (RFC 7766: each message behind two bytes of length). A message is read where it begins, and whose
// beginning is known from the first byte of the stream on: what stands in the middle of one may look like another, and comes from
// whoever answers for any name. At most as much of it is read as the segment has.
static __noinline int learn_segment(struct __sk_buff *skb) {
    const struct policy_state *state = bpf_get_local_storage(&states, 0);
    struct packet packet;
    __be32 number;
    __u8 words;
    struct bpf_sock *sock = skb->sk;
    if (!sock || !(state->flags & POLICY_HAS_NAMES) || read_packet(skb, &packet, 0) || packet.fragment) return 0;
    if (!from_resolver(skb, state, &packet, IPPROTO_TCP)) return 0;
    if (bpf_skb_load_bytes(skb, packet.at + 4, &number, 4) || bpf_skb_load_bytes(skb, packet.at + 12, &words, 1)) return 0;
    const __u32 first = bpf_ntohl(number), at = packet.at + (words >> 4) * 4U, size = skb->len - at;
    if (at >= skb->len) return 0;
    sock = bpf_sk_fullsock(sock);
    if (!sock) return 0;
    struct policy_connection *known = bpf_sk_storage_get(&connections, sock, 0, 0);
    const struct bpf_tcp_sock *tcp = bpf_tcp_sock(sock);
    if (!known || !tcp) return 0;
    if (!known->reads) {
        if (tcp->bytes_received != 0 || tcp->rcv_nxt != first) return 0;
        known->message = first;
        known->reads = 1;
    }
    for (int i = 0; i < MESSAGES_A_SEGMENT; ++i) {
        __be16 length;
        const __u32 begin = known->message - first;
        // Before the segment or behind it; its length is not whole here: nothing more is learned of this connection.
        if (begin >= size || bpf_skb_load_bytes(skb, at + begin, &length, 2)) return 0;
        policy_learn(skb, at + begin + 2, state->policy, state->owner);
        known->message = first + begin + 2 + bpf_ntohs(length);
    }
    return 0;
}

enum { JUDGE, GOES_ON, GOES_ON_AND_TELLS };

static __always_inline int goes_on(struct __sk_buff *skb, __u32 direction) {
    const struct policy_state *state = bpf_get_local_storage(&states, 0);
    struct bpf_sock *sock = skb->sk;
    if (!sock) return JUDGE;
    sock = bpf_sk_fullsock(sock);
    if (!sock) return JUDGE;
    if (sock->protocol == IPPROTO_TCP) {
        if (!stream_goes_on(skb, sock, state->policy, direction)) return JUDGE;
        return sock->dst_port == bpf_htons(DNS_PORT) ? GOES_ON_AND_TELLS : GOES_ON;
    }
    return sock->protocol == IPPROTO_UDP && datagram_goes_on(skb, sock, state->policy, direction) ? GOES_ON : JUDGE;
}

SEC("cgroup_skb/egress") int policy_egress(struct __sk_buff *skb) {
    return goes_on(skb, POLICY_EGRESS) != JUDGE ? ALLOW : judge(skb, POLICY_EGRESS);
}
SEC("cgroup_skb/ingress") int policy_ingress(struct __sk_buff *skb) {
    const int known = goes_on(skb, POLICY_INGRESS);
    if (known == GOES_ON) return ALLOW;
    if (known == GOES_ON_AND_TELLS) {
        learn_segment(skb);
        return ALLOW;
    }
    const int verdict = judge(skb, POLICY_INGRESS);
    if (verdict == ALLOW || verdict == DENY) return verdict;
    const struct policy_state *state = bpf_get_local_storage(&states, 0);
    policy_learn(skb, (__u32)verdict, state->policy, state->owner);
    return ALLOW;
}

// A connection is there: the last segment that it took was let in just now.
SEC("sockops") int policy_established(struct bpf_sock_ops *context) {
    if (context->op != BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB && context->op != BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB) return 1;
    struct bpf_sock *sock = context->sk;
    if (sock) remember_stream(sock, 0);
    return 1;
}

// connect(2) fails at once with EPERM, where a dropped SYN would be tried again for two minutes. Its first packets need no second
// look at the rules, unless a program behind this one (of a cgroup above) made another address of it.
static __always_inline int may_connect(struct bpf_sock_addr *context, const __u8 *remote) {
    const struct policy_state *state = bpf_get_local_storage(&states, 0);
    if (!state->policy) return ALLOW;
    struct policy_verdict verdict;
    const __u16 port = bpf_ntohs((__u16)context->user_port);
    const int tcp = context->protocol == IPPROTO_TCP;
    if (tcp && context->sk) bpf_sk_storage_delete(&connections, context->sk);  // what it was connected to before
    if (has_rules(state, POLICY_EGRESS) && !allowed(state, POLICY_EGRESS, remote, (__u8)context->protocol, port, 0, &verdict))
        return denied(state->owner, POLICY_EGRESS, remote, (__u8)context->protocol, port, verdict.reason);
    if (tcp && context->sk) {
        struct policy_connection begins = {.remote_port = port, .policy = state->policy};
        __builtin_memcpy(begins.remote, remote, 16);
        bpf_sk_storage_get(&connections, context->sk, &begins, BPF_SK_STORAGE_GET_F_CREATE);
    }
    return ALLOW;
}

// Nobody's address is the container's own one; what the kernel makes of it is seen on its way out.
static __always_inline int may_connect4(struct bpf_sock_addr *context) {
    __u8 remote[16] __attribute__((aligned(8)));
    if (context->user_ip4 == 0) return ALLOW;
    mapped(remote, context->user_ip4);
    return may_connect(context, remote);
}
static __always_inline int may_connect6(struct bpf_sock_addr *context) {
    __u32 words[4] = {context->user_ip6[0], context->user_ip6[1], context->user_ip6[2], context->user_ip6[3]};
    if (!(words[0] | words[1] | words[2] | words[3])) return ALLOW;
    return may_connect(context, (const __u8 *)words);
}

// Of connect(2) only stream sockets are asked: getaddrinfo(3) connects datagram sockets to learn the source address, and what they
// send is seen on its way out.
SEC("cgroup/connect4") int policy_connect4(struct bpf_sock_addr *context) {
    return context->type == STREAM ? may_connect4(context) : ALLOW;
}
SEC("cgroup/connect6") int policy_connect6(struct bpf_sock_addr *context) {
    return context->type == STREAM ? may_connect6(context) : ALLOW;
}

static __always_inline int may_bind(struct bpf_sock_addr *context) {
    const struct policy_state *state = bpf_get_local_storage(&states, 0);
    if (!state->policy || !(state->flags & POLICY_HAS_LISTEN)) return ALLOW;
    const __u16 port = bpf_ntohs((__u16)context->user_port);
    // Any free one is for a client; a server there gets no packets.
    if (port == 0 || may_listen(state, (__u8)context->protocol, port)) return ALLOW;
    __u8 nobody[16] = {0};
    return denied(state->owner, POLICY_INGRESS, nobody, (__u8)context->protocol, port, POLICY_NOT_LISTENED);
}
SEC("cgroup/bind4") int policy_bind4(struct bpf_sock_addr *context) { return may_bind(context); }
SEC("cgroup/bind6") int policy_bind6(struct bpf_sock_addr *context) { return may_bind(context); }

// Never attached: what the rules say about one packet, by BPF_PROG_RUN. See struct policy_verdict.
static __always_inline int answer(struct __sk_buff *skb, __u32 direction) {
    struct packet packet;
    struct policy_verdict verdict = {.allowed = 0, .reason = POLICY_MALFORMED};
    const struct policy_state state = {.policy = skb->cb[0], .flags = skb->cb[1], .owner = skb->cb[2]};
    if (!read_packet(skb, &packet, direction == POLICY_EGRESS)) {
        if (!has_rules(&state, direction)) {
            verdict.allowed = 1;
            verdict.reason = 0;
        } else {
            allowed(&state, direction, packet.remote, packet.protocol, rule_port(&packet, direction), packet.fragment, &verdict);
        }
    }
    skb->cb[0] = verdict.allowed;
    skb->cb[1] = verdict.rule;
    skb->cb[2] = verdict.reason;
    return verdict.allowed ? ALLOW : DENY;
}
SEC("cgroup_skb/egress") int policy_test_egress(struct __sk_buff *skb) { return answer(skb, POLICY_EGRESS); }
SEC("cgroup_skb/ingress") int policy_test_ingress(struct __sk_buff *skb) { return answer(skb, POLICY_INGRESS); }
// What the container would learn of a packet.
SEC("cgroup_skb/ingress") int policy_test_learn(struct __sk_buff *skb) {
    struct packet packet;
    const struct policy_state state = {.policy = skb->cb[0], .flags = skb->cb[1], .owner = skb->cb[2]};
    if (!read_packet(skb, &packet, 0) && !packet.fragment && from_resolver(skb, &state, &packet, IPPROTO_UDP))
        policy_learn(skb, packet.at + UDP_HEADER, state.policy, state.owner);
    return ALLOW;
}

char _license[] SEC("license") = "GPL";
