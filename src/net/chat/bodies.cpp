#include <tidings/base/json.hpp>
#include <tidings/net/chat/services.hpp>

namespace tidings::net {

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
  writer.Text("code", WireCode(error.code())).Text("message", error.message());
  if (!error.details().empty()) writer.Raw("details", error.details());
  writer.End();
  out += '}';
  return out;
}

}  // namespace tidings::net
