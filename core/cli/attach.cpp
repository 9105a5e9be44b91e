#include "cli/attach.hpp"

#include "cli/console.hpp"
#include "cli/context.hpp"
#include "cli/foreground.hpp"
#include "cli/rows.hpp"

#include <csignal>

namespace gantry::cli {

int report_failed_start(systemd::Manager& systemd, const container::Container& container, const Error& failure) {
    const auto state = systemd.state(unit_name(container.name));
    if (state.ok() && !state->status_text.empty())
        note(state->status_text);
    else
        complain(failure.context(fmt::format("start container '{}'", container.name.str())));
    if (!state.ok()) return exit_engine_error;
    return state->exit_status == exit_cannot_execute || state->exit_status == exit_not_found ? state->exit_status
                                                                                             : exit_engine_error;
}

Result<int> run_attached(container::Engine& engine, const container::Container& container, const AttachOptions& options) {
    if (container.definition.tty) return run_on_console(engine, container, options);
    const std::string unit = unit_name(container.name);
    auto* systemd = TRY(engine.systemd());
    // Signals are blocked before the first thread is made, so that all of them go through the relay.
    Foreground foreground = TRY(Foreground::open(engine.paths(), container, options));
    TRY(systemd->hold(unit));
    if (auto started = systemd->start(unit); !started.ok()) {
        const int status = report_failed_start(*systemd, container, started.error());
        foreground.finish();
        return status;
    }
    const auto state = TRY(systemd->wait_inactive(unit, std::chrono::milliseconds(-1)));
    foreground.finish();
    return exit_status(state);
}

}  // namespace gantry::cli
