#include "faults.hpp"

#include <filesystem>

#include <tidings/chat/rebuild.hpp>
#include <tidings/storage/chat/scratch_tables.hpp>

namespace tidings::app {

namespace {

constexpr std::size_t kEventsAtOnce = 1'000;
const std::string kUnfollowed = "the log cannot be followed: ";

// Whether it says nothing of what is stored.
bool FaultOfTheMachine(const sqlite::SqliteFailure& failure) {
  using Cause = sqlite::SqliteFailure::Cause;
  const Cause cause = failure.cause();
  return cause == Cause::kFull || cause == Cause::kIo || cause == Cause::kBusy || cause == Cause::kMemory;
}

// Runs the log through the projection. What stops it is a finding.
void Derive(sqlite::ScratchTables& scratch, Examined& examined, Progress& progress) {
  chat::Rebuild rebuild(scratch.tables(), [&](chat::RoomKey room, chat::Seq seq) { return scratch.Read(room, seq); });
  const chat::Position head = scratch.Head();
  chat::Position after = 0;
  try {
    while (true) {
      const auto events = scratch.ReadAll(after, kEventsAtOnce);
      if (events.empty()) break;
      for (const auto& event : events) rebuild.Apply(event, scratch.RoomId(event.stream));
      after = events.back().position;
      examined.events += events.size();
      rebuild.Flush();
      progress.Tell("deriving from the log", after, head);
    }
    rebuild.Flush();
  } catch (const sqlite::SqliteFailure& failure) {
    if (FaultOfTheMachine(failure)) throw;
    examined.findings.push_back(kUnfollowed + failure.error().message());
  } catch (const eventing::StoreFailure& failure) {
    examined.findings.push_back(kUnfollowed + failure.error().message());
  }
}

}  // namespace

Result<Examined> FindFaults(LocalStore& store, Progress& progress) {
  Examined examined;
  auto damage = store.events().CheckIntegrity(
      [&](std::uint64_t done, std::uint64_t all) { progress.Tell("checking the log", done, all); });
  if (!damage) return std::unexpected(damage.error());
  examined.findings = std::move(*damage);
  // What is derived from a damaged log says nothing.
  if (!examined.findings.empty()) return examined;
  try {
    sqlite::ScratchTables scratch(std::filesystem::path(store.path()).parent_path().string(), store.path());
    Derive(scratch, examined, progress);
    if (!examined.findings.empty()) return examined;
    examined.findings = scratch.Compare(
        [&](std::string_view table, std::uint64_t rows) { progress.Tell("comparing " + std::string(table), rows); });
  } catch (const eventing::StoreFailure& failure) {
    return std::unexpected(failure.error());
  }
  return examined;
}

}  // namespace tidings::app
