// npm's socket.io-client, as applications use it: three versions, each by WebSocket, by polling, and upgraded.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { after, before, describe, it } from "node:test";
import { Inbox, eventually, within } from "../support/deadline.mjs";
import { EchoServer, kRelaxed } from "../support/echo_server.mjs";

const require = createRequire(import.meta.url);
const kVersions = ["socket.io-client", "socket.io-client-4.5", "socket.io-client-3.1"];
const kTransports = { websocket: ["websocket"], polling: ["polling"], upgraded: ["polling", "websocket"] };
const kMaxPayload = 1_000_000;

// Calls `on…` of the emitter once and returns the arguments.
const once = (emitter, event) =>
  within(new Promise((resolve) => emitter.once(event, (...args) => resolve(args))), event);

// Binary comes back as Buffer, whatever it was sent as.
function normalised(value) {
  if (value instanceof ArrayBuffer) return Buffer.from(value);
  if (ArrayBuffer.isView(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (Array.isArray(value)) return value.map(normalised);
  if (value !== null && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, normalised(member)]));
  }
  return value;
}

function suite(name, io, transport) {
  const canTimeOut = name !== "socket.io-client-3.1";
  const sockets = [];

  function open(server, namespace = "", options = {}) {
    const socket = io(server.url + namespace, {
      transports: kTransports[transport],
      forceNew: true,
      reconnection: false,
      ...options,
    });
    sockets.push(socket);
    socket.inbox = new Inbox();
    socket.on("message-back", (...args) => socket.inbox.push(args));
    socket.auths = new Inbox();
    socket.on("auth", (...args) => socket.auths.push(args));
    return socket;
  }

  // Connected, and upgraded where that is asked.
  async function connected(server, namespace, options) {
    const socket = open(server, namespace, options);
    await once(socket, "connect");
    await upgradeOf(socket);
    return socket;
  }

  async function upgradeOf(socket) {
    const wanted = transport === "polling" ? "polling" : "websocket";
    await eventually(`transport ${wanted}`, () => socket.io.engine.transport.name === wanted);
  }

  async function expectEcho(socket, ...args) {
    socket.emit("message", ...args);
    assert.deepEqual(normalised(await socket.inbox.next("message-back")), normalised(args));
  }

  const acknowledged = (socket, ...args) =>
    within(new Promise((resolve) => socket.emit("message-with-ack", ...args, (...answer) => resolve(answer))), "ack");

  after(() => {
    for (const socket of sockets) socket.disconnect();
  });

  describe("on one server", () => {
    let server;
    before(async () => {
      server = await EchoServer.start(kRelaxed);
    });
    after(() => server?.stop());

    it("hands the auth payload to the server", async () => {
      const payloads = [undefined, { token: "abc" }, { deep: { list: [1, "é👍", null] } }, (give) => give({ by: "function" })];
      for (const auth of payloads) {
        const socket = open(server, "", { auth, query: { version: "1", x: "é &=" } });
        const expected = typeof auth === "function" ? { by: "function" } : (auth ?? {});
        assert.deepEqual(await socket.auths.next("auth"), [expected]);
        socket.disconnect();
      }
    });

    it("gets every kind of JSON back", async () => {
      const socket = await connected(server);
      await expectEcho(socket);
      await expectEcho(socket, null, true, false, 0, -1, 1.5, 1e21, 1e-7, Number.MAX_SAFE_INTEGER);
      await expectEcho(socket, "", "a\"b\\c/\b\f\n\r\t\u0000\u001e\u2028", "é€👍", "\ufeff", "42[\"x\"]");
      await expectEcho(socket, [], {}, [[], [{}]], { a: { b: { c: [1, { d: null }] } } });
      await expectEcho(socket, { "": 1, "é👍": 2, "a.b": 3, _placeholder: false, num: 0, constructor: 1, toString: 2 });
      await socket.emit("message", undefined, new Date(0));
      assert.deepEqual(await socket.inbox.next(), [null, "1970-01-01T00:00:00.000Z"]);
      socket.disconnect();
    });

    it("gets binary back, anywhere", async () => {
      const socket = await connected(server);
      const bytes = Buffer.from(Array.from({ length: 256 }, (_, number) => number));
      await expectEcho(socket, bytes);
      await expectEcho(socket, Buffer.alloc(0));
      await expectEcho(socket, "text", new Uint8Array([1, 2, 3]), 4, new Uint8Array([5]).buffer);
      await expectEcho(socket, { deep: [{ er: bytes, and: "x" }, [bytes]], none: null }, bytes);
      await expectEcho(socket, ...Array.from({ length: 10 }, (_, number) => Buffer.alloc(number + 1, number)));
      await expectEcho(socket, "text again");
      socket.disconnect();
    });

    it("gets 1,000 messages back in order", async () => {
      // Not `connected`: where there is an upgrade, it happens among the messages.
      const socket = open(server);
      await once(socket, "connect");
      for (let number = 0; number < 1_000; number++) {
        if (number % 7 === 0) socket.emit("message", number, Buffer.of(number % 256));
        else socket.emit("message", number, "text");
      }
      for (let number = 0; number < 1_000; number++) {
        const expected = [number, number % 7 === 0 ? Buffer.of(number % 256) : "text"];
        assert.deepEqual(normalised(await socket.inbox.next(`message ${number}`)), expected);
      }
      await upgradeOf(socket);
      socket.disconnect();
    });

    it("gets acknowledgements, each with its own answer", async () => {
      const socket = await connected(server);
      assert.deepEqual(await acknowledged(socket), []);
      assert.deepEqual(await acknowledged(socket, 1, "two", { three: [3] }), [1, "two", { three: [3] }]);
      const bytes = Buffer.of(1, 2, 3);
      assert.deepEqual(normalised(await acknowledged(socket, { bytes }, bytes)), [{ bytes }, bytes]);
      const answers = await Promise.all(Array.from({ length: 200 }, (_, number) => acknowledged(socket, number)));
      assert.deepEqual(answers, Array.from({ length: 200 }, (_, number) => [number]));
      socket.disconnect();
    });

    if (canTimeOut) {
      it("times out where no acknowledgement comes", async () => {
        const socket = await connected(server);
        const error = await within(
          new Promise((resolve) => socket.timeout(100).emit("nobody-handles-this", 1, resolve)),
          "timeout",
        );
        assert.match(error.message, /timed out/);
        const answer = await within(
          new Promise((resolve) => socket.timeout(15_000).emit("message-with-ack", 1, (...args) => resolve(args))),
          "ack",
        );
        assert.deepEqual(answer, [null, 1]);
        socket.disconnect();
      });
    }

    it("talks in a namespace", async () => {
      const socket = open(server, "/custom", { auth: { token: "custom" } });
      assert.deepEqual(await socket.auths.next("auth"), [{ token: "custom" }]);
      await expectEcho(socket, "in /custom", Buffer.of(1));
      assert.deepEqual(await acknowledged(socket, 1), [1]);
      socket.disconnect();
    });

    it("talks in two namespaces over one connection", async () => {
      const main = await connected(server);
      const shared = main.io.socket("/custom");
      sockets.push(shared);
      await once(shared, "connect");
      assert.notEqual(shared.id, main.id);
      shared.inbox = new Inbox();
      shared.on("message-back", (...args) => shared.inbox.push(args));
      await expectEcho(shared, "custom");
      await expectEcho(main, "main");
      shared.disconnect();
      await expectEcho(main, "main again");
      main.disconnect();
    });

    it("gets connect_error in a namespace that does not exist", async () => {
      const socket = open(server, "/random");
      const [error] = await once(socket, "connect_error");
      assert.equal(error.message, "Invalid namespace");
      assert.equal(socket.connected, false);
      socket.disconnect();
    });

    it("gets a payload near the limit back", async () => {
      const socket = await connected(server);
      await expectEcho(socket, "x".repeat(kMaxPayload - 100));
      // By polling binary goes as base64.
      await expectEcho(socket, Buffer.alloc(transport === "polling" ? 740_000 : kMaxPayload, 7));
      socket.disconnect();
    });

    it("is cut off by a payload past the limit, and comes back", async () => {
      const socket = await connected(server, "", { reconnection: true, reconnectionDelay: 50, reconnectionDelayMax: 200 });
      const before = socket.id;
      const disconnected = once(socket, "disconnect");
      socket.emit("message", "x".repeat(kMaxPayload + 1_000));
      const [reason] = await disconnected;
      assert.match(reason, /^transport (close|error)$/);
      await eventually("reconnection", () => socket.connected);
      assert.notEqual(socket.id, before);
      await expectEcho(socket, "back");
      socket.disconnect();
    });

    it("disconnects and connects again", async () => {
      const socket = await connected(server);
      const ids = new Set([socket.id]);
      for (let round = 0; round < 3; round++) {
        const disconnected = once(socket, "disconnect");
        // Version 3.1 cannot open its connection again before the old one is closed.
        const closed = once(socket.io.engine, "close");
        socket.disconnect();
        assert.deepEqual((await disconnected)[0], "io client disconnect");
        await closed;
        const again = once(socket, "connect");
        socket.connect();
        await again;
        ids.add(socket.id);
        await expectEcho(socket, round);
      }
      assert.equal(ids.size, 4);
      socket.disconnect();
    });
  });

  it("stays connected over many heartbeats", async () => {
    const server = await EchoServer.start({ ...kRelaxed, pingInterval: 100 });
    const socket = await connected(server);
    let pings = 0;
    socket.io.engine.on("packet", ({ type }) => (pings += type === "ping" ? 1 : 0));
    await eventually("10 pings", () => pings >= 10);
    await expectEcho(socket, "still here");
    socket.disconnect();
    await server.stop();
  });

  for (const signal of ["SIGTERM", "SIGKILL"]) {
    it(`comes back after a restart by ${signal}, with what it sent meanwhile`, async () => {
      const server = await EchoServer.start(kRelaxed);
      const options = { reconnection: true, reconnectionDelay: 50, reconnectionDelayMax: 200, auth: { token: "again" } };
      const socket = await connected(server, "", options);
      assert.deepEqual(await socket.auths.next("auth"), [{ token: "again" }]);
      const disconnected = once(socket, "disconnect");
      await server.stop(signal);
      assert.match((await disconnected)[0], /^transport (close|error)$/);
      socket.emit("message", "sent while away", 1);
      socket.emit("message", "and", Buffer.of(2));
      await server.launch();
      assert.deepEqual(await socket.auths.next("auth"), [{ token: "again" }]);
      assert.deepEqual(normalised(await socket.inbox.next()), ["sent while away", 1]);
      assert.deepEqual(normalised(await socket.inbox.next()), ["and", Buffer.of(2)]);
      await upgradeOf(socket);
      await expectEcho(socket, "back");
      socket.disconnect();
      await server.stop();
    });
  }
}

for (const name of kVersions) {
  const { version } = require(`${name}/package.json`);
  const { io } = require(name);
  for (const transport of Object.keys(kTransports)) {
    describe(`socket.io-client ${version}, ${transport}`, () => suite(name, io, transport));
  }
}
