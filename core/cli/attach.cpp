#include "cli/attach.hpp"

#include "cli/console.hpp"
#include "cli/context.hpp"
#include "cli/foreground.hpp"
#include "cli/rows.hpp"

#include <csignal>

namespace gantry::cli {

int report_failed_start(systemd::Manager& systemd, const container::Container& container, const Error& failure,
                        const container::ExitNote::Told& told) {
    const auto state = systemd.state(unit_name(container.name));
    const std::string words = !told.failure.empty() ? told.failure : state.ok() ? state->status_text : "";
    if (!words.empty())
        note(words);
    else
        complain(failure.context(fmt::format("start container '{}'", container.name.str())));
    const int status = told.status ? *told.status : state.ok() ? state->exit_status : 0;
    return status == exit_cannot_execute || status == exit_not_found ? status : exit_engine_error;
}

Result<int> wait_for_end(systemd::Manager& systemd, const std::string& unit, const container::ExitNote* note) {
    const auto state = TRY(systemd.wait_inactive(unit, std::chrono::milliseconds(-1)));
    const auto told = note ? note->read() : container::ExitNote::Told{};
    return told.status.value_or(exit_status(state));
}

Result<int> run_attached(container::Engine& engine, const container::Container& container, const AttachOptions& options) {
    if (container.definition.tty) return run_on_console(engine, container, options);
    const std::string unit = unit_name(container.name);
    auto* systemd = TRY(engine.systemd());
    // Signals are blocked before the first thread is made, so that all of them go through the relay.
    Foreground foreground = TRY(Foreground::open(engine.paths(), container, options));
    const auto exit_note = TRY(container::ExitNote::open(engine.paths(), container.name));
    TRY(systemd->hold(unit));
    if (auto started = systemd->start(unit); !started.ok()) {
        const int status = report_failed_start(*systemd, container, started.error(), exit_note.read());
        foreground.finish();
        return status;
    }
    const int status = TRY(wait_for_end(*systemd, unit, &exit_note));
    foreground.finish();
    return status;
}

}  // namespace gantry::cli
