package tidings;

import io.socket.client.Ack;
import io.socket.client.AckWithTimeout;
import io.socket.client.IO;
import io.socket.client.Manager;
import io.socket.client.Socket;
import java.net.URI;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.json.JSONArray;
import org.json.JSONObject;

/** The Java client against the echo server: EchoClient URL TRANSPORT. */
public final class EchoClient {
  private static final long DEADLINE_SECONDS = 60;

  private interface Check {
    void run() throws Exception;
  }

  /** A socket whose events wait in queues. */
  private static final class Peer implements AutoCloseable {
    final Socket socket;
    final BlockingQueue<Object[]> connects = new LinkedBlockingQueue<>();
    final BlockingQueue<Object[]> disconnects = new LinkedBlockingQueue<>();
    final BlockingQueue<Object[]> errors = new LinkedBlockingQueue<>();
    final BlockingQueue<Object[]> auths = new LinkedBlockingQueue<>();
    final BlockingQueue<Object[]> answers = new LinkedBlockingQueue<>();

    Peer(String namespace, Map<String, String> auth) {
      socket =
          IO.socket(
              URI.create(url + namespace),
              IO.Options.builder()
                  .setTransports(transports)
                  .setForceNew(true)
                  .setReconnectionDelay(50)
                  .setReconnectionDelayMax(200)
                  .setAuth(auth)
                  .build());
      socket.on(Socket.EVENT_CONNECT, connects::add);
      socket.on(Socket.EVENT_DISCONNECT, disconnects::add);
      socket.on(Socket.EVENT_CONNECT_ERROR, errors::add);
      socket.on("auth", auths::add);
      socket.on("message-back", answers::add);
      socket.io().on(Manager.EVENT_ERROR, errors::add);
      socket.connect();
    }

    static Peer connected(String namespace, Map<String, String> auth) throws Exception {
      Peer peer = new Peer(namespace, auth);
      next(peer.connects, "connect");
      return peer;
    }

    static Peer connected() throws Exception {
      return connected("/", Map.of());
    }

    void echo(Object... args) throws Exception {
      socket.emit("message", args);
      expect(args, next(answers, "message-back"));
    }

    Object[] call(Object... args) throws Exception {
      CompletableFuture<Object[]> answer = new CompletableFuture<>();
      socket.emit("message-with-ack", args, (Ack) answer::complete);
      return answer.get(DEADLINE_SECONDS, TimeUnit.SECONDS);
    }

    @Override
    public void close() {
      socket.disconnect();
    }
  }

  private static String url;
  private static String[] transports;

  private static Object[] next(BlockingQueue<Object[]> queue, String what) throws Exception {
    Object[] args = queue.poll(DEADLINE_SECONDS, TimeUnit.SECONDS);
    if (args == null) throw new AssertionError("no " + what);
    return args;
  }

  /** Brings values to a form that equals() compares: binary, JSON and numbers alike. */
  private static Object normalised(Object value) {
    if (value instanceof byte[] bytes) return "bytes " + Arrays.toString(bytes);
    if (value instanceof Number number) return number.doubleValue();
    if (value instanceof JSONArray array) {
      List<Object> list = new ArrayList<>();
      for (int at = 0; at < array.length(); at++) list.add(normalised(array.opt(at)));
      return list;
    }
    if (value instanceof JSONObject object) {
      Map<String, Object> map = new java.util.TreeMap<>();
      for (java.util.Iterator<?> keys = object.keys(); keys.hasNext(); ) {
        String key = (String) keys.next();
        map.put(key, normalised(object.opt(key)));
      }
      return map;
    }
    return value == JSONObject.NULL || value == null ? "null" : value;
  }

  private static void expect(Object[] expected, Object[] got) {
    Object[] wanted = Arrays.stream(expected).map(EchoClient::normalised).toArray();
    Object[] found = Arrays.stream(got).map(EchoClient::normalised).toArray();
    if (!Arrays.equals(wanted, found)) {
      throw new AssertionError(shorten(found) + " instead of " + shorten(wanted));
    }
  }

  private static String shorten(Object[] values) {
    String text = Arrays.toString(values);
    return text.length() > 200 ? text.substring(0, 200) + "…" : text;
  }

  private static byte[] bytes(int size) {
    byte[] bytes = new byte[size];
    for (int at = 0; at < size; at++) bytes[at] = (byte) at;
    return bytes;
  }

  private static void authPayload() throws Exception {
    try (Peer peer = Peer.connected()) {
      expect(new Object[] {new JSONObject()}, next(peer.auths, "auth"));
    }
    try (Peer peer = Peer.connected("/", Map.of("token", "abc é👍"))) {
      expect(new Object[] {new JSONObject().put("token", "abc é👍")}, next(peer.auths, "auth"));
    }
  }

