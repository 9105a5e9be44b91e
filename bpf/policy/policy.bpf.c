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
#include "names.bpf.h"
#include "packet.bpf.h"

#define ALLOW 1
#define DENY 0
#define UDP_IDLE_NS (180LL * 1000000000LL)     // nf_conntrack_udp_timeout_stream is 120 s; a resolver's answer comes sooner
#define TCP_IDLE_NS (432000LL * 1000000000LL)  // nf_conntrack_tcp_timeout_established: five days
#define STREAM 1                               // SOCK_STREAM: bits/socket_type.h wants the C library
#define LOOPBACK 1                             // the kernel's LOOPBACK_IFINDEX (include/net/flow.h)

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

// A TCP socket that a packet was allowed for: all else of its connection passes without a look at headers and rules.
struct {
    __uint(type, BPF_MAP_TYPE_SK_STORAGE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, int);
    __type(value, struct policy_connection);
} connections SEC(".maps");

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

// A connection of TCP goes on when the policy changes: nobody else has its sequence numbers. A flow of datagrams is judged anew, as its
// first packet was: its address may be another's by now.
static __always_inline int still_allowed(const struct policy_state *state, struct policy_flow *flow, const struct packet *packet) {
    struct policy_verdict verdict;
    const __u32 direction = flow->direction ? POLICY_INGRESS : POLICY_EGRESS;
    if (flow->policy == state->policy || packet->protocol == IPPROTO_TCP) return 1;
    if (has_rules(state, direction) &&
        !allowed(state, direction, packet->remote, packet->protocol, rule_port(packet, direction), 0, &verdict))
        return 0;
    flow->policy = state->policy;
    return 1;
}

// States of a TCP socket that knows its peer: what belongs to it is of this one connection. Before that (LISTEN, SYN_SENT) packets
// are judged one by one; so are those of a socket that was disconnected (connect(2) with AF_UNSPEC) and connects anew. Half-open
// connections, TIME_WAIT and resets have no such socket: the kernel shows a listener's or one of its own.
#define SYNCHRONISED                                                                                                      \
    (1 << BPF_TCP_ESTABLISHED | 1 << BPF_TCP_FIN_WAIT1 | 1 << BPF_TCP_FIN_WAIT2 | 1 << BPF_TCP_CLOSE_WAIT | 1 << BPF_TCP_CLOSING | \
     1 << BPF_TCP_LAST_ACK)

static __always_inline int synchronised(const struct bpf_sock *sock) { return (1U << (sock->state & 31) & SYNCHRONISED) != 0; }

// Whether the header has nothing that leads elsewhere than to the socket's peer: the socket may have been given IPv4 options or
// an IPv6 routing header since (setsockopt(2)).
static __always_inline int plain_header(const struct __sk_buff *skb) {
    const __u8 *data = (const __u8 *)(long)skb->data, *end = (const __u8 *)(long)skb->data_end;
    if (data + sizeof(struct ipv6hdr) > end) return 0;  // TCP's are no shorter: 20 + 20
    return (data[0] == 0x45 && data[9] == IPPROTO_TCP) || (data[0] >> 4 == 6 && data[6] == IPPROTO_TCP);
}

// Whether the packet belongs to a TCP connection that was allowed. A socket's cgroup never changes, so this needs no look at whose
// policy it is.
static __always_inline int goes_on(struct __sk_buff *skb, __u32 direction) {
    struct bpf_sock *sock = skb->sk;
    if (!sock) return 0;
    sock = bpf_sk_fullsock(sock);
    return sock && bpf_sk_storage_get(&connections, sock, 0, 0) && synchronised(sock) &&
           (direction == POLICY_INGRESS || plain_header(skb));
}

static __always_inline void remember(struct __sk_buff *skb, __u32 policy) {
    struct bpf_sock *sock = skb->sk;
    if (!sock) return;
    sock = bpf_sk_fullsock(sock);
    // The type as well: a raw socket of protocol 6 sends what it likes.
    if (!sock || sock->protocol != IPPROTO_TCP || sock->type != STREAM || !synchronised(sock)) return;
    struct policy_connection first = {.policy = policy};
    bpf_sk_storage_get(&connections, sock, &first, BPF_SK_STORAGE_GET_F_CREATE);
}

