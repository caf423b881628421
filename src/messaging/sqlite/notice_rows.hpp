// NoticeRows: publish/subscribe over the file, for processes that share it. A notice is a row for a little while, which every
// process with subscribers reads once.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <tidings/base/sqlite/database.hpp>
#include <tidings/messaging/pub_sub.hpp>

#include "outbox.hpp"

namespace tidings::messaging::embedded {

// One thread, within a transaction that writes; all throw SqliteFailure.
class NoticeRows {
 public:
  // Rows that are kept for those who read late; one that is later than that finds a gap.
  static constexpr std::int64_t kKept = 4'096;
  using Out = std::vector<std::pair<SubscriptionId, Notice>>;

  explicit NoticeRows(sqlite::Database& database);

  // From the file, for this owner, after a rollback too.
  void Load(std::int64_t owner);
  // All subscriptions again, for another owner: those of the old one are gone, and what came meanwhile may be.
  void Register(std::int64_t owner);
  bool HasSubscriptions() const { return !subscriptions_.empty(); }

  void Subscribe(SubscriptionId subscription, const std::set<std::string>& topics);
  void Unsubscribe(SubscriptionId subscription);
  // How many subscriptions it goes to, of all processes.
  std::size_t Publish(const std::string& topic, const Message& message);
  // What came since the last call goes to this owner's subscriptions: by others, and by this transaction.
  void SeeOthers(Out& out) { Read(out); }
  void SeeOwn(Out& out);
  // What was read is on its way; until then a rollback has it read again.
  void Committed() { committed_up_to_ = read_up_to_; }

 private:
  void Read(Out& out);

  sqlite::Statement load_;
  sqlite::Statement subscribe_;
  sqlite::Statement unsubscribe_;
  sqlite::Statement count_;
  sqlite::Statement insert_;
  sqlite::Statement trim_;
  sqlite::Statement read_;
  sqlite::Statement first_;
  sqlite::Statement last_;
  std::int64_t owner_ = 0;
  std::map<SubscriptionId, std::set<std::string>> subscriptions_;
  std::int64_t read_up_to_ = 0;
  std::int64_t committed_up_to_ = 0;
  bool published_ = false;
  bool gap_ = false;
};

}  // namespace tidings::messaging::embedded
