// The copies that commands have a running server make inside its data folder, to read the store at one moment. They hold
// what may be deleted later, so that none may stay: one goes with its command, or when it is found without one.
#pragma once

#include <chrono>
#include <string>

namespace tidings::app {

// A name that no other copy has.
std::string NameOfCopy(const std::string& data);
// Removes the copy. Nothing happens if there is none.
void RemoveCopy(const std::string& copy);
// From now on the copy goes too if a signal ends this process. One at a time; "" for none.
void RemoveCopyOnSignal(const std::string& copy);
// Removes copies that were not touched for `age` and that nobody holds: a command or the server was killed.
void RemoveLostCopies(const std::string& data, std::chrono::seconds age);

}  // namespace tidings::app
