#include "os/sock_diag.hpp"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>

namespace gantry::os {

namespace {

// include/net/tcp_states.h
enum State : unsigned { established = 1, fin_wait1 = 4, fin_wait2 = 5, close_wait = 8, last_ack = 9, closing = 11 };
constexpr std::uint32_t connected =
    1U << established | 1U << fin_wait1 | 1U << fin_wait2 | 1U << close_wait | 1U << last_ack | 1U << closing;

NetlinkMessage question(std::uint8_t family, int storage_map) {
    NetlinkMessage message(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP);
    inet_diag_req_v2 header{};
    header.sdiag_family = family;
    header.sdiag_protocol = IPPROTO_TCP;
    header.idiag_ext = 1U << (INET_DIAG_INFO - 1);
    header.idiag_states = connected;
    message.header(header);
    message.nest(INET_DIAG_REQ_SK_BPF_STORAGES, [&](NetlinkMessage& nest) {
        nest.put_u32(SK_DIAG_BPF_STORAGE_REQ_MAP_FD, static_cast<std::uint32_t>(storage_map));
    });
    return message;
}

TcpConnection connection_of(const tcp_info& info) {
    TcpConnection connection;
    connection.bytes_out = info.tcpi_bytes_acked;
    connection.bytes_in = info.tcpi_bytes_received;
    connection.segments_out = info.tcpi_segs_out;
    connection.segments_in = info.tcpi_segs_in;
    connection.retransmits = info.tcpi_total_retrans;
    connection.idle_ms = std::min(info.tcpi_last_data_sent, info.tcpi_last_data_recv);
    connection.round_trip_us = info.tcpi_rtt;
    return connection;
}

}  // namespace

Result<> each_tcp_connection(int storage_map,
                             const std::function<void(std::string_view stored, const TcpConnection& connection)>& use) {
    NetlinkSocket socket = TRY(NetlinkSocket::open(NETLINK_SOCK_DIAG));
    for (const std::uint8_t family : {std::uint8_t{AF_INET}, std::uint8_t{AF_INET6}}) {
        std::vector<std::pair<std::string, TcpConnection>> found;
        TRY(socket.dump([&] { return question(family, storage_map); }, "list connections", [&] { found.clear(); },
                        [&](const NetlinkReply& reply) {
                            const std::string_view stored = reply.attribute(
                                sizeof(inet_diag_msg),
                                {INET_DIAG_SK_BPF_STORAGES, SK_DIAG_BPF_STORAGE, SK_DIAG_BPF_STORAGE_MAP_VALUE});
                            if (stored.empty()) return;
                            // A shorter one, of an older kernel, has zeros for what it does not know.
                            const std::string_view told = reply.attribute(sizeof(inet_diag_msg), {INET_DIAG_INFO});
                            tcp_info info{};
                            told.copy(reinterpret_cast<char*>(&info), std::min(told.size(), sizeof info));
                            found.emplace_back(stored, connection_of(info));
                        }));
        for (const auto& [stored, connection] : found) use(stored, connection);
    }
    return {};
}

}  // namespace gantry::os
