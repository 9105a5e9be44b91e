// toml++ itself, compiled once and into ourselves: the launcher reads a definition at every start and loads no C++ library.
#define TOML_IMPLEMENTATION
#include <toml++/toml.h>
