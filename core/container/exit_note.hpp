// How a run ended, told to the command that waits for it: systemd forgets a unit of `run --rm` with its end, maybe before
// anybody has asked. <run>/attach/NAME.exit is made by the command line before the start and filled by launcher and reaper only
// where it is there.
#pragma once

#include "base/names.hpp"
#include "config/engine.hpp"
#include "os/fd.hpp"

#include <optional>

namespace gantry::container {

class ExitNote {
public:
    static Result<ExitNote> open(const config::Paths& paths, const ContainerName& name);
    ExitNote(ExitNote&&) noexcept = default;
    ~ExitNote();

    struct Told {
        std::optional<int> status;  // as Docker's; the last run's
        std::string failure;        // the launcher's reason, where the start failed
    };
    [[nodiscard]] Told read() const;

private:
    ExitNote(std::string path, os::Fd file) : path_(std::move(path)), file_(std::move(file)) {}
    std::string path_;
    os::Fd file_;
};

// Nobody waits: nothing is done.
Result<> note_exit(const config::Paths& paths, const ContainerName& name, int status);
Result<> note_failure(const config::Paths& paths, const ContainerName& name, const std::string& reason);

}  // namespace gantry::container
