// Published ports for clients outside, TCP: the address that the client named becomes the container's where the packet comes in, and the
// container's becomes that one on the way back. The client's address stays. Past the host's stack in both directions.
//
//     client ── host's interface ── route_from_outside ── of a connection that is known ──> the container's namespace
//                                                      └─ else ──> the host's stack: input chains, and if all accept (detour.hpp)
//                                                                  ── gtr-in1 ── route_let_in: now it is known ──> the container's namespace
//     container ── pair ── route_from_container ── answers of such a connection ──> the interface that the client is behind
//
// A packet that opens a connection is judged anew, whatever is known: the firewall or the port may have changed since. What the programs
// do not take (other protocols, fragments, interfaces without them) the firewall's table translates, to the same container; so does it
// with what the maps have forgotten, or with the first packet after that they know it again.
// Helpers: bpf_redirect_neigh, Linux 5.10; the length in bpf_fib_lookup, 5.12. Errors of ICMP: RFC 792, RFC 4443.

// As many connections at once; the longest unused are forgotten.
enum { connections = 1 << 16 };

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, connections);
    __type(key, struct route_flow);         // the server as the client names it
    __type(value, struct route_endpoint);  // the container's
} flows SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, connections);
    __type(key, struct route_flow);         // the server is the container's
    __type(value, struct route_endpoint);  // as the client names it
} answers SEC(".maps");

// Linux 6.16: the checksum of a whole packet, as some cards tell it, stays right over a change of IPv6 addresses. Refused before.
#define PSEUDO_IPV6 (BPF_F_PSEUDO_HDR | 1 << 7)

struct segment {
    struct route_address source, destination;
    __u16 source_port, destination_port;
    __u32 at;       // where its transport header begins
    __u32 headers;  // length of its IP and TCP headers
    int v4, opens;
};

// Where an IP packet's payload begins, and of which protocol; 0: a fragment, or what is no IP.
static __always_inline __u32 payload_at(struct __sk_buff *skb, __u32 network, struct route_address *source,
                                        struct route_address *destination, __u8 *protocol, int *v4) {
    __u8 first;
    if (bpf_skb_load_bytes(skb, network, &first, 1)) return 0;
    *v4 = first >> 4 == 4;
    if (*v4) {
        struct iphdr ip;
        if (bpf_skb_load_bytes(skb, network, &ip, sizeof ip) || ip.ihl < 5) return 0;
        if (ip.frag_off & bpf_htons(0x3fff)) return 0;
        mapped(source->bytes, ip.saddr);
        mapped(destination->bytes, ip.daddr);
        *protocol = ip.protocol;
        return network + ip.ihl * 4U;
    }
    struct ipv6hdr ip;
    if (bpf_skb_load_bytes(skb, network, &ip, sizeof ip) || ip.version != 6) return 0;
    __builtin_memcpy(source->bytes, &ip.saddr, 16);
    __builtin_memcpy(destination->bytes, &ip.daddr, 16);
    *protocol = ip.nexthdr;
    return network + sizeof ip;
}

static __always_inline int read_segment(struct __sk_buff *skb, struct segment *segment) {
    __u8 protocol = 0;
    struct tcphdr tcp;
    segment->at = payload_at(skb, ETH_HLEN, &segment->source, &segment->destination, &protocol, &segment->v4);
    if (!segment->at || protocol != IPPROTO_TCP || bpf_skb_load_bytes(skb, segment->at, &tcp, sizeof tcp)) return 0;
    segment->source_port = tcp.source;
    segment->destination_port = tcp.dest;
    segment->opens = tcp.syn && !tcp.ack;
    segment->headers = segment->at - ETH_HLEN + tcp.doff * 4U;
    return 1;
}

static __always_inline __be32 v4_of(const struct route_address *address) { return ((const __u32 *)address->bytes)[3]; }

// The change of a checksum by another address.
static __always_inline __s64 difference(const struct route_address *old, const struct route_address *now) {
    return bpf_csum_diff((__be32 *)old->bytes, 16, (__be32 *)now->bytes, 16, 0);
}

static __always_inline int set_address(struct __sk_buff *skb, __u32 network, int v4, int destination, const struct route_address *old,
                                       const struct route_address *now) {
    if (!v4) {
        const __u32 field = destination ? offsetof(struct ipv6hdr, daddr) : offsetof(struct ipv6hdr, saddr);
        return (int)bpf_skb_store_bytes(skb, network + field, now->bytes, 16, 0);
    }
    const __u32 field = destination ? offsetof(struct iphdr, daddr) : offsetof(struct iphdr, saddr);
    if (bpf_l3_csum_replace(skb, network + offsetof(struct iphdr, check), v4_of(old), v4_of(now), 4)) return -1;
    return (int)bpf_skb_store_bytes(skb, network + field, now->bytes + 12, 4, 0);
}

