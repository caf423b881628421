// ChildProcess: a program that another one, a test say, runs beside itself. It ends with that one, however that ends.
//
//   ChildProcess server({"redis-server", "--port", "7001"}, folder.File("server.log"));
//   server.Kill();
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace tidings::messaging::servers {

// The kernel kills it (-9) when the thread that made it ends, so make it on one that lives as long as the program: the main one.
// It leads a process group of its own; signals go to the whole group. Only its first process dies with it: a program
// that starts others has to end them when their parent is gone.
class ChildProcess {
 public:
  // Looks for command[0] in PATH. What it writes is appended to the file `output`; "" drops it. `environment` holds
  // NAME=value, added to this process's own. Throws std::runtime_error if it cannot be started.
  explicit ChildProcess(const std::vector<std::string>& command, const std::string& output = "",
                        const std::vector<std::string>& environment = {});
  ~ChildProcess() { Kill(); }
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  bool running();
  // How it ended: its exit code, or 128 + the signal; nothing while it runs.
  std::optional<int> ended();

  // SIGKILL; returns when it is gone. Nothing if it is gone already.
  void Kill();
  // SIGSTOP; returns when it stands still. And SIGCONT.
  void Pause();
  void Resume();
  // SIGTERM, say. Does not wait.
  void Send(int signal);
  // Waits for its end, at most for `timeout`; nothing if it still runs then.
  std::optional<int> WaitFor(std::chrono::milliseconds timeout);

 private:
  void Reaped(int status);
  pid_t pid_ = -1;
  std::optional<int> ended_;
};

}  // namespace tidings::messaging::servers
