// gantryd: io.gantry1 for those who want an interface instead of a command. Nothing depends on it: containers start, stop and
// live without it, and it keeps no state of its own.
#include "bus/service.hpp"

#include <systemd/sd-daemon.h>

#include <cstdio>

int main() {
    if (auto served = gantry::bus::serve(); !served.ok()) {
        fmt::print(stderr, SD_ERR "{}\n", served.error().message());
        return 1;
    }
    return 0;
}
