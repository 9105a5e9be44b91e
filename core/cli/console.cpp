#include "cli/console.hpp"

#include "cli/console_client.hpp"
#include "cli/context.hpp"
#include "cli/payload_lines.hpp"
#include "cli/signal_relay.hpp"

#include <chrono>
#include <thread>
#include <unistd.h>

namespace gantry::cli {

namespace {

std::string socket_of(container::Engine& engine, const container::Container& container) {
    return fmt::format("{}/console/{}.sock", engine.paths().run, container.name.str());
}

bool ended(const systemd::UnitState& state) { return state.active == "inactive" || state.active == "failed"; }

// The start job waits for the unit; we want to be attached before that.
class Starter {
public:
    explicit Starter(const std::string& unit)
        : thread_([this, unit] {
              auto manager = systemd::Manager::connect();
              outcome_ = manager.ok() ? manager->start(unit) : Result<>(std::move(manager).error());
              done_ = true;
          }) {}
    ~Starter() {
        if (thread_.joinable()) thread_.join();
    }
    [[nodiscard]] bool done() const { return done_; }
    Result<> outcome() {
        if (thread_.joinable()) thread_.join();
        return outcome_;
    }

private:
    Result<> outcome_;
    std::atomic<bool> done_ = false;
    std::thread thread_;
};

// Lines that the container writes from now on, until it has ended.
Result<> follow_output(systemd::Manager& manager, const container::Container& container) {
    const std::string unit = unit_name(container.name);
    JournalQuery query = payload_lines(container);
    query.since_us =
        std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
    query.follow = true;
    query.finished = [&manager, unit] {
        const auto state = manager.state(unit);
        return state.ok() && ended(*state);
    };
    return read_journal(query, [](const JournalEntry& entry) { return show_line(entry); });
}

}  // namespace

Result<int> run_on_console(container::Engine& engine, const container::Container& container, const AttachOptions& options) {
    if (options.standard_input && !isatty(STDIN_FILENO)) return error(Errc::invalid, "the input device is not a TTY");
    auto detach = TRY(DetachKeys::parse(options.detach_keys));
    const std::string unit = unit_name(container.name);
    auto* manager = TRY(engine.systemd());
    const auto exit_note = TRY(container::ExitNote::open(engine.paths(), container.name));
    TRY(manager->hold(unit));
    Starter starter(unit);
    auto client = connect_console(socket_of(engine, container), true);
    while (!client.ok() && !starter.done()) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
        client = connect_console(socket_of(engine, container), true);
    }
    if (!client.ok()) {
        if (auto started = starter.outcome(); !started.ok())
            return report_failed_start(*manager, container, started.error(), exit_note.read());
        return std::move(client).error();
    }
    const CopyEnd end = TRY(copy_console(client->get(), options.standard_input, std::move(detach), [&] {
        // A start that failed before there was a terminal would leave us waiting for one.
        return starter.done() && !starter.outcome().ok();
    }));
    if (end == CopyEnd::detached) return 0;
    if (auto started = starter.outcome(); !started.ok())
        return report_failed_start(*manager, container, started.error(), exit_note.read());
    return wait_for_end(*manager, unit, &exit_note);
}

Result<int> attach_running(container::Engine& engine, const container::Container& container, const AttachOptions& options) {
    const std::string unit = unit_name(container.name);
    auto* manager = TRY(engine.systemd());
    const auto state = TRY(manager->state(unit));
    if (ended(state)) return error(Errc::unavailable, "you cannot attach to a stopped container, start it first");
    if (state.freezer == "frozen") return error(Errc::unavailable, "you cannot attach to a paused container, unpause it first");
    TRY(manager->hold(unit));
    if (container.definition.tty) {
        auto detach = TRY(DetachKeys::parse(options.detach_keys));
        const os::Fd client = TRY(connect_console(socket_of(engine, container), false));
        const CopyEnd end = TRY(copy_console(client.get(), options.standard_input, std::move(detach), {}));
        return end == CopyEnd::detached ? Result<int>(0) : wait_for_end(*manager, unit, nullptr);
    }
    const SignalRelay signals = TRY(SignalRelay::start(unit, options.proxy_signals));
    if (options.standard_input && container.definition.open_stdin) {
        const os::Fd client = TRY(connect_console(socket_of(engine, container), false));
        feed_console(client.get());
        TRY(follow_output(*manager, container));
    } else {
        TRY(follow_output(*manager, container));
    }
    return wait_for_end(*manager, unit, nullptr);
}

}  // namespace gantry::cli
