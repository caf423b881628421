#include "load/world.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "load/jwt.hpp"
#include "load/scan.hpp"

namespace tidings::bench {
namespace {

std::string UserId(std::uint32_t user) { return "u" + std::to_string(user); }

void Complain(const std::string& what, const HttpAnswer& answer) {
  const auto size = static_cast<int>(std::min<std::size_t>(answer.body.size(), 400));
  std::fprintf(stderr, "bench_load: %s: status %d %.*s\n", what.c_str(), answer.status, size, answer.body.data());
}

}  // namespace

World::World(const Options& options) : options_(options), http_(options.port) {
  if (const char* secret = std::getenv("TIDINGS_JWT_SECRET")) secret_ = secret;
}

std::string World::Token(std::uint32_t user) const { return MintToken(secret_, UserId(user)); }

bool World::CreateRoom(const std::string& id, const std::vector<std::uint32_t>& users) {
  if (!is_tidings()) return true;
  std::string body = "{\"_id\":\"" + id + "\",\"name\":\"" + id + "\",\"kind\":\"group\",\"members\":[";
  for (std::size_t i = 1; i < users.size(); ++i) {
    if (i > 1) body += ",";
    body += "\"" + UserId(users[i]) + "\"";
  }
  body += "]}";
  const HttpAnswer answer = http_.Request("POST", "/api/v1/rooms", Token(users.front()), body);
  if (answer.status == 201 || answer.status == 200) return true;
  Complain("cannot make the room " + id, answer);
  return false;
}

std::string World::Get(const std::string& path, std::uint32_t user) {
  HttpAnswer answer = http_.Get("/api/v1" + path, Token(user));
  if (answer.status == 200) return std::move(answer.body);
  Complain("GET " + path, answer);
  return {};
}

std::uint64_t World::Head(const std::string& room, std::uint32_t user) {
  const std::string body = Get("/rooms/" + room + "/messages?limit=1", user);
  const std::size_t at = body.rfind("\"head\":");
  return at == std::string::npos ? 0 : NumberAt(body, at + 7).value_or(0);
}

}  // namespace tidings::bench
