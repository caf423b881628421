#include <tidings/middle/middle.hpp>

int Unnamed() { return Middle(); }
