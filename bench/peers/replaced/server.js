// createMessage over HTTP as a common stack does it: express, mongoose, amqplib, socket.io. Its queue is declared once and
// Nagle's delay is off. It verifies no token and checks no rights; sockets join rooms by the bench's tiny chat protocol.
// Usage: node server.js --port P --amqp URL [--database mongodb://…]; without a database, one that costs nothing.
import { createServer } from "node:http";
import amqp from "amqplib";
import express from "express";
import mongoose from "mongoose";
import { Server } from "socket.io";
import { useFreeDatabase } from "./free_database.js";

const option = (name) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? undefined : process.argv[at + 1];
};
const kQueue = "chat_messages";

const Room = mongoose.model("Room", {
  _id: String,
  name: String,
  members: [String],
  lastMessage: { value: String, type: { type: String }, messageId: String, senderId: String, at: Date },
  lastMessageVisibleOnUsers: [String],
});
const messages = new mongoose.Schema(
  {
    room: { type: String, required: true, index: true },
    created_by: { type: String, required: true },
    message_type: { type: String, enum: ["text", "image", "contact"], default: "text" },
    text: { type: String, default: "" },
    media: [{ filename: String, type: { type: String }, size: Number, width: Number, height: Number, blurhash: String }],
    contact: { name: String, phones: [String], emails: [String] },
    reply_to: String,
    linked: { type: Boolean, default: false },
    mentions: [String],
    seen_by: [String],
    client_message_id: String,
  },
  { timestamps: { createdAt: "created_at", updatedAt: "updated_at" } },
);
const Message = mongoose.model("Message", messages);
if (option("database")) await mongoose.connect(option("database"));
else useFreeDatabase([Room, Message]);

const broker = await amqp.connect(option("amqp"), { noDelay: true });
const channel = await broker.createChannel();
await channel.assertQueue(kQueue, { durable: true });

// What a token says of its bearer, taken on trust.
const bearer = (token) => JSON.parse(Buffer.from(token.split(".")[1], "base64url")).sub;

const app = express();
app.use(express.json());
app.get("/readyz", (request, response) => response.end());
app.post("/api/v1/rooms/:room/messages", async (request, response) => {
  const senderId = bearer(request.headers.authorization.slice("Bearer ".length));
  const roomId = request.params.room;
  const room = await Room.findById(roomId);
  if (!room) return response.status(404).json({ status: "error" });
  const { text, images, contact, replyTo, mentions, clientMessageId } = request.body;
  const message = await Message.create({
    room: roomId,
    created_by: senderId,
    message_type: contact ? "contact" : images ? "image" : "text",
    text,
    media: images,
    contact,
    reply_to: replyTo,
    mentions,
    client_message_id: clientMessageId,
    linked: /https?:\/\//.test(text),
  });
  room.lastMessage = { value: text, type: "text", messageId: message._id, senderId, at: message.created_at };
  room.lastMessageVisibleOnUsers = room.members;
  await room.save();
  channel.sendToQueue(kQueue, Buffer.from(JSON.stringify(message)), { persistent: true, messageId: String(message._id) });
  io.to(roomId).emit("NEW_MESSAGE", { senderId, roomId, text: contact ? "contact" : text, data: message });
  response.json({ status: "success", data: message });
});

const http = createServer(app);
const io = new Server(http, { transports: ["websocket"], serveClient: false });
io.on("connection", (socket) => {
  socket.on("room:join", async ({ roomId }, ack) => {
    const joined = { $addToSet: { members: bearer(socket.handshake.auth.token) }, $setOnInsert: { name: roomId } };
    const add = () => Room.updateOne({ _id: roomId }, joined, { upsert: true });
    await add().catch((error) => (error.code === 11000 ? add() : Promise.reject(error))); // somebody else made it meanwhile
    socket.join(roomId);
    ack({ status: "success", data: { head: 0 } });
  });
});
http.listen(Number(option("port")), "127.0.0.1");
