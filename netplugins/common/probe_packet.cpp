#include "probe_packet.hpp"

#include "os/fd.hpp"

#include <arpa/inet.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace gantry::net {

namespace {

template <class Header>
std::string bytes_of(const Header& header) {
    return {reinterpret_cast<const char*>(&header), sizeof header};
}

// The internet checksum (RFC 1071), ready for its field.
std::uint16_t checksum(std::string_view bytes) {
    std::uint32_t sum = 0;
    for (std::size_t at = 0; at < bytes.size(); ++at) sum += static_cast<unsigned char>(bytes[at]) << (at % 2 == 0 ? 8 : 0);
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    return htons(static_cast<std::uint16_t>(~sum));
}

// CRC32c, as SCTP has it (RFC 9260, appendix A).
std::uint32_t crc32c(std::string_view bytes) {
    std::uint32_t crc = ~0U;
    for (const char byte : bytes) {
        crc ^= static_cast<unsigned char>(byte);
        for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (crc & 1 ? 0x82f63b78U : 0);
    }
    return ~crc;
}

std::string tcp_syn(const ProbePacket& packet) {
    tcphdr header{};
    header.source = htons(packet.source_port);
    header.dest = htons(packet.destination_port);
    header.seq = htonl(0x67616e74);
    header.doff = sizeof header / 4;
    header.syn = 1;
    header.window = htons(64240);
    return bytes_of(header);
}

std::string udp_empty(const ProbePacket& packet) {
    udphdr header{};
    header.source = htons(packet.source_port);
    header.dest = htons(packet.destination_port);
    header.len = htons(sizeof header);
    return bytes_of(header);
}

// RFC 9260, 3.3.2.
std::string sctp_init(const ProbePacket& packet) {
    struct {
        std::uint16_t source, destination;
        std::uint32_t tag, checksum;
        std::uint8_t type, flags;
        std::uint16_t length;
        std::uint32_t initiate_tag, window;
        std::uint16_t streams_out, streams_in;
        std::uint32_t tsn;
    } init{};
    init.source = htons(packet.source_port);
    init.destination = htons(packet.destination_port);
    init.type = 1;
    init.length = htons(20);
    init.initiate_tag = htonl(0x67616e74);
    init.window = htonl(65536);
    init.streams_out = init.streams_in = htons(1);
    init.tsn = htonl(1);
    init.checksum = htole32(crc32c(bytes_of(init)));
    return bytes_of(init);
}

std::string transport(const ProbePacket& packet) {
    if (packet.protocol == driver::Protocol::sctp) return sctp_init(packet);
    const bool tcp = packet.protocol == driver::Protocol::tcp;
    std::string segment = tcp ? tcp_syn(packet) : udp_empty(packet);
    // Both families' pseudo headers come to the same sum.
    std::string pseudo = packet.source.bytes() + packet.destination.bytes();
    pseudo += {0, static_cast<char>(packet.protocol), 0, static_cast<char>(segment.size())};
    const std::uint16_t sum = checksum(pseudo + segment);
    std::memcpy(segment.data() + (tcp ? offsetof(tcphdr, check) : offsetof(udphdr, check)), &sum, sizeof sum);
    return segment;
}

std::string network(const ProbePacket& packet, const std::string& payload) {
    const std::string source = packet.source.bytes(), destination = packet.destination.bytes();
    if (packet.source.family == Family::v4) {
        iphdr header{};
        header.version = 4;
        header.ihl = sizeof header / 4;
        header.tot_len = htons(static_cast<std::uint16_t>(sizeof header + payload.size()));
        header.ttl = 64;
        header.protocol = static_cast<std::uint8_t>(packet.protocol);
        std::memcpy(&header.saddr, source.data(), sizeof header.saddr);
        std::memcpy(&header.daddr, destination.data(), sizeof header.daddr);
        header.check = checksum(bytes_of(header));
        return bytes_of(header) + payload;
    }
    ip6_hdr header{};
    header.ip6_vfc = 6 << 4;
    header.ip6_plen = htons(static_cast<std::uint16_t>(payload.size()));
    header.ip6_nxt = static_cast<std::uint8_t>(packet.protocol);
    header.ip6_hlim = 64;
    std::memcpy(&header.ip6_src, source.data(), sizeof header.ip6_src);
    std::memcpy(&header.ip6_dst, destination.data(), sizeof header.ip6_dst);
    return bytes_of(header) + payload;
}

long bpf(int command, bpf_attr& attributes) { return syscall(SYS_bpf, command, &attributes, sizeof attributes); }

std::uint64_t address_of(const void* pointer) { return reinterpret_cast<std::uintptr_t>(pointer); }

// "return XDP_PASS".
Result<os::Fd> load_pass() {
    const bpf_insn program[] = {{BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, XDP_PASS}, {BPF_JMP | BPF_EXIT, 0, 0, 0, 0}};
    const char license[] = "GPL";
    bpf_attr attributes;
    std::memset(&attributes, 0, sizeof attributes);
    attributes.prog_type = BPF_PROG_TYPE_XDP;
    attributes.insns = address_of(program);
    attributes.insn_cnt = 2;
    attributes.license = address_of(license);
    const long fd = bpf(BPF_PROG_LOAD, attributes);
    if (fd < 0) return errno_error("load a BPF program that lets packets in");
    return os::Fd(static_cast<int>(fd));
}

}  // namespace

std::string probe_frame(const ProbePacket& packet, std::string_view interface_mac) {
    ethhdr header{};
    interface_mac.copy(reinterpret_cast<char*>(header.h_dest), sizeof header.h_dest);
    const unsigned char source[ETH_ALEN] = {0x02, 0x67, 0x61, 0x6e, 0x74, 0x01};
    std::memcpy(header.h_source, source, sizeof source);
    header.h_proto = htons(packet.source.family == Family::v4 ? ETH_P_IP : ETH_P_IPV6);
    return bytes_of(header) + network(packet, transport(packet));
}

Result<> receive_frame(unsigned interface, std::string_view frame) {
    const os::Fd program = TRY(load_pass());
    xdp_md context{};
    context.data_end = static_cast<std::uint32_t>(frame.size());
    context.ingress_ifindex = interface;
    bpf_attr attributes;
    std::memset(&attributes, 0, sizeof attributes);
    attributes.test.prog_fd = static_cast<std::uint32_t>(program.get());
    attributes.test.data_in = address_of(frame.data());
    attributes.test.data_size_in = static_cast<std::uint32_t>(frame.size());
    attributes.test.ctx_in = address_of(&context);
    attributes.test.ctx_size_in = sizeof context;
    attributes.test.repeat = 1;
    attributes.test.flags = BPF_F_TEST_XDP_LIVE_FRAMES;
    if (bpf(BPF_PROG_TEST_RUN, attributes) == 0) return {};
    if (errno == EINVAL || errno == EOPNOTSUPP || errno == ENOTSUP)
        return error(Errc::unsupported, "this kernel lets no packets in by BPF (BPF_F_TEST_XDP_LIVE_FRAMES, 5.18)");
    return errno_error("let a packet in");
}

}  // namespace gantry::net
