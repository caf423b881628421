// OutboxFile: a LedgerFile with an outbox's tables, for tests.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include <tidings/messaging/sqlite/outbox.hpp>

#include "ledger_file.hpp"

namespace tidings::messaging::testing {

class OutboxFile {
 public:
  explicit OutboxFile(std::string file) : ledger_(std::move(file)) {}

  LedgerFile& ledger() { return ledger_; }
  SqliteInbox::Options Options() {
    auto options = ledger_.Options();
    options.prepare = [prepare = options.prepare](sqlite::Database& database) -> Status {
      if (Status made = prepare(database); !made) return made;
      return SqliteOutbox::MakeTables(database);
    };
    return options;
  }
  std::unique_ptr<SqliteInbox> Open(Executor executor) { return ledger_.Open(std::move(executor), Options()); }

  // Impatient, as tests are.
  static OutboxOptions Impatient(LossLedger* losses = nullptr) {
    OutboxOptions options;
    options.poll_every = std::chrono::milliseconds(5);
    options.first_pause = std::chrono::milliseconds(2);
    options.most_pause = std::chrono::milliseconds(20);
    options.tries = 3;
    options.ledger = losses;
    return options;
  }

 private:
  LedgerFile ledger_;
};

}  // namespace tidings::messaging::testing
