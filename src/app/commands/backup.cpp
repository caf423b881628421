#include <tidings/app/commands.hpp>

#include <filesystem>

#include "access.hpp"
#include "progress.hpp"

namespace tidings::app {

namespace {

// The secret goes with the store, so that tokens of its own accounts are good at the copy too.
Status CopySecret(const std::string& from, const std::string& to) {
  const auto secret = std::filesystem::path(from) / "token.secret";
  std::error_code failure;
  if (!std::filesystem::exists(secret, failure)) return {};
  std::filesystem::copy_file(secret, std::filesystem::path(to) / "token.secret", failure);
  if (failure)
    return Fail(ErrorCode::kInternal, "the store is copied, but not " + secret.string() + ": " + failure.message());
  return {};
}

}  // namespace

Status Backup(const Config& config, const std::string& folder, std::ostream& out) {
  if (folder.empty())
    return Fail(ErrorCode::kInvalid, "the folder of the copy has no name; name one that is not there yet");
  std::error_code failure;
  const auto whole = std::filesystem::absolute(folder, failure);
  if (failure) return Fail(ErrorCode::kInternal, "cannot tell where " + folder + " is: " + failure.message());
  const std::string target = whole.lexically_normal().string();
  Progress progress;
  const auto tell = [&](std::uint64_t done, std::uint64_t all) { progress.Tell("copying pages", done, all); };
  auto access = Access::Open(config.data, Use::kChange);
  if (!access) return std::unexpected(access.error());
  const Status copied =
      access->local ? access->local->events().Backup(target, tell) : access->server->Backup(target, tell);
  progress.Clear();
  if (!copied) return copied;
  if (auto with_secret = CopySecret(config.data, target); !with_secret) return with_secret;
  out << "the store is copied to " << target << "; start a server on it with --data\n";
  return {};
}

}  // namespace tidings::app
