#include "insight/counters.hpp"

#include "base/clock.hpp"
#include "insight_build.hpp"
#include "os/file.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>

#include <cerrno>

namespace gantry::insight {

namespace {

constexpr std::uint64_t watched_ns = 2'000'000'000;

Result<os::Fd> open_pin(const std::string& folder, const char* name) {
    auto opened = os::bpf_open(fmt::format("{}/{}", pins(folder), name));
    if (!opened.ok() && opened.error().code() == Errc::not_found)
        return error(Errc::not_found,
                     "nothing counts what containers talk to: 'systemctl restart gantry-insight' starts it or says why not");
    return opened;
}

}  // namespace

std::string pins(const std::string& folder) { return folder + "/insight-" + build; }

Result<Counters> Counters::open(const std::string& folder) {
    Counters counters;
    counters.peers_ = TRY(open_pin(folder, "peers"));
    counters.sockets_ = TRY(open_pin(folder, "sockets"));
    return counters;
}

Result<std::vector<Counted>> Counters::peers() const {
    std::vector<Counted> out;
    TRY(os::bpf_each_key(peers_.get(), sizeof(insight_peer_key), [&](std::span<const std::byte> bytes) -> Result<> {
        Counted one{};
        std::memcpy(&one.key, bytes.data(), sizeof one.key);
        if (TRY(os::bpf_get(peers_.get(), &one.key, &one.counters))) out.push_back(one);
        return {};
    }));
    return out;
}

Result<std::vector<Connection>> Counters::connections() const {
    std::vector<Connection> out;
    TRY(os::each_tcp_connection(sockets_.get(), [&](std::string_view stored, const os::TcpConnection& now) {
        insight_socket socket{};
        if (stored.size() < sizeof socket) return;
        stored.copy(reinterpret_cast<char*>(&socket), sizeof socket);
        // 0: a connection that nothing was sent on so far; nobody knows whose it is.
        if (socket.peer.cgroup != 0) out.push_back({socket.peer, now});
    }));
    return out;
}

Result<Watch> Watch::begin(const std::string& folder, const std::string& locks) {
    auto control = TRY(open_pin(folder, "control"));
    auto rings = TRY(open_pin(folder, "rings"));
    TRY(os::make_dirs(locks, 0700));
    Watch watch(std::move(control), std::move(rings), TRY(os::BpfRing::create(INSIGHT_RING_BYTES)));
    for (std::uint32_t slot = 0; slot < INSIGHT_WATCHERS; ++slot) {
        os::Fd lock = TRY(os::open(fmt::format("{}/{}", locks, slot), O_RDWR | O_CREAT, 0600));
        if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
            if (errno == EWOULDBLOCK) continue;
            return errno_error("lock '{}/{}'", locks, slot);
        }
        // What a watcher that was killed left there is replaced.
        const int ring = watch.ring_.map();
        TRY(os::bpf_put(watch.rings_.get(), &slot, &ring));
        watch.slot_ = slot;
        watch.lock_ = std::move(lock);
        TRY(watch.renew());
        return watch;
    }
    return error(Errc::in_use, "{} others are watching connections already", INSIGHT_WATCHERS);
}

Watch::~Watch() {
    if (!lock_) return;
    [[maybe_unused]] const auto erased = os::bpf_erase(rings_.get(), &slot_);
}

Result<> Watch::renew() {
    const std::uint32_t zero = 0;
    insight_control control{};
    TRY(os::bpf_get(control_.get(), &zero, &control));
    // The programs write the level, and only once: at worst they find it again.
    control.watched_until_ns = std::max<std::uint64_t>(control.watched_until_ns, monotonic_ns() + watched_ns);
    return os::bpf_put(control_.get(), &zero, &control);
}

Result<> Watch::read(int timeout_ms, const std::function<void(const insight_event& event)>& use) {
    TRY(renew());
    pollfd readable{ring_.map(), POLLIN, 0};
    if (poll(&readable, 1, timeout_ms) < 0 && errno != EINTR) return errno_error("wait for connections");
    ring_.read([&](std::span<const std::byte> record) {
        insight_event event{};
        if (record.size() < sizeof event) return;
        std::memcpy(&event, record.data(), sizeof event);
        use(event);
    });
    return {};
}

}  // namespace gantry::insight
