#include "low_private.hpp"

int Peeking() { return LowPrivate(); }
