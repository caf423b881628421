// socket.io on Node with the bench's tiny chat protocol: room:join, message:send, NEW_MESSAGE.
// Keeps nothing, checks no token. Usage: node server.js --port P
import { createServer } from "node:http";
import { Server } from "socket.io";

const port = Number(process.argv[process.argv.indexOf("--port") + 1]);

const http = createServer((request, response) => {
  response.writeHead(request.url === "/readyz" ? 200 : 404);
  response.end();
});
const io = new Server(http, { transports: ["websocket"], serveClient: false });

io.on("connection", (socket) => {
  socket.on("room:join", (request, ack) => {
    socket.join(request.roomId);
    ack({ status: "success", data: { head: 0 } });
  });
  socket.on("message:send", (request, ack) => {
    io.to(request.roomId).emit("NEW_MESSAGE", {
      senderId: socket.id,
      roomId: request.roomId,
      text: request.text,
    });
    ack({ status: "success" });
  });
});

http.listen(port, "127.0.0.1");
