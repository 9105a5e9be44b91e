#include "base/reference.hpp"
