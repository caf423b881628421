// The contract of examples/socketio_echo on npm's own server: the check that the suites ask nothing of tidings that
// the original does not do, apart from what they mark as `differs`.
//
//   ./run.sh --reference
import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { attach } from "engine.io";
import { Server } from "socket.io";

const { values } = parseArgs({
  options: {
    port: { type: "string", default: "3000" },
    "ping-interval": { type: "string", default: "300" },
    "ping-timeout": { type: "string", default: "200" },
    "max-payload": { type: "string", default: "1000000" },
    "connect-timeout": { type: "string", default: "1000" },
  },
});

const http = createServer(
  // Slow headers and bodies are cut after 10 s.
  { headersTimeout: 10_000, requestTimeout: 10_000, connectionsCheckingInterval: 500 },
  (request, response) => {
    response.writeHead(request.url === "/healthz" ? 200 : 404);
    response.end();
  },
);

const engineOptions = {
  pingInterval: Number(values["ping-interval"]),
  pingTimeout: Number(values["ping-timeout"]),
  maxHttpBufferSize: Number(values["max-payload"]),
  cors: { origin: "*" },
};

const io = new Server(http, {
  ...engineOptions,
  connectTimeout: Number(values["connect-timeout"]),
  serveClient: false,
});
for (const namespace of [io, io.of("/custom")]) {
  namespace.on("connection", (socket) => {
    socket.emit("auth", socket.handshake.auth);
    socket.on("message", (...args) => socket.emit("message-back", ...args));
    socket.on("message-with-ack", (...args) => {
      const ack = args.pop();
      if (typeof ack === "function") ack(...args);
    });
  });
}

attach(http, { ...engineOptions, path: "/engine.io/" }).on("connection", (socket) => {
  socket.on("data", (data) => socket.send(data));
});

http.listen(Number(values.port));
