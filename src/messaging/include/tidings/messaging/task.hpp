// Task: what an asynchronous call returns. It runs when it is awaited, on the executor of whoever awaits it.
//
// Everything in this library that waits is an Asio coroutine. An object and all that comes out of it belong to one
// serial executor (a thread's io_context, or a strand): nothing here is thread-safe unless its header says so.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <tidings/base/error.hpp>

namespace tidings::messaging {

using Executor = boost::asio::any_io_executor;

template <class T>
using Task = boost::asio::awaitable<T>;

}  // namespace tidings::messaging
