#include <tidings/chat/reader.hpp>

#include <memory>
#include <unordered_map>

namespace tidings::chat {

QuoteSource QuotesOf(Reader& reader, RoomKey room) {
  auto known = std::make_shared<std::unordered_map<Seq, std::string>>();
  return [&reader, room, known](Seq seq) {
    const auto [place, fresh] = known->try_emplace(seq);
    if (fresh) {
      if (const auto message = reader.MessageAt(room, seq)) place->second = Quote(*message);
    }
    return place->second;
  };
}

void FillQuotes(Reader& reader, RoomKey room, std::vector<MessageRecord>& messages) {
  const QuoteSource quotes = QuotesOf(reader, room);
  for (MessageRecord& message : messages) {
    if (message.reply_seq != 0) message.reply_json = quotes(message.reply_seq);
  }
}

}  // namespace tidings::chat
