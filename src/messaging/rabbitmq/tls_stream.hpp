// The TLS part of Connect.
#pragma once

#include <boost/asio/ip/tcp.hpp>

#include <functional>
#include <memory>

#include <tidings/base/error.hpp>
#include <tidings/messaging/task.hpp>

#include "stream.hpp"
#include "url.hpp"

namespace tidings::messaging::rabbitmq {

// Shakes hands over a connected socket. `stop` is set to what ends that early.
Task<Result<std::shared_ptr<Stream>>> Encrypt(boost::asio::ip::tcp::socket socket, const Url& url,
                                              std::function<void()>& stop);

}  // namespace tidings::messaging::rabbitmq
