// Commands about users.
#include "writer.hpp"

#include <tidings/base/json.hpp>

namespace tidings::chat {

Result<Caller> Engine::Writer::Admit(const Bearer& bearer) {
  const UserRow* user = FindUser(bearer.sub);
  if (user != nullptr && !user->username.empty() && !bearer.own_account) {
    return Fail(ErrorCode::kUnauthorized, "this id belongs to an account of this server: log in for its token");
  }
  if (user != nullptr && user->suspended) {
    return Fail(ErrorCode::kUnauthorized, "this user is suspended; ask an administrator");
  }
  if (user == nullptr) {
    user = &EnsureUser(bearer.sub, bearer.name);
  } else if (!bearer.name.empty() && user->name != bearer.name) {
    UserRow renamed = *user;
    renamed.name = bearer.name;
    tables_->UpdateUser(renamed);
    user = &Remember(std::move(renamed));
  }
  return Caller{user->key, user->id, user->name, bearer.admin};
}

Result<Caller> Engine::Writer::Register(const std::string& username, const std::string& hash, const std::string& name) {
  if (tables_->FindUsername(username)) return Fail(ErrorCode::kConflict, "the username is taken");
  UserRow row;
  row.id = Uuid::Random(Now()).Text();
  row.name = name.empty() ? username : name;
  row.username = username;
  row.password_hash = hash;
  row.created_at = Now();
  row.key = tables_->InsertUser(row);
  const UserRow& user = Remember(std::move(row));
  return Caller{user.key, user.id, user.name, false};
}

Result<UserRow> Engine::Writer::FindAccount(const std::string& username) {
  auto row = tables_->FindUsername(username);
  if (!row) return Fail(ErrorCode::kUnauthorized, "the username or the password is wrong");
  return std::move(*row);
}

Result<std::string> Engine::Writer::Suspend(const std::string& user_id, bool suspended) {
  const UserRow* user = FindUser(user_id);
  if (user == nullptr) return Fail(ErrorCode::kNotFound, "there is no such user");
  if (user->suspended != suspended) {
    UserRow changed = *user;
    changed.suspended = suspended;
    tables_->UpdateUser(changed);
    user = &Remember(std::move(changed));
    if (suspended) live_->suspended.push_back(user->key);
  }
  std::string out;
  json::ObjectWriter(out).Text("_id", user->id).Bool("suspended", user->suspended).End();
  return out;
}

Result<std::string> Engine::Writer::AddUser(const std::string& user_id, const std::string& name) {
  if (FindUser(user_id) != nullptr) return Fail(ErrorCode::kConflict, "there is such a user already");
  const UserRow& user = EnsureUser(user_id, name);
  std::string out;
  json::ObjectWriter(out).Text("_id", user.id).Text("name", user.name).End();
  return out;
}

Result<bool> Engine::Writer::SetLastSeen(const std::vector<std::pair<UserKey, Millis>>& users) {
  for (const auto& [key, at] : users) {
    const UserRow* user = FindUser(key);
    if (user == nullptr || user->last_seen >= at) continue;
    UserRow changed = *user;
    changed.last_seen = at;
    tables_->UpdateUser(changed);
    Remember(std::move(changed));
  }
  return true;
}

}  // namespace tidings::chat
