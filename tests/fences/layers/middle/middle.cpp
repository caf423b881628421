#include <tidings/low/low.hpp>
#include <tidings/middle/middle.hpp>

int MiddleSum() { return Low() + Middle(); }
