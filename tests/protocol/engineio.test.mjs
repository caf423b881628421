// Engine.IO v4 as its public protocol suite describes it, on the bare server and below Socket.IO.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { kRelaxed } from "../support/echo_server.mjs";
import { PollingSession, WebSocketPeer, kSeparator, request } from "./lib/engine.mjs";
import { differs, useServer } from "./lib/suite.mjs";

const kPaths = ["/engine.io/", "/socket.io/"];

function expectHandshake(handshake, upgrades) {
  assert.deepEqual({ ...handshake, sid: typeof handshake.sid }, {
    sid: "string",
    upgrades,
    pingInterval: 300,
    pingTimeout: 200,
    maxPayload: 1_000_000,
  });
}

for (const path of kPaths) {
  describe(`handshake on ${path}`, () => {
    const server = useServer();

    it("opens a session by polling", async () => {
      const { handshake } = await PollingSession.open(server.it, path);
      expectHandshake(handshake, ["websocket"]);
    });

    it("opens a session by WebSocket", async () => {
      const peer = await WebSocketPeer.open(server.it, path);
      expectHandshake(peer.handshake, []);
      await peer.close();
    });

    it("gives each session an id of its own", async () => {
      const sessions = await Promise.all(Array.from({ length: 50 }, () => PollingSession.open(server.it, path)));
      assert.equal(new Set(sessions.map((session) => session.sid)).size, 50);
      assert.ok(sessions.every((session) => session.sid.length >= 16));
    });

    for (const parameters of ["transport=polling", "EIO=abc&transport=polling", "EIO=4", "EIO=4&transport=abc"]) {
      it(`refuses a poll with ${parameters}`, async () => {
        assert.equal((await request(server.it, `${path}?${parameters}`)).status, 400);
      });
    }

    for (const parameters of [
      { transport: "websocket" },
      { EIO: "abc", transport: "websocket" },
      { EIO: 4 },
      { EIO: 4, transport: "abc" },
    ]) {
      it(`refuses a WebSocket with ${new URLSearchParams(parameters)}`, async () => {
        await new WebSocketPeer(server.it, path, { parameters }).expectRefused();
      });
    }

    for (const method of ["POST", "PUT"]) {
      it(`refuses ${method} without a session`, async () => {
        assert.equal((await request(server.it, `${path}?EIO=4&transport=polling`, { method })).status, 400);
      });
    }
  });

  describe(`heartbeat on ${path}`, () => {
    // A timeout that no busy machine misses; the default one is for the sessions that shall end by it.
    const patient = useServer({ pingInterval: 300, pingTimeout: 20_000, connectTimeout: 45_000 });
    const strict = useServer({ pingInterval: 300, pingTimeout: 200, connectTimeout: 45_000 });

    it("pings by polling, first after the interval, and takes pongs", async () => {
      const start = Date.now();
      const session = await PollingSession.open(patient.it, path);
      for (let round = 1; round <= 3; round++) {
        await session.expectPoll("2");
        assert.ok(Date.now() - start >= round * 300 - 5, `ping ${round} after ${Date.now() - start} ms`);
        await session.expectPush("3");
      }
    });

    it("pings by WebSocket, first after the interval, and takes pongs", async () => {
      const start = Date.now();
      const peer = await WebSocketPeer.open(patient.it, path, { heartbeat: "shown" });
      for (let round = 1; round <= 3; round++) {
        assert.equal(await peer.nextMessage(), "2");
        assert.ok(Date.now() - start >= round * 300 - 5, `ping ${round} after ${Date.now() - start} ms`);
        peer.send("3");
      }
      await peer.close();
    });

    it("ends a polling session without pongs", async () => {
      const start = Date.now();
      const session = await PollingSession.open(strict.it, path);
      await session.expectGone();
      assert.ok(Date.now() - start >= 495, `gone after ${Date.now() - start} ms`);
    });

    it("ends a WebSocket session without pongs", async () => {
      const start = Date.now();
      const peer = await WebSocketPeer.open(strict.it, path, { heartbeat: "shown" });
      await peer.expectClosed();
      assert.ok(Date.now() - start >= 495, `closed after ${Date.now() - start} ms`);
    });
  });

  describe(`close on ${path}`, () => {
    const server = useServer(kRelaxed);

    it("ends a polling session on a close packet and releases its poll with a noop", async () => {
      const session = await PollingSession.open(server.it, path);
      const poll = session.poll();
      const push = await session.push("1");
      assert.equal(push.status, 200);
      const answer = await poll;
      // The close packet may be there before the poll.
      assert.ok(answer.body === "6" || answer.status === 400, `${answer.status} ${answer.body}`);
      await session.expectGone();
    });

    differs("ends a WebSocket session on a close packet", "by the ping timeout only", async () => {
      const peer = await WebSocketPeer.open(server.it, path);
      peer.send("1");
      await peer.expectClosed();
    });
  });

  describe(`upgrade on ${path}`, () => {
    const server = useServer(kRelaxed);

    async function upgraded() {
      const session = await PollingSession.open(server.it, path);
      const peer = new WebSocketPeer(server.it, path, { sid: session.sid });
      await peer.opened;
      peer.send("2probe");
      assert.equal(await peer.nextMessage(), "3probe");
      peer.send("5");
      return { session, peer };
    }

    async function expectAlive(peer) {
      if (path === "/socket.io/") {
        peer.send("40");
        assert.match(await peer.nextMessage(), /^40\{"sid":/);
      } else {
        peer.send("4hello");
        assert.equal(await peer.nextMessage(), "4hello");
      }
      await peer.close();
    }

    it("goes from polling to WebSocket and releases the poll with a noop", async () => {
      const session = await PollingSession.open(server.it, path);
      const poll = session.poll();
      const peer = new WebSocketPeer(server.it, path, { sid: session.sid });
      await peer.opened;
      peer.send("2probe");
      assert.equal(await peer.nextMessage(), "3probe");
      assert.equal((await poll).body, "6");
      peer.send("5");
      await expectAlive(peer);
    });

    it("releases a poll that comes during the upgrade", async () => {
      const session = await PollingSession.open(server.it, path);
      const peer = new WebSocketPeer(server.it, path, { sid: session.sid });
      await peer.opened;
      peer.send("2probe");
      assert.equal(await peer.nextMessage(), "3probe");
      await session.expectPoll("6");
      peer.send("5");
      await expectAlive(peer);
    });

    it("takes the upgrade packet before the answer to the probe was read", async () => {
      const session = await PollingSession.open(server.it, path);
      const peer = new WebSocketPeer(server.it, path, { sid: session.sid });
      await peer.opened;
      peer.send("2probe", "5");
      assert.equal(await peer.nextMessage(), "3probe");
      await expectAlive(peer);
    });

    it("refuses polls and pushes after the upgrade", async () => {
      const { session, peer } = await upgraded();
      await session.expectGone();
      assert.equal((await session.push("4hello")).status, 400);
      await expectAlive(peer);
    });

    it("refuses a second WebSocket after the upgrade", async () => {
      const { session, peer } = await upgraded();
      await session.expectGone();
      const second = new WebSocketPeer(server.it, path, { sid: session.sid });
      await second.expectRefused();
      await expectAlive(peer);
    });
  });
}

describe("messages by polling", () => {
  const server = useServer(kRelaxed);
  const open = () => PollingSession.open(server.it, "/engine.io/");

  for (const body of [
    "4hello",
    ["4test1", "4test2", "4test3"].join(kSeparator),
    ["4hello", "bAQIDBA=="].join(kSeparator),
    "4€ äöü 👍 \u0000 \u007f",
    "4",
  ]) {
    it(`sends back ${JSON.stringify(body)}`, async () => {
      const session = await open();
      await session.expectPush(body);
      await session.expectPoll(body);
    });
  }

  it("ends the session on an invalid packet", async () => {
    const session = await open();
    await session.push("abc");
    await session.expectGone();
  });

  it("ends the session when two polls are under way", async () => {
    const session = await open();
    // Either of the two may be there first.
    const answers = await Promise.all([session.poll(), session.poll()]);
    answers.sort((one, other) => one.status - other.status);
    assert.deepEqual([answers[0].status, answers[0].body], [200, "1"]);
    assert.ok([400, 500].includes(answers[1].status), `status ${answers[1].status}`);
    await session.expectGone();
  });
});

describe("messages by WebSocket", () => {
  const server = useServer(kRelaxed);
  const open = () => WebSocketPeer.open(server.it, "/engine.io/");

  it("sends back text", async () => {
    const peer = await open();
    for (const text of ["4hello", "4", "4€ äöü 👍 \u0000"]) {
      peer.send(text);
      assert.equal(await peer.nextMessage(), text);
    }
    await peer.close();
  });

  it("sends back binary", async () => {
    const peer = await open();
    for (const bytes of [Buffer.of(1, 2, 3, 4), Buffer.alloc(0), Buffer.alloc(100_000, 7)]) {
      peer.send(bytes);
      assert.deepEqual(await peer.nextMessage(), bytes);
    }
    await peer.close();
  });

  it("ends the session on an invalid packet", async () => {
    const peer = await open();
    peer.send("abc");
    await peer.expectClosed();
  });
});

describe("order over an upgrade", () => {
  const server = useServer(kRelaxed);

  it("loses, repeats and reorders nothing", async () => {
    const session = await PollingSession.open(server.it, "/engine.io/");
    const packets = Array.from({ length: 200 }, (_, number) => `4${number}`);
    await session.expectPush(packets.slice(0, 100).join(kSeparator));
    const peer = new WebSocketPeer(server.it, "/engine.io/", { sid: session.sid });
    await peer.opened;
    const received = (await session.poll()).body.split(kSeparator);
    peer.send("2probe");
    assert.equal(await peer.nextMessage(), "3probe");
    peer.send("5", ...packets.slice(100));
    while (received.length < packets.length) received.push(await peer.nextMessage());
    assert.deepEqual(received, packets);
    await peer.close();
  });
});
