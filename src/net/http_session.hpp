// HttpSession: a connection that speaks HTTP: reads requests one after the other, has each answered, and becomes a
// WebSocketSession where a handshake says so.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include <tidings/realtime/link.hpp>

#include "http_reader.hpp"
#include "protocol.hpp"

namespace tidings::net {

class Connection;

class HttpSession final : public Protocol {
 public:
  explicit HttpSession(Connection& connection);
  ~HttpSession() override;

  std::size_t OnInput(std::span<char> input) override;
  void OnEnd() override;
  void OnDrained() override;
  void OnMoved() override;
  bool OnTimeout(Wait wait) override;
  void OnStop() override;
  void OnClosed() override;
  std::size_t Held() const override { return reader_ == nullptr ? 0 : reader_->body_taken(); }

 private:
  class Exchange;
  enum class Phase : std::uint8_t { kIdle, kHead, kBody, kMoving, kAnswering, kDone };

  // False when nothing more can be read just now.
  bool ReadOn(std::span<char> input, std::size_t& taken);
  void OnHead();
  // The body is not all there: asks the handler whether it wants it at all. False if it does not.
  bool Announce();
  void OnPartOfBody(bool progress);
  void OnWhole();
  void CompleteRequest();
  // Goes on with the request that was read, on the loop where it is to be answered.
  void Dispatch();
  void Upgrade(const realtime::HttpRequest& request, realtime::RequestHandler& handler);
  void Refuse(const HttpRefusal& refusal);
  void BreakOff();
  void Answer(realtime::HttpAnswer answer);
  void Log(int status) const;
  void OnDropped();

  // What the log says of the request that is answered.
  struct Asked {
    std::string id;
    std::string method;
    std::string path;
    std::string address;
    Millis since = 0;
  };

  Connection& connection_;
  std::unique_ptr<HttpReader> reader_;  // only while a request comes in
  std::unique_ptr<realtime::PendingBody> pending_body_;
  Exchange* exchange_ = nullptr;        // only while one is answered; owned by whoever answers
  std::unique_ptr<Asked> asked_;        // from when a request is whole until it is answered
  Millis body_since_ = 0;
  Phase phase_ = Phase::kIdle;
  bool announced_ = false;
  bool keep_alive_ = true;
  bool version_1_1_ = true;
  bool head_only_ = false;
};

}  // namespace tidings::net
