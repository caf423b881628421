#include "access.hpp"

#include <utility>

#include <tidings/app/copies.hpp>

namespace tidings::app {

Result<Access> Access::Open(const std::string& folder, Use use) {
  Access access;
  auto local = LocalStore::Open(folder, use);
  if (local) {
    access.local = std::move(*local);
    return access;
  }
  if (local.error().code() != ErrorCode::kUnavailable) return std::unexpected(local.error());
  auto server = ControlClient::Find(folder);
  if (!server) return std::unexpected(server.error());
  access.server = std::move(*server);
  return access;
}

Snapshot::Snapshot(Snapshot&& other) noexcept
    : store_(std::move(other.store_)), copy_(std::exchange(other.copy_, {})) {}

Snapshot::~Snapshot() {
  store_.reset();
  if (copy_.empty()) return;
  RemoveCopyOnSignal("");
  RemoveCopy(copy_);
}

std::string Snapshot::BeginCopy(const std::string& folder) {
  // A copy that another command has asked for is held by nobody for the moment between its making and its opening.
  RemoveLostCopies(folder, std::chrono::minutes(1));
  std::string copy = NameOfCopy(folder);
  RemoveCopyOnSignal(copy);
  return copy;
}

}  // namespace tidings::app
