// A Socket.IO client down to its packets, over one raw WebSocket: for what the official one hides or cannot do.
//
//   const raw = await RawClient.connect(server, { token, recover: true });
//   raw.ask("room:join", { roomId });  raw.pause();  raw.resume();
import { WebSocket } from "ws";
import { eventually, within } from "../support/deadline.mjs";

const open = new Set();
process.on("exit", () => open.forEach((client) => client.terminate()));

export class RawClient {
  packets = [];        // every Engine.IO packet as text, in order; none kept if `keep` is false
  closed = null;       // {code, reason} once the connection has ended
  session = null;      // {sid, pid?} of CONNECT
  onPacket = null;
  #acks = new Map();
  #nextAck = 0;

  static async connect(server, auth, { keep = true } = {}) {
    const client = new RawClient(server, keep);
    await client.opened();
    await client.login(auth);
    return client;
  }

  constructor(server, keep = true) {
    this.socket = new WebSocket(`${server.url.replace("http", "ws")}/socket.io/?EIO=4&transport=websocket`, { perMessageDeflate: false });
    open.add(this);
    this.socket.on("message", (data) => {
      const packet = data.toString();
      if (keep) this.packets.push(packet);
      if (packet === "2") this.write("3");
      else if (packet.startsWith("43")) this.#acknowledged(packet);
      else if (packet.startsWith("40")) this.session = JSON.parse(packet.slice(2));
      this.onPacket?.(packet);
    });
    this.socket.on("close", (code, reason) => {
      this.closed = { code, reason: reason.toString() };
      open.delete(this);
    });
    this.socket.on("error", () => {});
  }

  opened() {
    return eventually("engine open", () => this.packets[0]?.startsWith("0") || this.socket.readyState === WebSocket.OPEN || this.closed);
  }

  // Sends CONNECT and waits for the answer; false if it was a refusal or a close.
  async login(auth) {
    this.write(`40${auth === undefined ? "" : JSON.stringify(auth)}`);
    await eventually("answer to CONNECT", () => this.session || this.closed || this.packets.some((packet) => packet.startsWith("44")), undefined, 2);
    return Boolean(this.session);
  }

  write(packet) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(packet);
  }

  emit(event, payload) {
    this.write(`42${JSON.stringify([event, payload])}`);
  }

  ask(event, payload, ms = 20_000) {
    const id = this.#nextAck++;
    const answered = new Promise((resolve) => this.#acks.set(id, resolve));
    this.write(`42${id}${JSON.stringify([event, payload])}`);
    return within(answered, `acknowledgement of ${event}`, ms);
  }

  // The events received, as [name, ...args].
  events() {
    return this.packets.filter((packet) => packet.startsWith("42")).map((packet) => JSON.parse(packet.slice(packet.indexOf("["))));
  }

  // Stops reading from the network: the kernel's buffers fill, then the server's.
  pause() {
    this.socket._socket.pause();
  }

  resume() {
    this.socket._socket.resume();
  }

  terminate() {
    open.delete(this);
    this.socket.terminate();
  }

  #acknowledged(packet) {
    const start = packet.indexOf("[");
    const id = Number(packet.slice(2, start));
    this.#acks.get(id)?.(JSON.parse(packet.slice(start))[0]);
    this.#acks.delete(id);
  }
}
