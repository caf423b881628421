// What the HTTP calls share: bodies, query parameters, the room that a reader may see.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <tidings/base/bytes.hpp>
#include <tidings/base/json.hpp>
#include <tidings/chat/reader.hpp>
#include <tidings/net/chat/http_api.hpp>

namespace tidings::net {

// The JSON object of the body. kUnsupportedMediaType unless the content type is JSON, or missing.
Result<json::object> BodyOf(const realtime::HttpRequest& request);

// A whole number of the query; nothing if it is not there; kInvalid if it is none.
Result<std::optional<std::uint64_t>> WholeOf(const realtime::HttpRequest& request, std::string_view name);
// ?limit=, from 1 to `most`.
Result<std::size_t> LimitOf(const realtime::HttpRequest& request, std::size_t preset, std::size_t most);

// The room if the caller may read it: members, and anybody a public one. kNotFound otherwise.
Result<chat::RoomRow> ReadableRoom(chat::Reader& reader, std::string_view room, chat::UserKey user);

}  // namespace tidings::net