  private static void jsonOfEveryKind() throws Exception {
    try (Peer peer = Peer.connected()) {
      peer.echo();
      peer.echo(JSONObject.NULL, true, false, 0, -1, 1.5, "", "é€👍", "a\"b\\c\n\u2028");
      peer.echo(new JSONArray(), new JSONObject(), new JSONArray("[[[{}]]]"));
      peer.echo(new JSONObject("{\"a\":{\"b\":[1,{\"c\":null}]},\"\":2}"));
    }
  }

  private static void binaryAnywhere() throws Exception {
    try (Peer peer = Peer.connected()) {
      // Base64 of more than 76 characters is what this client breaks into lines.
      peer.echo((Object) bytes(1_000));
      peer.echo((Object) new byte[0]);
      JSONObject deep = new JSONObject().put("er", bytes(3)).put("and", new JSONArray().put(bytes(100)));
      peer.echo("text", bytes(2), deep, 4);
      peer.echo("text again");
    }
  }

  private static void orderOf1000Messages() throws Exception {
    try (Peer peer = Peer.connected()) {
      for (int number = 0; number < 1_000; number++) {
        peer.socket.emit("message", number, number % 7 == 0 ? bytes(number) : "text");
      }
      for (int number = 0; number < 1_000; number++) {
        Object[] expected = {number, number % 7 == 0 ? bytes(number) : "text"};
        expect(expected, next(peer.answers, "message " + number));
      }
    }
  }

  private static void acknowledgements() throws Exception {
    try (Peer peer = Peer.connected()) {
      expect(new Object[] {}, peer.call());
      JSONObject three = new JSONObject("{\"three\":[3]}");
      expect(new Object[] {1, "two", three}, peer.call(1, "two", three));
      expect(new Object[] {bytes(200)}, peer.call((Object) bytes(200)));
    }
  }

  private static void acknowledgementThatNeverComes() throws Exception {
    try (Peer peer = Peer.connected()) {
      CompletableFuture<Boolean> timedOut = new CompletableFuture<>();
      peer.socket.emit(
          "nobody-handles-this",
          new Object[] {1},
          new AckWithTimeout(100) {
            @Override
            public void onSuccess(Object... args) {
              timedOut.complete(false);
            }

            @Override
            public void onTimeout() {
              timedOut.complete(true);
            }
          });
      if (!timedOut.get(DEADLINE_SECONDS, TimeUnit.SECONDS)) throw new AssertionError("an answer came");
      peer.echo("still here");
    }
  }

  private static void customNamespace() throws Exception {
    try (Peer peer = Peer.connected("/custom", Map.of("token", "custom"))) {
      expect(new Object[] {new JSONObject().put("token", "custom")}, next(peer.auths, "auth"));
      peer.echo("in /custom", bytes(1));
      expect(new Object[] {1}, peer.call(1));
    }
  }

  private static void invalidNamespace() throws Exception {
    try (Peer peer = new Peer("/random", Map.of())) {
      JSONObject error = (JSONObject) next(peer.errors, "connect_error")[0];
      if (!error.getString("message").equals("Invalid namespace")) throw new AssertionError(error);
    }
  }

  private static void payloadNearTheLimit() throws Exception {
    try (Peer peer = Peer.connected()) {
      peer.echo("x".repeat(999_900));
      // By polling binary goes as base64 in lines.
      peer.echo((Object) bytes(720_000));
    }
  }

  private static void restartOfTheServer() throws Exception {
    try (Peer peer = Peer.connected("/", Map.of("token", "again"))) {
      next(peer.auths, "auth");
      System.out.println("restart");
      next(peer.disconnects, "disconnect");
      next(peer.connects, "connect");
      expect(new Object[] {new JSONObject().put("token", "again")}, next(peer.auths, "auth"));
      peer.echo("back");
    }
  }

  private static void run(String name, Check check) {
    try {
      check.run();
      System.out.println("ok " + name);
    } catch (Exception | AssertionError error) {
      error.printStackTrace();
      System.out.println("FAIL " + name + ": " + error.toString().replace('\n', ' '));
    }
  }

  public static void main(String[] args) {
    url = args[0];
    transports =
        switch (args[1]) {
          case "websocket" -> new String[] {"websocket"};
          case "polling" -> new String[] {"polling"};
          default -> new String[] {"polling", "websocket"};
        };
    run("auth payload", EchoClient::authPayload);
    run("json of every kind", EchoClient::jsonOfEveryKind);
    run("binary anywhere", EchoClient::binaryAnywhere);
    run("order of 1000 messages", EchoClient::orderOf1000Messages);
    run("acknowledgements", EchoClient::acknowledgements);
    run("acknowledgement that never comes", EchoClient::acknowledgementThatNeverComes);
    run("custom namespace", EchoClient::customNamespace);
    run("invalid namespace", EchoClient::invalidNamespace);
    run("payload near the limit", EchoClient::payloadNearTheLimit);
    run("restart of the server", EchoClient::restartOfTheServer);
    // The client's threads would keep the program alive.
    System.exit(0);
  }
}
