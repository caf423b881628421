// FaultVfs: a VFS for SQLite over the default one that asks a FaultDisk what becomes of each change.
#pragma once

#include <memory>
#include <string>

#include "fault_disk.hpp"

namespace tidings::sqlite::testing {

class FaultVfs {
 public:
  // Registers itself under a name of its own until it is dropped. REQUIRES: `disk` outlives it, and it the databases.
  explicit FaultVfs(FaultDisk& disk);
  ~FaultVfs();
  FaultVfs(const FaultVfs&) = delete;
  FaultVfs& operator=(const FaultVfs&) = delete;

  const std::string& name() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace tidings::sqlite::testing
