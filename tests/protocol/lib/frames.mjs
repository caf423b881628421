// A WebSocket client that can break each rule of RFC 6455.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { RawConnection } from "./raw.mjs";

export const kOpcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 };

export function upgradeRequest({ target = "/engine.io/?EIO=4&transport=websocket", method = "GET", version = "1.1", headers = {} } = {}) {
  const all = {
    Host: "127.0.0.1",
    Upgrade: "websocket",
    Connection: "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": randomBytes(16).toString("base64"),
    ...headers,
  };
  const lines = Object.entries(all).filter(([, value]) => value !== null);
  return `${method} ${target} HTTP/${version}\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`;
}

// One frame. `announced` is the length that the header claims, `masked: false` leaves the mask out.
export function frame(opcode, payload = "", { fin = true, rsv = 0, masked = true, announced } = {}) {
  const body = Buffer.from(payload);
  const length = BigInt(announced ?? body.length);
  const mask = masked ? 0x80 : 0;
  const first = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
  let header;
  if (length < 126n) {
    header = Buffer.of(first, mask | Number(length));
  } else if (length < 65_536n) {
    header = Buffer.alloc(4);
    header.set([first, mask | 126]);
    header.writeUInt16BE(Number(length), 2);
  } else {
    header = Buffer.alloc(10);
    header.set([first, mask | 127]);
    header.writeBigUInt64BE(length, 2);
  }
  if (!masked) return Buffer.concat([header, body]);
  const key = randomBytes(4);
  return Buffer.concat([header, key, body.map((byte, at) => byte ^ key[at % 4])]);
}

export class ConnectionEnded extends Error {}

export class FrameConnection extends RawConnection {
  // Opens a WebSocket session on the bare Engine.IO server and takes its open packet. `extra` is sent in the same
  // write as the upgrade request.
  static async open(server, { extra = Buffer.alloc(0), ...request } = {}) {
    const connection = await RawConnection.open(server);
    Object.setPrototypeOf(connection, FrameConnection.prototype);
    connection.send(Buffer.concat([Buffer.from(upgradeRequest(request), "latin1"), extra]));
    const answer = await connection.answer();
    assert.equal(answer?.status, 101);
    connection.upgrade = answer;
    return connection;
  }

  static async openSession(server, options) {
    const connection = await FrameConnection.open(server, options);
    const { opcode, payload } = await connection.nextFrame();
    assert.equal(opcode, kOpcode.text);
    assert.equal(payload.toString()[0], "0");
    return connection;
  }

  async nextFrame() {
    let parsed;
    await this.until("WebSocket frame", () => (parsed = parseFrame(this.received)) || this.ended);
    if (!parsed) throw new ConnectionEnded("the connection ended");
    this.received = this.received.subarray(parsed.length);
    return parsed;
  }

  async expectFrame(opcode, payload) {
    const next = await this.nextFrame();
    assert.deepEqual([next.opcode, next.payload.toString()], [opcode, payload]);
  }

  // The server sends a close frame with one of `codes`, and closes the connection once it is answered.
  async expectClose(...codes) {
    let next;
    do {
      next = await this.nextFrame();
    } while (next.opcode !== kOpcode.close);
    const code = next.payload.length >= 2 ? next.payload.readUInt16BE(0) : 1005;
    assert.ok(codes.includes(code), `closed with ${code}, expected ${codes.join(" or ")}`);
    this.send(frame(kOpcode.close, next.payload.subarray(0, 2)));
    await this.expectClosed();
  }
}

function parseFrame(bytes) {
  if (bytes.length < 2) return null;
  assert.equal(bytes[1] & 0x80, 0, "a server masks no frame");
  let length = bytes[1] & 0x7f;
  let start = 2;
  if (length === 126) {
    if (bytes.length < 4) return null;
    length = bytes.readUInt16BE(2);
    start = 4;
  } else if (length === 127) {
    if (bytes.length < 10) return null;
    length = Number(bytes.readBigUInt64BE(2));
    start = 10;
  }
  if (bytes.length < start + length) return null;
  return {
    fin: (bytes[0] & 0x80) !== 0,
    opcode: bytes[0] & 0x0f,
    payload: bytes.subarray(start, start + length),
    length: start + length,
  };
}
