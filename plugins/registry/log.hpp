// Lines for the journal, one a call.
#pragma once

#include "base/result.hpp"

#include <systemd/sd-daemon.h>

#include <cstdio>

namespace gantry::registry {

// Through Error, which makes one line of whatever clients sent.
template <class... Args>
void log_line(const char* level, fmt::format_string<Args...> format, Args&&... args) {
    const std::string line = error(Errc::internal, format, std::forward<Args>(args)...).message();
    std::fprintf(stderr, "%s%s\n", level, line.c_str());
}

template <class... Args>
void note(fmt::format_string<Args...> format, Args&&... args) {
    log_line(SD_INFO, format, std::forward<Args>(args)...);
}
template <class... Args>
void warn(fmt::format_string<Args...> format, Args&&... args) {
    log_line(SD_WARNING, format, std::forward<Args>(args)...);
}

}  // namespace gantry::registry
