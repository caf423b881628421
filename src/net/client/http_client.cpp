#include <tidings/net/http_client.hpp>

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <strings.h>
#include <sys/socket.h>

#include <algorithm>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>

namespace tidings::net {
namespace {

constexpr int kPollMs = 1'000;
constexpr std::size_t kMostDropped = 64 * 1024;  // of a body, kept or not, if less is kept

// Once for the process, before any thread uses it.
void StartCurl() {
  static const CURLcode kStarted = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (kStarted != CURLE_OK) throw std::runtime_error("libcurl does not start");
}

// curl's reading of a URL; null if it is none.
std::unique_ptr<CURLU, void (*)(CURLU*)> ParseUrl(std::string_view url) {
  StartCurl();
  std::unique_ptr<CURLU, void (*)(CURLU*)> parsed(curl_url(), curl_url_cleanup);
  const std::string text(url);
  if (parsed && curl_url_set(parsed.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK) parsed.reset();
  return parsed;
}

std::string PartOf(CURLU* url, CURLUPart which) {
  char* value = nullptr;
  if (curl_url_get(url, which, &value, 0) != CURLUE_OK) return {};
  std::string copy(value);
  curl_free(value);
  return copy;
}

bool MayConnect(const curl_sockaddr& address) {
  const auto* generic = &address.addr;
  if (address.family == AF_INET) {
    const auto& v4 = *reinterpret_cast<const sockaddr_in*>(generic);
    return IsPublicAddress({reinterpret_cast<const char*>(&v4.sin_addr), 4});
  }
  if (address.family != AF_INET6) return false;
  const auto& v6 = *reinterpret_cast<const sockaddr_in6*>(generic);
  return IsPublicAddress({reinterpret_cast<const char*>(&v6.sin6_addr), 16});
}

// One request under way.
class Transfer {
 public:
  Transfer(std::uint64_t number, HttpPost request, HttpClient::Done done)
      : number_(number), request_(std::move(request)), done_(std::move(done)) {}
  ~Transfer() {
    if (headers_ != nullptr) curl_slist_free_all(headers_);
    if (easy_ != nullptr) curl_easy_cleanup(easy_);
  }
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  std::uint64_t number() const { return number_; }
  CURL* Open(const HttpClientOptions& options);
  void Finish(CURLcode code);
  void Fail(std::string why) {
    reply_ = HttpReply();
    reply_.error = std::move(why);
    done_(std::move(reply_));
  }

 private:
  static curl_socket_t OpenSocket(void* self, curlsocktype, curl_sockaddr* address);
  static std::size_t TakeBody(char* bytes, std::size_t size, std::size_t count, void* self);
  static std::size_t TakeHeader(char* bytes, std::size_t size, std::size_t count, void* self);

  const std::uint64_t number_;
  HttpPost request_;
  HttpClient::Done done_;
  HttpReply reply_;
  CURL* easy_ = nullptr;
  curl_slist* headers_ = nullptr;
  std::size_t most_reply_ = 0;
  std::size_t read_ = 0;  // of the body
  bool endless_ = false;
  bool refused_address_ = false;
  char error_[CURL_ERROR_SIZE] = "";
};

curl_socket_t Transfer::OpenSocket(void* self, curlsocktype, curl_sockaddr* address) {
  if (!MayConnect(*address)) {
    static_cast<Transfer*>(self)->refused_address_ = true;
    return CURL_SOCKET_BAD;
  }
  return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

std::size_t Transfer::TakeBody(char* bytes, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  std::string& body = transfer.reply_.body;
  body.append(bytes, std::min(size * count, transfer.most_reply_ - body.size()));
  transfer.read_ += size * count;
  transfer.endless_ = transfer.read_ > std::max(transfer.most_reply_, kMostDropped);
  return transfer.endless_ ? CURL_WRITEFUNC_ERROR : size * count;
}

std::size_t Transfer::TakeHeader(char* bytes, std::size_t size, std::size_t count, void* self) {
  static constexpr char kName[] = "retry-after:";
  constexpr std::size_t kNameSize = sizeof kName - 1;
  std::string_view line(bytes, size * count);
  if (line.size() > kNameSize && strncasecmp(bytes, kName, kNameSize) == 0) {
    line.remove_prefix(kNameSize);
    while (!line.empty() && (line.back() == '\r' || line.back() == '\n' || line.back() == ' ')) line.remove_suffix(1);
    while (!line.empty() && line.front() == ' ') line.remove_prefix(1);
    static_cast<Transfer*>(self)->reply_.retry_after = line.substr(0, 64);
  }
  return size * count;
}

CURL* Transfer::Open(const HttpClientOptions& options) {
  easy_ = curl_easy_init();
  if (easy_ == nullptr) return nullptr;
  most_reply_ = options.most_reply;
  const auto set = [this](CURLoption option, auto value) { curl_easy_setopt(easy_, option, value); };
  for (const auto& [name, value] : request_.headers) {
    headers_ = curl_slist_append(headers_, (name + ": " + value).c_str());
  }
  headers_ = curl_slist_append(headers_, "Expect:");
  set(CURLOPT_PRIVATE, this);
  set(CURLOPT_URL, request_.url.c_str());
  set(CURLOPT_HTTPHEADER, headers_);
  set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
  set(CURLOPT_POSTFIELDS, request_.body.data());
  set(CURLOPT_USERAGENT, options.user_agent.c_str());
  set(CURLOPT_TIMEOUT_MS, static_cast<long>(options.timeout.count()));
  set(CURLOPT_NOSIGNAL, 1L);
  // A name that is slow to resolve holds up no other request: its thread is left to itself when the time is over.
  set(CURLOPT_QUICK_EXIT, 1L);
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_PROXY, "");
  set(CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(CURLOPT_ERRORBUFFER, error_);
  set(CURLOPT_WRITEFUNCTION, &TakeBody);
  set(CURLOPT_WRITEDATA, this);
  set(CURLOPT_HEADERFUNCTION, &TakeHeader);
  set(CURLOPT_HEADERDATA, this);
  if (!options.private_addresses) {
    set(CURLOPT_OPENSOCKETFUNCTION, &OpenSocket);
    set(CURLOPT_OPENSOCKETDATA, this);
  }
  return easy_;
}

void Transfer::Finish(CURLcode code) {
  if (code == CURLE_OK || endless_) {
    long status = 0;
    curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
    reply_.status = static_cast<int>(status);
    return done_(std::move(reply_));
  }
  if (refused_address_) {
    reply_ = HttpReply();
    reply_.refused = true;
    reply_.error = "its address is not public";
    return done_(std::move(reply_));
  }
  Fail(error_[0] != '\0' ? error_ : curl_easy_strerror(code));
}

}  // namespace

class HttpClient::State {
 public:
  explicit State(HttpClientOptions options) : options_(std::move(options)) {
    StartCurl();
    multi_ = curl_multi_init();
    if (multi_ == nullptr) throw std::runtime_error("libcurl has no memory");
    curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, 64L);
    thread_ = std::thread([this] { Loop(); });
  }
  ~State() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    curl_multi_wakeup(multi_);
    thread_.join();
    for (auto& [easy, transfer] : running_) curl_multi_remove_handle(multi_, easy);
    for (auto& [easy, transfer] : running_) transfer->Fail("the client is closing");
    running_.clear();
    for (const auto& transfer : waiting_) transfer->Fail("the client is closing");
    curl_multi_cleanup(multi_);
  }

