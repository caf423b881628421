// bench_rabbit_bare HOST PORT QUEUE WINDOW MESSAGES: the same with Debian's librabbitmq and nothing above it.
#include <amqp.h>
#include <amqp_tcp_socket.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "../figures.hpp"

namespace {

void Must(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "librabbitmq: %s failed\n", what);
  std::exit(1);
}

amqp_connection_state_t Connect(const char* host, int port) {
  amqp_connection_state_t connection = amqp_new_connection();
  amqp_socket_t* socket = amqp_tcp_socket_new(connection);
  Must(amqp_socket_open(socket, host, port) == 0, "connecting");
  Must(amqp_login(connection, "/", 0, 131072, 0, AMQP_SASL_METHOD_PLAIN, "guest", "guest").reply_type ==
           AMQP_RESPONSE_NORMAL,
       "login");
  Must(amqp_channel_open(connection, 1) != nullptr, "channel.open");
  return connection;
}

// Reads confirms until `count` messages are confirmed.
void AwaitConfirms(amqp_connection_state_t connection, std::uint64_t until, std::uint64_t& confirmed) {
  while (confirmed < until) {
    amqp_frame_t frame;
    Must(amqp_simple_wait_frame(connection, &frame) == AMQP_STATUS_OK, "waiting for a confirm");
    if (frame.frame_type != AMQP_FRAME_METHOD) continue;
    Must(frame.payload.method.id == AMQP_BASIC_ACK_METHOD, "publishing");
    const auto* ack = static_cast<amqp_basic_ack_t*>(frame.payload.method.decoded);
    confirmed = ack->multiple ? ack->delivery_tag : confirmed + 1;
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) return 2;
  const char* host = argv[1];
  const int port = std::atoi(argv[2]);
  const amqp_bytes_t queue = amqp_cstring_bytes(argv[3]);
  const int window = std::atoi(argv[4]);
  const int messages = std::atoi(argv[5]);
  amqp_connection_state_t publishing = Connect(host, port);
  amqp_connection_state_t consuming = Connect(host, port);
  Must(amqp_queue_declare(consuming, 1, queue, 0, 1, 0, 0, amqp_empty_table) != nullptr, "queue.declare");
  Must(amqp_confirm_select(publishing, 1) != nullptr, "confirm.select");
  Must(amqp_basic_qos(consuming, 1, 0, static_cast<std::uint16_t>(window), 0) != nullptr, "basic.qos");
  Must(amqp_basic_consume(consuming, 1, queue, amqp_empty_bytes, 0, 0, 0, amqp_empty_table) != nullptr,
       "basic.consume");

  const std::string body(300, 'x');
  amqp_basic_properties_t properties;
  std::memset(&properties, 0, sizeof(properties));
  properties._flags = AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_MESSAGE_ID_FLAG | AMQP_BASIC_TYPE_FLAG;
  properties.delivery_mode = 2;
  properties.message_id = amqp_cstring_bytes("0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b");
  properties.type = amqp_cstring_bytes("bench");
  std::uint64_t confirmed = 0;
  std::vector<double> latencies;
  const figures::Run run;
  for (int done = 0; done < messages;) {
    const int now = std::min(window, messages - done);
    const auto sent = figures::Clock::now();
    for (int i = 0; i < now; ++i) {
      Must(amqp_basic_publish(publishing, 1, amqp_empty_bytes, queue, 1, 0, &properties,
                              amqp_bytes_t{body.size(), const_cast<char*>(body.data())}) == AMQP_STATUS_OK,
           "basic.publish");
    }
    AwaitConfirms(publishing, static_cast<std::uint64_t>(done + now), confirmed);
    amqp_maybe_release_buffers(publishing);
    for (int i = 0; i < now; ++i) {
      amqp_envelope_t envelope;
      Must(amqp_consume_message(consuming, &envelope, nullptr, 0).reply_type == AMQP_RESPONSE_NORMAL, "consuming");
      if (window == 1) {
        latencies.push_back(figures::MicrosSince(sent));
      }
      Must(amqp_basic_ack(consuming, 1, envelope.delivery_tag, 0) == AMQP_STATUS_OK, "basic.ack");
      amqp_destroy_envelope(&envelope);
    }
    amqp_maybe_release_buffers(consuming);
    done += now;
  }
  run.Print("librabbitmq", static_cast<std::uint64_t>(messages), std::move(latencies));
  amqp_connection_close(publishing, AMQP_REPLY_SUCCESS);
  amqp_connection_close(consuming, AMQP_REPLY_SUCCESS);
  return 0;
}
