#include "os/fd.hpp"

#include <unistd.h>

#include <cerrno>

namespace gantry::os {

void Fd::reset() {
    if (fd_ < 0) return;
    const int kept = errno;
    close(fd_);
    fd_ = -1;
    errno = kept;
}

}  // namespace gantry::os
