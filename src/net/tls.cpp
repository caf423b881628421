#include "tls.hpp"

#include <cerrno>
#include <new>
#include <utility>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

namespace tidings::net {

namespace {

struct SslFree {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(BIO_METHOD* method) const { BIO_meth_free(method); }
};

// What the BIO works on. OpenSSL's own socket BIO would write without MSG_NOSIGNAL.
struct Wire {
  int fd = -1;
  std::string preload;
};

Wire& WireOf(BIO* bio) { return *static_cast<Wire*>(BIO_get_data(bio)); }

int Finish(BIO* bio, ssize_t result, int retry) {
  BIO_clear_retry_flags(bio);
  if (result < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
    BIO_set_flags(bio, retry | BIO_FLAGS_SHOULD_RETRY);
  return static_cast<int>(result);
}

int WireWrite(BIO* bio, const char* bytes, int size) {
  return Finish(bio, send(WireOf(bio).fd, bytes, static_cast<std::size_t>(size), MSG_NOSIGNAL | MSG_DONTWAIT),
                BIO_FLAGS_WRITE);
}

int WireRead(BIO* bio, char* into, int size) {
  Wire& wire = WireOf(bio);
  if (!wire.preload.empty()) {
    const std::size_t count = wire.preload.copy(into, static_cast<std::size_t>(size));
    wire.preload.erase(0, count);
    BIO_clear_retry_flags(bio);
    return static_cast<int>(count);
  }
  return Finish(bio, recv(wire.fd, into, static_cast<std::size_t>(size), MSG_DONTWAIT), BIO_FLAGS_READ);
}

long WireControl(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

BIO_METHOD* WireMethod() {
  static const std::unique_ptr<BIO_METHOD, SslFree> method = [] {
    std::unique_ptr<BIO_METHOD, SslFree> made(BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket"));
    if (made == nullptr) throw std::bad_alloc();
    BIO_meth_set_write(made.get(), WireWrite);
    BIO_meth_set_read(made.get(), WireRead);
    BIO_meth_set_ctrl(made.get(), WireControl);
    return made;
  }();
  return method.get();
}

// OpenSSL's own words for what went wrong last; clears its queue.
std::string LastError() {
  char text[256] = "unknown error";
  if (const unsigned long error = ERR_get_error(); error != 0) ERR_error_string_n(error, text, sizeof text);
  ERR_clear_error();
  return text;
}

int ChooseProtocol(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
                   unsigned int in_size, void*) {
  static constexpr unsigned char kHttp11[] = "\x08http/1.1";
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_size, kHttp11, sizeof kHttp11 - 1, in, in_size) != OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_NOACK;
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

Result<std::unique_ptr<SSL_CTX, SslFree>> MakeContext(const TlsFiles& files) {
  std::unique_ptr<SSL_CTX, SslFree> context(SSL_CTX_new(TLS_server_method()));
  if (context == nullptr) throw std::bad_alloc();
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(context.get(),
                   SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);  // tickets serve resumption
  SSL_CTX_set_alpn_select_cb(context.get(), ChooseProtocol, nullptr);
  if (SSL_CTX_use_certificate_chain_file(context.get(), files.certificate.c_str()) != 1) {
    return Fail(ErrorCode::kInvalid, "cannot read the certificate " + files.certificate + ": " + LastError());
  }
  if (SSL_CTX_use_PrivateKey_file(context.get(), files.key.c_str(), SSL_FILETYPE_PEM) != 1) {
    return Fail(ErrorCode::kInvalid, "cannot read the key " + files.key + ": " + LastError());
  }
  if (SSL_CTX_check_private_key(context.get()) != 1) {
    return Fail(ErrorCode::kInvalid,
                "the key " + files.key + " is not that of " + files.certificate + ": " + LastError());
  }
  return context;
}

}  // namespace

struct TlsStream::State {
  Wire wire;
  std::unique_ptr<SSL, SslFree> ssl;
};

TlsStream::TlsStream(std::unique_ptr<State> state) : state_(std::move(state)) {}
TlsStream::~TlsStream() = default;

TlsOutcome TlsStream::Outcome(int result) {
  switch (SSL_get_error(state_->ssl.get(), result)) {
    case SSL_ERROR_WANT_READ: return TlsOutcome::kWantRead;
    case SSL_ERROR_WANT_WRITE: return TlsOutcome::kWantWrite;
    case SSL_ERROR_ZERO_RETURN: return TlsOutcome::kEnd;
    default: return TlsOutcome::kFailed;
  }
}

TlsOutcome TlsStream::Handshake() {
  ERR_clear_error();
  const int result = SSL_accept(state_->ssl.get());
  return result == 1 ? TlsOutcome::kDone : Outcome(result);
}

bool TlsStream::established() const { return SSL_is_init_finished(state_->ssl.get()) == 1; }

TlsOutcome TlsStream::Read(std::span<char> into, std::size_t& got) {
  ERR_clear_error();
  const int result = SSL_read_ex(state_->ssl.get(), into.data(), into.size(), &got);
  return result == 1 ? TlsOutcome::kDone : Outcome(result);
}

TlsOutcome TlsStream::Write(std::string_view bytes, std::size_t& took) {
  ERR_clear_error();
  const int result = SSL_write_ex(state_->ssl.get(), bytes.data(), bytes.size(), &took);
  return result == 1 ? TlsOutcome::kDone : Outcome(result);
}

void TlsStream::SayEnd() {
  ERR_clear_error();
  if (established()) SSL_shutdown(state_->ssl.get());
}

void TlsStream::Preload(std::string_view bytes) { state_->wire.preload.append(bytes); }

struct TlsContext::State {
  std::unique_ptr<SSL_CTX, SslFree> context;
};

TlsContext::TlsContext(TlsFiles files, std::unique_ptr<State> state)
    : files_(std::move(files)), state_(std::move(state)) {}
TlsContext::~TlsContext() = default;

Result<std::unique_ptr<TlsContext>> TlsContext::Load(TlsFiles files) {
  auto context = MakeContext(files);
  if (!context) return std::unexpected(context.error());
  return std::unique_ptr<TlsContext>(
      new TlsContext(std::move(files), std::make_unique<State>(State{std::move(*context)})));
}

Status TlsContext::Reload() {
  auto context = MakeContext(files_);
  if (!context) return std::unexpected(context.error());
  state_->context = std::move(*context);  // open connections hold on to the old one
  return {};
}

std::unique_ptr<TlsStream> TlsContext::Accept(int fd) const {
  auto state = std::make_unique<TlsStream::State>();
  state->wire.fd = fd;
  state->ssl.reset(SSL_new(state_->context.get()));
  BIO* bio = BIO_new(WireMethod());
  if (state->ssl == nullptr || bio == nullptr) {
    BIO_free(bio);
    throw std::bad_alloc();
  }
  BIO_set_data(bio, &state->wire);
  BIO_set_init(bio, 1);
  SSL_set_bio(state->ssl.get(), bio, bio);
  return std::unique_ptr<TlsStream>(new TlsStream(std::move(state)));
}

}  // namespace tidings::net
