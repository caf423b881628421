#include <tidings/auth/secret_file.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include <tidings/base/bytes.hpp>
#include <tidings/base/id.hpp>
#include <tidings/base/log.hpp>

#include "key_file.hpp"

namespace tidings::auth {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kRandomBytes = 32;

std::unexpected<Error> Refuse(const fs::path& file, const std::string& reason) {
  return Fail(ErrorCode::kInvalid, "the secret file " + file.string() + ": " + reason);
}

Result<std::string> Read(const fs::path& file) {
  auto read = ReadKeyFile(file);
  if (!read) return Refuse(file, read.error().message());
  std::string secret = std::move(read->text);
  while (!secret.empty() && (secret.back() == '\n' || secret.back() == '\r')) secret.pop_back();
  const auto bytes = Base64UrlDecode(secret);
  if (!bytes || bytes->size() != kRandomBytes) {
    return Refuse(file,
                  "does not hold a secret of tidings; restore it, or move it away to have a new one made, "
                  "which ends all sessions");
  }
  struct stat status{};
  if (stat(file.c_str(), &status) == 0 && (status.st_mode & 077) != 0) {
    log::Warning("secret_file_is_open_to_others", {{"file", file.string()}, {"remedy", "chmod 600"}});
  }
  return secret;
}

bool WriteSynced(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t size = write(descriptor, text.data(), text.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(size));
  }
  return fsync(descriptor) == 0;
}

bool SyncFolder(const fs::path& folder) {
  const int descriptor = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return false;
  const bool synced = fsync(descriptor) == 0;
  close(descriptor);
  return synced;
}

// Links the finished file to its name, so that nobody sees a part of it and of several makers the first wins.
Status Create(const fs::path& file) {
  char random[kRandomBytes];
  RandomBytes(random, sizeof random);
  const std::string text = Base64UrlEncode(std::string_view(random, sizeof random)) + "\n";
  const fs::path folder = file.has_parent_path() ? file.parent_path() : fs::path(".");
  const fs::path draft = folder / (file.filename().string() + "." + RandomToken(12) + ".tmp");
  const int descriptor = open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (descriptor < 0) return Refuse(file, std::string("cannot be made: ") + std::strerror(errno));
  bool made = fchmod(descriptor, 0600) == 0 && WriteSynced(descriptor, text);
  int reason = errno;
  close(descriptor);
  if (made && link(draft.c_str(), file.c_str()) != 0 && errno != EEXIST) {
    made = false;
    reason = errno;
  }
  unlink(draft.c_str());
  if (made && !SyncFolder(folder)) {
    made = false;
    reason = errno;
  }
  if (!made) return Refuse(file, std::string("cannot be made: ") + std::strerror(reason));
  return {};
}

}  // namespace

Result<std::string> ReadOrCreateSecret(const std::filesystem::path& file) {
  if (std::error_code error; !fs::exists(file, error) && !error) {
    if (auto made = Create(file); !made) return std::unexpected(made.error());
  }
  return Read(file);
}

}  // namespace tidings::auth
