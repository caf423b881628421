// The official client with everything it receives kept in order, and waits that end.
//
//   const client = await Client.connect(server, { token });
//   await client.join(room);
//   await client.until("the message", () => client.messages(room).length === 1);
//   client.cut();                     // the connection breaks; the client comes back by itself
import assert from "node:assert/strict";
import { io } from "socket.io-client";
import { within } from "../support/deadline.mjs";

const kAskMs = 15_000;
const kUntilMs = 20_000;

const open = new Set();

// Closes what a test left open, so that its process can end.
export function closeClients() {
  for (const client of open) client.close();
}

export const kLogEvents = ["NEW_MESSAGE", "MESSAGE_UPDATED", "MESSAGE_DELETED", "MEMBERS_CHANGED", "ROOM_CHANGED"];

// {room, seq} of an event of the log; null for the others.
export function placeOf({ name, payload }) {
  if (!kLogEvents.includes(name)) return null;
  return { room: payload.roomId, seq: name === "NEW_MESSAGE" ? payload.data.seq : payload.seq };
}

export class Client {
  // Every event as {name, payload, offset, args, at, connection}; `connection` counts the connects.
  events = [];
  // "connect", "recovered", "disconnect: reason", "connect_error: …" in order.
  story = [];
  connections = 0;
  lastError = null;
  #due = 0;            // the connect that must come before the client counts as connected
  #waiting = new Set();

  // Resolves once connected. `recover` and further `auth` go into the handshake; `options` to io().
  static async connect(server, settings) {
    const client = new Client(server, settings);
    await client.connected();
    return client;
  }

