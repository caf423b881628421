// Socket.IO v5 over a raw WebSocket.
import assert from "node:assert/strict";
import { WebSocketPeer } from "./engine.mjs";

export const kPath = "/socket.io/";

// Connects to `namespace` on an open engine session and takes the answer and the `auth` event.
export async function connect(peer, namespace = "/", payload = "") {
  const prefix = namespace === "/" ? "" : `${namespace},`;
  peer.send(`40${prefix}${payload}`);
  const answer = await peer.nextMessage("answer to CONNECT");
  assert.ok(answer.startsWith(`40${prefix}{`), answer);
  const { sid, ...rest } = JSON.parse(answer.slice(2 + prefix.length));
  assert.equal(typeof sid, "string");
  assert.deepEqual(rest, {});
  assert.equal(await peer.nextMessage("auth event"), `42${prefix}["auth",${payload || "{}"}]`);
  return sid;
}

export async function openConnected(server, options) {
  const peer = await WebSocketPeer.open(server, kPath, options);
  peer.sid = await connect(peer);
  return peer;
}

// The connection serves: an event is answered, after whatever was sent before it.
export async function expectEcho(peer, text = "ping") {
  peer.send(`42["message",${JSON.stringify(text)}]`);
  assert.equal(await peer.nextMessage("echo"), `42["message-back",${JSON.stringify(text)}]`);
}
