// A prebuilt frame that many connections send. Counted without atomics: it stays on the server's thread.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

namespace tidings::bench {

class SharedFrame {
 public:
  explicit SharedFrame(std::string bytes) : counted_(new Counted{1, std::move(bytes)}) {}
  SharedFrame(const SharedFrame& other) : counted_(other.counted_) { ++counted_->references; }
  SharedFrame(SharedFrame&& other) noexcept : counted_(std::exchange(other.counted_, nullptr)) {}
  SharedFrame& operator=(SharedFrame other) noexcept {
    std::swap(counted_, other.counted_);
    return *this;
  }
  ~SharedFrame() {
    if (counted_ != nullptr && --counted_->references == 0) delete counted_;
  }

  const std::string& bytes() const { return counted_->bytes; }

 private:
  struct Counted {
    std::uint32_t references;
    std::string bytes;
  };

  Counted* counted_;
};

}  // namespace tidings::bench
