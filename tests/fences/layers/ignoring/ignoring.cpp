#include <boost/asio/awaitable.hpp>

#include <tidings/base/error.hpp>

tidings::Status Write();
boost::asio::awaitable<tidings::Result<int>> Publish();

boost::asio::awaitable<void> Ignores() {
  Write();
  co_await Publish();
  (void)Write();
  (void)co_await Publish();
}
