#include "tls.hpp"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "testing/frames.hpp"
#include "testing/server_fixture.hpp"

namespace tidings::net {
namespace {

using testing::EndsWith;
using testing::StartsWith;

// Writes a self-signed certificate and its key.
void WriteCertificate(const TlsFiles& files, const char* name) {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_set_pubkey(certificate, key);
  X509_NAME* subject = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
  X509_set_issuer_name(certificate, subject);
  X509_sign(certificate, key, EVP_sha256());
  FILE* file = std::fopen(files.certificate.c_str(), "w");
  PEM_write_X509(file, certificate);
  std::fclose(file);
  file = std::fopen(files.key.c_str(), "w");
  PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
  std::fclose(file);
  X509_free(certificate);
  EVP_PKEY_free(key);
}

// A client that speaks TLS over the fixture's.
class TlsClient {
 public:
  TlsClient(EventLoop& loop, std::uint16_t port, int version = 0, std::string_view before = {})
      : client_(loop, port), context_(SSL_CTX_new(TLS_client_method())) {
    client_.Send(before);
    if (version != 0) SSL_CTX_set_max_proto_version(context_, version);
    SSL_CTX_set_security_level(context_, 0);
    SSL_CTX_set_alpn_protos(context_, reinterpret_cast<const unsigned char*>("\x02h2\x08http/1.1"), 12);
    ssl_ = SSL_new(context_);
    // The fixture reads the socket; OpenSSL works on memory.
    SSL_set_bio(ssl_, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(ssl_);
  }
  ~TlsClient() {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
  }

  bool Handshake() {
    return client_.Until([&] {
      const int result = SSL_do_handshake(ssl_);
      const int why = SSL_get_error(ssl_, result);
      Shuffle();
      if (result != 1 && why != SSL_ERROR_WANT_READ) {
        char text[256];
        ERR_error_string_n(ERR_get_error(), text, sizeof text);
        error_ = text;
        return true;
      }
      return result == 1;
    }) && SSL_is_init_finished(ssl_) == 1;
  }
  void Send(std::string_view bytes) {
    SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size()));
    Shuffle();
  }
  std::string Bytes(std::size_t count) {
    client_.Until([&] {
      Shuffle();
      char buffer[16384];
      for (int got = 0; (got = SSL_read(ssl_, buffer, sizeof buffer)) > 0;)
        plain_.append(buffer, static_cast<std::size_t>(got));
      return plain_.size() >= count || (SSL_get_shutdown(ssl_) & SSL_RECEIVED_SHUTDOWN) != 0;
    });
    std::string taken = plain_.substr(0, count);
    plain_.erase(0, count);
    return taken;
  }
  std::string Name() {
    X509* certificate = SSL_get1_peer_certificate(ssl_);
    char name[256] = {};
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name, sizeof name);
    X509_free(certificate);
    return name;
  }
  std::string Protocol() {
    const unsigned char* name = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(ssl_, &name, &size);
    return {reinterpret_cast<const char*>(name), size};
  }
  bool SaidEnd() { return (SSL_get_shutdown(ssl_) & SSL_RECEIVED_SHUTDOWN) != 0; }
  SSL* ssl() { return ssl_; }
  const std::string& error() const { return error_; }
  Client& client() { return client_; }

 private:
  void Shuffle() {
    char buffer[65536];
    for (int got = 0; (got = BIO_read(SSL_get_wbio(ssl_), buffer, sizeof buffer)) > 0;) {
      client_.Send({buffer, static_cast<std::size_t>(got)});
    }
    std::string& received = client_.received();
    BIO_write(SSL_get_rbio(ssl_), received.data(), static_cast<int>(received.size()));
    received.clear();
  }

  Client client_;
  SSL_CTX* context_;
  SSL* ssl_ = nullptr;
  std::string plain_;
  std::string error_;
};

class TlsTest : public ServerTest {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("tidings_tls_" + RandomToken(8));
    std::filesystem::create_directory(folder_);
    files_ = {(folder_ / "cert.pem").string(), (folder_ / "key.pem").string()};
    WriteCertificate(files_, "first");
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path folder_;
  TlsFiles files_;
};

const std::string kClose = "GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

TEST_F(TlsTest, ServesHttpOverBothVersions) {
  Start({}, {.tls = files_});
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    TlsClient client(loop_, port_, version);
    ASSERT_TRUE(client.Handshake()) << client.error();
    EXPECT_EQ(SSL_version(client.ssl()), version);
    EXPECT_EQ(client.Protocol(), "http/1.1");
    client.Send(kClose);
    const std::string answer = client.Bytes(100'000);
    EXPECT_THAT(answer, AllOf(StartsWith("HTTP/1.1 200 "), EndsWith("/x")));
    EXPECT_TRUE(client.SaidEnd());
    EXPECT_TRUE(handler_.requests.back().secure);
  }
}

