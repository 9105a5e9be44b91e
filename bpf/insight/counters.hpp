// What the insight programs counted, and a ring of what they see. Root (CAP_BPF, CAP_NET_ADMIN), in the host's mount namespace.
// gantry-insight.service pins programs and maps in FOLDER/insight-BUILD; FOLDER is /sys/fs/bpf/gantry, BUILD a digest of the
// programs: a reader never takes another build's entries for its own.
#pragma once

#include "insight.h"

#include "base/result.hpp"
#include "os/bpf.hpp"
#include "os/bpf_ring.hpp"
#include "os/sock_diag.hpp"

#include <functional>

namespace gantry::insight {

// Where this build pins.
std::string pins(const std::string& folder);

struct Counted {
    insight_peer_key key;
    insight_peer counters;
};

// What a connection is about and what it has come to.
struct Connection {
    insight_peer_key key;
    os::TcpConnection now;
};

class Counters {
public:
    // Errc::not_found: gantry-insight.service does not run, or another build's does.
    static Result<Counters> open(const std::string& folder);

    // Of all containers that ever ran, as far as the table reaches (32768 entries, those that were used last).
    Result<std::vector<Counted>> peers() const;
    // Open connections in the calling thread's network namespace of containers; the counters do not have them yet.
    Result<std::vector<Connection>> connections() const;

private:
    os::Fd peers_, sockets_;
};

// Sees connections open, close and fail from now on. A watcher that dies is forgotten after two seconds.
class Watch {
public:
    // folder: as for Counters; locks: a folder of lock files, one for each of the 8 rings that there can be; made where it is
    // missing. Errc::not_found as for Counters; Errc::in_use: all rings are taken.
    static Result<Watch> begin(const std::string& folder, const std::string& locks);
    ~Watch();
    Watch(Watch&&) noexcept = default;
    Watch& operator=(Watch&&) = delete;

    // Waits at most timeout_ms (0 to 1000) and hands over what came, oldest first. What did not fit into the ring is lost.
    Result<> read(int timeout_ms, const std::function<void(const insight_event& event)>& use);

private:
    Watch(os::Fd control, os::Fd rings, os::BpfRing ring)
        : control_(std::move(control)), rings_(std::move(rings)), ring_(std::move(ring)) {}
    Result<> renew();

    os::Fd control_, rings_, lock_;
    std::uint32_t slot_ = 0;
    os::BpfRing ring_;
};

}  // namespace gantry::insight
