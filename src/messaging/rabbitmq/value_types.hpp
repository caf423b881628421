// ValueTypes: what type the values of a table had that another client wrote, so that a message that is sent again (retried,
// buried, replayed, moved) has the same ones. They travel with the message in a header of their own, for headers are texts.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include <tidings/messaging/headers.hpp>

namespace tidings::messaging::rabbitmq {

// "count=SQAAAAc tags=QQ…": names and values that are no text, each as the wire had it, in base64url.
inline constexpr std::string_view kTypes = "amqp-types";

class ValueTypes {
 public:
  ValueTypes() = default;
  // `text` is what PutInto wrote, and outlives it.
  explicit ValueTypes(std::string_view text) : text_(text) {}

  // `value` is its type's letter and its bytes. Of two values of one name the last one counts, as among the headers.
  void Add(std::string_view name, std::string_view value);
  // What has this name now is a text.
  void Remove(std::string_view name);
  // Sets kTypes for those of `headers` that still are what was added, unless there are none or a message could not bear it;
  // then they are all sent as texts.
  void PutInto(Headers& headers) const;
  // The value of the header `name`, as it came; nothing if it was a text, or is not what it came with any more.
  std::optional<std::string> Find(std::string_view name, std::string_view now) const;

 private:
  std::map<std::string, std::string, std::less<>> added_;
  std::string_view text_;
};

}  // namespace tidings::messaging::rabbitmq
