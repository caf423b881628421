#include <tidings/chat/trace_parent.hpp>

#include <gtest/gtest.h>

#include <tidings/chat/record.hpp>

namespace tidings::chat {
namespace {

const std::string kTrace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

eventing::StoredEvent Traced(std::string record, std::string_view trace_parent) {
  eventing::StoredEvent event;
  event.data = WithTraceParent(std::move(record), trace_parent);
  return event;
}

TEST(TraceParent, IsTakenInItsOneFormOnly) {
  EXPECT_TRUE(IsTraceParent(kTrace));
  EXPECT_TRUE(IsTraceParent("00-00000000000000000000000000000001-0000000000000001-ff"));
  for (const std::string_view wrong : {
           "",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-011",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
           "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
           "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
           "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
           "00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7_01",
           "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
           "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00F067AA0BA902B7-01",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0x",
           "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
           " 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
       }) {
    EXPECT_FALSE(IsTraceParent(wrong)) << wrong;
  }
  EXPECT_FALSE(IsTraceParent(std::string(1'000'000, '0')));
}

TEST(TraceParent, LeavesTheRecordAsItIs) {
  MessageRecord message;
  message.author = "ann";
  message.text_json = R"("hello")";
  RoomRecord room;
  room.by = "ann";
  EXPECT_EQ(MessageRecord::Decode(Traced(message.Encode(), kTrace).data)->Encode(), message.Encode());
  EXPECT_EQ(RoomRecord::Decode(Traced(room.Encode(), kTrace).data)->Encode(), room.Encode());
  for (const std::string& record : {message.Encode(), room.Encode()}) {
    EXPECT_EQ(TraceParentOf(Traced(record, kTrace)), kTrace);
    EXPECT_EQ(Traced(record, "").data, record);
    EXPECT_EQ(TraceParentOf(Traced(record, "")), "");
  }
}

TEST(TraceParent, OfADamagedRecordIsNone) {
  eventing::StoredEvent event = Traced("", kTrace);
  event.data.pop_back();
  EXPECT_EQ(TraceParentOf(event), "");
  EXPECT_EQ(TraceParentOf(Traced("", std::string(55, 'x'))), "");
}

}  // namespace
}  // namespace tidings::chat
