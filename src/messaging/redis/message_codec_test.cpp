#include "message_codec.hpp"

#include <gtest/gtest.h>

namespace tidings::redis {
namespace {

std::string Encoded(const Message& message) {
  std::string bytes;
  AppendMessage(bytes, message);
  EXPECT_EQ(bytes.size(), EncodedSize(message));
  return bytes;
}

TEST(MessageCodec, IsReadableByPeople) {
  Message message = Message::WithId("id-1", "order.created", "{\"order\":7}");
  message.key = "7";
  message.headers.Set("traceparent", "00-4bf9");
  EXPECT_EQ(Encoded(message), "tidings1 id-1\norder.created\n7\ntraceparent 00-4bf9\n\n{\"order\":7}");
}

TEST(MessageCodec, KeepsEveryByte) {
  Message message = Message::WithId("x", "a\nb", std::string("\0\n\n\\\xff", 5));
  message.key = "\\n\n";
  message.headers.Set("empty", "");
  message.headers.Set("binary", std::string("\n\\\0 \r\n", 6));
  EXPECT_EQ(DecodeMessage(Encoded(message)), message);
  EXPECT_EQ(DecodeMessage(Encoded(Message::WithId("x", "", ""))), Message::WithId("x", "", ""));
}

TEST(MessageCodec, RefusesWhatIsNotOurs) {
  for (const std::string_view bytes :
       {"", "hello", "tidings1 ", "tidings1 id\n\n\n", "tidings1 id\n\n\nname\n\n", "tidings1 id\n\n\n value\n\n",
        "tidings1 id\n\\x\n\n\n", "tidings1 id\n\n\\\n\n", "tidings1 id\n\n\na 1\na 2\n\n", "tidings1 i d\n\n\n\n",
        "tidings1 \n\n\n\n", "tidings2 id\n\n\n\n"}) {
    EXPECT_FALSE(DecodeMessage(bytes)) << bytes;
  }
}

}  // namespace
}  // namespace tidings::redis
