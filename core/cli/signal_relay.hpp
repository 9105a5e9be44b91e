// Signals of ours that are the container's: what `docker run` and `docker attach` do without a terminal (--sig-proxy).
#pragma once

#include "base/result.hpp"

#include <memory>
#include <string>

namespace gantry::cli {

class SignalRelay {
public:
    // Made before any other thread, whose signals would not be relayed. Until its end every signal that can be passed on goes
    // to the unit's main process; with proxy = false only SIGPIPE is kept from ending us.
    static Result<SignalRelay> start(const std::string& unit, bool proxy);
    SignalRelay(SignalRelay&&) noexcept;
    ~SignalRelay();

private:
    struct Impl;
    explicit SignalRelay(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace gantry::cli
