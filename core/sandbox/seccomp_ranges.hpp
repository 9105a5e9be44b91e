// Makes a seccomp program of libseccomp shorter without changing what it decides.
//
// libseccomp (2.5) has one comparison for each system call that a profile names; a profile of Docker's kind allows nearly all
// of them, in long runs of numbers. The kernel checks, translates and compiles the program anew for every process that installs
// it (kernel/seccomp.c, seccomp_prepare_filter), which is most of what a filter costs a start.
#pragma once

#include <string>

namespace gantry::sandbox {

// program: an array of struct sock_filter. What it does with each number of each architecture is worked out; runs of numbers
// with the same answer become one comparison, and code that looks at arguments is kept as it is. The result is compared with
// the original for every number before it is used. A program that this does not understand comes back unchanged.
std::string shorten_filter(const std::string& program);

}  // namespace gantry::sandbox
