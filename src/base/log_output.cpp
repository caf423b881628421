#include "log_output.hpp"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <utility>

#include <tidings/base/clock.hpp>
#include <tidings/base/json.hpp>

namespace tidings::log {

namespace {

constexpr std::chrono::milliseconds kBetweenTries{10};

std::string LineOfDropped(std::uint64_t lines) {
  std::string line;
  json::ObjectWriter writer(line);
  writer.Time("at", SystemClock().Now()).Text("level", "warning").Text("event", "log_lines_dropped");
  writer.Number("lines", lines).End();
  return line + "\n";
}

bool WriteWhole(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(descriptor, bytes.data(), bytes.size());
    if (written >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN) {
      // Another process that has it too wants it so.
      std::this_thread::sleep_for(kBetweenTries);
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

}  // namespace

void LogOutput::Start() {
  const std::lock_guard lock(mutex_);
  behind_ = true;
  ending_ = ended_ = false;
  // Signals are for others.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { Run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_setname_np(thread_.native_handle(), "tidings-log");
}

bool LogOutput::Stop(std::chrono::milliseconds within) {
  std::unique_lock lock(mutex_);
  if (!behind_) return true;
  ending_ = true;
  changed_.notify_all();
  if (!changed_.wait_for(lock, within, [this] { return ended_; })) return false;
  behind_ = false;
  lock.unlock();
  thread_.join();
  return true;
}

void LogOutput::Write(std::string_view line) {
  const std::lock_guard lock(mutex_);
  if (!behind_) {
    dropped_.fetch_add(WriteOut(line), std::memory_order_relaxed);
  } else if (waiting_.size() + line.size() > most_) {
    dropped_.fetch_add(1, std::memory_order_relaxed);
    ++untold_;
  } else {
    waiting_ += line;
    changed_.notify_all();
  }
}

bool LogOutput::WriteLast(std::string_view line, std::chrono::milliseconds within) {
  std::unique_lock lock(mutex_);
  if (!behind_) return WriteOut(line) == 0;
  waiting_ += line;
  changed_.notify_all();
  return changed_.wait_for(lock, within, [this] { return waiting_.empty() && !writing_; });
}

void LogOutput::Run() {
  std::string lines;
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return ending_ || !waiting_.empty(); });
    if (waiting_.empty()) break;
    lines.swap(waiting_);
    std::uint64_t untold = std::exchange(untold_, 0);
    writing_ = true;
    lock.unlock();
    const std::uint64_t lost = WriteOut(lines);
    if (lost == 0 && untold > 0 && WriteOut(LineOfDropped(untold)) == 0) untold = 0;
    lines.clear();
    lock.lock();
    writing_ = false;
    untold_ += untold + lost;
    dropped_.fetch_add(lost, std::memory_order_relaxed);
    changed_.notify_all();
  }
  ended_ = true;
  changed_.notify_all();
}

std::uint64_t LogOutput::WriteOut(std::string_view lines) const {
  while (!lines.empty()) {
    // Whole lines, and as many as a pipe takes at once: other processes may write to it too.
    auto end = lines.rfind('\n', PIPE_BUF - 1);
    if (end == std::string_view::npos) end = std::min(lines.find('\n'), lines.size() - 1);
    if (!WriteWhole(descriptor_, lines.substr(0, end + 1))) break;
    lines.remove_prefix(end + 1);
  }
  return static_cast<std::uint64_t>(std::ranges::count(lines, '\n'));
}

}  // namespace tidings::log
