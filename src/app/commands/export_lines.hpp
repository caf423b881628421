// The lines of an export (JSON Lines), in their order; docs/export.md describes them.
//
//   {"tidings":"export","version":1,"store":"…","at":"…","head":N}
//   {"user":{"key":N,"_id":"…","name":"…","username":"…","passwordHash":"…","suspended":false,"createdAt":N,"lastSeen":N}}
//   {"event":{as GET …/events shows it},"position":N,"at":N,"author":N,"redacted":false,"record":"base64"}
//   {"read":{"room":"…","user":N,"seq":N}}
//   {"room":{"_id":"…","events":N}}
//   {"end":{"users":N,"events":N,"reads":N,"rooms":N,"digest":"xxh3-128 of all lines before, in hex"}}
#pragma once

#include <cstdint>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>

#include <tidings/base/error.hpp>
#include <tidings/base/json.hpp>

namespace tidings::app {

inline constexpr std::uint64_t kExportVersion = 1;

enum class LineKind { kHeader, kUser, kEvent, kRead, kRoom, kEnd };

struct LineCounts {
  std::uint64_t users = 0;
  std::uint64_t events = 0;
  std::uint64_t reads = 0;
  std::uint64_t rooms = 0;
  friend bool operator==(const LineCounts&, const LineCounts&) = default;
  void Add(LineKind kind);
};

// Over the bytes of lines, each with its line end.
class LineDigest {
 public:
  LineDigest();
  ~LineDigest();
  void Add(std::string_view line);
  std::string Hex() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Reads an export line by line. Errors name the line.
class ExportReader {
 public:
  static Result<ExportReader> Open(const std::string& file);

  // The next line, parsed; its kind is that of its first member. kInvalid at the end of the file: the line with the
  // digest comes first.
  Result<LineKind> Next(json::object& line);
  // Reads all lines: their order, their counts and their digest. What the last line says.
  Result<LineCounts> Check();
  std::uint64_t line() const { return number_; }
  std::unexpected<Error> Fault(const std::string& what) const;

 private:
  ExportReader(std::string file, std::ifstream in) : file_(std::move(file)), in_(std::move(in)) {}
  Result<LineKind> NextText();

  std::string file_;
  std::ifstream in_;
  std::string text_;
  std::uint64_t number_ = 0;
};

}  // namespace tidings::app
