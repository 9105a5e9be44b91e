// pipe(2).
#pragma once

#include "base/result.hpp"
#include "os/fd.hpp"

namespace gantry::os {

struct Pipe {
    Fd read, write;
};
Result<Pipe> make_pipe();  // close-on-exec

// The same for what a container writes: any user in it may open its /dev/stdout by path, and a pipe is its maker's alone
// otherwise.
Result<Pipe> make_output_pipe();

}  // namespace gantry::os
