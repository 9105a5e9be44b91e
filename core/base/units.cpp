#include "base/units.hpp"
