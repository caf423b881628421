#include <tidings/messaging/servers/child_process.hpp>

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <system_error>
#include <thread>

namespace tidings::messaging::servers {
namespace {

// After fork only async-signal-safe calls are allowed, so the search happens before.
std::string FindInPath(const std::string& program) {
  if (program.contains('/')) return program;
  const char* path = ::getenv("PATH");
  std::string folders = path != nullptr ? path : "/usr/bin:/bin";
  // Debian keeps servers where a user's PATH does not look.
  folders += ":/usr/sbin:/sbin:/usr/lib/rabbitmq/bin";
  for (std::size_t begin = 0; begin <= folders.size();) {
    const std::size_t end = std::min(folders.find(':', begin), folders.size());
    std::string found = folders.substr(begin, end - begin) + "/" + program;
    if (::access(found.c_str(), X_OK) == 0) return found;
    begin = end + 1;
  }
  throw std::runtime_error("no program " + program + " in PATH; install it");
}

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

[[noreturn]] void Become(const std::string& program, char* const* arguments, char* const* environment, int output,
                         pid_t parent) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);  // it died in between
  ::dup2(output, 1);
  ::dup2(output, 2);
  const int none = ::open("/dev/null", O_RDONLY);
  ::dup2(none, 0);
  ::signal(SIGPIPE, SIG_DFL);
  ::execve(program.c_str(), arguments, environment);
  constexpr char kFailed[] = "it could not be executed\n";
  [[maybe_unused]] const ssize_t written = ::write(2, kFailed, sizeof(kFailed) - 1);
  ::_exit(127);
}

}  // namespace

ChildProcess::ChildProcess(const std::vector<std::string>& command, const std::string& output,
                           const std::vector<std::string>& environment) {
  const std::string program = FindInPath(command.at(0));
  std::vector<std::string> arguments = command;
  std::vector<std::string> variables = environment;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string name = std::string(*variable).substr(0, std::string_view(*variable).find('=') + 1);
    const bool set = std::ranges::any_of(environment, [&](const std::string& own) { return own.starts_with(name); });
    if (!set) variables.emplace_back(*variable);
  }
  const auto argument_pointers = Pointers(arguments);
  const auto variable_pointers = Pointers(variables);
  const int file =
      ::open(output.empty() ? "/dev/null" : output.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file < 0) throw std::system_error(errno, std::generic_category(), "cannot write " + output);
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  const int error = errno;
  if (pid_ == 0) Become(program, argument_pointers.data(), variable_pointers.data(), file, parent);
  ::close(file);
  if (pid_ < 0) throw std::system_error(error, std::generic_category(), "cannot start " + program);
  ::setpgid(pid_, pid_);  // here too, so that a signal sent at once goes to the group
}

void ChildProcess::Reaped(int status) { ended_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

std::optional<int> ChildProcess::ended() {
  int status = 0;
  if (!ended_ && ::waitpid(pid_, &status, WNOHANG) == pid_) Reaped(status);
  return ended_;
}

bool ChildProcess::running() { return !ended().has_value(); }

void ChildProcess::Kill() {
  if (!running()) return;
  ::kill(-pid_, SIGKILL);
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  Reaped(status);
}

void ChildProcess::Pause() {
  if (!running()) return;
  ::kill(-pid_, SIGSTOP);
  int status = 0;
  while (::waitpid(pid_, &status, WUNTRACED) < 0 && errno == EINTR) {
  }
  if (!WIFSTOPPED(status)) Reaped(status);
}

void ChildProcess::Resume() { Send(SIGCONT); }

void ChildProcess::Send(int signal) {
  if (running()) ::kill(-pid_, signal);
}

std::optional<int> ChildProcess::WaitFor(std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (running() && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return ended();
}

}  // namespace tidings::messaging::servers
