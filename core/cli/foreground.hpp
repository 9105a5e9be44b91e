// A container's standard streams on ours, without a terminal in between. We listen on <run>/attach/NAME.sock before the unit is
// started; gantry-launch connects and gets three pipe ends. What comes out of the pipes goes to our own output and, line by
// line, to the journal, as if the container had written there itself.
#pragma once

#include "cli/attach.hpp"
#include "os/fd.hpp"

#include <memory>

namespace gantry::cli {

class Foreground {
public:
    static Result<Foreground> open(const config::Paths& paths, const container::Container& container,
                                   const AttachOptions& options);
    Foreground(Foreground&&) noexcept;
    ~Foreground();
    // Waits until the streams are drained (their other ends are closed by now) and stops relaying signals.
    void finish();

    struct Impl;

private:
    explicit Foreground(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace gantry::cli
