#include "queue_print.hpp"

#include <algorithm>
#include <array>

#include <tidings/messaging/headers.hpp>

namespace tidings::app {
namespace {

// Texts of strangers, on one line of a terminal.
std::string Plain(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return text;
}

// As it is shown in a column; "-" for what is not there.
std::string Shown(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  if (value == nullptr || value->is_null()) return "-";
  return Plain(value->is_string() ? std::string(value->get_string()) : json::serialize(*value));
}

void PrintList(const std::vector<json::object>& queues, std::ostream& out) {
  constexpr std::array kColumns{"queue", "ready", "unsettled", "delayed", "consumers", "oldestMs", "dead"};
  std::vector<std::vector<std::string>> rows(1);
  for (const char* name : kColumns) rows[0].emplace_back(name);
  for (const json::object& queue : queues) {
    rows.emplace_back();
    for (const char* name : kColumns) rows.back().push_back(Shown(queue, name));
  }
  std::vector<std::size_t> widths(kColumns.size());
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) line += row[i] + std::string(widths[i] - row[i].size() + 2, ' ');
    line.erase(line.find_last_not_of(' ') + 1);
    out << line << '\n';
  }
}

// What a letter died of, and after how many failures where there were any.
std::string DeathOf(const json::object& headers) {
  std::string text = Shown(headers, messaging::header::kDeathReason) + ": " +
                     Shown(headers, messaging::header::kDeathError) + "  (" +
                     Shown(headers, messaging::header::kDeathTime);
  if (headers.contains(messaging::header::kFailures)) {
    const std::string failures = Shown(headers, messaging::header::kFailures);
    text += ", after " + failures + (failures == "1" ? " failure" : " failures");
  }
  return text + ")";
}

void PrintMessages(const std::vector<json::object>& messages, std::ostream& out) {
  for (const json::object& message : messages) {
    out << Shown(message, "id") << "  " << Shown(message, "type") << "  " << Shown(message, "key") << '\n';
    const auto* headers = message.if_contains("headers");
    if (headers != nullptr && headers->is_object() && headers->get_object().contains(messaging::header::kDeathReason)) {
      out << "  " << DeathOf(headers->get_object()) << '\n';
    }
    out << "  " << (message.contains("body") ? Shown(message, "body") : "base64 " + Shown(message, "body64")) << '\n';
  }
}

}  // namespace

Status PrintQueueAnswer(const json::object& request, const std::vector<std::string>& lines, std::ostream& out) {
  std::vector<json::object> objects;
  for (const std::string& line : lines) {
    auto parsed = json::Parse(line);
    if (!parsed || !parsed->is_object()) return Fail(ErrorCode::kInternal, "the answer makes no sense: " + line);
    objects.push_back(std::move(parsed->get_object()));
  }
  const std::string what = Shown(request, "do");
  if (what == "list") {
    PrintList(objects, out);
  } else if (what == "peek") {
    PrintMessages(objects, out);
  } else if (what == "replay") {
    const auto* dry = request.if_contains("dryRun");
    const bool dry_run = dry != nullptr && dry->is_bool() && dry->get_bool();
    for (const json::object& done : objects) {
      out << (dry_run ? "would replay " + Shown(done, "selected")
                      : "replayed " + Shown(done, "replayed") + " of " + Shown(done, "selected"))
          << '\n';
    }
  } else {
    for (const json::object& done : objects) {
      for (const auto& [name, value] : done) out << std::string_view(name) << ' ' << Shown(done, name) << '\n';
    }
  }
  return {};
}

}  // namespace tidings::app
