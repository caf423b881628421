#include "example.hpp"

#include <CLI/CLI.hpp>
#include <boost/asio/co_spawn.hpp>

#include <cstdlib>
#include <exception>
#include <map>

Example::Example(int argc, char** argv) {
  CLI::App app("An example of tidings' messaging library");
  app.add_option("--transport", transport_, "memory, sqlite, redis, rabbitmq or an address: redis://HOST:PORT …")
      ->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::exit(app.exit(error));
  }
}

std::unique_ptr<Transport> Example::Connect() {
  static const std::map<std::string, std::string> kUsual = {{"memory", "memory:"},
                                                            {"sqlite", "sqlite:queues"},
                                                            {"redis", "redis://127.0.0.1:6379"},
                                                            {"rabbitmq", "amqp://127.0.0.1:5672"}};
  const auto usual = kUsual.find(transport_);
  const std::string& address = usual == kUsual.end() ? transport_ : usual->second;
  return Must(OpenTransport(context_.get_executor(), timers_, ledger_, address, memory_));
}

Task<void> Example::Until(std::function<bool()> so) {
  for (int look = 0; !so(); ++look) {
    if (look == 3'000) throw std::runtime_error("what the example waits for did not happen in 30 seconds");
    co_await timers_.Sleep(10ms);
  }
}

int Example::Run(Task<void> (*main)(Example&)) {
  int code = 0;
  boost::asio::co_spawn(context_, main(*this), [&](const std::exception_ptr& thrown) {
    try {
      if (thrown) std::rethrow_exception(thrown);
    } catch (const std::exception& error) {
      std::cerr << error.what() << "\n";
      code = 1;
    }
    context_.stop();
  });
  context_.run();
  return code;
}
