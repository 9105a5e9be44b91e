#include "systemd/connection.hpp"

#include "os/file.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdarg>

namespace gantry::systemd {

namespace {

// Not announced anywhere, but stable since systemd 1 and what systemctl uses as root.
constexpr const char* private_socket = "/run/systemd/private";

Errc code_of(std::string_view name) {
    struct Row {
        std::string_view suffix;
        Errc code;
    };
    static constexpr Row rows[] = {
        {"NoSuchUnit", Errc::not_found},
        {"FileNotFound", Errc::not_found},
        {"LoadFailed", Errc::invalid},
        {"BadUnitSetting", Errc::invalid},
        {"UnitMasked", Errc::denied},
        {"AccessDenied", Errc::denied},
        {"InteractiveAuthorizationRequired", Errc::denied},
        {"InvalidArgs", Errc::invalid},
        {"PropertyReadOnly", Errc::invalid},
        {"UnitExists", Errc::exists},
        {"NotSupported", Errc::unsupported},
        {"ServiceUnknown", Errc::unavailable},
        {"NoReply", Errc::unavailable},
        {"Disconnected", Errc::unavailable},
        {"ShuttingDown", Errc::unavailable},
        {"Timeout", Errc::timeout},
        {"UnitBusy", Errc::in_use},
    };
    for (const Row& row : rows)
        if (name.ends_with(row.suffix)) return row.code;
    return Errc::io;
}

Result<BusPtr> open_private() {
    sd_bus* raw = nullptr;
    if (const int r = sd_bus_new(&raw); r < 0) return bus_error(r, nullptr, "connect to systemd");
    BusPtr bus(raw);
    if (const int r = sd_bus_set_address(raw, "unix:path=/run/systemd/private"); r < 0)
        return bus_error(r, nullptr, "connect to systemd");
    if (const int r = sd_bus_start(raw); r < 0) return bus_error(r, nullptr, "connect to systemd");
    return bus;
}

Result<BusPtr> open_system() {
    sd_bus* raw = nullptr;
    // A connection of our own: the default one belongs to the whole thread.
    if (const int r = sd_bus_open_system(&raw); r < 0) return bus_error(r, nullptr, "connect to the system bus");
    return BusPtr(raw);
}

}  // namespace

Error bus_error(int number, const sd_bus_error* detail, std::string_view what) {
    if (detail != nullptr && detail->name != nullptr) {
        const std::string_view text = detail->message != nullptr ? detail->message : detail->name;
        std::string line = fmt::format("{}: {}", what, text);
        while (!line.empty() && (line.back() == '.' || line.back() == '\n')) line.pop_back();
        return Error(code_of(detail->name), std::move(line));
    }
    Error plain = Error::from_errno(-number, what);
    // Nobody at the other end, or somebody who went away.
    if (number == -ECONNREFUSED || number == -ENOTCONN || number == -ECONNRESET || number == -EPIPE || number == -ENOENT)
        return Error(Errc::unavailable, plain.message());
    return plain;
}

std::string unit_path(const std::string& unit) {
    char* path = nullptr;
    if (sd_bus_path_encode("/org/freedesktop/systemd1/unit", unit.c_str(), &path) < 0) return {};
    std::unique_ptr<char, void (*)(void*)> owner(path, free);
    return path;
}

std::optional<std::string> unit_of_path(const char* path) {
    char* unit = nullptr;
    if (path == nullptr || sd_bus_path_decode(path, "/org/freedesktop/systemd1/unit", &unit) <= 0) return std::nullopt;
    std::unique_ptr<char, void (*)(void*)> owner(unit, free);
    return std::string(unit);
}

Result<> Manager::Impl::open() {
    slots.clear();
    listening = false;
    direct = geteuid() == 0 && os::path_exists(private_socket);
    if (direct) {
        if (auto opened = open_private(); opened.ok()) {
            bus = std::move(opened).value();
            return {};
        }
        direct = false;
    }
    bus = TRY(open_system());
    return {};
}

Result<> Manager::Impl::listen() {
    if (listening) return {};
    sd_bus_slot* slot = nullptr;
    // Sent without waiting for the answers: the broker handles the messages of one connection in order, so whatever is asked
    // for next happens after these.
    int r = sd_bus_match_signal_async(bus.get(), &slot, systemd_name, manager_path, manager_interface, "JobRemoved",
                                      on_job_removed, nullptr, this);
    if (r < 0) return bus_error(r, nullptr, "listen to systemd");
    slots.emplace_back(slot);
    // The path's child components cannot be matched by prefix on the direct connection in a cheaper way than in the handler.
    r = sd_bus_match_signal_async(bus.get(), &slot, systemd_name, nullptr, properties_interface, "PropertiesChanged",
                                  on_properties_changed, nullptr, this);
    if (r < 0) return bus_error(r, nullptr, "listen to systemd");
    slots.emplace_back(slot);
    if (!direct) {
        r = sd_bus_call_method_async(bus.get(), nullptr, systemd_name, manager_path, manager_interface, "Subscribe", nullptr,
                                     nullptr, nullptr);
        if (r < 0) return bus_error(r, nullptr, "subscribe to systemd");
    }
    listening = true;
    return {};
}

Result<MessagePtr> Manager::Impl::call(const char* member, const char* types, ...) {
    BusError failure;
    sd_bus_message* raw = nullptr;
    int r = sd_bus_message_new_method_call(bus.get(), &raw, systemd_name, manager_path, manager_interface, member);
    if (r < 0) return bus_error(r, nullptr, member);
    MessagePtr request(raw);
    va_list arguments;
    va_start(arguments, types);
    r = sd_bus_message_appendv(raw, types, arguments);
    va_end(arguments);
    if (r < 0) return bus_error(r, nullptr, member);
    sd_bus_message* reply = nullptr;
    // A daemon-reload of a big host takes its time.
    const std::uint64_t limit = std::string_view(member) == "Reload" ? 300'000'000U : 0U;
    r = sd_bus_call(bus.get(), raw, limit, &failure.raw, &reply);
    if (r < 0) return bus_error(r, &failure.raw, member);
    return MessagePtr(reply);
}

Result<> Manager::Impl::call_later(const std::string& path, const char* interface, const char* member, const char* first,
                                   const char* second, std::function<void(sd_bus_message*)> answered) {
    using Handler = std::function<void(sd_bus_message*)>;
    auto handler = std::make_unique<Handler>(std::move(answered));
    sd_bus_slot* slot = nullptr;
    const auto run_handler = [](sd_bus_message* reply, void* data, sd_bus_error*) {
        (*static_cast<Handler*>(data))(reply);
        return 0;
    };
    const int r = sd_bus_call_method_async(bus.get(), &slot, systemd_name, path.c_str(), interface, member, run_handler,
                                           handler.get(), "ss", first, second);
    if (r < 0) return bus_error(r, nullptr, member);
    // The slot owns the handler, the bus owns the slot: both go with the answer, or with the connection.
    sd_bus_slot_set_destroy_callback(slot, [](void* data) { delete static_cast<Handler*>(data); });
    [[maybe_unused]] auto* handed_over = handler.release();
    sd_bus_slot_set_floating(slot, 1);
    sd_bus_slot_unref(slot);
    return {};
}

Result<> Manager::Impl::wait_for_traffic(std::optional<TimePoint> deadline) {
    std::uint64_t bus_deadline = 0;
    if (const int r = sd_bus_get_timeout(bus.get(), &bus_deadline); r < 0) return bus_error(r, nullptr, "wait for systemd");
    std::optional<TimePoint> until = deadline;
    if (bus_deadline != UINT64_MAX) {
        // CLOCK_MONOTONIC microseconds, which is libstdc++'s steady_clock.
        const TimePoint limit{std::chrono::microseconds(bus_deadline)};
        until = until ? std::min(*until, limit) : limit;
    }
    timespec left{};
    if (until) {
        const auto span =
            std::max(std::chrono::nanoseconds(0), std::chrono::nanoseconds(*until - std::chrono::steady_clock::now()));
        left.tv_sec = static_cast<time_t>(span.count() / 1'000'000'000);
        left.tv_nsec = static_cast<long>(span.count() % 1'000'000'000);
    }
    const int events = sd_bus_get_events(bus.get());
    if (events < 0) return bus_error(events, nullptr, "wait for systemd");
    pollfd fds[2] = {{sd_bus_get_fd(bus.get()), static_cast<short>(events), 0}, {stop_fd, POLLIN, 0}};
    if (ppoll(fds, stop_fd >= 0 ? 2 : 1, until ? &left : nullptr, nullptr) < 0 && errno != EINTR)
        return errno_error("wait for systemd");
    if (stop_fd >= 0 && fds[1].revents != 0) return error(Errc::cancelled, "wait for systemd: stopped");
    return {};
}

Result<> Manager::Impl::run(const std::function<bool()>& done, std::optional<TimePoint> deadline) {
    while (!done()) {
        const int r = sd_bus_process(bus.get(), nullptr);
        if (r < 0) return bus_error(r, nullptr, "talk to systemd");
        if (r > 0) continue;
        if (deadline && std::chrono::steady_clock::now() >= *deadline) return error(Errc::timeout, "systemd took too long");
        TRY(wait_for_traffic(deadline));
    }
    return {};
}

}  // namespace gantry::systemd
