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

    set bridges_1 { type ifname; }                # every network's bridge
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

    chain early {
        type filter hook prerouting priority -300; policy accept;
        # Frames on their way to the first bridge: where br_netfilter is loaded, tracking them here would settle that they are not
        # translated. 0x67616e74 is the group of further bridges (links.cpp).
        iifgroup 0x67616e74 notrack
        # route_localnet lets answers back to the host's 127.0.0.1; nothing a container sends there by itself may pass
        # (CVE-2020-8558).
        iifname @bridges_1 ip daddr 127.0.0.0/8 drop
    }

    chain publish {
        # The kernel routes no answer to ::1 that comes in by another interface: refused at once, "localhost" goes on to 127.0.0.1.
        ip6 daddr ::1 return
        meta nfproto ipv4 dnat ip to meta l4proto . ip daddr . th dport map @one4
        meta nfproto ipv6 dnat ip6 to meta l4proto . ip6 daddr . th dport map @one6
        fib daddr type != local return
        meta nfproto ipv4 dnat ip to meta l4proto . th dport map @any4
        meta nfproto ipv6 dnat ip6 to meta l4proto . th dport map @any6
    }
    chain outside { type nat hook prerouting priority -100; policy accept; jump publish; }
    chain host { type nat hook output priority -100; policy accept; jump publish; }

    chain leave {
        type nat hook postrouting priority 100; policy accept;
        # To a published port of the same network: without it the answer would go straight back and not through the NAT. Where
        # br_netfilter did the translation, and for the host's own packets, the interface they came in by is not known.
        iifname . oifname @same ct status dnat masquerade
        # From the host's loopback to a published port.
        oifname @bridges_1 ip saddr 127.0.0.0/8 masquerade
        oifname @bridges_1 return
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
        iifname . oifname @same accept
        oifname @bridges_1 ct status dnat accept
        oifname @bridges_1 jump into
        iifname @bridges_1 jump out
        meta nfproto @closed jump closed_before
    }
    chain into {
        oifname @internal drop
        iifname @internal reject with icmpx admin-prohibited
        iifname @bridges_1 oifname @isolated reject with icmpx admin-prohibited
        iifname @bridges_1 accept
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
Function* find(void* library, const char* name) {
    return reinterpret_cast<Function*>(dlsym(library, name));
}

}  // namespace

Result<> load_ruleset() {
    const std::unique_ptr<void, int (*)(void*)> library(dlopen("libnftables.so.1", RTLD_NOW | RTLD_LOCAL), dlclose);
    if (!library) return error(Errc::unavailable, "load libnftables: {}", dlerror());
    auto* make = find<decltype(nft_ctx_new)>(library.get(), "nft_ctx_new");
    auto* drop = find<decltype(nft_ctx_free)>(library.get(), "nft_ctx_free");
    auto* run = find<decltype(nft_run_cmd_from_buffer)>(library.get(), "nft_run_cmd_from_buffer");
    auto* keep_errors = find<decltype(nft_ctx_buffer_error)>(library.get(), "nft_ctx_buffer_error");
    auto* errors = find<decltype(nft_ctx_get_error_buffer)>(library.get(), "nft_ctx_get_error_buffer");
    if (!make || !drop || !run || !keep_errors || !errors) return error(Errc::unsupported, "libnftables lacks a function");
    const std::unique_ptr<nft_ctx, void (*)(nft_ctx*)> context(make(NFT_CTX_DEFAULT), drop);
    if (!context) return error(Errc::io, "make an nftables context");
    keep_errors(context.get());
    if (run(context.get(), ruleset_text) == 0) return {};
    std::string reason = errors(context.get());
    reason = reason.substr(0, reason.find('\n'));
    return error(Errc::io, "load table 'inet gantry': {}", reason.empty() ? "refused" : reason);
}

}  // namespace gantry::net
