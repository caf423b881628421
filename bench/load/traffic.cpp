#include "load/traffic.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "load/clock.hpp"
#include "load/process_stats.hpp"

namespace tidings::bench {
namespace {

constexpr std::uint64_t kGrace = 100'000;  // microseconds in which a repeat of the last messages would come

std::uint64_t OwnCpuMicros() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto micros = [](const timeval& time) {
    return static_cast<std::uint64_t>(time.tv_sec) * 1000000 + static_cast<std::uint64_t>(time.tv_usec);
  };
  return micros(usage.ru_utime) + micros(usage.ru_stime);
}

std::uint64_t Micros(double seconds) { return static_cast<std::uint64_t>(seconds * 1e6); }

}  // namespace

Traffic::Traffic(const Options& options, Protocol& protocol)
    : options_(options),
      protocol_(protocol),
      swarm_(protocol, options.port, *this),
      run_id_(std::to_string(getpid()) + "-" + std::to_string(NowMicros())) {}

std::uint32_t Traffic::AddRoom(std::string id) {
  rooms_.emplace_back();
  return swarm_.AddRoom(std::move(id));
}

Connection& Traffic::AddMember(std::string token, const std::vector<std::uint32_t>& rooms) {
  std::vector<Stream> streams;
  for (const std::uint32_t room : rooms) {
    streams.push_back({.room = room});
    ++rooms_[room].members;
  }
  return swarm_.Add(std::move(token), std::move(streams));
}

void Traffic::AddSender(Connection& connection, std::vector<std::uint32_t> rooms) {
  connection.sender = static_cast<std::uint32_t>(senders_.size());
  senders_.push_back({.connection = &connection, .rooms = std::move(rooms), .turn = 0, .outstanding = {}});
}

void Traffic::AddCaller(std::vector<std::uint32_t> rooms) { AddSender(swarm_.AddHttp(), std::move(rooms)); }

bool Traffic::Join() { return swarm_.JoinAll(options_.concurrency); }

Stretch Traffic::SendWindows(std::uint32_t window, double seconds, std::uint64_t limit) {
  Stretch stretch = Begin();
  send_limit_ = limit;
  const std::uint64_t start = NowMicros();
  for (Sender& sender : senders_) {
    for (std::uint32_t i = 0; i < window && send_limit_ > 0; ++i) SendNext(sender, start);
  }
  swarm_.RunUntil([this] { return send_limit_ == 0 || swarm_.failed() > 0; }, start + Micros(seconds));
  send_limit_ = 0;
  End(stretch);
  stretch.seconds = static_cast<double>(std::max(last_arrival_, start + 1) - start) / 1e6;
  return stretch;
}

Stretch Traffic::SendPaced(double rate, double seconds) {
  Stretch stretch = Begin();
  const std::uint64_t start = NowMicros();
  const auto count = static_cast<std::uint64_t>(std::llround(rate * seconds));
  for (std::uint64_t i = 0; i < count && swarm_.failed() == 0; ++i) {
    const std::uint64_t due = start + static_cast<std::uint64_t>(static_cast<double>(i) * 1e6 / rate);
    swarm_.RunUntil([] { return false; }, due);
    send_limit_ = 1;
    SendNext(senders_[i % senders_.size()], due);
  }
  End(stretch);
  stretch.seconds = static_cast<double>(std::max(last_arrival_, start + 1) - start) / 1e6;
  return stretch;
}

Stretch Traffic::Begin() {
  ack_latency_.Clear();
  delivery_latency_.Clear();
  return {.seconds = 0,
          .server_cpu = CpuMicros(options_.pid),
          .load_cpu = OwnCpuMicros(),
          .sends = acked_,
          .deliveries = deliveries_};
}

void Traffic::End(Stretch& stretch) {
  Drain();
  stretch.server_cpu = CpuMicros(options_.pid) - stretch.server_cpu;
  stretch.load_cpu = OwnCpuMicros() - stretch.load_cpu;
  stretch.sends = acked_ - stretch.sends;
  stretch.deliveries = deliveries_ - stretch.deliveries;
}

void Traffic::Drain() {
  std::uint64_t progress;
  do {
    progress = deliveries_ + acked_;
    if (swarm_.RunUntil([this] { return Drained(); }, NowMicros() + Micros(options_.drain))) return;
  } while (progress != deliveries_ + acked_);
}

