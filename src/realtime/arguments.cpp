#include <tidings/realtime/arguments.hpp>

namespace tidings::realtime {

namespace {

constexpr std::string_view kPlaceholder = R"({"_placeholder":true,"num":)";

}  // namespace

Arguments& Arguments::AddBinary(std::string_view bytes) {
  std::string& text = Next();
  text += kPlaceholder;
  json::AppendNumber(text, attachments_.size());
  text += '}';
  attachments_.emplace_back(bytes);
  return *this;
}

json::value Arguments::Attach(std::string_view bytes) {
  attachments_.emplace_back(bytes);
  return json::object{{"_placeholder", true}, {"num", attachments_.size() - 1}};
}

void Arguments::AddValue(const json::value& value) { Next() += json::serialize(value); }

Args::Args(json::array values, std::size_t first, std::string text, std::vector<Bytes> attachments)
    : values_(std::move(values)), first_(first) {
  text_ = std::move(text);
  attachments_ = std::move(attachments);
}

const json::value& Args::at(std::size_t i) const {
  static const json::value null;
  return i < size() ? values_[first_ + i] : null;
}

const Bytes* Args::binary(const json::value& value) const {
  if (attachments_.empty() || !value.is_object()) return nullptr;
  const json::object& object = value.get_object();
  const json::value* flag = object.if_contains("_placeholder");
  const json::value* number = object.if_contains("num");
  if (flag == nullptr || !flag->is_bool() || !flag->get_bool() || number == nullptr) return nullptr;
  const auto index = json::AsWhole(*number);
  return index && *index < attachments_.size() ? &attachments_[*index] : nullptr;
}

}  // namespace tidings::realtime