  std::uint64_t Post(HttpPost request, Done done) {
    std::uint64_t number = 0;
    {
      const std::lock_guard lock(mutex_);
      number = ++last_;
      waiting_.push_back(std::make_unique<Transfer>(number, std::move(request), std::move(done)));
    }
    curl_multi_wakeup(multi_);
    return number;
  }

  void Cancel(std::uint64_t number) {
    {
      const std::lock_guard lock(mutex_);
      cancelled_.insert(number);
    }
    curl_multi_wakeup(multi_);
  }

 private:
  void Loop() {
    while (true) {
      if (!Begin()) return;
      int left = 0;
      curl_multi_perform(multi_, &left);
      const bool ended = End();
      if (!ended) curl_multi_poll(multi_, nullptr, 0, kPollMs, nullptr);
    }
  }

  // Starts what waits. False: the client ends.
  bool Begin() {
    std::deque<std::unique_ptr<Transfer>> fresh;
    std::set<std::uint64_t> cancelled;
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return false;
      cancelled.swap(cancelled_);
      for (auto waiting = waiting_.begin(); waiting != waiting_.end() && !cancelled.empty();) {
        if (!cancelled.contains((*waiting)->number())) {
          ++waiting;
          continue;
        }
        ended_.push_back(std::move(*waiting));
        waiting = waiting_.erase(waiting);
      }
      while (!waiting_.empty() && running_.size() + fresh.size() < options_.most_at_once) {
        fresh.push_back(std::move(waiting_.front()));
        waiting_.pop_front();
      }
    }
    for (auto running = running_.begin(); running != running_.end() && !cancelled.empty();) {
      if (!cancelled.contains(running->second->number())) {
        ++running;
        continue;
      }
      curl_multi_remove_handle(multi_, running->first);
      ended_.push_back(std::move(running->second));
      running = running_.erase(running);
    }
    for (const auto& transfer : std::exchange(ended_, {})) transfer->Fail("cancelled");
    for (auto& transfer : fresh) {
      CURL* const easy = transfer->Open(options_);
      if (easy == nullptr || curl_multi_add_handle(multi_, easy) != CURLM_OK) {
        transfer->Fail("libcurl has no memory");
      } else {
        running_.emplace(easy, std::move(transfer));
      }
    }
    return true;
  }

