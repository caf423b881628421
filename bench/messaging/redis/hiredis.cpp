// hiredis, bare and pipelined: a window of messages is published, moved to the consumer's list, and removed from it; as
// streams: added, read by a group, acknowledged.
#include <hiredis/hiredis.h>

#include <string>
#include <vector>

#include "../figures.hpp"
#include "order.hpp"

namespace {

[[noreturn]] void Die(const char* what) {
  std::fprintf(stderr, "hiredis: %s\n", what);
  std::exit(1);
}

class Redis {
 public:
  explicit Redis(std::uint16_t port) : context_(redisConnect("127.0.0.1", port)) {
    if (context_ == nullptr || context_->err != 0) Die("cannot connect");
  }
  ~Redis() { redisFree(context_); }
  void Send(const std::vector<std::string>& command) {
    values_.clear();
    sizes_.clear();
    for (const std::string& part : command) {
      values_.push_back(part.data());
      sizes_.push_back(part.size());
    }
    redisAppendCommandArgv(context_, static_cast<int>(values_.size()), values_.data(), sizes_.data());
  }
  redisReply* Receive() {
    void* reply = nullptr;
    if (redisGetReply(context_, &reply) != REDIS_OK) Die(context_->errstr);
    auto* const answer = static_cast<redisReply*>(reply);
    if (answer->type == REDIS_REPLY_ERROR) Die(answer->str);
    return answer;
  }
  void Skip() { freeReplyObject(Receive()); }

 private:
  redisContext* context_;
  std::vector<const char*> values_;
  std::vector<std::size_t> sizes_;
};

void Lists(Redis& redis, const bench::Order& order, const std::string& body, std::vector<double>& latencies) {
  const std::vector<std::string> push{"LPUSH", "bare:ready", body};
  const std::vector<std::string> move{"LMOVE", "bare:ready", "bare:held", "RIGHT", "LEFT"};
  for (std::uint64_t done = 0; done < order.messages; done += order.window) {
    const auto sent = figures::Clock::now();
    for (std::uint64_t i = 0; i < order.window; ++i) redis.Send(push);
    for (std::uint64_t i = 0; i < order.window; ++i) redis.Skip();
    for (std::uint64_t i = 0; i < order.window; ++i) redis.Send(move);
    std::vector<std::string> held;
    for (std::uint64_t i = 0; i < order.window; ++i) {
      redisReply* const reply = redis.Receive();
      held.emplace_back(reply->str, reply->len);
      freeReplyObject(reply);
    }
    if (order.window == 1) latencies.push_back(figures::MicrosSince(sent));
    for (const std::string& message : held) redis.Send({"LREM", "bare:held", "-1", message});
    for (std::uint64_t i = 0; i < order.window; ++i) redis.Skip();
  }
}

void Streams(Redis& redis, const bench::Order& order, const std::string& body, std::vector<double>& latencies) {
  redis.Send({"XGROUP", "CREATE", "bare:stream", "readers", "0", "MKSTREAM"});
  redis.Skip();
  const std::vector<std::string> add{"XADD", "bare:stream", "*", "message", body};
  const std::vector<std::string> read{
      "XREADGROUP", "GROUP", "readers", "me", "COUNT", std::to_string(order.window), "STREAMS", "bare:stream", ">"};
  for (std::uint64_t done = 0; done < order.messages; done += order.window) {
    const auto sent = figures::Clock::now();
    for (std::uint64_t i = 0; i < order.window; ++i) redis.Send(add);
    for (std::uint64_t i = 0; i < order.window; ++i) redis.Skip();
    redis.Send(read);
    redisReply* const reply = redis.Receive();
    if (order.window == 1) latencies.push_back(figures::MicrosSince(sent));
    const redisReply* const entries = reply->element[0]->element[1];
    if (entries->elements != order.window) Die("entries are missing");
    std::vector<std::string> acknowledge{"XACK", "bare:stream", "readers"};
    for (std::size_t i = 0; i < entries->elements; ++i) {
      const redisReply* const entry = entries->element[i];
      acknowledge.emplace_back(entry->element[0]->str, entry->element[0]->len);
      const std::string handled(entry->element[1]->element[1]->str, entry->element[1]->element[1]->len);
      if (handled.size() != body.size()) Die("a body is not whole");
    }
    freeReplyObject(reply);
    redis.Send(acknowledge);
    redis.Skip();
  }
}

}  // namespace

int main(int count, char** values) {
  const bench::Order order(count, values);
  Redis redis(order.port);
  const std::string body(300, 'x');
  const figures::Run run;
  std::vector<double> latencies;
  if (order.streams) {
    Streams(redis, order, body, latencies);
  } else {
    Lists(redis, order, body, latencies);
  }
  run.Print("hiredis", order.messages, std::move(latencies));
}
