// Upgrades and frames that break RFC 6455, on the bare Engine.IO server.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { kRelaxed } from "../support/echo_server.mjs";
import { ConnectionEnded, FrameConnection, frame, kOpcode, upgradeRequest } from "./lib/frames.mjs";
import { RawConnection } from "./lib/raw.mjs";
import { differs, useServer } from "./lib/suite.mjs";

const kTarget = "/engine.io/?EIO=4&transport=websocket";

describe("upgrades", () => {
  const server = useServer(kRelaxed);

  for (const [name, request, ...statuses] of [
    ["no key", { headers: { "Sec-WebSocket-Key": null } }, 400],
    ["an empty key", { headers: { "Sec-WebSocket-Key": "" } }, 400],
    ["a short key", { headers: { "Sec-WebSocket-Key": "c2hvcnQ=" } }, 400],
    ["a key that is no base64", { headers: { "Sec-WebSocket-Key": "!!!!!!!!!!!!!!!!!!!!!!==" } }, 400],
    ["no version", { headers: { "Sec-WebSocket-Version": null } }, 400, 426],
    ["version 12", { headers: { "Sec-WebSocket-Version": "12" } }, 400, 426],
    ["version 14", { headers: { "Sec-WebSocket-Version": "14" } }, 400, 426],
    ["another protocol", { headers: { Upgrade: "h2c" } }, 400, 426],
    ["no Upgrade", { headers: { Upgrade: null, Connection: null } }, 400, 426],
    ["no Connection", { headers: { Connection: null } }, 400, 426],
    ["POST", { method: "POST", headers: { "Content-Length": "0" } }, 400, 405],
    ["an unknown session", { target: `${kTarget}&sid=0123456789abcdefghij` }, 400],
    ["another path", { target: "/nothing/?EIO=4&transport=websocket" }, 400, 404, 426],
  ]) {
    it(`refuses one with ${name}`, async () => {
      const connection = await RawConnection.open(server.it);
      connection.send(upgradeRequest(request));
      const status = await connection.status();
      // npm closes an upgrade on another path without a word.
      assert.ok([...statuses, "closed"].includes(status), `status ${status}`);
      connection.close();
    });
  }

  for (const [name, request] of [
    ["HTTP/1.0", { version: "1.0" }],
    ["the polling transport", { target: "/engine.io/?EIO=4&transport=polling" }],
  ]) {
    differs(`refuses one with ${name}`, "takes it", async () => {
      const connection = await RawConnection.open(server.it);
      connection.send(upgradeRequest(request));
      const status = await connection.status();
      assert.ok([400, 426, 505].includes(status), `status ${status}`);
      connection.close();
    });
  }

  it("computes the accept key and offers no compression by default", async () => {
    const connection = await FrameConnection.openSession(server.it, {
      headers: {
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits",
      },
    });
    assert.equal(connection.upgrade.headers["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert.equal(connection.upgrade.headers["sec-websocket-extensions"], undefined);
    connection.close();
  });

  it("takes header names and tokens in any case, and lists", async () => {
    const connection = await FrameConnection.openSession(server.it, {
      headers: { Upgrade: null, Connection: null, upgrade: "WebSocket", connection: "keep-alive, UPGRADE" },
    });
    connection.close();
  });

  it("takes a frame in the same packet as the upgrade request", async () => {
    const connection = await FrameConnection.openSession(server.it, { extra: frame(kOpcode.text, "4hello") });
    await connection.expectFrame(kOpcode.text, "4hello");
    connection.close();
  });

  it("closes on a bad frame in the same packet as the upgrade request", async () => {
    const connection = await FrameConnection.open(server.it, { extra: frame(kOpcode.text, "4hello", { rsv: 7 }) });
    await connection.expectClose(1002);
  });
});

// Each entry: what the client does, the frames, and the close codes that may answer.
const kViolations = [
  ["an unmasked frame", [frame(kOpcode.text, "4hello", { masked: false })], 1002],
  ["the first reserved bit", [frame(kOpcode.text, "4hello", { rsv: 4 })], 1002],
  ["the second reserved bit", [frame(kOpcode.text, "4hello", { rsv: 2 })], 1002],
  ["the third reserved bit", [frame(kOpcode.text, "4hello", { rsv: 1 })], 1002],
  ["a reserved bit on a ping", [frame(kOpcode.ping, "", { rsv: 4 })], 1002],
  ["a reserved data opcode", [frame(3, "4hello")], 1002],
  ["a reserved control opcode", [frame(11, "")], 1002],
  ["a fragmented ping", [frame(kOpcode.ping, "", { fin: false })], 1002],
  ["a ping of 126 bytes", [frame(kOpcode.ping, "x".repeat(126))], 1002],
  ["a close of 126 bytes", [frame(kOpcode.close, Buffer.concat([Buffer.of(3, 232), Buffer.alloc(124, 120)]))], 1002],
  ["a stray continuation", [frame(kOpcode.continuation, "4hello")], 1002],
  ["a continuation after a whole message", [frame(kOpcode.text, "4a"), frame(kOpcode.continuation, "b")], 1002],
  ["text between fragments", [frame(kOpcode.text, "4a", { fin: false }), frame(kOpcode.text, "4b")], 1002],
  ["binary between fragments", [frame(kOpcode.text, "4a", { fin: false }), frame(kOpcode.binary, "b")], 1002],
  ["a lone continuation byte in text", [frame(kOpcode.text, Buffer.of(0x34, 0x80))], 1007],
  ["an overlong code point", [frame(kOpcode.text, Buffer.of(0x34, 0xc0, 0xaf))], 1007],
  ["a surrogate in text", [frame(kOpcode.text, Buffer.of(0x34, 0xed, 0xa0, 0x80))], 1007],
  ["a code point past U+10FFFF", [frame(kOpcode.text, Buffer.of(0x34, 0xf4, 0x90, 0x80, 0x80))], 1007],
  ["text that ends in half a code point", [frame(kOpcode.text, Buffer.of(0x34, 0xe2, 0x82))], 1007],
  [
    "text that goes wrong in the second fragment",
    [
      frame(kOpcode.text, Buffer.of(0x34, 0xe2), { fin: false }),
      frame(kOpcode.continuation, Buffer.of(0x82, 0x28)),
    ],
    1007,
  ],
  [
    "fragments that end in half a code point",
    [frame(kOpcode.text, "4a", { fin: false }), frame(kOpcode.continuation, Buffer.of(0xf0, 0x9f))],
    1007,
  ],
  ["a close with one byte", [frame(kOpcode.close, Buffer.of(3))], 1002],
  ...[0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65535].map((code) => [
    `close code ${code}`,
    [frame(kOpcode.close, Buffer.of(code >> 8, code & 255))],
    1002,
  ]),
  ["a close reason that is no UTF-8", [frame(kOpcode.close, Buffer.of(3, 232, 0xc3, 0x28))], 1007],
  // The frames below only announce: the answer must come on the header alone.
  ["a frame past the limit", [frame(kOpcode.text, "4", { announced: 1_000_001 })], 1009],
  ["a binary frame past the limit", [frame(kOpcode.binary, "", { announced: 4_000_000_000 })], 1009],
  ["a length of 2^53", [frame(kOpcode.text, "4", { announced: 2n ** 53n })], 1009],
  ["a length of 2^63 - 1", [frame(kOpcode.text, "4", { announced: 2n ** 63n - 1n })], 1009],
  ["a length of 2^63", [frame(kOpcode.text, "4", { announced: 2n ** 63n })], 1009, 1002],
  ["a length of 2^64 - 1", [frame(kOpcode.text, "4", { announced: 2n ** 64n - 1n })], 1009, 1002],
  [
    "fragments that exceed the limit together",
    [
      frame(kOpcode.text, `4${"x".repeat(600_000)}`, { fin: false }),
      frame(kOpcode.continuation, "", { announced: 400_001 }),
    ],
    1009,
  ],
];

describe("frames that break the rules", () => {
  const server = useServer(kRelaxed);

  for (const [name, frames, ...codes] of kViolations) {
    it(`closes with ${codes.join(" or ")} on ${name}`, async () => {
      const connection = await FrameConnection.openSession(server.it);
      connection.send(Buffer.concat(frames));
      await connection.expectClose(...codes);
    });
  }

  for (const [name, piece] of [
    ["empty", ""],
    ["tiny", "x"],
  ]) {
    it(`closes on endless ${name} fragments`, async () => {
      const connection = await FrameConnection.openSession(server.it);
      const before = server.it.residentBytes();
      connection.send(frame(kOpcode.text, "4", { fin: false }));
      const pieces = Buffer.concat(Array.from({ length: 1_000 }, () => frame(kOpcode.continuation, piece, { fin: false })));
      for (let sent = 0; sent < 400 && !connection.ended && connection.received.length === 0; sent++) {
        await new Promise((resolve) => connection.socket.write(pieces, resolve));
      }
      // What is still under way can make the close a reset that overtakes the close frame.
      await connection.expectClose(1008, 1009).catch((error) => {
        if (!(error instanceof ConnectionEnded)) throw error;
      });
      assert.ok(server.it.residentBytes() - before < 64e6);
    });
  }

  it("allocates nothing for what is only announced", async () => {
    const before = server.it.residentBytes();
    const connections = [];
    for (let number = 0; number < 300; number++) {
      const connection = await FrameConnection.openSession(server.it);
      connection.send(frame(kOpcode.text, "4", { announced: 1_000_000 }));
      connections.push(connection);
    }
    assert.ok(server.it.residentBytes() - before < 64e6, `${server.it.residentBytes() - before} bytes more`);
    for (const connection of connections) connection.close();
  });
});

describe("frames that keep the rules", () => {
  const server = useServer(kRelaxed);

  async function withSession(use) {
    const connection = await FrameConnection.openSession(server.it);
    await use(connection);
    connection.close();
  }

  it("answers a ping with its payload", () =>
    withSession(async (connection) => {
      for (const payload of ["", "hello", "x".repeat(125)]) {
        connection.send(frame(kOpcode.ping, payload));
        await connection.expectFrame(kOpcode.pong, payload);
      }
    }));

  it("ignores pongs that nobody asked for", () =>
    withSession(async (connection) => {
      connection.send(Buffer.concat([frame(kOpcode.pong, "x"), frame(kOpcode.text, "4hello")]));
      await connection.expectFrame(kOpcode.text, "4hello");
    }));

  it("joins fragments, and answers a ping between them at once", () =>
    withSession(async (connection) => {
      connection.send(frame(kOpcode.text, "4he", { fin: false }));
      connection.send(frame(kOpcode.ping, "now"));
      await connection.expectFrame(kOpcode.pong, "now");
      connection.send(frame(kOpcode.continuation, "", { fin: false }));
      connection.send(frame(kOpcode.continuation, "llo"));
      await connection.expectFrame(kOpcode.text, "4hello");
    }));

  it("joins 100 fragments", () =>
    withSession(async (connection) => {
      connection.send(frame(kOpcode.text, "4", { fin: false }));
      for (let number = 0; number < 99; number++) connection.send(frame(kOpcode.continuation, "x", { fin: false }));
      connection.send(frame(kOpcode.continuation, "y"));
      await connection.expectFrame(kOpcode.text, `4${"x".repeat(99)}y`);
    }));

  it("takes a code point split over fragments", () =>
    withSession(async (connection) => {
      const bytes = Buffer.from("4👍€");
      connection.send(frame(kOpcode.text, bytes.subarray(0, 2), { fin: false }));
      for (let at = 2; at < bytes.length; at++) {
        connection.send(frame(kOpcode.continuation, bytes.subarray(at, at + 1), { fin: at === bytes.length - 1 }));
      }
      await connection.expectFrame(kOpcode.text, "4👍€");
    }));

  it("takes frames byte by byte", () =>
    withSession(async (connection) => {
      const text = `4${"x".repeat(200)}`;
      await connection.sendByByte(
        Buffer.concat([
          frame(kOpcode.text, text.slice(0, 100), { fin: false }),
          frame(kOpcode.ping, "between"),
          frame(kOpcode.continuation, text.slice(100)),
        ]),
      );
      await connection.expectFrame(kOpcode.pong, "between");
      await connection.expectFrame(kOpcode.text, text);
    }));

  it("takes an upgrade request byte by byte", async () => {
    const connection = await RawConnection.open(server.it);
    await connection.sendByByte(upgradeRequest());
    assert.equal((await connection.answer()).status, 101);
    connection.close();
  });

  it("takes many frames in one packet", () =>
    withSession(async (connection) => {
      const texts = Array.from({ length: 100 }, (_, number) => `4${number}`);
      connection.send(Buffer.concat(texts.map((text) => frame(kOpcode.text, text))));
      for (const text of texts) await connection.expectFrame(kOpcode.text, text);
    }));

  it("takes a message of exactly the limit", () =>
    withSession(async (connection) => {
      const text = `4${"x".repeat(999_999)}`;
      connection.send(frame(kOpcode.text, text));
      await connection.expectFrame(kOpcode.text, text);
    }));

  for (const code of [1000, 1001, 1011, 3000, 4999]) {
    it(`answers close code ${code}`, () =>
      withSession(async (connection) => {
        connection.send(frame(kOpcode.close, Buffer.from([code >> 8, code & 255, ...Buffer.from("bye 👋")])));
        await connection.expectClose(code, 1000, 1005);
      }));
  }

  it("answers a close without a code", () =>
    withSession(async (connection) => {
      connection.send(frame(kOpcode.close));
      await connection.expectClose(1000, 1005);
    }));
});
