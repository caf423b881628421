// ArchiveJob: one lane's rooms. A line is written to the lane's file with the inbox; later a block of them is appended to the file
// of its room and day and synced, and only then does one commit move the file's end and drop the lines. Killed in between, the
// file has a tail that nobody knows of, which the next append cuts off.
#pragma once

#include "archive/archive_kind.hpp"
#include "archive/archive_rows.hpp"

namespace tidings::app {

class ArchiveJob final : public LaneJob {
 public:
  ArchiveJob(const ArchiveOptions& options, LaneGround ground);

  Status Handle(const messaging::Message& piece, LaneUnit& unit) override;
  void Begin() override;
  messaging::Task<void> End(std::chrono::milliseconds deadline) override;

 private:
  messaging::Task<void> Run();
  // Everything that is due now. A file that fails holds up nothing of the others; the first failure.
  messaging::Task<Status> Work();
  messaging::Task<Status> AppendAll();
  messaging::Task<Status> RedactAll();
  messaging::Task<Status> Append(std::string room, std::string day);
  messaging::Task<Status> Redact(ArchiveRows::Redaction redaction);
  messaging::Task<Status> RedactFile(ArchiveFileRow row, std::string message);
  // What the row says is being rewritten takes its place.
  Status Replace(const ArchiveFileRow& row) const;
  // The same where it may have done so before the lane's last holder ended.
  Status ReplaceIfNotYet(const ArchiveFileRow& row) const;
  // What was under way when the lane's last holder ended.
  messaging::Task<Status> FinishRewriting();
  ArchiveRows& rows() { return ground_.store.database().Slot<ArchiveRows>(); }

  const ArchiveOptions& options_;
  LaneGround ground_;
  messaging::Signal changed_;
  bool running_ = false;
  bool stopping_ = false;
};

}  // namespace tidings::app
