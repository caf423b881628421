// How an error travels in a reply: header::kErrorCode and header::kErrorText.
#pragma once

#include <optional>

#include <tidings/base/error.hpp>
#include <tidings/messaging/message.hpp>

namespace tidings::messaging {

void WriteErrorReply(Message& reply, const Error& error);
// Nothing if the reply is none; kInternal for a code that is not in the catalogue.
std::optional<Error> ReadErrorReply(const Message& reply);

}  // namespace tidings::messaging
