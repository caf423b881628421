#include "owners.hpp"

#include <unistd.h>

namespace tidings::messaging::embedded {
namespace {

// Not the transport's clock, which a test may hold: this is about processes.
std::int64_t MachineNow() { return SystemClock().Steady(); }

}  // namespace

Owners::Owners(sqlite::Database& database, LockFile& locks)
    : locks_(locks),
      insert_(database, "INSERT INTO owners (pid, since, alive_until) VALUES (?, ?, ?) RETURNING id"),
      registered_(database, "SELECT 1 FROM owners WHERE id = ?"),
      beat_(database, "UPDATE owners SET alive_until = ? WHERE id = ?"),
      look_(database, "SELECT id, alive_until FROM owners WHERE id <> ?"),
      remove_(database, "DELETE FROM owners WHERE id = ?") {}

Owners::~Owners() = default;

void Owners::Register(Millis since) {
  if (id_ != 0) locks_.LeaveOwner(id_);
  alive_until_ = MachineNow() + kLife;
  id_ = insert_.Number(static_cast<std::int64_t>(getpid()), since, alive_until_).value_or(0);
  locks_.HoldOwner(id_);
}

bool Owners::Registered() { return registered_.Number(id_).has_value(); }

bool Owners::BeatDue() const { return MachineNow() >= alive_until_ - kLife + kBeatEvery; }

bool Owners::Beat() {
  if (!BeatDue()) return false;
  alive_until_ = MachineNow() + kLife;
  beat_.Execute(alive_until_, id_);
  return true;
}

void Owners::Leave() {
  if (id_ == 0) return;
  Remove(id_);
}

void Owners::Look() {
  others_.clear();
  for (auto rows = look_.Query(id_); rows.Next();) {
    Other other;
    other.id = rows.Int(0);
    other.alive_until = rows.Int(1);
    others_.push_back(other);
  }
}

std::vector<std::int64_t> Owners::Dead() const {
  std::vector<std::int64_t> dead;
  const std::int64_t now = MachineNow();
  for (const Other& other : others_) {
    // One from before the machine's start may have a time to come, but no lock.
    if (other.alive_until < now || !locks_.OwnerLives(other.id)) dead.push_back(other.id);
  }
  return dead;
}

void Owners::Remove(std::int64_t owner) { remove_.Execute(owner); }

}  // namespace tidings::messaging::embedded
