#include <tidings/base/json.hpp>
#include <tidings/net/chat/services.hpp>

namespace tidings::net {

namespace {

constexpr std::string_view kInside = "the server failed at this; its log says why";

}  // namespace

std::string SuccessBody(std::string_view data) {
  std::string out;
  out.reserve(data.size() + 32);
  out += R"({"status":"success","data":)";
  out += data.empty() ? "null" : data;
  out += '}';
  return out;
}

std::string ErrorBody(const Error& error) {
  std::string out = R"({"status":"error","error":)";
  json::ObjectWriter writer(out);
  // What failed inside is for the log: it names files and statements.
  const bool inside = error.code() == ErrorCode::kInternal;
  writer.Text("code", WireCode(error.code())).Text("message", inside ? kInside : std::string_view(error.message()));
  if (!error.details().empty()) writer.Raw("details", error.details());
  writer.End();
  out += '}';
  return out;
}

}  // namespace tidings::net
