#include <tidings/low/low.hpp>

#include "low_private.hpp"

int LowSum() { return Low() + LowPrivate(); }
