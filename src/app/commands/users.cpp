// Users and accounts.
#include <tidings/app/commands.hpp>
#include <tidings/auth/jwt.hpp>
#include <tidings/auth/password.hpp>
#include <tidings/base/bytes.hpp>
#include <tidings/base/json.hpp>
#include <tidings/chat/draft.hpp>
#include <tidings/storage/chat/sqlite_reader.hpp>

#include "access.hpp"

namespace tidings::app {

namespace {

constexpr std::size_t kUsersAtOnce = 200;

struct Checked {
  std::string id;
  std::string name;
  std::string username;
  std::string password_hash;
};

Result<Checked> Check(const NewUser& user) {
  Checked checked;
  auto name = chat::CheckName(user.name, chat::Limits{});
  if (!name) return std::unexpected(name.error());
  checked.name = *name;
  if (user.username.empty()) {
    if (user.id.empty()) {
      return Fail(ErrorCode::kInvalid, "name the ID of an application's user, or --username for an account");
    }
    if (!auth::IsUserId(user.id)) {
      return Fail(ErrorCode::kInvalid, "'" + user.id + "' is no user id: 1 to 128 characters, no control characters");
    }
    checked.id = user.id;
    return checked;
  }
  if (!user.id.empty()) {
    return Fail(ErrorCode::kInvalid, "the id of an account is made by the store; name a user id or --username");
  }
  auto username = auth::NormalizeUsername(user.username);
  if (!username) return std::unexpected(username.error());
  checked.username = *username;
  if (auto fine = auth::CheckPassword(user.password); !fine) return std::unexpected(fine.error());
  auto hash = auth::HashPassword(user.password);
  if (!hash) return std::unexpected(hash.error());
  checked.password_hash = *hash;
  return checked;
}

// The new user's id.
Result<std::string> AddThrough(ControlClient& server, const Checked& user) {
  std::string body;
  json::ObjectWriter writer(body);
  if (user.username.empty()) {
    writer.Text("_id", user.id);
  } else {
    writer.Text("username", user.username).Text("passwordHash", user.password_hash);
  }
  writer.Text("name", user.name).End();
  const auto made = server.Post(user.username.empty() ? "/control/users" : "/control/accounts", body);
  if (!made) return std::unexpected(made.error());
  return json::RequiredText(*made, "_id");
}

Result<std::string> AddTo(LocalStore& store, const Checked& user) {
  if (user.username.empty()) {
    auto made = store.Ask<std::string>(
        [&](chat::Engine& engine, auto done) { engine.AddUser(user.id, user.name, std::move(done)); });
    if (!made) return made;
    return user.id;
  }
  auto made = store.Ask<chat::Caller>([&](chat::Engine& engine, auto done) {
    engine.Register(user.username, user.password_hash, user.name, std::move(done));
  });
  if (!made) return std::unexpected(made.error());
  return made->id;
}

void Print(std::ostream& out, std::string_view id, std::string_view name, std::string_view username, bool suspended) {
  out << id << '\t' << name;
  if (!username.empty()) out << "\tusername=" << username;
  if (suspended) out << "\tsuspended";
  out << '\n';
}

Status ListFrom(LocalStore& store, std::ostream& out) {
  std::string cursor;
  try {
    while (true) {
      std::vector<chat::UserRow> users;
      store.events().readers().ReadNow([&](sqlite::Database& database) {
        users = database.Slot<sqlite::SqliteReader>().Users("", cursor, kUsersAtOnce);
      });
      for (const auto& user : users) Print(out, user.id, user.name, user.username, user.suspended);
      if (users.size() < kUsersAtOnce) return {};
      cursor = users.back().id;
    }
  } catch (const eventing::StoreFailure& failure) {
    return std::unexpected(failure.error());
  }
}

std::string Escape(std::string_view text) {
  constexpr std::string_view kPlain = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-._~";
  std::string out;
  for (const char c : text) {
    if (kPlain.contains(c)) {
      out += c;
    } else {
      out += '%' + HexEncode({&c, 1});
    }
  }
  return out;
}

Status ListThrough(ControlClient& server, std::ostream& out) {
  std::string cursor;
  while (true) {
    const auto page = server.Get("/control/users?cursor=" + Escape(cursor));
    if (!page) return std::unexpected(page.error());
    const auto* users = page->if_contains("users");
    if (users == nullptr || !users->is_array()) return Fail(ErrorCode::kInternal, "the server's answer makes no sense");
    for (const auto& entry : users->get_array()) {
      if (!entry.is_object()) continue;
      const auto& user = entry.get_object();
      const auto text = [&](std::string_view key) {
        const auto found = json::OptionalText(user, key);
        return found ? found->value_or("") : std::string();
      };
      const auto suspended = json::OptionalBool(user, "suspended");
      Print(out, text("_id"), text("name"), text("username"), suspended && suspended->value_or(false));
    }
    const auto next = json::OptionalText(*page, "next");
    if (!next || !*next) return {};
    cursor = **next;
  }
}

}  // namespace

Status AddUser(const Config& config, const NewUser& user, std::ostream& out) {
  const auto checked = Check(user);
  if (!checked) return std::unexpected(checked.error());
  auto access = Access::Open(config.data, Use::kMake);
  if (!access) return std::unexpected(access.error());
  const auto id = access->local ? AddTo(*access->local, *checked) : AddThrough(*access->server, *checked);
  if (!id) return std::unexpected(id.error());
  out << *id << '\n';
  return {};
}

Status ListUsers(const Config& config, std::ostream& out) {
  auto access = Access::Open(config.data, Use::kRead);
  if (!access) return std::unexpected(access.error());
  return access->local ? ListFrom(*access->local, out) : ListThrough(*access->server, out);
}

Status SuspendUser(const Config& config, const std::string& id, bool suspended, std::ostream& out) {
  auto access = Access::Open(config.data, Use::kChange);
  if (!access) return std::unexpected(access.error());
  Status done;
  if (access->local) {
    const auto changed = access->local->Ask<std::string>(
        [&](chat::Engine& engine, auto answer) { engine.Suspend(id, suspended, std::move(answer)); });
    if (!changed) done = std::unexpected(changed.error());
  } else {
    std::string body;
    json::ObjectWriter(body).Text("_id", id).Bool("suspended", suspended).End();
    const auto changed = access->server->Post("/control/suspend", body);
    if (!changed) done = std::unexpected(changed.error());
  }
  if (!done) return done;
  out << id << (suspended ? " is suspended" : " is restored") << '\n';
  return {};
}

}  // namespace tidings::app
