#include <tidings/messaging/trace_context.hpp>

#include <algorithm>
#include <cstdint>
#include <cstring>

#include <tidings/base/bytes.hpp>
#include <tidings/base/id.hpp>

namespace tidings::messaging {
namespace {

bool IsHex(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool IsZero(std::string_view text) { return text.find_first_not_of('0') == std::string_view::npos; }

// `bytes` random bytes as hexadecimal digits, not all of them zero.
std::string RandomHex(std::size_t bytes) {
  std::string id;
  do {
    std::string random(bytes, '\0');
    RandomBytes(random.data(), random.size());
    id = HexEncode(random);
  } while (IsZero(id));
  return id;
}

}  // namespace

std::optional<TraceParent> TraceParent::Parse(std::string_view text) {
  // version "-" trace-id "-" parent-id "-" flags; a later version may have more after another dash.
  if (text.size() < 55 || text[2] != '-' || text[35] != '-' || text[52] != '-') return std::nullopt;
  const std::string_view version = text.substr(0, 2);
  const std::string_view trace = text.substr(3, 32);
  const std::string_view span = text.substr(36, 16);
  const std::string_view flags = text.substr(53, 2);
  if (!IsHex(version) || version == "ff" || !IsHex(trace) || !IsHex(span) || !IsHex(flags)) return std::nullopt;
  if (IsZero(trace) || IsZero(span)) return std::nullopt;
  if (text.size() > 55 && (version == "00" || text[55] != '-')) return std::nullopt;
  const bool sampled = (flags[1] >= 'a' ? flags[1] - 'a' + 10 : flags[1] - '0') % 2 == 1;
  return TraceParent(std::string(trace), std::string(span), sampled);
}

TraceParent TraceParent::Root() { return TraceParent(RandomHex(16), RandomHex(8), false); }

TraceParent TraceParent::Child() const { return TraceParent(trace_id_, RandomHex(8), sampled_); }

std::string TraceParent::Text() const { return "00-" + trace_id_ + "-" + span_id_ + (sampled_ ? "-01" : "-00"); }

Task<Verdict> TraceContext::Handle(Context& context, Next next) {
  const auto parent = TraceParent::Parse(context.message().headers.Get(header::kTraceParent));
  context.set_trace_parent((parent ? parent->Child() : TraceParent::Root()).Text());
  return next(context);
}

void TraceContext::Sending(const Context& context, Message& message) {
  message.headers.Set(header::kTraceParent, context.trace_parent());
}

}  // namespace tidings::messaging
