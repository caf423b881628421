import { io } from "socket.io-client";

const [url, token] = process.argv.slice(2);
const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
const room = { _id: "lobby", name: "Lobby", members: ["bob"] };
await fetch(`${url}/api/v1/rooms`, { method: "POST", headers, body: JSON.stringify(room) });

const socket = io(url, { auth: { token } });
socket.on("NEW_MESSAGE", ({ senderId, data }) => console.log(`${senderId}: ${data.text}`));
await socket.emitWithAck("room:join", { roomId: "lobby", after: 0 });
await socket.emitWithAck("message:send", { roomId: "lobby", text: "hello from JavaScript", clientMessageId: "js-1" });
