// amqps:// to a real server whose certificate was made by its owner.
#include <tidings/messaging/rabbitmq/rabbit_transport.hpp>

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include <tidings/base/id.hpp>
#include <tidings/messaging/servers/child_process.hpp>
#include <tidings/messaging/servers/free_port.hpp>
#include <tidings/messaging/servers/rabbit_server.hpp>
#include <tidings/testing/temp_folder.hpp>

#include "../testing/fault_proxy.hpp"
#include "../testing/task_runner.hpp"

namespace tidings::messaging {
namespace {

using namespace std::chrono_literals;
using servers::ChildProcess;
using servers::FreePort;
using servers::RabbitServer;
using testing::FaultProxy;
using testing::Faults;
using testing::TaskRunner;

// Signed by itself, for the name "localhost" alone.
class Certificate {
 public:
  Certificate() {
    ChildProcess openssl({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                          "-days", "2", "-subj", "/CN=tidings test", "-addext", "subjectAltName=DNS:localhost",
                          "-keyout", key(), "-out", certificate()});
    if (openssl.WaitFor(30s) != 0) throw std::runtime_error("openssl made no certificate: apt-get install openssl");
  }
  std::string certificate() const { return folder_.File("certificate.pem"); }
  std::string key() const { return folder_.File("key.pem"); }

 private:
  TempFolder folder_;
};

class TlsServer {
 public:
  std::uint16_t port() const { return port_.number(); }
  std::uint16_t plain_port() const { return server_.port(); }
  std::string certificate() const { return certificate_.certificate(); }

 private:
  Certificate certificate_;
  FreePort port_;
  RabbitServer server_{{"listeners.ssl.1 = 127.0.0.1:" + std::to_string(port_.number()),
                        "ssl_options.cacertfile = " + certificate_.certificate(),
                        "ssl_options.certfile = " + certificate_.certificate(),
                        "ssl_options.keyfile = " + certificate_.key(), "ssl_options.verify = verify_none",
                        "ssl_options.fail_if_no_peer_cert = false"}};
};

TlsServer& Server() {
  static TlsServer server;
  return server;
}

class RabbitTlsTest : public ::testing::Test {
 protected:
  RabbitTlsTest() : timers_(runner_.executor()), queue_("tls." + RandomToken(12)) { Server(); }
  ~RabbitTlsTest() override {
    transport_.reset();
    runner_.Poll();
  }

  RabbitTransport& Use(const std::string& host, std::uint16_t port, const std::string& query) {
    RabbitOptions options("amqps://guest:guest@" + host + ":" + std::to_string(port) + "/?" + query);
    options.call_timeout = 30s;
    options.most_pause = 300ms;
    auto made = RabbitTransport::Make(runner_.executor(), timers_, ledger_, std::move(options));
    EXPECT_TRUE(made) << made.error().message();
    transport_ = std::move(*made);
    return *transport_;
  }
  std::string Trusting() const { return "cacertfile=" + Server().certificate(); }
  // Whether it cannot be reached, for this reason.
  bool Refuses(const std::string& why) {
    std::string said;
    const bool refuses = runner_.Until([&] {
      const auto connected = runner_.Run(transport_->Connect(200ms));
      said = connected ? "connected" : connected.error().message();
      return said.find(why) != std::string::npos;
    });
    EXPECT_TRUE(refuses) << said;
    return refuses;
  }
  void Declare() {
    const auto declared = runner_.Run(transport_->Declare(Topology().AddQueue(queue_)));
    ASSERT_TRUE(declared) << declared.error().message();
  }
  // Many of mixed sizes at once, and takes them again meanwhile.
  void SendAndTake(int count) {
    auto consumer = runner_.Run(transport_->Consume(queue_, ConsumeOptions(20)));
    ASSERT_TRUE(consumer) << consumer.error().message();
    int published = 0;
    int taken = 0;
    std::size_t bytes = 0;
    std::size_t expected = 0;
    for (int i = 0; i < count; ++i) {
      const std::size_t size = i % 10 == 0 ? 300'000 : 10 * static_cast<std::size_t>(i);
      expected += size;
      runner_.Spawn([](RabbitTransport& to, std::string queue, std::size_t body, int& done) -> Task<void> {
        const auto sent = co_await to.Publish(Address::Queue(std::move(queue)), Message(std::string(body, 'x')));
        EXPECT_TRUE(sent) << sent.error().message();
        ++done;
      }(*transport_, queue_, size, published));
    }
    runner_.Spawn([](Consumer& from, int many, int& done, std::size_t& sum) -> Task<void> {
      while (done < many) {
        auto delivery = co_await from.Next();
        if (!delivery) break;
        sum += delivery->message().body.size();
        const auto acknowledged = co_await delivery->Ack();
        EXPECT_TRUE(acknowledged) << acknowledged.error().message();
        ++done;
      }
    }(**consumer, count, taken, bytes));
    ASSERT_TRUE(runner_.Until([&] { return published == count && taken == count; })) << published << ", " << taken;
    EXPECT_EQ(bytes, expected);
  }

  TaskRunner runner_;
  SystemTimers timers_;
  LossLedger ledger_;
  std::string queue_;
  std::unique_ptr<RabbitTransport> transport_;
};

TEST_F(RabbitTlsTest, CarriesMessagesOfAllSizes) {
  Use("localhost", Server().port(), Trusting());
  Declare();
  SendAndTake(100);
  runner_.Run(transport_->Close());
}

TEST_F(RabbitTlsTest, ComesBackAfterABreakAndBearsSingleBytes) {
  FaultProxy proxy(Server().port());
  Use("localhost", proxy.port(), Trusting());
  Declare();
  SendAndTake(20);
  proxy.Cut();
  proxy.Set(Faults().OneByteWrites());
  SendAndTake(20);
  proxy.Set(Faults().Delay(5ms));
  proxy.Cut();
  SendAndTake(20);
}

TEST_F(RabbitTlsTest, TrustsNobodyUnasked) {
  Use("localhost", Server().port(), "");
  EXPECT_TRUE(Refuses("certificate verify failed"));
}

TEST_F(RabbitTlsTest, LooksAtTheNameInTheCertificate) {
  Use("127.0.0.1", Server().port(), Trusting());
  EXPECT_TRUE(Refuses("certificate verify failed"));
}

TEST_F(RabbitTlsTest, VerifiesNothingWhereItIsToldSo) {
  Use("127.0.0.1", Server().port(), "verify=verify_none");
  Declare();
  SendAndTake(10);
}

TEST_F(RabbitTlsTest, SaysWhichFileIsMissing) {
  Use("localhost", Server().port(), "cacertfile=/nowhere/ca.pem");
  EXPECT_TRUE(Refuses("/nowhere/ca.pem"));
}

TEST_F(RabbitTlsTest, SaysThatThePeerSpeaksNoTls) {
  Use("localhost", Server().plain_port(), Trusting());
  EXPECT_TRUE(Refuses("TLS handshake failed"));
}

}  // namespace
}  // namespace tidings::messaging
