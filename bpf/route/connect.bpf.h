// Published ports for clients on the host itself, at connect(2): the host's loopback address becomes the container's before there is a
// packet, so that nothing is translated per packet, no port is taken for it, and [::1] works, which the stack could not route back.
// On the host's root cgroup, for sockets of the host's network namespace. Other addresses of the host go through the firewall's table:
// which they are at this moment no program of this kind can ask.
//
// What a socket was connected to is remembered under its cookie, for getpeername(2) and recvmsg(2). Hooks: Linux 5.8 (getpeername).

// The cookie of the host's network namespace.
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u64);
} host SEC(".maps");

struct peer {
    __u64 socket;
    struct route_endpoint endpoint;  // as the kernel has it
    __u32 unused;
};
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 1 << 16);
    __type(key, struct peer);
    __type(value, struct route_endpoint);  // as the program said it
} peers SEC(".maps");

// The container behind a published port of the loopback; 0: there is none. v6: not mapped ones, of which the socket can have no other.
static __always_inline const struct route_endpoint *behind(struct bpf_sock_addr *context, const struct route_endpoint *to) {
    const __u32 zero = 0;
    const __u64 *cookie = bpf_map_lookup_elem(&host, &zero);
    if (!is_loopback(&to->address) || !cookie || bpf_get_netns_cookie(context) != *cookie) return 0;
    if (context->protocol != IPPROTO_TCP && context->protocol != IPPROTO_UDP) return 0;
    struct route_port port = {.address = to->address, .port = to->port, .protocol = (__u8)context->protocol};
    const struct route_endpoint *found = bpf_map_lookup_elem(&ports, &port);
    if (found) return found;
    // On every address of the family.
    ((__u32 *)port.address.bytes)[3] = 0;
    return bpf_map_lookup_elem(&ports, &port);
}

static __always_inline void remember(struct bpf_sock_addr *context, const struct route_endpoint *real, const struct route_endpoint *said) {
    struct peer peer = {.socket = bpf_get_socket_cookie(context), .endpoint = *real};
    peer.endpoint.flags = 0;
    bpf_map_update_elem(&peers, &peer, said, BPF_ANY);
}

static __always_inline const struct route_endpoint *recall(struct bpf_sock_addr *context, const struct route_endpoint *real) {
    struct peer peer = {.socket = bpf_get_socket_cookie(context), .endpoint = *real};
    return bpf_map_lookup_elem(&peers, &peer);
}

static __always_inline struct route_endpoint endpoint4(const struct bpf_sock_addr *context) {
    struct route_endpoint endpoint = {.port = (__u16)context->user_port};
    named_address4(context, endpoint.address.bytes);
    return endpoint;
}
static __always_inline struct route_endpoint endpoint6(const struct bpf_sock_addr *context) {
    struct route_endpoint endpoint = {.port = (__u16)context->user_port};
    named_address6(context, endpoint.address.bytes);
    return endpoint;
}
static __always_inline void put4(struct bpf_sock_addr *context, const struct route_endpoint *endpoint) {
    name_address4(context, endpoint->address.bytes);
    context->user_port = endpoint->port;
}
static __always_inline void put6(struct bpf_sock_addr *context, const struct route_endpoint *endpoint) {
    name_address6(context, endpoint->address.bytes);
    context->user_port = endpoint->port;
}

// A socket that is bound to an address of its own would be sent out with that: the loopback's, which the container cannot answer.
static __always_inline int to_container4(struct bpf_sock_addr *context) {
    const struct route_endpoint said = endpoint4(context);
    const struct route_endpoint *real = behind(context, &said);
    if (!real || (context->sk && context->sk->src_ip4 != 0)) return 1;
    remember(context, real, &said);
    put4(context, real);
    return 1;
}
static __always_inline int to_container6(struct bpf_sock_addr *context) {
    const struct route_endpoint said = endpoint6(context);
    const struct route_endpoint *real = behind(context, &said);
    if (!real) return 1;
    if (context->sk && (context->sk->src_ip6[0] | context->sk->src_ip6[1] | context->sk->src_ip6[2] | context->sk->src_ip6[3])) return 1;
    remember(context, real, &said);
    put6(context, real);
    return 1;
}
static __always_inline int from_container4(struct bpf_sock_addr *context) {
    const struct route_endpoint real = endpoint4(context);
    const struct route_endpoint *said = recall(context, &real);
    if (said) put4(context, said);
    return 1;
}
static __always_inline int from_container6(struct bpf_sock_addr *context) {
    const struct route_endpoint real = endpoint6(context);
    const struct route_endpoint *said = recall(context, &real);
    if (said) put6(context, said);
    return 1;
}

SEC("cgroup/connect4") int route_connect4(struct bpf_sock_addr *context) { return to_container4(context); }
SEC("cgroup/connect6") int route_connect6(struct bpf_sock_addr *context) { return to_container6(context); }
// UDP without connect(2).
SEC("cgroup/sendmsg4") int route_sendmsg4(struct bpf_sock_addr *context) { return to_container4(context); }
SEC("cgroup/sendmsg6") int route_sendmsg6(struct bpf_sock_addr *context) { return to_container6(context); }
SEC("cgroup/recvmsg4") int route_recvmsg4(struct bpf_sock_addr *context) { return from_container4(context); }
SEC("cgroup/recvmsg6") int route_recvmsg6(struct bpf_sock_addr *context) { return from_container6(context); }
SEC("cgroup/getpeername4") int route_getpeername4(struct bpf_sock_addr *context) { return from_container4(context); }
SEC("cgroup/getpeername6") int route_getpeername6(struct bpf_sock_addr *context) { return from_container6(context); }
