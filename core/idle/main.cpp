// gantry-idle NAME: ExecStart= of ctr-idle@NAME.service, which the timer of that name starts. One look whether anybody is
// connected to the container by its sockets; where nobody was for long enough it is stopped. Then nothing of ours is left until
// the next one.
#include "container/engine.hpp"
#include "os/file.hpp"
#include "os/netlink.hpp"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <optional>
#include <set>

namespace {

using namespace gantry;

std::int64_t seconds_since_boot() {
    timespec now{};
    clock_gettime(CLOCK_BOOTTIME, &now);
    return now.tv_sec;
}

std::set<std::uint16_t> ports_of(const config::Definition& definition) {
    std::set<std::uint16_t> ports;
    for (const config::Port& port : definition.ports)
        if (port.socket)
            for (std::uint32_t number = port.host_port; number <= std::max(port.host_port, port.host_port_end); ++number)
                ports.insert(static_cast<std::uint16_t>(number));
    return ports;
}

// How long ago somebody was connected: zero where somebody is, nothing where the kernel remembers nobody. What systemd listens
// at stays in the host's network namespace, and so does what is accepted from it. Of connections that the container closed the
// kernel keeps a rest for a minute (TIME_WAIT): those that are shorter than the time between two looks are seen so.
Result<std::optional<std::chrono::seconds>> last_connected(const std::set<std::uint16_t>& ports) {
    constexpr std::int64_t kept_milliseconds = 60'000;  // TCP_TIMEWAIT_LEN
    constexpr std::uint8_t rest_timer = 3;              // inet_diag's number of the timer that ends it
    os::NetlinkSocket socket = TRY(os::NetlinkSocket::open(NETLINK_SOCK_DIAG));
    std::optional<std::chrono::seconds> last;
    for (const int family : {AF_INET, AF_INET6}) {
        const auto question = [&] {
            inet_diag_req_v2 request{};
            request.sdiag_family = static_cast<std::uint8_t>(family);
            request.sdiag_protocol = IPPROTO_TCP;
            request.idiag_states = ~(1U << TCP_LISTEN | 1U << TCP_CLOSE);
            os::NetlinkMessage message(SOCK_DIAG_BY_FAMILY);
            message.header(request);
            return message;
        };
        const auto look = [&](const os::NetlinkReply& reply) {
            const auto* found = reply.header<inet_diag_msg>();
            if (!found || !ports.contains(ntohs(found->id.idiag_sport))) return;
            const bool ended = found->idiag_timer == rest_timer;
            const std::int64_t ago = ended ? std::max<std::int64_t>(0, kept_milliseconds - found->idiag_expires) / 1000 : 0;
            last = std::min(last.value_or(std::chrono::seconds::max()), std::chrono::seconds(ago));
        };
        TRY(socket.dump(
            question, "list connections", [] {}, look));
    }
    return last;
}

Result<> run(const ContainerName& name) {
    container::Engine engine = TRY(container::Engine::open());
    const container::Container container = TRY(engine.find_container(name.str()));
    if (container.problem) return error(Errc::corrupt, "{}", *container.problem);
    if (!container.record || !container.definition.idle_stop) return {};
    // The last time that somebody was seen, or the first look; gone with the rest of the record when the container stops.
    const std::string note = engine.paths().record(name.str()) + "/idle";
    const auto last = TRY(last_connected(ports_of(container.definition)));
    const std::int64_t now = seconds_since_boot();
    std::int64_t since = last ? now - last->count() : 0;
    if (const auto noted = os::read_file(note, 64); noted.ok())
        since = std::max<std::int64_t>(since, std::atoll(noted->c_str()));
    if (since == 0) since = now;
    if (std::chrono::seconds(now - since) >= *container.definition.idle_stop)
        return TRY(engine.systemd())->stop(unit_name(name));
    return os::write_file_atomic(note, std::to_string(since), 0644, false);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        fmt::print(stderr, "usage: gantry-idle NAME\n");
        return 2;
    }
    const auto name = ContainerName::parse(argv[1]);
    const auto done = name.ok() ? run(*name) : Result<>(name.error());
    if (done.ok()) return 0;
    fmt::print(stderr, "gantry-idle: container '{}': {}\n", argv[1], done.error().message());
    return 1;
}
