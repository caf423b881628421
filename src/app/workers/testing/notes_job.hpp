// NotesJob: a lane's job that can be looked at afterwards.
#pragma once

#include <chrono>
#include <string_view>

#include "worker_kind.hpp"

namespace tidings::app {

inline constexpr std::string_view kNotesSchema =
    "CREATE TABLE IF NOT EXISTS notes (number INTEGER PRIMARY KEY, room TEXT, body TEXT)";

// Writes down what comes; "bad" is no use, "later" fails once.
class NotesJob final : public LaneJob {
 public:
  explicit NotesJob(int& failures) : failures_(failures) {}
  Status Handle(const messaging::Message& piece, LaneUnit& unit) override {
    if (piece.body == "bad") return Fail(ErrorCode::kMalformed, "it is bad");
    if (piece.body == "later" && failures_++ == 0) return Fail(ErrorCode::kInternal, "not yet");
    unit.Write([room = piece.key, body = piece.body](sqlite::Database& database) {
      sqlite::Statement(database, "INSERT INTO notes (room, body) VALUES (?1, ?2)").Execute(room, body);
    });
    return {};
  }
  void Begin() override {}
  messaging::Task<void> End(std::chrono::milliseconds) override { co_return; }

 private:
  int& failures_;
};

}  // namespace tidings::app
