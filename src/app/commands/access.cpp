#include "access.hpp"

#include <filesystem>

#include <tidings/base/id.hpp>

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
  std::error_code ignored;
  if (!copy_.empty()) std::filesystem::remove_all(copy_, ignored);
}

std::string Snapshot::NameOfCopy(const std::string& folder) {
  return std::filesystem::absolute(folder).lexically_normal().string() + "/copy-" + RandomToken(12);
}

}  // namespace tidings::app
