#include <tidings/high/high.hpp>

int Upward() { return High(); }