  bool End() {
    bool ended = false;
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      CURL* const easy = message->easy_handle;
      const CURLcode code = message->data.result;
      curl_multi_remove_handle(multi_, easy);
      const auto found = running_.find(easy);
      const std::unique_ptr<Transfer> transfer = std::move(found->second);
      running_.erase(found);
      transfer->Finish(code);
      ended = true;
    }
    return ended;
  }

  const HttpClientOptions options_;
  CURLM* multi_ = nullptr;
  std::mutex mutex_;
  std::deque<std::unique_ptr<Transfer>> waiting_;
  std::set<std::uint64_t> cancelled_;
  std::uint64_t last_ = 0;
  bool stopping_ = false;
  std::vector<std::unique_ptr<Transfer>> ended_;  // the thread's own, as is
  std::map<CURL*, std::unique_ptr<Transfer>> running_;
  std::thread thread_;
};

HttpClient::HttpClient(HttpClientOptions options) : state_(std::make_unique<State>(std::move(options))) {}
HttpClient::~HttpClient() = default;

std::uint64_t HttpClient::Post(HttpPost request, Done done) {
  return state_->Post(std::move(request), std::move(done));
}
void HttpClient::Cancel(std::uint64_t number) { state_->Cancel(number); }

Status CheckUrl(std::string_view url) {
  constexpr std::size_t kMost = 2'048;
  const auto refuse = [](std::string why) { return tidings::Fail(ErrorCode::kInvalid, std::move(why)); };
  if (url.size() > kMost) return refuse("the URL is longer than 2048 bytes");
  const auto control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (std::ranges::any_of(url, control)) return refuse("the URL holds a control character");
  const auto parsed = ParseUrl(url);
  if (!parsed) return refuse("this is no URL");
  const std::string scheme = PartOf(parsed.get(), CURLUPART_SCHEME);
  if (scheme != "http" && scheme != "https") return refuse("the URL must begin with https:// or http://");
  if (PartOf(parsed.get(), CURLUPART_HOST).empty()) return refuse("the URL names no host");
  if (!PartOf(parsed.get(), CURLUPART_USER).empty() || !PartOf(parsed.get(), CURLUPART_PASSWORD).empty()) {
    return refuse("the URL must not hold a user or a password");
  }
  return {};
}

bool NamesPrivateAddress(std::string_view url) {
  const auto parsed = ParseUrl(url);
  if (!parsed) return false;
  std::string host = PartOf(parsed.get(), CURLUPART_HOST);
  if (host.ends_with('.')) host.pop_back();
  std::ranges::transform(host, host.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  if (host == "localhost" || host.ends_with(".localhost")) return true;
  if (host.starts_with('[')) host = host.substr(1, host.find_first_of("%]") - 1);
  in6_addr v6{};
  if (inet_pton(AF_INET6, host.c_str(), &v6) == 1) return !IsPublicAddress({reinterpret_cast<const char*>(&v6), 16});
  // Also 127.1, 0x7f.1 and 2130706433.
  in_addr v4{};
  return inet_aton(host.c_str(), &v4) == 1 && !IsPublicAddress({reinterpret_cast<const char*>(&v4), 4});
}

}  // namespace tidings::net
