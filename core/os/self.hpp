// Our own executable, kept from being written by containers.
//
// A process that enters a container runs our binary until it executes the container's, and what it executes may be our binary
// again (a "#!/proc/self/exe" script): from inside, /proc/PID/exe is then a way to the host's file (CVE-2019-5736). Permissions
// do not stop root; a read-only mount does.
#pragma once

#include "base/result.hpp"

namespace gantry::os {

// Is the mount that /proc/self/exe was executed from read-only?
Result<bool> own_binary_is_sealed();

// Executes the running program once more, with the same arguments and environment, from a read-only clone of its mount that is
// attached nowhere. To be called early, before anything has been done that must not be done twice, by programs that enter
// containers or become their first process. Returns at once where the binary is sealed already. Needs CAP_SYS_ADMIN. The link
// /proc/self/exe says nothing useful afterwards.
Result<> seal_own_binary();

}  // namespace gantry::os
