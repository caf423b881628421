// What a queue desk answered, for people.
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include <tidings/base/error.hpp>
#include <tidings/base/json.hpp>

namespace tidings::app {

Status PrintQueueAnswer(const json::object& request, const std::vector<std::string>& lines, std::ostream& out);

}  // namespace tidings::app
