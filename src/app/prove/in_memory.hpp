// The proof on the memory transport: within this process, where a kill ends a transport in the middle of what it does.
#pragma once

#include <functional>
#include <string>

#include <tidings/app/prove.hpp>

namespace tidings::app {

void ProveInMemory(const ProveOptions& options, const std::string& folder,
                   const std::function<void(const std::string&)>& tell);

}  // namespace tidings::app
