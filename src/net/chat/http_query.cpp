#include "http_query.hpp"

#include <tidings/base/json_mending.hpp>

namespace tidings::net {

Result<json::object> BodyOf(const realtime::HttpRequest& request) {
  const std::string_view type = request.Header("content-type");
  const bool json_type = type.empty() || type.starts_with("application/json") || type.find("+json") != type.npos;
  if (!json_type) {
    return Fail(ErrorCode::kUnsupportedMediaType, "the body must be JSON, with Content-Type: application/json");
  }
  std::string_view text = request.body.empty() ? std::string_view("{}") : std::string_view(request.body);
  std::string mended;
  auto parsed = json::ParseMending(text, mended);
  if (!parsed) return std::unexpected(parsed.error());
  if (!parsed->is_object()) return Fail(ErrorCode::kMalformed, "the body must be a JSON object");
  return std::move(parsed->get_object());
}

Result<std::optional<std::uint64_t>> WholeOf(const realtime::HttpRequest& request, std::string_view name) {
  for (const auto& [key, value] : request.query) {
    if (key != name) continue;
    const auto whole = ParseWhole(value);
    if (!whole) return Fail(ErrorCode::kInvalid, "\"" + std::string(name) + "\" must be a whole number of 0 or more");
    return whole;
  }
  return std::optional<std::uint64_t>();
}

Result<std::size_t> LimitOf(const realtime::HttpRequest& request, std::size_t preset, std::size_t most) {
  auto limit = WholeOf(request, "limit");
  if (!limit) return std::unexpected(limit.error());
  if (!*limit) return preset;
  if (**limit < 1 || **limit > most) {
    return Fail(ErrorCode::kInvalid, "\"limit\" must be from 1 to " + std::to_string(most));
  }
  return static_cast<std::size_t>(**limit);
}

Result<chat::RoomRow> ReadableRoom(chat::Reader& reader, std::string_view room, chat::UserKey user) {
  auto row = reader.FindRoom(room);
  const bool readable =
      row && row->deleted_at == 0 && (row->kind == chat::RoomKind::kPublic || reader.FindMember(row->key, user));
  if (!readable) return Fail(ErrorCode::kNotFound, "there is no such room, or you are not a member of it");
  return std::move(*row);
}

}  // namespace tidings::net
