// Generators run before the journal does; systemd.generator(7) asks them to log to /dev/kmsg.
#pragma once

#include "os/fd.hpp"

#include <string_view>

namespace gantry::generator {

class KernelLog {
public:
    KernelLog();
    // One line of priority "error"; to stderr where /dev/kmsg cannot be written (tests, containers).
    void error(std::string_view line);

private:
    os::Fd kmsg_;
    int lines_ = 0;
};

}  // namespace gantry::generator
