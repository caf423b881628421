// MethodFrame: one method frame, ended when it goes out of scope.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "frame.hpp"
#include "methods.hpp"
#include "wire.hpp"

namespace tidings::messaging::rabbitmq {

class MethodFrame {
 public:
  MethodFrame(std::string& out, std::uint16_t channel, Method method)
      : writer(out), out_(out), begin_(BeginFrame(out, FrameType::kMethod, channel)) {
    writer.U32(static_cast<std::uint32_t>(method));
  }
  ~MethodFrame() { EndFrame(out_, begin_); }
  MethodFrame(const MethodFrame&) = delete;
  MethodFrame& operator=(const MethodFrame&) = delete;

  Writer writer;

 private:
  std::string& out_;
  std::size_t begin_;
};

}  // namespace tidings::messaging::rabbitmq
