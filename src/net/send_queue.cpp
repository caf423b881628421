#include "send_queue.hpp"

#include <utility>

namespace tidings::net {

std::string_view SendQueue::View(const Item& item) {
  if (const auto* frame = std::get_if<realtime::FrameRef>(&item)) return (*frame)->wire();
  if (const auto* bytes = std::get_if<SharedBytes>(&item)) return bytes->frame->payload();
  return *std::get<std::unique_ptr<std::string>>(item);
}

void SendQueue::Push(realtime::FrameRef frame) {
  const std::size_t size = frame->wire().size();
  Add(std::move(frame), size);
}

void SendQueue::Push(SharedBytes bytes) {
  const std::size_t size = bytes.frame->payload().size();
  if (size > 0) Add(std::move(bytes), size);
}

void SendQueue::Push(std::string bytes) {
  if (bytes.empty()) return;
  const std::size_t size = bytes.size();
  Add(std::make_unique<std::string>(std::move(bytes)), size);
}

void SendQueue::Add(Item item, std::size_t size) {
  if (items_.capacity() == 0) items_.reserve(2);
  items_.push_back(std::move(item));
  bytes_ += size;
}

std::size_t SendQueue::Gather(std::span<iovec> parts) const {
  std::size_t used = 0;
  std::size_t skip = offset_;
  for (std::size_t i = first_; i < items_.size() && used < parts.size(); ++i) {
    const std::string_view view = View(items_[i]).substr(skip);
    skip = 0;
    parts[used++] = {const_cast<char*>(view.data()), view.size()};
  }
  return used;
}

void SendQueue::Consume(std::size_t count) {
  bytes_ -= count;
  if (bytes_ == 0) return Clear();
  while (count > 0) {
    const std::size_t left = View(items_[first_]).size() - offset_;
    if (count < left) {
      offset_ += count;
      break;
    }
    count -= left;
    offset_ = 0;
    items_[first_++] = Item();
  }
  // Moves what is left to the front once half of the places are empty.
  if (first_ >= 32 && first_ * 2 >= items_.size()) {
    items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
}

void SendQueue::Clear() {
  items_ = std::vector<Item>();
  first_ = offset_ = bytes_ = 0;
}

}  // namespace tidings::net