void Traffic::SendNext(Sender& sender, std::uint64_t at) {
  const std::uint32_t index = sender.rooms[sender.turn++ % sender.rooms.size()];
  Room& room = rooms_[index];
  --send_limit_;
  const std::uint64_t id = sender.connection->next_id++;
  const std::uint64_t counter = room.sent++;
  std::string client_message_id;
  if (options_.client_ids && options_.protocol == "tidings") {
    client_message_id = run_id_ + "-" + std::to_string(index) + "-" + std::to_string(counter);
  }
  const std::string text = MarkedText({.stream = index, .counter = counter, .sent_at = at}, options_.text_bytes);
  swarm_.Post(*sender.connection, sender.connection->http
                                      ? CreateRequest(index, text, client_message_id)
                                      : protocol_.Send(id, swarm_.room(index), text, client_message_id));
  sender.outstanding.emplace_back(id, at);
  ++outstanding_;
  expected_ += room.members;
}

std::string Traffic::CreateRequest(std::uint32_t room, const std::string& text,
                                   const std::string& client_message_id) const {
  std::string body = "{\"text\":\"" + text + "\"";
  if (!client_message_id.empty()) body += ",\"clientMessageId\":\"" + client_message_id + "\"";
  body += "}";
  std::string request = "POST /api/v1/rooms/" + swarm_.room(room) + "/messages HTTP/1.1\r\nHost: 127.0.0.1\r\n";
  request.append("Authorization: Bearer ").append(rooms_[room].author).append("\r\nContent-Type: application/json\r\n");
  return request.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n\r\n").append(body);
}

void Traffic::OnAck(Connection& connection, const Event& event) {
  if (senders_.empty()) return;
  Sender& sender = senders_[connection.sender];
  const auto found = std::ranges::find(sender.outstanding, event.id, [](const auto& one) { return one.first; });
  if (sender.connection != &connection || found == sender.outstanding.end()) return;
  last_arrival_ = swarm_.now();
  ack_latency_.Add(last_arrival_ - found->second);
  *found = sender.outstanding.back();
  sender.outstanding.pop_back();
  --outstanding_;
  if (event.ok) {
    ++acked_;
  } else if (refused_++ == 0) {
    std::fprintf(stderr, "bench_load: a send was refused: %.*s\n",
                 static_cast<int>(std::min<std::size_t>(event.raw.size(), 400)), event.raw.data());
  }
  if (send_limit_ > 0) SendNext(sender, last_arrival_);
}

// Whether an event without a marker is of this room.
bool Traffic::Names(const Event& event, const Stream& stream) const {
  return event.raw.find("\"" + swarm_.room(stream.room) + "\"") != std::string_view::npos;
}

void Traffic::OnDelivery(Connection& connection, const Event& event) {
  for (Stream& stream : connection.streams) {
    if (event.marked ? stream.room != event.marker.stream : !Names(event, stream)) continue;
    if (event.seq) {
      stream.seq.Accept(*event.seq, seq_);
      last_seq_ = std::max(last_seq_, *event.seq);
    }
    if (event.kind != Event::Kind::kDelivery) return;
    stream.order.Accept(event.marker.counter, order_);
    ++deliveries_;
    last_arrival_ = swarm_.now();
    delivery_latency_.Add(last_arrival_ - event.marker.sent_at);
    if (reads_) {
      const std::uint64_t seq = event.seq.value_or(event.marker.counter);
      swarm_.Post(connection, protocol_.Read(swarm_.room(stream.room), seq));
    }
    return;
  }
}

void Traffic::Conclude(Report& report) {
  swarm_.RunUntil([] { return false; }, NowMicros() + kGrace);
  std::vector<std::uint64_t> ends(rooms_.size(), 0);
  for (const auto& connection : swarm_.connections()) {
    for (const Stream& stream : connection->streams) {
      ends[stream.room] = std::max(ends[stream.room], stream.seq.next());
    }
  }
  for (const auto& connection : swarm_.connections()) {
    for (const Stream& stream : connection->streams) {
      stream.order.Finish(rooms_[stream.room].sent, order_);
      stream.seq.Finish(ends[stream.room], seq_);
    }
  }
  report.Add("lost", std::max(order_.lost, seq_.lost));
  report.Add("doubled", std::max(order_.doubled, seq_.doubled));
  report.Add("reordered", std::max(order_.reordered, seq_.reordered));
  report.Add("strange", std::max(order_.strange, seq_.strange));
  report.Add("refused", refused_);
  report.Add("unacknowledged", outstanding_);
  report.Add("disconnected", swarm_.failed());
}

}  // namespace tidings::bench
