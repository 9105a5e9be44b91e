#include "os/pipe.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace gantry::os {

Result<Pipe> make_pipe() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return errno_error("make a pipe");
    return Pipe{Fd(ends[0]), Fd(ends[1])};
}

Result<Pipe> make_output_pipe() {
    Pipe pipe = TRY(make_pipe());
    if (fchmod(pipe.read.get(), 0666) != 0) return errno_error("change the mode of a pipe");
    return pipe;
}

}  // namespace gantry::os