TEST_F(TlsTest, RefusesOldVersionsAndPlainText) {
  Start({}, {.tls = files_});
  TlsClient old(loop_, port_, TLS1_1_VERSION);
  EXPECT_FALSE(old.Handshake());
  Client plain = Connect();
  plain.Send(kGet);
  EXPECT_TRUE(plain.Ended());
  EXPECT_EQ(stats().tls_failed, 2u);
}

TEST_F(TlsTest, CutsHandshakesThatStandStill) {
  Start({}, {.tls = files_});
  Client client = Connect();
  client.Send("\x16\x03\x01\x02");
  client.Now();
  Pass(std::chrono::milliseconds(10'500));
  EXPECT_TRUE(client.Ended());
}

TEST_F(TlsTest, CarriesWebSocketsAndLargeMessages) {
  Start({}, {.tls = files_});
  TlsClient client(loop_, port_);
  ASSERT_TRUE(client.Handshake()) << client.error();
  client.Send(
      "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
  ASSERT_TRUE(client.client().Until([&] { return handler_.link != nullptr; }));
  const std::string head = client.Bytes(129);
  EXPECT_THAT(head, AllOf(StartsWith("HTTP/1.1 101 "), EndsWith("\r\n\r\n")));
  std::string big(900'000, 'x');
  for (std::size_t i = 0; i < big.size(); ++i) big[i] = static_cast<char>('a' + i % 23);
  client.Send(ClientFrame(big));
  EXPECT_TRUE(client.Bytes(big.size() + 10).ends_with(big));
  // Many small frames share records.
  const auto before = stats().writes.Get();
  for (int i = 0; i < 200; ++i) handler_.link->Send(realtime::Frame::Text("message"));
  EXPECT_EQ(client.Bytes(200 * 9).size(), 200u * 9);
  EXPECT_LE(stats().writes - before, 2u);
}

TEST_F(TlsTest, SurvivesSlowReaders) {
  Start({}, {.tls = files_});
  const std::string body(30'000'000, 'b');
  handler_.answer = [&](const realtime::HttpRequest&) { return realtime::HttpAnswer(200, "text/plain", body); };
  TlsClient client(loop_, port_);
  ASSERT_TRUE(client.Handshake()) << client.error();
  client.Send(kClose);
  for (int i = 0; i < 20; ++i) loop_.Turn(std::chrono::milliseconds(0));
  EXPECT_GT(stats().short_writes, 0u);
  EXPECT_TRUE(client.Bytes(40'000'000).ends_with(body));
}

TEST_F(TlsTest, ReloadsItsCertificates) {
  Start({}, {.tls = files_});
  TlsClient before(loop_, port_);
  ASSERT_TRUE(before.Handshake());
  WriteCertificate(files_, "second");
  ASSERT_TRUE(server_->ReloadCertificates().has_value());
  TlsClient after(loop_, port_);
  ASSERT_TRUE(after.Handshake());
  EXPECT_EQ(before.Name(), "first");
  EXPECT_EQ(after.Name(), "second");
  std::ofstream(files_.certificate) << "nonsense";
  EXPECT_FALSE(server_->ReloadCertificates().has_value());
  TlsClient still(loop_, port_);
  ASSERT_TRUE(still.Handshake());
  EXPECT_EQ(still.Name(), "second");
  before.Send(kClose);
  EXPECT_THAT(before.Bytes(100'000), StartsWith("HTTP/1.1 200 "));
}

TEST_F(TlsTest, RefusesAKeyOfAnotherCertificate) {
  const TlsFiles other{(folder_ / "other.pem").string(), (folder_ / "other_key.pem").string()};
  WriteCertificate(other, "other");
  const auto loaded = TlsContext::Load({files_.certificate, other.key});
  ASSERT_FALSE(loaded.has_value());
  EXPECT_EQ(loaded.error().code(), ErrorCode::kInvalid);
}

TEST_F(TlsTest, ComesAfterTheProxyHeader) {
  Start({.trusted_proxies = {"127.0.0.1"}}, {.proxy_protocol = true, .tls = files_});
  TlsClient client(loop_, port_, 0, "PROXY TCP4 203.0.113.7 192.0.2.2 56324 443\r\n");
  ASSERT_TRUE(client.Handshake()) << client.error();
  client.Send(kClose);
  EXPECT_THAT(client.Bytes(100'000), StartsWith("HTTP/1.1 200 "));
  EXPECT_EQ(handler_.requests.back().remote_address, "203.0.113.7");
  // Both in one packet.
  Client together = Connect();
  together.Send("PROXY UNKNOWN\r\nnot TLS at all, but some bytes");
  EXPECT_TRUE(together.Ended());
}

}  // namespace
}  // namespace tidings::net
