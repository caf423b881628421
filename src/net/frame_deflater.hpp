// Compresses frames for permessage-deflate; a frame that many connections get in a turn once.
#pragma once

#include <array>
#include <cstddef>

#include <tidings/realtime/frame.hpp>

#include "send_queue.hpp"

namespace tidings::net {

class FrameDeflater {
 public:
  // The frame compressed without context takeover (RFC 7692 §7.2.1), with its header.
  SharedBytes Compress(const realtime::FrameRef& frame);
  // Forgets the frames of this turn.
  void Clear();

  // Below this many bytes compression costs more than it saves.
  static constexpr std::size_t kWorthIt = 128;

 private:
  struct Entry {
    realtime::FrameRef plain;
    realtime::FrameRef compressed;
  };
  std::array<Entry, 8> recent_;
  std::size_t next_ = 0;
  bool used_ = false;
};

}  // namespace tidings::net
