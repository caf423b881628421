// A crash and a failure at every operation on the disk.
#include <gtest/gtest.h>

#include <cstdlib>

#include "testing/crash_run.hpp"

namespace tidings::sqlite::testing {
namespace {

bool Full() { return std::getenv("TIDINGS_TEST_FULL") != nullptr; }

// Sets a deliberate fault for as long as it lives.
class Planted {
 public:
  explicit Planted(const char* fault) { setenv("TIDINGS_FAULT", fault, 1); }
  ~Planted() { unsetenv("TIDINGS_FAULT"); }
};

// What the first crash does that should not be; `operations` is set to how many there were.
std::string FirstLoss(std::uint64_t seed, std::uint64_t step, std::uint64_t& operations) {
  for (std::uint64_t at = 0;; at += step) {
    CrashRun run(seed + at * 1'000);
    run.disk().CrashAt(at);
    run.Work();
    const bool crashed = run.disk().crashed();
    run.Restart();
    operations = at;
    // And once more while it recovers.
    if (at % 3 == 0) run.CrashWhileOpening(at / 3 % 20);
    if (const auto wrong = run.Verdict()) return "crash at " + std::to_string(at) + ": " + *wrong;
    if (!crashed) return "";
  }
}

TEST(Crash, AtEveryOperationLosesNothingAcknowledged) {
  std::uint64_t operations = 0;
  for (std::uint64_t seed = 1; seed <= (Full() ? 10 : 1); ++seed) EXPECT_EQ(FirstLoss(seed, 1, operations), "");
  std::printf("%lu operations\n", static_cast<unsigned long>(operations));
  EXPECT_GT(operations, 300U) << "the workload does not reach the disk";
}

#ifdef TIDINGS_FAULTS
TEST(Crash, AMissingSyncIsFound) {
  const Planted fault("no-sync");
  std::uint64_t operations = 0;
  const std::string loss = FirstLoss(1, 1, operations);
  EXPECT_NE(loss, "");
  std::printf("%s\n", loss.c_str());
}

TEST(Crash, AnAnswerBeforeTheCommitIsFound) {
  const Planted fault("ack-before-commit");
  std::uint64_t operations = 0;
  const std::string loss = FirstLoss(1, 1, operations);
  EXPECT_NE(loss, "");
  std::printf("%s\n", loss.c_str());
}
#endif

// Where a failure comes, and whether it stays.
void FailEverywhere(FaultDisk::Fate fate, bool lasting, std::uint64_t step) {
  int refused = 0;
  int fatal = 0;
  for (std::uint64_t at = 0;; at += step) {
    SCOPED_TRACE("failure at " + std::to_string(at));
    CrashRun run(7 + at * 1'000);
    run.disk().FailAt(at, fate, lasting);
    run.Work();
    const bool failed = run.disk().failed();
    refused += run.refused_full();
    fatal += run.fatal();
    if (fate == FaultDisk::Fate::kFull) EXPECT_FALSE(run.fatal());
    EXPECT_EQ(run.wrong_answer(), "");
    run.Restart();
    ASSERT_EQ(run.Verdict(), std::nullopt);
    if (!failed && at >= run.disk().operations()) break;
  }
  if (fate == FaultDisk::Fate::kFull) EXPECT_GT(refused, 0);
  if (fate == FaultDisk::Fate::kError) EXPECT_GT(fatal, 0);
}

TEST(FullDisk, OnceAtEveryWriteRefusesAndRecovers) { FailEverywhere(FaultDisk::Fate::kFull, false, Full() ? 1 : 5); }
TEST(FullDisk, FromEveryWriteOnRefusesAndRecovers) { FailEverywhere(FaultDisk::Fate::kFull, true, Full() ? 1 : 5); }
TEST(FailingDisk, OnceAtEveryOperationAnswersNobodyWrongly) {
  FailEverywhere(FaultDisk::Fate::kError, false, Full() ? 1 : 3);
}
TEST(FailingDisk, FromEveryOperationOnAnswersNobodyWrongly) {
  FailEverywhere(FaultDisk::Fate::kError, true, Full() ? 1 : 5);
}

}  // namespace
}  // namespace tidings::sqlite::testing
