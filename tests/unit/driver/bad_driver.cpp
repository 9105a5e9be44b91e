// One deliberately bad driver per BAD_* definition (see CMakeLists.txt); create() proves by its exit that it was called.
#include "gantry/driver/abi.hpp"

#include <unistd.h>

namespace {
void* create(const gantry::driver::HostContext*) {
#ifdef BAD_CREATE
    return nullptr;
#else
    _exit(99);  // the loader must never get here
#endif
}
}  // namespace

#ifndef MAGIC
#define MAGIC GANTRY_DRIVER_MAGIC
#endif
#ifndef SIZE
#define SIZE sizeof(gantry_driver_descriptor)
#endif
#ifndef MAJOR
#define MAJOR GANTRY_DRIVER_ABI_MAJOR
#endif
#ifndef MINOR
#define MINOR GANTRY_DRIVER_ABI_MINOR
#endif
#ifndef KIND
#define KIND GANTRY_DRIVER_STORAGE
#endif
#ifndef VERSION
#define VERSION "1"
#endif
#ifndef CREATE
#define CREATE create
#endif

#define EXPORT extern "C" __attribute__((visibility("default"), used))

#if defined(NO_SYMBOL)
EXPORT const int something_else = 1;
#elif defined(A_FUNCTION)
EXPORT int gantry_driver() { return 1; }
#elif defined(SHORT_SYMBOL)
EXPORT const unsigned long long gantry_driver = GANTRY_DRIVER_MAGIC;
#else
extern "C" __attribute__((visibility("default"))) const gantry_driver_descriptor gantry_driver;
const gantry_driver_descriptor gantry_driver = {MAGIC, SIZE, MAJOR, MINOR, KIND, NAME, VERSION, CREATE};
#endif

#ifdef UNRESOLVED
extern "C" void gantry_test_nobody_defines_this();
EXPORT void call_it() { gantry_test_nobody_defines_this(); }
#endif
