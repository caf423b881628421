#include <tidings/app/control_file.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>

#include <tidings/base/json.hpp>

namespace tidings::app {

namespace {

std::string PathOf(const std::string& data) { return data + "/control"; }

}  // namespace

Status WriteControlFile(const std::string& data, const ControlFile& file) {
  std::string text;
  json::ObjectWriter(text).Number("port", file.port).Number("pid", static_cast<std::uint64_t>(file.pid)).End();
  text += '\n';
  const std::string path = PathOf(data);
  const std::string part = path + ".part";
  unlink(part.c_str());
  const int out = open(part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  bool written = out >= 0 && write(out, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  int cause = errno;
  if (out >= 0) close(out);
  if (written && std::rename(part.c_str(), path.c_str()) != 0) {
    cause = errno;
    written = false;
  }
  if (!written) return Fail(ErrorCode::kInternal, "cannot write " + path + ": " + std::strerror(cause));
  return {};
}

std::optional<ControlFile> ReadControlFile(const std::string& data) {
  std::ifstream in(PathOf(data));
  std::string text(1024, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  const auto parsed = json::Parse(text);
  if (!parsed || !parsed->is_object()) return std::nullopt;
  const auto port = json::OptionalWhole(parsed->get_object(), "port");
  const auto pid = json::OptionalWhole(parsed->get_object(), "pid");
  if (!port || !*port || **port == 0 || **port > 65'535 || !pid || !*pid) return std::nullopt;
  return ControlFile{static_cast<std::uint16_t>(**port), static_cast<std::int64_t>(**pid)};
}

void RemoveControlFile(const std::string& data) { unlink(PathOf(data).c_str()); }

}  // namespace tidings::app