  constructor(server, { token, recover, auth = {}, transports = ["websocket"], onEvent, ...options } = {}) {
    this.onEvent = onEvent;
    this.socket = io(server.url ?? server, {
      forceNew: true,
      transports,
      reconnectionDelay: 20,
      reconnectionDelayMax: 250,
      randomizationFactor: 0.5,
      auth: { token, ...(recover === undefined ? {} : { recover }), ...auth },
      ...options,
    });
    open.add(this);
    this.socket.onAny((name, ...args) => this.#received(name, args));
    this.socket.on("connect", () => {
      this.connections++;
      this.#note(this.socket.recovered ? "recovered" : "connect");
    });
    this.socket.on("disconnect", (reason) => this.#note(`disconnect: ${reason}`));
    this.socket.on("connect_error", (error) => {
      this.lastError = error;
      this.#note(`connect_error: ${error.message}`);
    });
  }

  get recovered() {
    return Boolean(this.socket.recovered);
  }

  connected(ms = kUntilMs) {
    return this.until("connection", () => this.socket.connected && this.connections >= this.#due, ms);
  }

  // The first refusal of the handshake.
  refused(ms = kUntilMs) {
    return this.until("refusal", () => this.lastError?.data && this.lastError, ms);
  }

  // Emits with acknowledgement; resolves with the answer's body.
  ask(event, payload, ms = kAskMs) {
    return this.socket.timeout(ms).emitWithAck(event, payload);
  }

  async join(roomId, after) {
    return accepted(await this.ask("room:join", after === undefined ? { roomId } : { roomId, after }));
  }

  async send(roomId, message) {
    return accepted(await this.ask("message:send", { roomId, ...message }));
  }

  // Resolves with the first truthy value of `probe`, which is asked again after each event and change of state.
  until(what, probe, ms = kUntilMs) {
    const now = probe();
    if (now) return Promise.resolve(now);
    let waiter;
    const met = new Promise((resolve, reject) => {
      waiter = { probe, resolve, reject };
      this.#waiting.add(waiter);
    });
    return within(met, what, ms)
      .catch((error) => {
        throw new Error(`${error.message}; ${this.describe()}`);
      })
      .finally(() => this.#waiting.delete(waiter));
  }

  // The first event of that name from index `from` on for which `test` holds.
  event(name, test = () => true, { from = 0, ms = kUntilMs } = {}) {
    return this.until(name, () => this.events.find((event, i) => i >= from && event.name === name && test(event.payload, event)), ms);
  }

  // Fails if `probe` becomes true within `ms`.
  async never(what, probe, ms) {
    const seen = await this.until(what, probe, ms).catch(() => null);
    assert.equal(seen, null, `${what} should not have come: ${JSON.stringify(seen)}`);
  }

  named(...names) {
    return this.events.filter(({ name }) => names.includes(name));
  }

  // Events of the room's log, in the order in which they came.
  log(roomId) {
    return this.events.filter((event) => placeOf(event)?.room === roomId);
  }

  seqs(roomId) {
    return this.log(roomId).map((event) => placeOf(event).seq);
  }

  lastSeq(roomId) {
    return this.seqs(roomId).at(-1) ?? 0;
  }

  messages(roomId) {
    return this.log(roomId).filter(({ name }) => name === "NEW_MESSAGE");
  }

  // Breaks the connection as a network does. Nothing that is still on its way is seen any more.
  cut() {
    this.#due = this.connections + 1;
    const transport = this.socket.io.engine?.transport;
    if (transport?.ws) {
      transport.ws.onmessage = () => {};
      transport.ws.terminate();
    } else {
      this.socket.io.engine?.close();
    }
  }

  close() {
    open.delete(this);
    this.socket.disconnect();
    for (const { reject } of this.#waiting) reject(new Error("the client was closed"));
  }

  describe() {
    const last = this.events.slice(-6).map(({ name, payload }) => `${name} ${JSON.stringify(payload)?.slice(0, 160)}`);
    return `story: ${this.story.slice(-8).join(", ")}; ${this.events.length} events, last:\n  ${last.join("\n  ")}`;
  }

  #received(name, args) {
    const offset = args.length > 1 && typeof args.at(-1) === "string" ? args.at(-1) : null;
    const event = { name, payload: args[0], offset, args, at: Date.now(), connection: this.connections };
    this.events.push(event);
    this.onEvent?.(event, this);
    this.#probe();
  }

  #note(what) {
    this.story.push(what);
    this.#probe();
  }

  #probe() {
    for (const waiter of this.#waiting) {
      try {
        const value = waiter.probe();
        if (value) waiter.resolve(value);
      } catch (error) {
        waiter.reject(error);
      }
    }
  }
}

// Stops reconnecting until `release()` is called: the client is away.
export function hold(client) {
  client.socket.io.reconnection(false);
  client.cut();
  return client.until("disconnect", () => !client.socket.connected).then(() => () => {
    client.socket.io.reconnection(true);
    client.socket.connect();
  });
}

// Waits until the client is connected for the n-th time.
export const back = (client, connections) =>
  client.until(`connection ${connections}`, () => client.connections === connections && client.socket.connected, 30_000);

// The data of an acknowledgement that says success.
export function accepted(ack) {
  assert.equal(ack?.status, "success", `acknowledgement: ${JSON.stringify(ack)?.slice(0, 400)}`);
  assert.ok("data" in ack, JSON.stringify(ack)?.slice(0, 400));
  return ack.data;
}

// The error of an acknowledgement that says no, with one of the codes if given.
export function declined(ack, ...codes) {
  assert.equal(ack?.status, "error", `acknowledgement: ${JSON.stringify(ack)?.slice(0, 400)}`);
  assert.equal(typeof ack.error?.code, "string", JSON.stringify(ack));
  assert.equal(typeof ack.error?.message, "string", JSON.stringify(ack));
  if (codes.length > 0) assert.ok(codes.includes(ack.error.code), `expected ${codes}: ${JSON.stringify(ack.error)}`);
  return ack.error;
}

// Asserts that `seqs` is first, first + 1, … last.
export function assertDense(seqs, first, last, what = "sequence") {
  for (let i = 0; i < Math.max(seqs.length, last - first + 1); i++) {
    if (seqs[i] === first + i && first + i <= last) continue;
    const from = Math.max(0, i - 3);
    assert.fail(`${what}: expected ${first + i} at place ${i} of ${first}..${last}, got [… ${seqs.slice(from, i + 6)} …] (${seqs.length} in all)`);
  }
}