// Of a checksum that covers the packet's addresses.
static __always_inline int count_address(struct __sk_buff *skb, __u32 check, int v4, const struct route_address *old,
                                         const struct route_address *now) {
    if (v4) return (int)bpf_l4_csum_replace(skb, check, v4_of(old), v4_of(now), BPF_F_PSEUDO_HDR | 4);
    const __u64 change = (__u64)difference(old, now);
    if (!bpf_l4_csum_replace(skb, check, 0, change, PSEUDO_IPV6)) return 0;
    return (int)bpf_l4_csum_replace(skb, check, 0, change, BPF_F_PSEUDO_HDR);
}

static __always_inline int translate(struct __sk_buff *skb, const struct segment *segment, int destination, const struct route_endpoint *to) {
    const struct route_address *old = destination ? &segment->destination : &segment->source;
    const __u16 old_port = destination ? segment->destination_port : segment->source_port;
    const __u32 check = segment->at + offsetof(struct tcphdr, check);
    const __u32 port = segment->at + (destination ? offsetof(struct tcphdr, dest) : offsetof(struct tcphdr, source));
    if (count_address(skb, check, segment->v4, old, &to->address)) return -1;
    if (set_address(skb, ETH_HLEN, segment->v4, destination, old, &to->address)) return -1;
    if (bpf_l4_csum_replace(skb, check, old_port, to->port, 2)) return -1;
    return (int)bpf_skb_store_bytes(skb, port, &to->port, sizeof to->port, 0);
}

static __always_inline int deliver(struct __sk_buff *skb, const struct route_container *container) {
    if (bpf_skb_store_bytes(skb, 0, container->header, sizeof container->header, 0)) return TC_ACT_SHOT;
    return (int)bpf_redirect_peer(container->wire, 0);
}

static __always_inline void look_up(struct bpf_fib_lookup *fib, const struct segment *segment) {
    if (segment->v4) {
        fib->family = 2;  // AF_INET
        fib->ipv4_src = v4_of(&segment->source);
        fib->ipv4_dst = v4_of(&segment->destination);
    } else {
        fib->family = 10;  // AF_INET6
        __builtin_memcpy(fib->ipv6_src, segment->source.bytes, 16);
        __builtin_memcpy(fib->ipv6_dst, segment->destination.bytes, 16);
    }
    fib->l4_protocol = IPPROTO_TCP;
    fib->sport = segment->source_port;
    fib->dport = segment->destination_port;
}

// To an address of this host, from one that is not a container's: those come in by their pair, and nobody else in their name.
static __always_inline int is_for_the_host(struct __sk_buff *skb, const struct segment *segment) {
    struct bpf_fib_lookup fib = {.ifindex = skb->ifindex};
    look_up(&fib, segment);
    if (bpf_fib_lookup(skb, &fib, sizeof fib, 0) != BPF_FIB_LKUP_RET_NOT_FWDED) return 0;
    return !bpf_map_lookup_elem(&containers, &segment->source);
}

// An error of ICMP about an answer: it names the address that the client knows, outside and in the packet that it quotes.
static __always_inline int to_container_error(struct __sk_buff *skb) {
    struct route_address router, host;
    struct route_flow flow = {};
    __u8 protocol = 0, type;
    __u16 ports[2];
    int v4, inner_v4;
    const __u32 at = payload_at(skb, ETH_HLEN, &router, &host, &protocol, &v4);
    if (!at || protocol != (v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6) || bpf_skb_load_bytes(skb, at, &type, 1)) return TC_ACT_UNSPEC;
    // Unreachable (with "too big"), time exceeded, parameter problem; of ICMPv6 too big is one of its own.
    if (v4 ? type != 3 && type != 11 && type != 12 : type < 1 || type > 4) return TC_ACT_UNSPEC;
    const __u32 quoted = at + 8;
    const __u32 quoted_at = payload_at(skb, quoted, &flow.server, &flow.client, &protocol, &inner_v4);
    if (!quoted_at || inner_v4 != v4 || protocol != IPPROTO_TCP || bpf_skb_load_bytes(skb, quoted_at, ports, sizeof ports)) return TC_ACT_UNSPEC;
    if (!same_address(flow.server.bytes, host.bytes)) return TC_ACT_UNSPEC;
    flow.server_port = ports[0];
    flow.client_port = ports[1];
    const struct route_endpoint *to = bpf_map_lookup_elem(&flows, &flow);
    const struct route_container *container = to ? bpf_map_lookup_elem(&containers, &to->address) : 0;
    if (!container) return TC_ACT_UNSPEC;
    // ICMP's checksum covers what is quoted, of which IPv4's header sums up to the same as before; ICMPv6's the packet's addresses, too.
    const __u32 check = at + 2;
    if (!v4 && (count_address(skb, check, 0, &host, &to->address) ||
                bpf_l4_csum_replace(skb, check, 0, (__u64)difference(&host, &to->address), 0)))
        return TC_ACT_SHOT;
    if (bpf_l4_csum_replace(skb, check, ports[0], to->port, 2)) return TC_ACT_SHOT;
    if (set_address(skb, ETH_HLEN, v4, 1, &host, &to->address)) return TC_ACT_SHOT;
    if (set_address(skb, quoted, v4, 0, &host, &to->address)) return TC_ACT_SHOT;
    if (bpf_skb_store_bytes(skb, quoted_at, &to->port, sizeof to->port, 0)) return TC_ACT_SHOT;
    return deliver(skb, container);
}

