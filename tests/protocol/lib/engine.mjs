// Engine.IO v4 clients without conveniences: each packet is seen as it went over the wire.
import assert from "node:assert/strict";
import WebSocket from "ws";
import { Inbox, eventually, patience, within } from "../../support/deadline.mjs";

export const kSeparator = "\x1e";

function query(parameters) {
  return new URLSearchParams(parameters).toString();
}

export async function request(server, target, options = {}) {
  const response = await fetch(server.url + target, { signal: AbortSignal.timeout(patience.ms), ...options });
  return { status: response.status, headers: response.headers, body: await response.text() };
}

// A session by HTTP long-polling.
export class PollingSession {
  constructor(server, path, handshake) {
    this.server = server;
    this.path = path;
    this.handshake = handshake;
    this.sid = handshake.sid;
    this.target = `${path}?${query({ EIO: 4, transport: "polling", sid: this.sid })}`;
  }

  static async open(server, path) {
    const answer = await request(server, `${path}?EIO=4&transport=polling`);
    assert.equal(answer.status, 200);
    assert.equal(answer.body[0], "0");
    return new PollingSession(server, path, JSON.parse(answer.body.slice(1)));
  }

  poll() {
    return request(this.server, this.target);
  }

  push(body, headers = {}) {
    return request(this.server, this.target, { method: "POST", body, headers });
  }

  async expectPush(body) {
    const answer = await this.push(body);
    assert.deepEqual([answer.status, answer.body], [200, "ok"]);
  }

  async expectPoll(body) {
    const answer = await this.poll();
    assert.deepEqual([answer.status, answer.body], [200, body]);
  }

  // Polls until `count` packets other than pings have come; answers pings. Returns the packets of each answer.
  async collect(count) {
    const answers = [];
    for (let seen = 0; seen < count; ) {
      const { status, body } = await this.poll();
      assert.equal(status, 200);
      const packets = body.split(kSeparator);
      if (packets.includes("2")) await this.expectPush("3");
      const others = packets.filter((packet) => packet !== "2" && packet !== "6");
      answers.push(others);
      seen += others.length;
    }
    return answers;
  }

  // The session is gone, or goes within the deadline: polls are refused. Pings stay unanswered.
  async expectGone() {
    const isRefused = async () => (await this.poll()).status === 400;
    await within(eventually("end of the polling session", isRefused), "refusal of a poll").catch((error) => {
      throw new Error(`the polling session goes on: ${error.message}`);
    });
  }

  // Whether the server knows the session, found out without polling: a request by the wrong transport is refused with
  // "Bad request" (3) in a session that exists and "Session ID unknown" (1) in one that does not.
  async isKnown() {
    const target = `${this.path}?${query({ EIO: 4, transport: "websocket", sid: this.sid })}`;
    const answer = await request(this.server, target);
    assert.equal(answer.status, 400);
    const { code } = JSON.parse(answer.body);
    assert.ok(code === 1 || code === 3, `error code ${code}`);
    return code === 3;
  }
}

// A session by WebSocket, or the WebSocket that a polling session is upgraded to. Pings are answered and not shown,
// unless `heartbeat` is "shown".
export class WebSocketPeer {
  #inbox = new Inbox();

  constructor(server, path, { parameters = { EIO: 4, transport: "websocket" }, sid, heartbeat = "answered" } = {}) {
    const target = query(sid ? { ...parameters, sid } : parameters);
    this.socket = new WebSocket(`ws://127.0.0.1:${server.port}${path}?${target}`, { perMessageDeflate: false });
    this.refused = null;
    this.socket.on("message", (data, isBinary) => {
      const message = isBinary ? data : data.toString();
      if (message === "2" && heartbeat === "answered") this.send("3");
      else this.#inbox.push(message);
    });
    this.socket.on("unexpected-response", (_, response) => {
      this.refused = response.statusCode;
      response.resume();
      this.#inbox.end(new Error(`refused with ${response.statusCode}`));
    });
    this.socket.on("error", (error) => this.#inbox.end(error));
    this.ended = new Promise((resolve) => {
      this.socket.once("unexpected-response", () => resolve(null));
      this.socket.once("error", () => resolve(null));
      this.socket.once("close", (code) => {
        this.#inbox.end(new Error(`closed with ${code}`));
        resolve(code);
      });
    });
    this.opened = new Promise((resolve, reject) => {
      this.socket.once("open", resolve);
      this.ended.then(() => reject(new Error(`no WebSocket: ${this.refused ?? "closed"}`)));
    });
    this.opened.catch(() => {});
  }

  // Connects and takes the open packet, which is `handshake`.
  static async open(server, path, options) {
    const peer = new WebSocketPeer(server, path, options);
    const packet = await peer.nextMessage();
    assert.equal(packet[0], "0");
    peer.handshake = JSON.parse(packet.slice(1));
    return peer;
  }

  send(...messages) {
    for (const message of messages) this.socket.send(message);
  }

  nextMessage(what = "next message") {
    return this.#inbox.next(what);
  }

  // Messages that came and were not taken yet.
  get pending() {
    return this.#inbox.size;
  }

  // The server closes the connection. Returns the close code.
  expectClosed(ms = patience.ms) {
    return within(this.ended, "close by the server", ms);
  }

  // The server refuses the connection: by an HTTP error or by closing it before any packet.
  async expectRefused() {
    await this.expectClosed();
    await assert.rejects(this.nextMessage());
    assert.ok(this.refused === null || (this.refused >= 400 && this.refused < 500), `status ${this.refused}`);
  }

  async close() {
    this.socket.close();
    await within(this.ended, "close of the WebSocket");
  }
}
