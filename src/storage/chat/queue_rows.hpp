// The rows of the embedded queues.
#pragma once

#include <optional>

#include <tidings/base/sqlite/database.hpp>
#include <tidings/chat/queue_rows.hpp>

namespace tidings::sqlite {

// For Database::Slot of the writer's connection.
class QueueWrites {
 public:
  explicit QueueWrites(Database& database);
  void Put(const chat::QueueChanges& changes);

 private:
  void Remove(chat::QueueKey queue);

  Statement remove_queue_;
  Statement remove_bindings_;
  Statement remove_entries_;
  Statement remove_entry_;
  Statement put_exchange_;
  Statement put_queue_;
  Statement put_binding_;
  Statement put_entry_;
};

// Questions, prepared anew each time: they are rare.
chat::QueueRows AllQueues(Database& database);
std::optional<chat::EntryRow> FindEntry(Database& database, chat::QueueKey queue, chat::QueuePlace place);
chat::TypeCounts CountTypes(Database& database, chat::Position after, chat::Position upto, std::size_t limit);

}  // namespace tidings::sqlite
