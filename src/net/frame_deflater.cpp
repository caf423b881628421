#include "frame_deflater.hpp"

#include "deflate.hpp"
#include "websocket_codec.hpp"

namespace tidings::net {

SharedBytes FrameDeflater::Compress(const realtime::FrameRef& frame) {
  for (const Entry& entry : recent_) {
    if (entry.plain && &*entry.plain == &*frame) return {entry.compressed};
  }
  const std::string packed = DeflateMessage(frame->payload());
  std::string bytes;
  bytes.reserve(packed.size() + 16);
  AppendFrameHeader(bytes, frame->binary() ? Opcode::kBinary : Opcode::kText, packed.size(), true);
  bytes += packed;
  Entry& entry = recent_[next_++ % recent_.size()];
  entry = {frame, realtime::Frame::Binary(bytes)};
  used_ = true;
  return {entry.compressed};
}

void FrameDeflater::Clear() {
  if (used_) recent_ = {};
  used_ = false;
}

}  // namespace tidings::net
