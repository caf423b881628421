#include "link.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <array>
#include <cstring>

namespace tidings::redis {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kRoom = 64 * 1024;

// BUSY: somebody's script runs too long. NOREPLICAS: min-replicas-to-write is not met.
constexpr std::array<std::string_view, 7> kTransient{"READONLY", "LOADING",    "MASTERDOWN", "CLUSTERDOWN",
                                                     "TRYAGAIN", "NOREPLICAS", "BUSY"};

bool HasCode(std::string_view text, std::string_view code) {
  return text.starts_with(code) && (text.size() == code.size() || text[code.size()] == ' ');
}

}  // namespace

bool IsTransient(std::string_view text) {
  // A script that writes is refused by a replica in other words.
  if (text.contains("readonly replica")) return true;
  // Said at a new connection, before it is closed.
  if (text.starts_with("ERR max number of clients reached")) return true;
  return std::ranges::any_of(kTransient, [&](std::string_view code) { return HasCode(text, code); });
}

Error ErrorOf(std::string_view text) {
  const std::string said(text.substr(0, 500));
  if (HasCode(text, "OOM")) {
    return Error(ErrorCode::kUnavailable, "refused: Redis is full (" + said + "); raise its maxmemory, or consume");
  }
  if (HasCode(text, "MISCONF")) return Error(ErrorCode::kUnavailable, "refused: Redis cannot write its files: " + said);
  if (IsTransient(text)) return Error(ErrorCode::kUnavailable, "refused: Redis cannot serve now: " + said);
  if (HasCode(text, "NOAUTH") || HasCode(text, "WRONGPASS")) {
    return Error(ErrorCode::kUnauthorized, "Redis wants another user or password: " + said);
  }
  if (HasCode(text, "NOPERM")) return Error(ErrorCode::kForbidden, "Redis forbids this user: " + said);
  if (HasCode(text, "WRONGTYPE")) {
    return Error(ErrorCode::kConflict, "a key of ours holds something else: " + said + "; choose another prefix");
  }
  return Error(ErrorCode::kInternal, "Redis said: " + said);
}

Status Link::Lost(const boost::system::error_code& error) {
  const std::string why = closed_ ? "it was closed here" : error.message();
  return Fail(ErrorCode::kUnavailable, "the connection to " + url_.Text() + " is lost: " + why);
}

Task<Status> Link::Open(RedisUrl url) {
  url_ = std::move(url);
  auto [unknown, endpoints] = co_await resolver_.async_resolve(url_.host, std::to_string(url_.port), kAwait);
  if (unknown) co_return Lost(unknown);
  auto [refused, endpoint] = co_await asio::async_connect(socket_, endpoints, kAwait);
  if (refused) co_return Lost(refused);
  if (closed_) co_return Lost(asio::error::operation_aborted);
  boost::system::error_code ignored;
  socket_.set_option(tcp::no_delay(true), ignored);
  std::vector<Arguments> steps;
  if (!url_.password.empty() || !url_.user.empty()) {
    steps.push_back(url_.user.empty() ? Arguments{"AUTH", url_.password} : Arguments{"AUTH", url_.user, url_.password});
  }
  if (url_.database != 0) steps.push_back(Arguments{"SELECT", std::to_string(url_.database)});
  steps.push_back(Arguments{"PING"});
  for (Arguments& step : steps) {
    const auto answer = co_await Ask(std::move(step));
    if (!answer) co_return std::unexpected(answer.error());
  }
  co_return Status();
}

Task<Result<Value>> Link::Ask(Arguments arguments) {
  const std::string bytes = ArrayHead(arguments.count()) + arguments.bytes();
  std::vector<asio::const_buffer> buffers{asio::buffer(bytes)};
  const auto written = co_await Write(std::move(buffers));
  if (!written) co_return std::unexpected(written.error());
  for (;;) {
    auto answer = Take();
    if (!answer) co_return std::unexpected(answer.error());
    if (*answer && (*answer)->is_error()) co_return std::unexpected(ErrorOf((*answer)->text()));
    if (*answer) co_return **answer;
    const auto filled = co_await Fill();
    if (!filled) co_return std::unexpected(filled.error());
  }
}

Task<Status> Link::Write(std::vector<asio::const_buffer> bytes) {
  auto [error, size] = co_await asio::async_write(socket_, bytes, kAwait);
  if (error) co_return Lost(error);
  co_return Status();
}

Result<std::optional<Value>> Link::Take() {
  if (taken_) {
    begin_ += parser_.consumed();
    parser_.Next();
    taken_ = false;
  }
  if (begin_ == end_) return std::nullopt;
  const std::string_view bytes(input_.data() + begin_, end_ - begin_);
  const auto whole = parser_.Parse(bytes);
  if (!whole) return std::unexpected(whole.error());
  if (!*whole) return std::nullopt;
  taken_ = true;
  return parser_.value(bytes);
}

Task<Status> Link::Fill() {
  if (begin_ > 0) {
    std::memmove(input_.data(), input_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  const std::size_t wanted = std::max(parser_.wanted(), end_ + kRoom);
  if (input_.size() < wanted) input_.resize(std::max(wanted, input_.size() * 2));
  // What one large answer needed is given back.
  if (input_.size() > 64 * kRoom && wanted < 4 * kRoom) {
    input_.resize(4 * kRoom);
    input_.shrink_to_fit();
  }
  auto [error, size] =
      co_await socket_.async_read_some(asio::buffer(input_.data() + end_, input_.size() - end_), kAwait);
  if (error) co_return Lost(error);
  end_ += size;
  co_return Status();
}

void Link::Close() {
  closed_ = true;
  resolver_.cancel();
  boost::system::error_code ignored;
  socket_.close(ignored);
}

}  // namespace tidings::redis
