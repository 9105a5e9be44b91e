// Open connections of TCP as the kernel tells them (sock_diag(7)), with what BPF programs keep in a socket's storage.
#pragma once

#include "base/result.hpp"
#include "os/netlink.hpp"

#include <functional>
#include <string_view>

namespace gantry::os {

struct TcpConnection {
    std::uint64_t bytes_out = 0, bytes_in = 0;  // acknowledged by the peer; received
    std::uint64_t segments_out = 0, segments_in = 0;
    std::uint64_t retransmits = 0;
    std::uint64_t idle_ms = 0;  // since data were sent or received
    std::uint32_t round_trip_us = 0;
};

// Connections (no listeners, none that are being made, no TIME_WAIT) of the calling thread's network namespace whose sockets
// have a value in the BPF_MAP_TYPE_SK_STORAGE map. stored: that value; for the length of the call. CAP_NET_ADMIN; Linux 5.7.
Result<> each_tcp_connection(int storage_map,
                             const std::function<void(std::string_view stored, const TcpConnection& connection)>& use);

}  // namespace gantry::os
