#include <tidings/high/high.hpp>
#include <tidings/low/low.hpp>

int HighSum() { return Low() + High(); }
