// Accounts and users.
#include <tidings/auth/password.hpp>

#include "http_query.hpp"
#include "password_thread.hpp"

namespace tidings::net {

namespace {

std::string UserJson(std::string_view id, std::string_view name) {
  std::string out;
  json::ObjectWriter(out).Text("_id", id).Text("name", name).End();
  return out;
}

Error Busy() { return Error(ErrorCode::kUnavailable, "too many logins are under way; try again"); }

// What a login or a registration brings.
struct Credentials {
  std::string username;
  std::string password;
  std::string name;
};

Result<Credentials> CredentialsOf(const realtime::HttpRequest& request) {
  auto body = BodyOf(request);
  if (!body) return std::unexpected(body.error());
  auto username = json::RequiredText(*body, "username");
  if (!username) return std::unexpected(username.error());
  auto password = json::RequiredText(*body, "password");
  if (!password) return std::unexpected(password.error());
  auto name = json::OptionalText(*body, "name");
  if (!name) return std::unexpected(name.error());
  return Credentials{std::move(*username), std::move(*password), name->value_or("")};
}

// {user, token}
Result<std::string> Grant(const ChatServices& services, const std::string& id, const std::string& name) {
  auth::Grant grant;
  grant.sub = id;
  grant.name = name;
  grant.ttl = std::chrono::duration_cast<std::chrono::seconds>(services.settings.token_lifetime);
  auto token = services.keys.Sign(grant, services.clock.Now(), auth::Signer::kInternal);
  if (!token) return std::unexpected(token.error());
  std::string out;
  json::ObjectWriter(out).Raw("user", UserJson(id, name)).Text("token", *token).End();
  return out;
}

}  // namespace

void HttpApi::Register(HttpCall call) {
  if (!services_.settings.registration) {
    return call.Refuse(Error(ErrorCode::kForbidden, "registration is off; your application makes the accounts"));
  }
  auto credentials = CredentialsOf(call.request);
  if (!credentials) return call.Refuse(credentials.error());
  auto username = auth::NormalizeUsername(credentials->username);
  if (!username) return call.Refuse(username.error());
  if (auto fine = auth::CheckPassword(credentials->password); !fine) return call.Refuse(fine.error());
  auto name = chat::CheckName(credentials->name, services_.settings.limits);
  if (!name) return call.Refuse(name.error());
  auto shared = LoopShared(services_.loop, std::move(call));
  const bool queued =
      passwords_->Submit([this, shared, username = *username, name = *name, password = credentials->password] {
        auto hash = auth::HashPassword(password);
        services_.loop.Post([this, shared, username, name, hash = std::move(hash)]() mutable {
          if (!hash) return shared->Refuse(hash.error());
          services_.engine.Register(username, std::move(*hash), name,
                                    OnLoop<chat::Caller>(services_.loop, [this, shared](Result<chat::Caller> made) {
                                      if (!made) return shared->Refuse(made.error());
                                      shared->Answer(Grant(services_, made->id, made->name), 201);
                                    }));
        });
      });
  if (!queued) shared->Refuse(Busy());
}

void HttpApi::Login(HttpCall call) {
  auto credentials = CredentialsOf(call.request);
  if (!credentials) return call.Refuse(credentials.error());
  auto username = auth::NormalizeUsername(credentials->username);
  if (username) {
    if (auto allowed = gate_.AllowAccount(*username); !allowed) return call.Refuse(allowed.error());
  }
  auto shared = LoopShared(services_.loop, std::move(call));
  services_.engine.FindAccount(
      username ? *username : std::string(),
      OnLoop<chat::UserRow>(
          services_.loop, [this, shared, password = credentials->password](Result<chat::UserRow> row) {
            if (!row && row.error().code() != ErrorCode::kUnauthorized) return shared->Refuse(row.error());
            // The hash is compared for unknown names too, so that the time tells nothing.
            chat::UserRow user = row ? std::move(*row) : chat::UserRow();
            const bool queued = passwords_->Submit([this, shared, password, user = std::move(user)] {
              const bool right = auth::VerifyPassword(user.password_hash, password);
              services_.loop.Post([this, shared, right, user] {
                if (!right) {
                  return shared->Refuse(Error(ErrorCode::kUnauthorized, "the username or the password is wrong"));
                }
                if (user.suspended) return shared->Refuse(Error(ErrorCode::kForbidden, "this user is suspended"));
                shared->Answer(Grant(services_, user.id, user.name));
              });
            });
            if (!queued) shared->Refuse(Busy());
          }));
}

void HttpApi::Me(HttpCall call) {
  std::string out;
  json::ObjectWriter(out)
      .Text("_id", call.caller->id)
      .Text("name", call.caller->name)
      .Bool("admin", call.caller->admin)
      .End();
  call.Succeed(out);
}

void HttpApi::ListUsers(HttpCall call) {
  auto limit = LimitOf(call.request, 50, 200);
  if (!limit) return call.Refuse(limit.error());
  auto shared = LoopShared(services_.loop, std::move(call));
  ReadThen<std::vector<chat::UserRow>>(
      services_,
      [shared, limit = *limit](chat::Reader& reader) -> Result<std::vector<chat::UserRow>> {
        return reader.Users(shared->request.Query("q"), shared->request.Query("cursor"), limit + 1);
      },
      [shared, limit = *limit](Result<std::vector<chat::UserRow>> users) {
        if (!users) return shared->Refuse(users.error());
        const bool more = users->size() > limit;
        if (more) users->pop_back();
        std::string out = "[";
        for (const chat::UserRow& user : *users) {
          if (out.size() > 1) out += ',';
          out += UserJson(user.id, user.name);
        }
        shared->SucceedList(out + ']', more ? std::string_view(users->back().id) : std::string_view());
      });
}

void HttpApi::GetUser(HttpCall call) {
  const std::string id = call.path[1];
  AnswerRead(std::move(call), [id](chat::Reader& reader) -> Result<std::string> {
    const auto user = reader.FindUser(id);
    if (!user) return Fail(ErrorCode::kNotFound, "there is no such user");
    return UserJson(user->id, user->name);
  });
}

void HttpApi::AddUser(HttpCall call) {
  if (!call.caller->admin) return call.Refuse(Error(ErrorCode::kForbidden, "this needs a token with the scope admin"));
  auto body = BodyOf(call.request);
  if (!body) return call.Refuse(body.error());
  auto id = json::RequiredText(*body, "_id");
  if (!id) return call.Refuse(id.error());
  if (!auth::IsUserId(*id)) return call.Refuse(Error(ErrorCode::kInvalid, "\"_id\" is no user id"));
  auto name = json::OptionalText(*body, "name");
  if (!name) return call.Refuse(name.error());
  auto checked = chat::CheckName(name->value_or(""), services_.settings.limits);
  if (!checked) return call.Refuse(checked.error());
  services_.engine.AddUser(*id, *checked, Answering(std::move(call)));
}

void HttpApi::Suspend(HttpCall call) {
  if (!call.caller->admin) return call.Refuse(Error(ErrorCode::kForbidden, "this needs a token with the scope admin"));
  const std::string id = call.path[2];
  services_.engine.Suspend(id, true, Answering(std::move(call)));
}

void HttpApi::Restore(HttpCall call) {
  if (!call.caller->admin) return call.Refuse(Error(ErrorCode::kForbidden, "this needs a token with the scope admin"));
  const std::string id = call.path[2];
  services_.engine.Suspend(id, false, Answering(std::move(call)));
}

}  // namespace tidings::net