// Whether it comes from a resolver of the container. What comes by the loopback interface a process of the container could have
// sent in the resolver's name, but for a resolver that is there (a container with the host's network).
static __always_inline int from_resolver(struct __sk_buff *skb, const struct policy_state *state, const struct packet *packet) {
    if (packet->protocol != IPPROTO_UDP || packet->remote_port != DNS_PORT || !(state->flags & POLICY_HAS_NAMES)) return 0;
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

    const __u64 now = bpf_ktime_get_coarse_ns();
    struct policy_flow_key key = {.owner = state->owner,
                                  .remote_port = packet.remote_port,
                                  .local_port = packet.local_port,
                                  .protocol = packet.protocol};
    __builtin_memcpy(key.remote, packet.remote, 16);
    struct policy_flow *flow = bpf_map_lookup_elem(&flows, &key);
    // Signed: another processor may have written a later time than the one read above.
    if (flow && !packet.fragment && !packet.opens &&
        (__s64)(now - flow->last_ns) < (packet.protocol == IPPROTO_TCP ? TCP_IDLE_NS : UDP_IDLE_NS) &&
        still_allowed(state, flow, &packet)) {
        remember(skb, state->policy);
        flow->last_ns = now;
        return direction == POLICY_INGRESS && from_resolver(skb, state, &packet) ? (int)packet.at + UDP_HEADER : ALLOW;
    }

    struct policy_verdict verdict = {.allowed = 1};
    const __u16 port = rule_port(&packet, direction);
    if (direction == POLICY_INGRESS && !packet.fragment && !may_listen(state, packet.protocol, packet.local_port) &&
        (packet.opens || packet.protocol == IPPROTO_UDP || packet.protocol == IPPROTO_UDPLITE || packet.protocol == IPPROTO_SCTP))
        return denied(state->owner, direction, packet.remote, packet.protocol, port, POLICY_NOT_LISTENED);
    if (has_rules(state, direction) &&
        !allowed(state, direction, packet.remote, packet.protocol, port, packet.fragment, &verdict)) {
        // A TCP segment from the middle of a connection that is not known (the table is full, or the connection is older than the
        // policy): what the other direction would have allowed to be opened passes as well.
        const __u32 other = direction == POLICY_EGRESS ? POLICY_INGRESS : POLICY_EGRESS;
        struct policy_verdict reverse = {.allowed = 0};
        if (packet.protocol != IPPROTO_TCP || packet.opens || packet.fragment || !has_rules(state, other) ||
            !allowed(state, other, packet.remote, packet.protocol, rule_port(&packet, other), 0, &reverse)) {
            // The kernel's reset for a segment that was not let in: refused as well, and nothing that anyone did.
            if (packet.resets) return DENY;
            return denied(state->owner, direction, packet.remote, packet.protocol, port, verdict.reason);
        }
    }
    if (packet.fragment) return ALLOW;
    const struct policy_flow first = {.last_ns = now, .policy = state->policy, .direction = (__u8)direction};
    bpf_map_update_elem(&flows, &key, &first, BPF_ANY);
    remember(skb, state->policy);
    return ALLOW;
}

SEC("cgroup_skb/egress") int policy_egress(struct __sk_buff *skb) {
    return goes_on(skb, POLICY_EGRESS) ? ALLOW : judge(skb, POLICY_EGRESS);
}
SEC("cgroup_skb/ingress") int policy_ingress(struct __sk_buff *skb) {
    if (goes_on(skb, POLICY_INGRESS)) return ALLOW;
    const int verdict = judge(skb, POLICY_INGRESS);
    if (verdict == ALLOW || verdict == DENY) return verdict;
    const struct policy_state *state = bpf_get_local_storage(&states, 0);
    policy_learn(skb, (__u32)verdict, state->policy, state->owner);
    return ALLOW;
}

// connect(2) fails at once with EPERM, where a dropped SYN would be tried again for two minutes.
static __always_inline int may_connect(struct bpf_sock_addr *context, const __u8 *remote) {
    const struct policy_state *state = bpf_get_local_storage(&states, 0);
    if (!state->policy || !has_rules(state, POLICY_EGRESS)) return ALLOW;
    struct policy_verdict verdict;
    const __u16 port = bpf_ntohs((__u16)context->user_port);
    if (allowed(state, POLICY_EGRESS, remote, (__u8)context->protocol, port, 0, &verdict)) return ALLOW;
    return denied(state->owner, POLICY_EGRESS, remote, (__u8)context->protocol, port, verdict.reason);
}

static __always_inline int may_connect4(struct bpf_sock_addr *context) {
    __u8 remote[16];
    mapped(remote, context->user_ip4);
    return may_connect(context, remote);
}
static __always_inline int may_connect6(struct bpf_sock_addr *context) {
    __u32 words[4] = {context->user_ip6[0], context->user_ip6[1], context->user_ip6[2], context->user_ip6[3]};
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
    if (!read_packet(skb, &packet, 0) && !packet.fragment && from_resolver(skb, &state, &packet))
        policy_learn(skb, packet.at + UDP_HEADER, state.policy, state.owner);
    return ALLOW;
}

char _license[] SEC("license") = "GPL";
