// A queue of tasks, and three workers that compete for them. One of them crashes with a task in its hands; another does it.
#include "../example.hpp"

#include <tidings/messaging/router.hpp>

// A connection of its own and a handler.
class Worker {
 public:
  Worker(Example& example, const std::string& name, int& done)
      : transport_(example.Connect()), router_(*transport_, example.timers()) {
    // Without a lease a broker sees by the connection that its worker is gone, with one by the time.
    router_.Subscribe("tasks", Concurrency(1), Lease(2s), [=, &done](Context& context) -> Task<void> {
      co_await context.timers().Sleep(20ms);  // the work
      std::cout << name << " does " << context.message().body << (context.deliveries() > 1 ? ", a second try\n" : "\n");
      ++done;
    });
  }
  Task<Status> Start() { return router_.Start(); }
  Task<void> Stop() { return router_.Stop(); }

 private:
  std::unique_ptr<Transport> transport_;
  Router router_;
};

// Takes a task, and is gone before it has told anybody that it is done.
Task<void> CrashWithATask(Example& example) {
  auto transport = example.Connect();
  ConsumeOptions options(1);
  options.lease = 2s;
  auto consumer = Must(co_await transport->Consume("tasks", options));
  const Delivery task = Must(co_await consumer->Next());
  std::cout << "carol takes " << task.message().body << " and crashes\n";
}

Task<void> Main(Example& example) {
  auto transport = example.Connect();
  Topology topology;
  topology.AddQueue("tasks");
  Must(co_await transport->Declare(topology));
  for (int number = 1; number <= 12; ++number) {
    Must(co_await transport->Publish(Address::Queue("tasks"), Message("resize", "picture " + std::to_string(number))));
  }
  int done = 0;
  Worker alice(example, "alice", done);
  Worker bob(example, "bob", done);
  co_await CrashWithATask(example);
  Must(co_await alice.Start());
  Must(co_await bob.Start());
  co_await example.Until([&] { return done == 12; });
  co_await alice.Stop();
  co_await bob.Stop();
  std::cout << "12 tasks done, " << Must(co_await transport->Stats("tasks")).ready << " left\n";
}

int main(int argc, char** argv) { return Example(argc, argv).Run(Main); }