static __always_inline int to_published(struct __sk_buff *skb, int let_in) {
    struct segment segment = {};
    if (skb->pkt_type != PACKET_HOST || skb->vlan_present) return TC_ACT_UNSPEC;
    if (!read_segment(skb, &segment)) return let_in ? TC_ACT_UNSPEC : to_container_error(skb);
    struct route_flow flow = {segment.source, segment.destination, segment.source_port, segment.destination_port};
    const struct route_endpoint *known = bpf_map_lookup_elem(&flows, &flow);
    if (known && known->flags & route_leave) return TC_ACT_UNSPEC;
    if (known && !segment.opens) {
        const struct route_container *container = bpf_map_lookup_elem(&containers, &known->address);
        if (!container) return TC_ACT_UNSPEC;
        return translate(skb, &segment, 1, known) ? TC_ACT_SHOT : deliver(skb, container);
    }
    struct route_port port = {.address = segment.destination, .port = segment.destination_port, .protocol = IPPROTO_TCP};
    if (is_loopback(&port.address)) return TC_ACT_UNSPEC;
    const struct route_endpoint *published = bpf_map_lookup_elem(&ports, &port);
    if (!published) {
        // On every address of the family.
        __u32 *words = (__u32 *)port.address.bytes;
        if (!segment.v4) words[0] = words[1] = words[2] = 0;
        words[3] = 0;
        published = bpf_map_lookup_elem(&ports, &port);
    }
    if (!published || !(let_in || (published->flags & route_bypass && is_for_the_host(skb, &segment)))) return TC_ACT_UNSPEC;
    const struct route_container *container = bpf_map_lookup_elem(&containers, &published->address);
    if (!container) return TC_ACT_UNSPEC;
    const struct route_endpoint to = {published->address, published->port, 0};
    const struct route_endpoint said = {segment.destination, segment.destination_port, 0};
    const struct route_flow answer = {segment.source, to.address, segment.source_port, to.port};
    if (bpf_map_update_elem(&answers, &answer, &said, BPF_ANY) || bpf_map_update_elem(&flows, &flow, &to, BPF_ANY)) return TC_ACT_UNSPEC;
    return translate(skb, &segment, 1, &to) ? TC_ACT_SHOT : deliver(skb, container);
}

// A container's packet to the world: -1, if it is no answer of such a connection. So is one that has nowhere to go, or is too large for
// its way: the stack sends the container the error.
static __always_inline int answer_client(struct __sk_buff *skb, __u32 network) {
    struct segment segment = {};
    if (!read_segment(skb, &segment)) return -1;
    const struct route_flow flow = {segment.destination, segment.source, segment.destination_port, segment.source_port};
    const struct route_endpoint *said = bpf_map_lookup_elem(&answers, &flow);
    if (!said) return -1;
    struct segment out = segment;
    out.source = said->address;
    out.source_port = said->port;
    struct bpf_fib_lookup fib = {.ifindex = network};
    look_up(&fib, &out);
    const __u32 length = skb->gso_size ? skb->gso_size + segment.headers : skb->len - ETH_HLEN;
    fib.tot_len = (__u16)length;
    const long found = bpf_fib_lookup(skb, &fib, sizeof fib, 0);
    if (found != BPF_FIB_LKUP_RET_SUCCESS && found != BPF_FIB_LKUP_RET_NO_NEIGH) return -1;
    if (translate(skb, &segment, 0, said)) return TC_ACT_SHOT;
    struct bpf_redir_neigh next = {.nh_family = fib.family};
    __builtin_memcpy(next.ipv6_nh, fib.ipv6_dst, 16);
    return (int)bpf_redirect_neigh(fib.ifindex, &next, sizeof next, 0);
}

// On interfaces of the host that others are behind, ingress.
SEC("tc") int route_from_outside(struct __sk_buff *skb) { return to_published(skb, 0); }

// Where packets come in again that the host's firewall has let in, ingress.
SEC("tc") int route_let_in(struct __sk_buff *skb) { return to_published(skb, 1); }
