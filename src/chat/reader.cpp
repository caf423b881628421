#include <tidings/chat/reader.hpp>

#include <algorithm>
#include <limits>
#include <memory>
#include <unordered_map>

namespace tidings::chat {

namespace {

// What one message said from when on, read backwards from now, as far as was asked for.
class QuotedTexts {
 public:
  QuotedTexts(Reader& reader, RoomKey room, Seq seq) {
    const auto message = reader.MessageAt(room, seq);
    if (!message) return;
    now_ = Quote(*message);
    if (message->edited_at != 0 && !message->Tombstone()) next_ = reader.LastEventOf(room, seq);
  }

  const std::string& AsOf(Reader& reader, RoomKey room, Seq event) {
    if (event == kNow) return now_;
    while (next_ != 0 && (texts_.empty() || texts_.back().since > event)) {
      const auto message = reader.MessageAsOf(room, next_);
      if (!message) break;
      std::string quote = Quote(*message);
      if (!texts_.empty() && texts_.back().quote == quote) {
        texts_.back().since = next_;
      } else {
        texts_.push_back({next_, std::move(quote)});
      }
      next_ = message->previous;
    }
    const auto found = std::ranges::find_if(texts_, [&](const Text& text) { return text.since <= event; });
    return found != texts_.end() ? found->quote : now_;
  }

  static constexpr Seq kNow = std::numeric_limits<Seq>::max();

 private:
  struct Text {
    Seq since;  // the event that gave it
    std::string quote;
  };

  std::string now_;
  std::vector<Text> texts_;  // newest first
  Seq next_ = 0;             // the event to be read next; 0: there is none, or the text was always the same
};

}  // namespace

QuoteSource QuotesOf(Reader& reader, RoomKey room) {
  auto known = std::make_shared<std::unordered_map<Seq, QuotedTexts>>();
  return [&reader, room, known](Seq seq, Seq as_of) {
    auto place = known->find(seq);
    if (place == known->end()) place = known->emplace(seq, QuotedTexts(reader, room, seq)).first;
    return place->second.AsOf(reader, room, as_of);
  };
}

void FillQuotes(Reader& reader, RoomKey room, std::vector<MessageRecord>& messages) {
  const QuoteSource quotes = QuotesOf(reader, room);
  for (MessageRecord& message : messages) {
    if (message.reply_seq != 0) message.reply_json = quotes(message.reply_seq, QuotedTexts::kNow);
  }
}

}  // namespace tidings::chat
