// A Socket.IO server that sends everything back, made from the public headers of tidings alone: namespaces / and
// /custom over polling and WebSocket, and bare Engine.IO on /engine.io/.
#include <CLI/CLI.hpp>

#include <algorithm>
#include <csignal>
#include <iostream>

#include <tidings/net/http_server.hpp>
#include <tidings/net/signals.hpp>
#include <tidings/net/ticker.hpp>
#include <tidings/realtime/socket_server.hpp>

using namespace tidings;
using namespace tidings::realtime;

void SetUpEcho(SocketServer& server) {
  for (const char* name : {"/", "/custom"}) {
    server.Of(name)
        .OnConnection([](Socket& socket, const Handshake& handshake) { socket.Emit("auth", handshake.auth); })
        .On("message", [](Socket& socket, const Args& args, AckSender) { socket.Emit("message-back", args); })
        .On("message-with-ack", [](Socket&, const Args& args, AckSender ack) { ack(args); });
  }
}

class EngineEcho final : public EngineHandler {
  void OnMessage(EngineSession& session, std::string_view message, bool binary) override {
    session.Send(binary ? Frame::Binary(message) : Frame::Text("4" + std::string(message)));
  }
};

class Healthy final : public RequestHandler {
  void OnRequest(HttpRequest, std::unique_ptr<HttpExchange> exchange) override {
    exchange->Respond({200, "text/plain", "ok\n"});
  }
};

int main(int argc, char** argv) {
  CLI::App app("A Socket.IO server that sends everything back");
  net::ListenOptions listen{.host = "*", .port = 3000};
  SocketOptions options{.engine = {.ping_interval = 300, .ping_timeout = 200}, .connect_timeout = 1000};
  app.add_option("--host", listen.host, "Address to listen on; * is all of them")->capture_default_str();
  app.add_option("--port", listen.port, "Port; 0 takes a free one")->capture_default_str();
  app.add_option("--ping-interval", options.engine.ping_interval, "Milliseconds")->capture_default_str();
  app.add_option("--ping-timeout", options.engine.ping_timeout, "Milliseconds")->capture_default_str();
  app.add_option("--max-payload", options.engine.max_payload, "Bytes of a message")->capture_default_str();
  app.add_option("--connect-timeout", options.connect_timeout, "Milliseconds")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  // As many attachments as a packet's text can name, and together as much as is still sent back to a slow client.
  options.max_attachments = options.engine.max_payload;
  options.max_attachment_bytes = 8 * options.engine.max_payload;
  options.engine.max_pending = std::max(options.engine.max_pending, 2 * options.max_attachment_bytes);

  const SystemClock clock;
  net::EventLoop loop(clock);
  SocketServer sockets(options, clock);
  SetUpEcho(sockets);
  EngineEcho echo;
  EngineServer engine(options.engine, clock, echo);
  Healthy healthy;
  const net::Ticker sockets_ticker(loop, sockets);
  const net::Ticker engine_ticker(loop, engine);

  net::HttpServer server(loop);
  server.Route("/socket.io/", sockets);
  server.Route("/engine.io/", engine);
  server.Route("/healthz", healthy);
  const auto port = server.Listen(listen);
  if (!port) return (std::cerr << "socketio_echo: " << port.error().message() << '\n', 1);
  std::cout << "listening on port " << *port << std::endl;

  const net::SignalWatch signals(loop, {SIGTERM, SIGINT}, [&](int) {
    sockets.CloseAll();
    engine.CloseAll();
    server.Stop(std::chrono::seconds(3), [&] { loop.Stop(); });
  });
  loop.Run();
}
