// Access: how a command gets at a store: by itself, or, where a server runs on the folder, through that server.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "control_client.hpp"
#include "local_store.hpp"

namespace tidings::app {

struct Access {
  static Result<Access> Open(const std::string& folder, Use use);

  // Either of them.
  std::unique_ptr<LocalStore> local;
  std::optional<ControlClient> server;
};

// The store at one moment, for reading: that of the folder, or a copy that the server which runs there makes inside the
// folder. The copy goes with this.
class Snapshot {
 public:
  template <class Tell>
  static Result<Snapshot> Take(const std::string& folder, const Tell& tell) {
    auto access = Access::Open(folder, Use::kRead);
    if (!access) return std::unexpected(access.error());
    if (access->local) return Snapshot(std::move(access->local), "");
    const std::string copy = BeginCopy(folder);
    Snapshot snapshot(nullptr, copy);
    if (auto made = access->server->Backup(copy, tell); !made) return std::unexpected(made.error());
    auto opened = LocalStore::Open(copy, Use::kRead);
    if (!opened) return std::unexpected(opened.error());
    snapshot.store_ = std::move(*opened);
    return snapshot;
  }
  Snapshot(Snapshot&& other) noexcept;
  Snapshot& operator=(Snapshot&&) = delete;
  ~Snapshot();

  LocalStore& store() { return *store_; }

 private:
  Snapshot(std::unique_ptr<LocalStore> store, std::string copy) : store_(std::move(store)), copy_(std::move(copy)) {}
  static std::string BeginCopy(const std::string& folder);
  std::unique_ptr<LocalStore> store_;
  std::string copy_;
};

}  // namespace tidings::app
