#include "webhook/endpoint.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <tidings/base/json.hpp>
#include <tidings/base/log.hpp>
#include <tidings/messaging/topology.hpp>

#include "folder.hpp"

namespace tidings::app {
namespace {

constexpr std::size_t kMostPatterns = 100;

void AppendStored(std::string& out, const WebhookEndpoint& endpoint) {
  json::ObjectWriter writer(out);
  writer.Text("_id", endpoint.id).Text("url", endpoint.url).Text("description", endpoint.description);
  AppendTexts(writer.Key("types"), endpoint.types);
  AppendTexts(writer.Key("rooms"), endpoint.rooms);
  writer.Text("secret", endpoint.secret).Text("previousSecret", endpoint.previous_secret);
  writer.Number("previousUntil", static_cast<std::uint64_t>(endpoint.previous_until));
  writer.Bool("enabled", endpoint.enabled).Number("resumed", endpoint.resumed).Number("replays", endpoint.replays);
  writer.Number("createdAt", static_cast<std::uint64_t>(endpoint.created_at));
  writer.Number("updatedAt", static_cast<std::uint64_t>(endpoint.updated_at));
  writer.End();
}

Result<WebhookEndpoint> FromStored(const json::value& value) {
  if (!value.is_object()) return Fail(ErrorCode::kMalformed, "an endpoint is no object");
  const json::object& object = value.get_object();
  WebhookEndpoint endpoint;
  Status status;
  const auto text = [&](std::string_view key, std::string& to) {
    auto read = json::OptionalText(object, key);
    if (!read) {
      status = std::unexpected(read.error());
    } else if (*read) {
      to = std::move(**read);
    }
  };
  const auto whole = [&](std::string_view key, auto& to) {
    auto read = json::OptionalWhole(object, key);
    if (!read) {
      status = std::unexpected(read.error());
    } else if (*read) {
      to = static_cast<std::remove_reference_t<decltype(to)>>(**read);
    }
  };
  const auto list = [&](std::string_view key, std::vector<std::string>& to, std::size_t most) {
    auto read = json::TextList(object, key, most);
    if (!read) {
      status = std::unexpected(read.error());
    } else {
      to = std::move(*read);
    }
  };
  text("_id", endpoint.id);
  text("url", endpoint.url);
  text("description", endpoint.description);
  text("secret", endpoint.secret);
  text("previousSecret", endpoint.previous_secret);
  list("types", endpoint.types, kMostPatterns);
  list("rooms", endpoint.rooms, kMostWebhookRooms);
  whole("previousUntil", endpoint.previous_until);
  whole("resumed", endpoint.resumed);
  whole("replays", endpoint.replays);
  whole("createdAt", endpoint.created_at);
  whole("updatedAt", endpoint.updated_at);
  const auto enabled = json::OptionalBool(object, "enabled");
  if (!enabled) return std::unexpected(enabled.error());
  endpoint.enabled = enabled->value_or(true);
  if (!status) return std::unexpected(status.error());
  if (endpoint.id.empty()) return Fail(ErrorCode::kMalformed, "an endpoint has no _id");
  return endpoint;
}

}  // namespace

void AppendTexts(std::string& out, const std::vector<std::string>& texts) {
  out += '[';
  for (const std::string& text : texts) {
    if (&text != &texts.front()) out += ',';
    json::AppendString(out, text);
  }
  out += ']';
}

bool WebhookEndpoint::Wants(std::string_view type, std::string_view room) const {
  const auto fits = [&](const std::string& pattern) { return messaging::TopicMatches(pattern, type); };
  if (!types.empty() && std::ranges::none_of(types, fits)) return false;
  return rooms.empty() || std::ranges::find(rooms, room) != rooms.end();
}

std::filesystem::path WebhookFile(const std::filesystem::path& data) {
  return WorkerFolder(data, "webhook") / "endpoints.json";
}

Result<WebhookEndpoints> ReadWebhooks(const std::filesystem::path& data) {
  const std::filesystem::path file = WebhookFile(data);
  const auto damaged = [&](const std::string& why) {
    return Fail(ErrorCode::kInternal, file.string() + " is damaged (" + why + "); restore it from a copy");
  };
  const auto text = ReadFile(file);
  if (!text) return std::unexpected(text.error());
  if (!*text) return WebhookEndpoints();
  const auto parsed = json::Parse(**text);
  if (!parsed) return damaged(parsed.error().message());
  if (!parsed->is_array()) return damaged("it is no list");
  WebhookEndpoints endpoints;
  for (const json::value& value : parsed->get_array()) {
    auto endpoint = FromStored(value);
    if (!endpoint) return damaged(endpoint.error().message());
    endpoints.push_back(std::move(*endpoint));
  }
  return endpoints;
}

Status WriteWebhooks(const std::filesystem::path& data, const WebhookEndpoints& endpoints) {
  if (Status made = MakeFolder(WorkerFolder(data, "webhook")); !made) return made;
  std::string text = "[";
  for (const WebhookEndpoint& endpoint : endpoints) {
    text += &endpoint == &endpoints.front() ? "\n" : ",\n";
    AppendStored(text, endpoint);
  }
  text += "\n]\n";
  return ReplaceFile(WebhookFile(data), text);
}

Result<std::optional<WebhookWatch::Look>> WebhookWatch::LookAtFile() const {
  const std::filesystem::path file = WebhookFile(data_);
  struct stat found{};
  if (stat(file.c_str(), &found) != 0) {
    if (errno == ENOENT) return std::nullopt;
    return Fail(ErrorCode::kUnavailable, "cannot read " + file.string() + ": " + std::strerror(errno));
  }
  Look look;
  look.inode = found.st_ino;
  look.size = found.st_size;
  look.changed = static_cast<std::int64_t>(found.st_ctim.tv_sec) * 1'000'000'000 + found.st_ctim.tv_nsec;
  return look;
}

void WebhookWatch::Doubt(const Error& error) {
  seen_.reset();
  sure_ = false;
  if (told_ == error.message()) return;
  told_ = error.message();
  log::Err("webhooks_not_read", {{"reason", told_}});
}

std::shared_ptr<const WebhookEndpoints> WebhookWatch::Now() {
  const auto look = LookAtFile();
  if (!look) {
    Doubt(look.error());
    return known_;
  }
  if (sure_ && seen_ == *look) return known_;
  // The server never removes it, also where no endpoint is left.
  if (!*look && known_ && !known_->empty()) {
    Doubt(Error(ErrorCode::kNotFound, WebhookFile(data_).string() + " is gone; put it back"));
    return known_;
  }
  auto read = ReadWebhooks(data_);
  if (!read) {
    Doubt(read.error());
    return known_;
  }
  seen_ = *look;
  sure_ = seen_.has_value();
  told_.clear();
  if (!known_ || sure_) known_ = std::make_shared<const WebhookEndpoints>(std::move(*read));
  return known_;
}

}  // namespace tidings::app
