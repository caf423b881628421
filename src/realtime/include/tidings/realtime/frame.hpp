// Frame: one Engine.IO message, encoded once and sent to many by reference.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace tidings::realtime {

class FrameRef;

// Immutable bytes in one allocation: the header of a server's WebSocket frame (RFC 6455 §5.2, unmasked, unfragmented)
// directly before its payload. Shared by FrameRef; thread-safe.
class Frame {
 public:
  // `packet` is a whole Engine.IO packet with its type digit, for example 42["hello"]. REQUIRES: well-formed UTF-8.
  static FrameRef Text(std::string_view packet);
  // `bytes` is an attachment: over WebSocket a binary frame, over polling b and base64 (Engine.IO v4 "Payload").
  static FrameRef Binary(std::string_view bytes);

  bool binary() const { return binary_; }
  // What goes onto a WebSocket without compression.
  std::string_view wire() const { return {data(), header_ + size_}; }
  // The packet, or the attachment's bytes.
  std::string_view payload() const { return {data() + header_, size_}; }

 private:
  friend class FrameRef;
  Frame(bool binary, std::uint8_t header, std::size_t size) : binary_(binary), header_(header), size_(size) {}
  static FrameRef Make(bool binary, std::string_view payload);
  const char* data() const { return reinterpret_cast<const char*>(this + 1); }

  std::atomic<std::uint32_t> references_{1};
  bool binary_;
  std::uint8_t header_;
  std::size_t size_;
};

// A counted reference to a Frame; empty when default constructed. Eight bytes.
class FrameRef {
 public:
  FrameRef() = default;
  FrameRef(const FrameRef& other) : frame_(other.frame_) {
    if (frame_ != nullptr) frame_->references_.fetch_add(1, std::memory_order_relaxed);
  }
  FrameRef(FrameRef&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  FrameRef& operator=(FrameRef other) noexcept {
    std::swap(frame_, other.frame_);
    return *this;
  }
  ~FrameRef();

  const Frame* operator->() const { return frame_; }
  const Frame& operator*() const { return *frame_; }
  explicit operator bool() const { return frame_ != nullptr; }

 private:
  friend class Frame;
  explicit FrameRef(Frame* frame) : frame_(frame) {}
  Frame* frame_ = nullptr;
};

}  // namespace tidings::realtime
