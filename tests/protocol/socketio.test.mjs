// Socket.IO v5 as its public protocol suite describes it, and the contract of the echo server.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { kRelaxed } from "../support/echo_server.mjs";
import { PollingSession, WebSocketPeer, kSeparator, request } from "./lib/engine.mjs";
import { connect, expectEcho, kPath, openConnected } from "./lib/socketio.mjs";
import { differs, useServer } from "./lib/suite.mjs";

describe("connect", () => {
  const server = useServer(kRelaxed);
  const open = () => WebSocketPeer.open(server.it, kPath);

  for (const namespace of ["/", "/custom"]) {
    for (const payload of ["", '{"token":"123"}', '{"nested":{"list":[1,null,"é👍"]}}']) {
      it(`connects to ${namespace} with ${payload || "no payload"}`, async () => {
        const peer = await open();
        await connect(peer, namespace, payload);
        await peer.close();
      });
    }
  }

  it("connects to a namespace given without a comma", async () => {
    const peer = await open();
    peer.send("40/custom");
    assert.match(await peer.nextMessage(), /^40\/custom,\{"sid":"[^"]+"\}$/);
    assert.equal(await peer.nextMessage(), '42/custom,["auth",{}]');
    await peer.close();
  });

  it("connects to both namespaces on one connection, under different ids", async () => {
    const peer = await open();
    const ids = [await connect(peer), await connect(peer, "/custom")];
    assert.equal(new Set([...ids, peer.handshake.sid]).size, 3);
    await peer.close();
  });

  it("keeps the engine's session id out of the socket's id", async () => {
    const peer = await openConnected(server.it);
    assert.notEqual(peer.sid, peer.handshake.sid);
    await peer.close();
  });

  it("refuses an unknown namespace and goes on", async () => {
    const peer = await open();
    peer.send("40/random");
    assert.equal(await peer.nextMessage(), '44/random,{"message":"Invalid namespace"}');
    await connect(peer);
    await expectEcho(peer);
    await peer.close();
  });

  it("connects by polling", async () => {
    const session = await PollingSession.open(server.it, kPath);
    await session.expectPush('40{"token":"123"}');
    const packets = (await session.collect(2)).flat();
    assert.match(packets[0], /^40\{"sid":"[^"]+"\}$/);
    assert.equal(packets[1], '42["auth",{"token":"123"}]');
  });

  it("ends the connection on an invalid handshake", async () => {
    const peer = await open();
    peer.send("4abc");
    await peer.expectClosed();
  });
});

describe("connect timeout", () => {
  const server = useServer({ ...kRelaxed, connectTimeout: 1_000 });

  it("ends a WebSocket session that never connects, and not early", async () => {
    const start = Date.now();
    const peer = await WebSocketPeer.open(server.it, kPath);
    await peer.expectClosed();
    assert.ok(Date.now() - start >= 995, `closed after ${Date.now() - start} ms`);
  });

  it("ends a polling session that never connects", async () => {
    const session = await PollingSession.open(server.it, kPath);
    await session.expectGone();
  });

  it("ends a session that only asked for an unknown namespace", async () => {
    const peer = await WebSocketPeer.open(server.it, kPath);
    peer.send("40/random");
    await peer.expectClosed();
  });
});

describe("connect timeout of others", () => {
  // Long enough to connect in, on a busy machine too.
  const server = useServer({ ...kRelaxed, connectTimeout: 4_000 });

  it("leaves connected sessions alone", async () => {
    const [quiet, other] = [await openConnected(server.it), await WebSocketPeer.open(server.it, kPath)];
    // The other one came later, so the time of both is over when it is closed.
    await other.expectClosed();
    await expectEcho(quiet);
    await quiet.close();
  });
});

describe("disconnect", () => {
  const server = useServer(kRelaxed);

  it("leaves the main namespace and keeps the connection", async () => {
    const peer = await openConnected(server.it);
    await connect(peer, "/custom");
    peer.send("41");
    peer.send('42/custom,["message","still here"]');
    assert.equal(await peer.nextMessage(), '42/custom,["message-back","still here"]');
    await peer.close();
  });

  it("leaves a custom namespace and keeps the main one", async () => {
    const peer = await openConnected(server.it);
    await connect(peer, "/custom");
    peer.send("41/custom");
    await expectEcho(peer);
    await peer.close();
  });

  it("comes back to a namespace that it left", async () => {
    const peer = await openConnected(server.it);
    await connect(peer, "/custom");
    peer.send("41/custom,");
    await expectEcho(peer);
    await connect(peer, "/custom");
    await expectEcho(peer);
    await peer.close();
  });
});

describe("disconnect with a heartbeat", () => {
  const server = useServer({ ...kRelaxed, pingInterval: 300 });

  it("goes on pinging after the main namespace was left", async () => {
    const peer = await openConnected(server.it, { heartbeat: "shown" });
    peer.send("41");
    assert.equal(await peer.nextMessage(), "2");
    await peer.close();
  });
});

const kEvents = [
  ['2["message",1,"2",{"3":[true]}]', '2["message-back",1,"2",{"3":[true]}]'],
  ['2["message"]', '2["message-back"]'],
  ['2["message",null,[],{},"",0,-1.5,false]', '2["message-back",null,[],{},"",0,-1.5,false]'],
  ['2["message","€ äöü 👍 \\u0000\\n\\"\\\\"]', '2["message-back","€ äöü 👍 \\u0000\\n\\"\\\\"]'],
  ['2/custom,["message","there"]', '2/custom,["message-back","there"]'],
  ['2456["message-with-ack",1,"2",{"3":[false]}]', '3456[1,"2",{"3":[false]}]'],
  ['20["message-with-ack"]', "30[]"],
  ['29007199254740991["message-with-ack",1]', "39007199254740991[1]"],
  ['2/custom,7["message-with-ack","there"]', '3/custom,7["there"]'],
];

// Packets with the binary messages that follow them; {n} stands for the placeholder of attachment n.
const kBinaryEvents = [
  ['52-["message",{0},{1}]', '52-["message-back",{0},{1}]', 2],
  ['52-789["message-with-ack",{0},{1}]', "62-789[{0},{1}]", 2],
  ['51-["message",{"deep":[{"er":{0}}]},"x"]', '51-["message-back",{"deep":[{"er":{0}}]},"x"]', 1],
  ['51-/custom,["message",{0}]', '51-/custom,["message-back",{0}]', 1],
  [
    '510-["message",{0},{1},{2},{3},{4},{5},{6},{7},{8},{9}]',
    '510-["message-back",{0},{1},{2},{3},{4},{5},{6},{7},{8},{9}]',
    10,
  ],
];

const placeholders = (packet) => packet.replace(/\{(\d)\}/g, '{"_placeholder":true,"num":$1}');
const attachment = (number) => Buffer.alloc(3 + number, number + 1);

describe("messages by WebSocket", () => {
  const server = useServer(kRelaxed);

  async function openBoth() {
    const peer = await openConnected(server.it);
    await connect(peer, "/custom");
    return peer;
  }

  for (const [sent, expected] of kEvents) {
    it(`answers ${sent}`, async () => {
      const peer = await openBoth();
      peer.send(`4${sent}`);
      const got = await peer.nextMessage();
      // JSON leaves the choice of escapes.
      const json = got.indexOf("[");
      assert.equal(got.slice(0, json), `4${expected}`.slice(0, json));
      assert.deepEqual(JSON.parse(got.slice(json)), JSON.parse(`4${expected}`.slice(json)));
      await peer.close();
    });
  }

  for (const [sent, expected, count] of kBinaryEvents) {
    it(`answers ${sent} with its attachments`, async () => {
      const peer = await openBoth();
      peer.send(placeholders(`4${sent}`));
      for (let number = 0; number < count; number++) peer.send(attachment(number));
      assert.equal(await peer.nextMessage(), placeholders(`4${expected}`));
      for (let number = 0; number < count; number++) assert.deepEqual(await peer.nextMessage(), attachment(number));
      await expectEcho(peer);
      await peer.close();
    });
  }

  for (const [count, size] of [[11, 600_000], [2_000, 1]]) {
    it(`answers ${count} attachments of ${size} bytes`, async () => {
      const peer = await openBoth();
      const args = Array.from({ length: count }, (_, num) => ({ _placeholder: true, num }));
      const bytes = (number) => Buffer.alloc(size, number);
      peer.send(`45${count}-${JSON.stringify(["message", ...args])}`);
      for (let number = 0; number < count; number++) peer.send(bytes(number));
      assert.deepEqual(JSON.parse((await peer.nextMessage()).slice(`45${count}-`.length)), ["message-back", ...args]);
      for (let number = 0; number < count; number++) assert.ok(bytes(number).equals(await peer.nextMessage()), `attachment ${number}`);
      await expectEcho(peer);
      await peer.close();
    });
  }

  it("sends an empty attachment back", async () => {
    const peer = await openConnected(server.it);
    peer.send(placeholders('451-["message",{0}]'), Buffer.alloc(0));
    assert.equal(await peer.nextMessage(), placeholders('451-["message-back",{0}]'));
    assert.deepEqual(await peer.nextMessage(), Buffer.alloc(0));
    await peer.close();
  });

  it("keeps the order of 1,000 messages", async () => {
    const peer = await openConnected(server.it);
    for (let number = 0; number < 1_000; number++) {
      if (number % 10 === 3) peer.send(placeholders(`451-["message",${number},{0}]`), Buffer.of(number % 256));
      else peer.send(`42["message",${number}]`);
    }
    for (let number = 0; number < 1_000; number++) {
      if (number % 10 === 3) {
        assert.equal(await peer.nextMessage(), placeholders(`451-["message-back",${number},{0}]`));
        assert.deepEqual(await peer.nextMessage(), Buffer.of(number % 256));
      } else {
        assert.equal(await peer.nextMessage(), `42["message-back",${number}]`);
      }
    }
    await peer.close();
  });
});

describe("messages by polling", () => {
  const server = useServer(kRelaxed);

  async function openPolling() {
    const session = await PollingSession.open(server.it, kPath);
    await session.expectPush("40");
    await session.collect(2);
    return session;
  }

  it("answers text, acknowledgements and attachments in one body", async () => {
    const session = await openPolling();
    const attachments = [attachment(0), attachment(1)].map((bytes) => `b${bytes.toString("base64")}`);
    await session.expectPush(
      [
        '42["message","one"]',
        placeholders('452-["message",{0},{1}]'),
        ...attachments,
        '423["message-with-ack","three"]',
      ].join(kSeparator),
    );
    assert.deepEqual((await session.collect(5)).flat(), [
      '42["message-back","one"]',
      placeholders('452-["message-back",{0},{1}]'),
      ...attachments,
      '433["three"]',
    ]);
  });

  it("keeps the order of 1,000 messages", async () => {
    const session = await openPolling();
    for (let part = 0; part < 10; part++) {
      const packets = Array.from({ length: 100 }, (_, number) => `42["message",${part * 100 + number}]`);
      await session.expectPush(packets.join(kSeparator));
    }
    const expected = Array.from({ length: 1_000 }, (_, number) => `42["message-back",${number}]`);
    assert.deepEqual((await session.collect(1_000)).flat(), expected);
  });

  differs("answers a poll with at most 16 packets", "all at once", async () => {
    const session = await openPolling();
    await session.expectPush(Array.from({ length: 100 }, (_, number) => `42["message",${number}]`).join(kSeparator));
    const answers = await session.collect(100);
    assert.ok(answers.every((packets) => packets.length <= 16), `${answers.map((packets) => packets.length)}`);
  });
});

describe("HTTP beside the sockets", () => {
  const server = useServer(kRelaxed);

  it("answers /healthz", async () => {
    assert.equal((await request(server.it, "/healthz")).status, 200);
  });

  it("answers 404 where nothing is", async () => {
    assert.equal((await request(server.it, "/nothing/here")).status, 404);
  });
});
