#include "queue_options.hpp"

#include <chrono>

#include <tidings/base/json.hpp>

namespace tidings::app {

std::string OptionsText(const messaging::QueueOptions& options) {
  std::string out;
  json::ObjectWriter writer(out);
  writer.Bool("deadLetters", options.dead_letters).Number("deliveryLimit", options.delivery_limit);
  if (options.max_length) writer.Number("maxLength", *options.max_length);
  if (options.message_ttl) writer.Number("messageTtl", static_cast<std::uint64_t>(options.message_ttl->count()));
  writer.End();
  return out;
}

messaging::QueueOptions OptionsOf(std::string_view text) {
  messaging::QueueOptions options;
  const auto parsed = json::Parse(text);
  if (!parsed || !parsed->is_object()) return options;
  const json::object& object = parsed->get_object();
  const auto number = [&](std::string_view name) -> std::optional<std::uint64_t> {
    const auto* found = object.if_contains(name);
    if (found == nullptr || !found->is_number()) return std::nullopt;
    return found->to_number<std::uint64_t>();
  };
  const auto dead_letters = json::OptionalBool(object, "deadLetters");
  if (dead_letters && *dead_letters) options.dead_letters = **dead_letters;
  if (const auto limit = number("deliveryLimit")) options.delivery_limit = static_cast<std::uint32_t>(*limit);
  options.max_length = number("maxLength");
  if (const auto ttl = number("messageTtl")) {
    options.message_ttl = std::chrono::milliseconds(static_cast<std::int64_t>(*ttl));
  }
  return options;
}

}  // namespace tidings::app
