#include <tidings/realtime/frame.hpp>

#include <cstring>
#include <new>

namespace tidings::realtime {

namespace {

constexpr unsigned char kFinalText = 0x81;  // RFC 6455 §5.2: FIN and opcode 1
constexpr unsigned char kFinalBinary = 0x82;

std::uint8_t HeaderSize(std::size_t payload) { return payload < 126 ? 2 : payload <= 0xffff ? 4 : 10; }

void WriteHeader(unsigned char* out, bool binary, std::size_t payload) {
  *out++ = binary ? kFinalBinary : kFinalText;
  if (payload < 126) {
    *out = static_cast<unsigned char>(payload);
    return;
  }
  const int bytes = payload <= 0xffff ? 2 : 8;
  *out++ = bytes == 2 ? 126 : 127;
  for (int i = bytes - 1; i >= 0; --i) *out++ = static_cast<unsigned char>(payload >> (8 * i));
}

}  // namespace

FrameRef Frame::Make(bool binary, std::string_view payload) {
  const std::uint8_t header = HeaderSize(payload.size());
  void* memory = ::operator new(sizeof(Frame) + header + payload.size());
  auto* frame = new (memory) Frame(binary, header, payload.size());
  auto* out = reinterpret_cast<unsigned char*>(frame + 1);
  WriteHeader(out, binary, payload.size());
  if (!payload.empty()) std::memcpy(out + header, payload.data(), payload.size());
  return FrameRef(frame);
}

FrameRef Frame::Text(std::string_view packet) { return Make(false, packet); }

FrameRef Frame::Binary(std::string_view bytes) { return Make(true, bytes); }

FrameRef::~FrameRef() {
  if (frame_ == nullptr || frame_->references_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  frame_->~Frame();
  ::operator delete(frame_);
}

}  // namespace tidings::realtime
