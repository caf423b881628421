#include "notice_rows.hpp"

#include "header_text.hpp"

namespace tidings::messaging::embedded {

NoticeRows::NoticeRows(sqlite::Database& database)
    : load_(database, "SELECT subscription, topic FROM subscriptions WHERE owner = ?"),
      subscribe_(database, "INSERT OR IGNORE INTO subscriptions (owner, subscription, topic) VALUES (?, ?, ?)"),
      unsubscribe_(database, "DELETE FROM subscriptions WHERE owner = ? AND subscription = ?"),
      count_(database, "SELECT count(*) FROM subscriptions WHERE topic = ?"),
      insert_(database, "INSERT INTO notices (topic, message_id, type, key, headers, body) VALUES (?, ?, ?, ?, ?, ?)"),
      trim_(database, "DELETE FROM notices WHERE id <= (SELECT max(id) FROM notices) - ?"),
      read_(database, "SELECT id, topic, message_id, type, key, headers, body FROM notices WHERE id > ? ORDER BY id"),
      first_(database, "SELECT min(id) FROM notices"),
      last_(database, "SELECT seq FROM sqlite_sequence WHERE name = 'notices'") {}

void NoticeRows::Load(std::int64_t owner) {
  owner_ = owner;
  subscriptions_.clear();
  published_ = false;
  for (auto rows = load_.Query(owner); rows.Next();) {
    subscriptions_[rows.Whole(0)].insert(std::string(rows.Text(1)));
  }
  read_up_to_ = committed_up_to_;
}

void NoticeRows::Register(std::int64_t owner) {
  owner_ = owner;
  for (const auto& [subscription, topics] : subscriptions_) {
    for (const std::string& topic : topics) subscribe_.Execute(owner, subscription, topic);
  }
  gap_ = !subscriptions_.empty();
}

void NoticeRows::Subscribe(SubscriptionId subscription, const std::set<std::string>& topics) {
  if (subscriptions_.empty()) read_up_to_ = last_.Number().value_or(0);
  for (const std::string& topic : topics) subscribe_.Execute(owner_, subscription, topic);
  subscriptions_[subscription] = topics;
}

void NoticeRows::Unsubscribe(SubscriptionId subscription) {
  unsubscribe_.Execute(owner_, subscription);
  subscriptions_.erase(subscription);
}

std::size_t NoticeRows::Publish(const std::string& topic, const Message& message) {
  const auto reached = static_cast<std::size_t>(count_.Number(topic).value_or(0));
  if (reached == 0) return 0;
  const std::string headers = HeaderText(message.headers);
  insert_.Execute(topic, message.id, message.type, message.key, headers, sqlite::Blob(message.body));
  published_ = true;
  return reached;
}

void NoticeRows::SeeOwn(Out& out) {
  if (!published_) return;
  published_ = false;
  Read(out);
  trim_.Execute(kKept);
}

void NoticeRows::Read(Out& out) {
  if (subscriptions_.empty()) return;
  const auto first = first_.Number();
  // Ids have no holes, so what is missing was trimmed before it was read here.
  if (gap_ || (first && *first > read_up_to_ + 1)) {
    for (const auto& [subscription, topics] : subscriptions_) out.emplace_back(subscription, Notice::Gap("too slow"));
  }
  gap_ = false;
  for (auto rows = read_.Query(read_up_to_); rows.Next();) {
    read_up_to_ = rows.Int(0);
    const std::string topic(rows.Text(1));
    Message message = Message::WithId(std::string(rows.Text(2)), std::string(rows.Text(3)), std::string(rows.Blob(6)));
    message.key = rows.Text(4);
    message.headers = ParseHeaderText(rows.Text(5));
    for (const auto& [subscription, topics] : subscriptions_) {
      if (topics.contains(topic)) out.emplace_back(subscription, Notice(topic, message));
    }
  }
}

}  // namespace tidings::messaging::embedded
