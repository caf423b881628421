// What a connection has yet to write: frames by reference and bytes of its own, in order. No memory while empty.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <sys/uio.h>

#include <tidings/realtime/frame.hpp>

namespace tidings::net {

// A frame whose payload is what goes onto the wire; for bytes that several connections share.
struct SharedBytes {
  realtime::FrameRef frame;
};

class SendQueue {
 public:
  void Push(realtime::FrameRef frame);
  void Push(SharedBytes bytes);
  void Push(std::string bytes);

  bool empty() const { return bytes_ == 0; }
  std::size_t bytes() const { return bytes_; }

  // Points `parts` at the first pieces and returns how many it used.
  std::size_t Gather(std::span<iovec> parts) const;
  // Forgets the first `count` bytes. REQUIRES: count <= bytes().
  void Consume(std::size_t count);
  void Clear();

 private:
  using Item = std::variant<realtime::FrameRef, SharedBytes, std::unique_ptr<std::string>>;
  static std::string_view View(const Item& item);
  void Add(Item item, std::size_t size);

  std::vector<Item> items_;
  std::size_t first_ = 0;   // items before it are written
  std::size_t offset_ = 0;  // bytes of the first that are written
  std::size_t bytes_ = 0;
};

}  // namespace tidings::net
