#include "ruleset.hpp"

#include <dlfcn.h>
#include <nftables/libnftables.h>

#include <memory>
#include <string>

namespace gantry::net {

const char* const ruleset_text = R"nft(
table inet gantry
delete table inet gantry
table inet gantry {
    comment "made by gantry; `gantry network reload` puts it back"

    set bridges_3 { type ifname; }                # every network's bridge
    set same { type ifname . ifname; }            # (bridge, the same bridge), and (unknown, bridge)
    set isolated { type ifname; }                 # not reachable from other networks
    set internal { type ifname; }                 # no way in or out
    set open { type ifname; }                     # reachable from outside without a published port
    set masquerade4 { type ifname; }
    set masquerade6 { type ifname; }
    set closed { type nf_proto; }                 # families whose forwarding was off before gantry needed it

    # Published ports: on every address of the host, and on one. The comment of an element is its owner, NETWORK/CONTAINER.
    map any4 { type inet_proto . inet_service : ipv4_addr . inet_service; }
    map any6 { type inet_proto . inet_service : ipv6_addr . inet_service; }
    map one4 { type inet_proto . ipv4_addr . inet_service : ipv4_addr . inet_service; }
    map one6 { type inet_proto . ipv6_addr . inet_service : ipv6_addr . inet_service; }
    # Those of them that are open from outside only where the host's own firewall lets them in (detour.hpp).
    set guarded_any4 { type inet_proto . inet_service; }
    set guarded_any6 { type inet_proto . inet_service; }
    set guarded_one4 { type inet_proto . ipv4_addr . inet_service; }
    set guarded_one6 { type inet_proto . ipv6_addr . inet_service; }
    # Containers whose resolver is at another port: (container, gateway) to (gateway, port).
    map resolver4 { type ipv4_addr . ipv4_addr : ipv4_addr . inet_service; }
    map resolver6 { type ipv6_addr . ipv6_addr : ipv6_addr . inet_service; }

    chain early {
        type filter hook prerouting priority -300; policy accept;
        # Frames on their way to the first bridge: where br_netfilter is loaded, tracking them here would settle that they are not
        # translated. 0x67616e74 is the group of further bridges (links.cpp).
        iifgroup 0x67616e74 notrack
        # route_localnet lets answers back to the host's 127.0.0.1; nothing a container sends there by itself may pass
        # (CVE-2020-8558).
        iifname @bridges_3 ip daddr 127.0.0.0/8 drop
    }

    chain publish_one {
        meta nfproto ipv4 dnat ip to meta l4proto . ip daddr . th dport map @one4
        meta nfproto ipv6 dnat ip6 to meta l4proto . ip6 daddr . th dport map @one6
    }
    chain publish_any {
        fib daddr type != local return
        meta nfproto ipv4 dnat ip to meta l4proto . th dport map @any4
        meta nfproto ipv6 dnat ip6 to meta l4proto . th dport map @any6
    }
    chain publish {
        # The kernel routes no answer to ::1 that comes in by another interface: refused at once, "localhost" goes on to 127.0.0.1.
        ip6 daddr ::1 return
        jump publish_one
        jump publish_any
    }
    chain inside {
        meta nfproto ipv4 meta l4proto { tcp, udp } th dport 53 dnat ip to ip saddr . ip daddr map @resolver4
        meta nfproto ipv6 meta l4proto { tcp, udp } th dport 53 dnat ip6 to ip6 saddr . ip6 daddr map @resolver6
        goto publish
    }
    chain outside {
        type nat hook prerouting priority -100; policy accept;
        # What the host's firewall has let in, and containers, which no firewall of the host takes for outsiders.
        iifname "gtr-in1" goto publish
        iifname @bridges_3 goto inside
        meta l4proto . ip daddr . th dport @guarded_one4 return
        meta l4proto . ip6 daddr . th dport @guarded_one6 return
        jump publish_one
        meta nfproto ipv4 meta l4proto . th dport @guarded_any4 return
        meta nfproto ipv6 meta l4proto . th dport @guarded_any6 return
        jump publish_any
    }
    chain host { type nat hook output priority -100; policy accept; jump publish; }

    # The last chain at input but one, so that whatever gets here was let in by all others. Before a connection is confirmed, which
    # for IPv6 is at 2147483646 (nf_conntrack_proto.c): one that is would be known when it comes in again, and not translated. For the tables that send it on its
    # way (detour.cpp) it is marked by its priority, which no queue will see; its mark is the only thing that goes along, and
    # carries the connection's.
    chain arrive {
        type filter hook input priority 2147483644; policy accept;
        ct state != new accept
        iifname { "lo", "gtr-in1" } accept
        meta l4proto . ip daddr . th dport @guarded_one4 goto detour
        meta l4proto . ip6 daddr . th dport @guarded_one6 goto detour
        fib daddr type != local accept
        meta nfproto ipv4 meta l4proto . th dport @guarded_any4 goto detour
        meta nfproto ipv6 meta l4proto . th dport @guarded_any6 goto detour
    }
    chain detour {
        ct mark != 0 meta mark set ct mark
        meta priority set 0x67616e74
    }
    # Back from it: the mark is the connection's again, and ours says that reverse paths lead back to that interface.
    chain again {
        type filter hook prerouting priority -190; policy accept;
        iifname "gtr-in1" ct mark set meta mark meta mark set 0x67616e74
    }

    chain leave {
        type nat hook postrouting priority 100; policy accept;
        # To a published port of the same network: without it the answer would go straight back and not through the NAT. Where
        # br_netfilter did the translation, and for the host's own packets, the interface they came in by is not known.
        iifname . oifname @same ct status dnat masquerade
        # From the host's loopback to a published port.
        oifname @bridges_3 ip saddr 127.0.0.0/8 masquerade
        oifname @bridges_3 return
        meta nfproto ipv4 iifname @masquerade4 masquerade
        meta nfproto ipv6 iifname @masquerade6 masquerade
    }

    # Further bridges carry frames and no IP: a frame to their own MAC is an attempt to get around the rules below.
    chain input {
        type filter hook input priority 0; policy accept;
        iifgroup 0x67616e74 drop
    }
    chain forward {
        type filter hook forward priority 0; policy accept;
        iifgroup 0x67616e74 oifgroup 0x67616e74 accept
        iifgroup 0x67616e74 drop
        ct state established,related accept
        iifname "gtr-in1" meta mark set ct mark
        iifname . oifname @same accept
        oifname @bridges_3 ct status dnat accept
        oifname @bridges_3 jump into
        iifname @bridges_3 jump out
        meta nfproto @closed jump closed_before
    }
    chain into {
        oifname @internal drop
        iifname @internal reject with icmpx admin-prohibited
        iifname @bridges_3 oifname @isolated reject with icmpx admin-prohibited
        iifname @bridges_3 accept
        oifname @open accept
        drop
    }
    chain out {
        iifname @internal reject with icmpx admin-prohibited
        ct state invalid drop
        accept
    }
    # Forwarding had to be switched on for the host as a whole; between its network cards it stays off. What is neither a card
    # nor made of cards (other bridges, tunnels) is the business of whoever made it.
    chain closed_before {
        meta iifkind != { "vlan", "bond", "team", "macvlan" } return
        meta oifkind != { "vlan", "bond", "team", "macvlan" } return
        drop
    }
}
)nft";

