#include "webhook/signature.hpp"

#include <tidings/base/bytes.hpp>
#include <tidings/base/digest.hpp>
#include <tidings/base/id.hpp>

namespace tidings::app {
namespace {

constexpr std::string_view kPrefix = "whsec_";
constexpr std::size_t kLeast = 24;
constexpr std::size_t kMost = 64;
constexpr std::size_t kNew = 32;

}  // namespace

std::string NewWebhookSecret() {
  std::string bytes(kNew, '\0');
  RandomBytes(bytes.data(), bytes.size());
  return std::string(kPrefix) + Base64Encode(bytes);
}

std::optional<std::string> WebhookKey(std::string_view secret) {
  if (!secret.starts_with(kPrefix)) return std::nullopt;
  auto bytes = Base64Decode(secret.substr(kPrefix.size()));
  if (!bytes || bytes->size() < kLeast || bytes->size() > kMost) return std::nullopt;
  return bytes;
}

std::string SignWebhook(std::string_view secret, std::string_view id, std::int64_t seconds, std::string_view body) {
  std::string content;
  content.reserve(id.size() + body.size() + 16);
  content.append(id).append(".").append(std::to_string(seconds)).append(".").append(body);
  return "v1," + Base64Encode(HmacSha256(WebhookKey(secret).value_or(std::string()), content));
}

}  // namespace tidings::app
