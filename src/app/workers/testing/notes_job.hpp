// NotesKind: a worker whose job can be looked at afterwards.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

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

class NotesKind final : public WorkerKind {
 public:
  explicit NotesKind(int& failures, bool by_number = false) : failures_(failures), by_number_(by_number) {}
  std::string_view name() const override { return "notes"; }
  std::vector<std::string> patterns() const override { return {"#"}; }
  bool by_number() const override { return by_number_; }
  std::string_view schema() const override { return kNotesSchema; }
  std::unique_ptr<LaneJob> MakeJob(LaneGround) override { return std::make_unique<NotesJob>(failures_); }

 private:
  int& failures_;
  bool by_number_;
};

}  // namespace tidings::app