namespace {

// One entry of the library, found at run time. The header's declaration gives the type.
template <class Function>
bool find(void* library, const char* name, Function*& found) {
    found = reinterpret_cast<Function*>(dlsym(library, name));
    return found != nullptr;
}

}  // namespace

struct Nft::Library {
    std::unique_ptr<void, int (*)(void*)> handle{nullptr, dlclose};
    decltype(nft_ctx_new)* make = nullptr;
    decltype(nft_ctx_free)* drop = nullptr;
    decltype(nft_run_cmd_from_buffer)* run = nullptr;
    decltype(nft_ctx_buffer_error)*keep_errors = nullptr, *keep_output = nullptr;
    decltype(nft_ctx_get_error_buffer)*errors = nullptr, *output = nullptr;
    decltype(nft_ctx_output_set_flags)* set_flags = nullptr;
    nft_ctx* context = nullptr;

    Library() = default;
    Library(const Library&) = delete;
    Library& operator=(const Library&) = delete;
    ~Library() {
        if (context) drop(context);
    }
};

Nft::Nft(std::unique_ptr<Library> library) : library_(std::move(library)) {}
Nft::Nft(Nft&&) noexcept = default;
Nft& Nft::operator=(Nft&&) noexcept = default;
Nft::~Nft() = default;

Result<Nft> Nft::open() {
    auto library = std::make_unique<Library>();
    library->handle.reset(dlopen("libnftables.so.1", RTLD_NOW | RTLD_LOCAL));
    void* handle = library->handle.get();
    if (!handle) return error(Errc::unavailable, "load libnftables: {}", dlerror());
    if (!find(handle, "nft_ctx_new", library->make) || !find(handle, "nft_ctx_free", library->drop) ||
        !find(handle, "nft_run_cmd_from_buffer", library->run) || !find(handle, "nft_ctx_buffer_error", library->keep_errors) ||
        !find(handle, "nft_ctx_buffer_output", library->keep_output) ||
        !find(handle, "nft_ctx_get_error_buffer", library->errors) ||
        !find(handle, "nft_ctx_get_output_buffer", library->output) ||
        !find(handle, "nft_ctx_output_set_flags", library->set_flags))
        return error(Errc::unsupported, "libnftables lacks a function");
    library->context = library->make(NFT_CTX_DEFAULT);
    if (!library->context) return error(Errc::io, "make an nftables context");
    library->keep_errors(library->context);
    library->keep_output(library->context);
    // Handles, by which rules are found again; no elements, of which there may be thousands.
    library->set_flags(library->context, NFT_CTX_OUTPUT_HANDLE | NFT_CTX_OUTPUT_TERSE);
    return Nft(std::move(library));
}

Result<std::string> Nft::run(const std::string& text, std::string_view what) {
    const int status = library_->run(library_->context, text.c_str());
    // Both buffers are emptied by asking for them.
    std::string output = library_->output(library_->context), reason = library_->errors(library_->context);
    if (status == 0) return output;
    reason = reason.substr(0, reason.find('\n'));
    return error(Errc::io, "load {}: {}", what, reason.empty() ? "refused" : reason);
}

Result<> load_ruleset(const std::string& text, std::string_view what) {
    TRY(TRY(Nft::open()).run(text, what));
    return {};
}

}  // namespace gantry::net
