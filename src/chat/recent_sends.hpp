// RecentSends: which message a sender's clientMessageId named, without a page written for each of them.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <tidings/chat/tables.hpp>
#include <tidings/eventing/event_store.hpp>

namespace tidings::chat {

// A send stands in the log, so its row may come later: the latest wait here, and each commit moves some of them into the
// table, in the order of its rows, so that those of many senders share pages. A mark beside the table tells up to which
// position all rows are there; what lies past it is read from the log after a start. Writer's thread.
class RecentSends {
 public:
  static constexpr std::size_t kKept = 2'048;    // that wait, but for those of the running commit
  static constexpr std::size_t kMoved = 16;      // by a commit, whatever waits
  static constexpr Position kMostPast = 16'384;  // events past the mark, at which it is hurried

  explicit RecentSends(SendTable& table) : table_(table) {}

  std::optional<Position> Find(eventing::Transaction& transaction, UserKey sender, std::string_view client_id);
  // REQUIRES: Find said that it is new, in the same commit.
  void Put(UserKey sender, std::string_view client_id, Position position);
  // At the end of each commit. Writes only if the log has grown.
  void Settle(eventing::Transaction& transaction);
  // After a rollback.
  void Forget();

  std::size_t waiting() const { return waiting_.size(); }

 private:
  using Key = std::pair<UserKey, std::string>;

  void Load(eventing::Transaction& transaction);
  void Move(std::size_t most);
  void Mark(Position position);

  SendTable& table_;
  std::map<Key, Position> waiting_;
  bool loaded_ = false;
  Position mark_ = 0;
  Position seen_ = 0;  // the log's head when last settled
  // The waiting ones are moved in rounds: those at or below `round_` were there when this one began.
  Position round_ = 0;
  Key next_;
};

}  // namespace tidings::chat
