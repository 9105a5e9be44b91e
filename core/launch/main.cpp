// gantry-launch NAME           ExecStart= of ctr@NAME.service
// gantry-launch --reap NAME    ExecStopPost=
#include "container/exit_status.hpp"
#include "container/record.hpp"
#include "launch/notify.hpp"
#include "launch/start.hpp"

#include <cstdio>
#include <cstdlib>
#include <unistd.h>

namespace {

using namespace gantry;

// systemd's log level prefix (sd-daemon(3)): the line is an error in the journal.
void log_error(const Error& error) { std::fprintf(stderr, "<3>%s\n", error.message().c_str()); }

int start(const ContainerName& name) {
    const auto failure = launch::start_container(name);
    if (!failure) return 0;
    log_error(failure->error);
    // `systemctl status` and the command line show it: systemd keeps the text until the next start.
    if (auto systemd = launch::Notifier::connect(); systemd.ok()) {
        std::string line = failure->error.message();
        for (char& c : line)
            if (c == '\n') c = ' ';
        [[maybe_unused]] auto told = systemd->send("STATUS=" + line);
    }
    return failure->code;
}

const char* variable(const char* name) {
    const char* value = std::getenv(name);
    return value ? value : "";
}

int reap(const ContainerName& name) {
    const auto paths = config::Paths::from_environment();
    const auto record = container::read_record(paths, name.str());
    auto status = container::exit_status_of(variable("SERVICE_RESULT"), variable("EXIT_CODE"), variable("EXIT_STATUS"));
    if (record.ok()) status.started_us = record->started_us;
    const bool remove = record.ok() && record->auto_remove;
    if (!remove)
        if (auto written = container::write_exit_status(paths, name.str(), status); !written.ok()) log_error(written.error());
    if (auto reaped = container::reap(paths, name, false); !reaped.ok()) {
        log_error(reaped.error().context("clean up after '" + name.str() + "'"));
        return 1;
    }
    return 0;
}

int run(int argc, char** argv) {
    const std::string_view first = argc > 1 ? argv[1] : "";
    const bool reaping = first == "--reap";
    if (argc != (reaping ? 3 : 2) || (first.starts_with("-") && !reaping)) {
        std::fprintf(stderr, "usage: gantry-launch [--reap] NAME\nStarts a container in the place of its unit; see ctr@.service.\n");
        return 125;
    }
    const auto name = ContainerName::parse(argv[argc - 1]);
    if (!name.ok()) {
        log_error(name.error());
        return 125;
    }
    return reaping ? reap(*name) : start(*name);
}

}  // namespace

int main(int argc, char** argv) { return run(argc, argv); }
