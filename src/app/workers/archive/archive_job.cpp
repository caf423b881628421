#include "archive/archive_job.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <set>

#include <tidings/base/log.hpp>

#include "archive/archive_file.hpp"
#include "archive/archive_numbers.hpp"
#include "folder.hpp"

namespace tidings::app {
namespace {

using messaging::Task;
using namespace std::chrono_literals;

// A block is written when it has so many lines, or the oldest has waited for Options::gather.
constexpr std::uint64_t kBlockLines = 2'000;
constexpr std::size_t kMostBlock = 1024 * 1024;
constexpr auto kLookForDaysEvery = 1s;
constexpr auto kAfterFailure = 5s;

constexpr std::string_view kOfMessages = "message.";

std::filesystem::path PartOf(const std::filesystem::path& file) { return file.string() + ".part"; }

// Then nothing else will do better.
bool NoRoom(const Status& status) { return !status && status.error().code() == ErrorCode::kStorageFull; }

// Of a file that another failed to take the place of.
Status Unfinished(const std::filesystem::path& file) {
  return Fail(ErrorCode::kInternal, file.string() + " is being written anew, and that could not be finished");
}

}  // namespace

std::string_view ArchiveKind::schema() const { return kArchiveSchema; }

std::unique_ptr<LaneJob> ArchiveKind::MakeJob(LaneGround ground) {
  return std::make_unique<ArchiveJob>(options_, std::move(ground));
}

ArchiveJob::ArchiveJob(const ArchiveOptions& options, LaneGround ground)
    : options_(options), ground_(std::move(ground)), changed_(ground_.executor) {}

Status ArchiveJob::Handle(const messaging::Message& piece, LaneUnit& unit) {
  if (!piece.type.starts_with(kOfMessages)) {
    const auto seq = piece.headers.Number(kNumberHeader).value_or(0);
    if (Status checked = CheckEvent(piece); !checked) return checked;
    unit.Write(
        [room = KeyOf(piece), seq](sqlite::Database& database) { database.Slot<ArchiveNumbers>().Add(room, seq); });
    return {};
  }
  auto line = MakeArchiveLine(piece);
  if (!line) return std::unexpected(line.error());
  unit.Write([line = std::move(*line), now = ground_.timers.Now()](sqlite::Database& database) {
    auto& rows = database.Slot<ArchiveRows>();
    rows.Add(line, now);
    database.Slot<ArchiveNumbers>().Add(line.room, line.seq);
    if (line.deletes) rows.Redact(line.room, line.message, line.created);
  });
  return {};
}

void ArchiveJob::Begin() {
  running_ = true;
  boost::asio::co_spawn(ground_.executor, Run(), boost::asio::detached);
}

Task<void> ArchiveJob::End(std::chrono::milliseconds) {
  stopping_ = true;
  changed_.NotifyAll();
  // A step of it takes no longer than writing a block.
  while (running_) co_await changed_.WaitFor(ground_.timers, 1s);
}

Task<void> ArchiveJob::Run() {
  while (!stopping_) {
    Status worked;
    try {
      worked = co_await Work();
    } catch (const StoreFailure& failure) {
      worked = std::unexpected(failure.error());
    }
    if (!worked) log::Err("archive_not_written", {{"reason", worked.error().message()}});
    if (!stopping_) co_await changed_.WaitFor(ground_.timers, worked ? kLookForDaysEvery : kAfterFailure);
  }
  running_ = false;
  changed_.NotifyAll();
}

Task<Status> ArchiveJob::Work() {
  // Before anything is appended: where the file ends is not known else.
  Status finished = co_await FinishRewriting();
  if (NoRoom(finished)) co_return finished;
  Status appended = co_await AppendAll();
  if (NoRoom(appended)) co_return appended;
  Status redacted = co_await RedactAll();
  if (!finished) co_return finished;
  co_return appended ? redacted : appended;
}

Task<Status> ArchiveJob::AppendAll() {
  Status worked;
  std::set<std::pair<std::string, std::string>> failed;
  for (bool more = true; more && !stopping_;) {
    more = false;
    for (const auto& each : rows().Due(kBlockLines, ground_.timers.Now() - options_.gather.count())) {
      if (stopping_) break;
      if (failed.contains(each)) continue;
      Status appended = co_await Append(each.first, each.second);
      if (NoRoom(appended)) co_return appended;
      if (!appended) failed.insert(each);
      if (worked) worked = appended;
      more = true;
    }
  }
  co_return worked;
}

Task<Status> ArchiveJob::RedactAll() {
  Status worked;
  for (std::int64_t after = 0; !stopping_;) {
    auto redaction = rows().NextRedaction(after);
    if (!redaction) break;
    after = redaction->number;
    Status redacted = co_await Redact(std::move(*redaction));
    if (NoRoom(redacted)) co_return redacted;
    if (worked) worked = redacted;
  }
  co_return worked;
}

Task<Status> ArchiveJob::Append(std::string room, std::string day) {
  const ArchivePending pending = rows().Pending(room, day, kMostBlock);
  if (pending.lines == 0) co_return Status();
  ArchiveFileRow row = rows().File(room, day);
  const std::filesystem::path file = ArchiveFile(options_.data, room, day);
  if (row.rewriting != 0) co_return Unfinished(file);
  ArchiveBlock block;
  block.first = pending.first;
  block.last = pending.last;
  block.lines = pending.lines;
  block.after = row.last;
  block.text = pending.text;
  const std::string bytes = PackBlock(block);
  if (Status written = AppendAt(file, row.bytes, bytes); !written) co_return written;
  row.bytes += bytes.size();
  row.lines += pending.lines;
  row.last = pending.last;
  co_return co_await ground_.store.Write(
      [row, up_to = pending.up_to](sqlite::Database& database) { database.Slot<ArchiveRows>().Written(row, up_to); });
}

Task<Status> ArchiveJob::Redact(ArchiveRows::Redaction redaction) {
  // Lines of the message that are in no file are without it already, so what is appended meanwhile needs no look.
  Status worked;
  for (ArchiveFileRow& row : rows().FilesFrom(redaction.room, redaction.from_day)) {
    // A room may have many; others are on this thread too.
    co_await boost::asio::post(ground_.executor, boost::asio::use_awaitable);
    if (stopping_) co_return worked;
    Status redacted = co_await RedactFile(std::move(row), redaction.message);
    if (NoRoom(redacted)) co_return redacted;
    if (worked) worked = redacted;
  }
  if (!worked) co_return worked;
  co_return co_await ground_.store.Write([redaction = std::move(redaction)](sqlite::Database& database) {
    database.Slot<ArchiveRows>().Redacted(redaction.room, redaction.message);
  });
}

Task<Status> ArchiveJob::RedactFile(ArchiveFileRow row, std::string message) {
  const std::filesystem::path file = ArchiveFile(options_.data, row.room, row.day);
  if (row.rewriting != 0) co_return Unfinished(file);
  auto read = ReadFile(file);
  if (!read) co_return std::unexpected(read.error());
  auto& bytes = *read;
  if (!bytes || bytes->size() < row.bytes)
    co_return Fail(ErrorCode::kInternal, file.string() + " is shorter than it was");
  bytes->resize(row.bytes);
  auto blocks = UnpackBlocks(*bytes);
  if (!blocks) co_return std::unexpected(blocks.error().Within(file.string()));
  std::string fresh;
  bool changed = false;
  for (ArchiveBlock& block : *blocks) {
    std::string text;
    bool block_changed = false;
    for (std::string_view rest = block.text; !rest.empty();) {
      const std::string_view line = rest.substr(0, rest.find('\n') + 1);
      rest.remove_prefix(line.size());
      const auto redacted = line.contains(message) ? RedactLine(line, message) : std::nullopt;
      block_changed |= redacted.has_value();
      text += redacted ? std::string_view(*redacted) : line;
    }
    changed |= block_changed;
    block.text = std::move(text);
    fresh += block_changed ? PackBlock(block) : bytes->substr(block.at, block.size);
  }
  if (!changed) co_return Status();
  if (Status written = AppendAt(PartOf(file), 0, fresh); !written) co_return written;
  row.rewriting = fresh.size();
  const auto note = [](sqlite::Database& database, const ArchiveFileRow& noted) {
    database.Slot<ArchiveRows>().Rewrite(noted);
  };
  Status noted = co_await ground_.store.Write([note, row](sqlite::Database& database) { note(database, row); });
  if (!noted) co_return noted;
  if (Status replaced = Replace(row); !replaced) co_return replaced;
  row.bytes = std::exchange(row.rewriting, 0);
  co_return co_await ground_.store.Write([note, row](sqlite::Database& database) { note(database, row); });
}

Status ArchiveJob::Replace(const ArchiveFileRow& row) const {
  const std::filesystem::path file = ArchiveFile(options_.data, row.room, row.day);
  return RenameDurably(PartOf(file), file);
}

Status ArchiveJob::ReplaceIfNotYet(const ArchiveFileRow& row) const {
  const std::filesystem::path file = ArchiveFile(options_.data, row.room, row.day);
  const std::filesystem::path part = PartOf(file);
  std::error_code error;
  const bool there = std::filesystem::exists(part, error);
  if (error) return Fail(ErrorCode::kUnavailable, "cannot look for " + part.string() + ": " + error.message());
  if (there) return Replace(row);
  const auto bytes = ReadFile(file);
  if (!bytes) return std::unexpected(bytes.error());
  if (!*bytes || (*bytes)->size() != row.rewriting || !UnpackBlocks(**bytes)) {
    return Fail(ErrorCode::kInternal, file.string() + " was being written anew, and is not what was written, nor is " +
                                          part.string() + " there; restore one of them from a copy");
  }
  return SyncFolder(file.parent_path());
}

Task<Status> ArchiveJob::FinishRewriting() {
  Status worked;
  for (ArchiveFileRow& row : rows().Rewriting()) {
    Status finished = ReplaceIfNotYet(row);
    if (finished) {
      row.bytes = std::exchange(row.rewriting, 0);
      finished = co_await ground_.store.Write(
          [row](sqlite::Database& database) { database.Slot<ArchiveRows>().Rewrite(row); });
    }
    if (NoRoom(finished)) co_return finished;
    if (worked) worked = finished;
  }
  co_return worked;
}

}  // namespace tidings::app
