// OpenOnDisk: an inbox on a disk that fails, for tests.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include <tidings/messaging/sqlite/inbox.hpp>

#include "../../base/sqlite/testing/fault_vfs.hpp"
#include "../testing/task_runner.hpp"

namespace tidings::messaging::testing {

// Two failures are mended in between, a crash is not.
inline Result<std::unique_ptr<SqliteInbox>> OpenOnDisk(TaskRunner& runner, sqlite::testing::FaultDisk& disk,
                                                       const sqlite::testing::FaultVfs& vfs,
                                                       SqliteInbox::Options options) {
  options.vfs = vfs.name();
  options.sync_folder = [&disk](const std::string&) { return disk.SyncFolder(); };
  for (int attempt = 0;; ++attempt) {
    auto opened = SqliteInbox::Open(runner.executor(), options);
    if (opened || disk.crashed() || attempt == 2) return opened;
    disk.Heal();  // an administrator made room, or put in another disk
  }
}

}  // namespace tidings::messaging::testing
