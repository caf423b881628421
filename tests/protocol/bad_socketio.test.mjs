// Socket.IO clients that break the protocol or ask for too much.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { eventually } from "../support/deadline.mjs";
import { kRelaxed } from "../support/echo_server.mjs";
import { PollingSession, WebSocketPeer } from "./lib/engine.mjs";
import { connect, expectEcho, kPath, openConnected } from "./lib/socketio.mjs";
import { differs, useServer } from "./lib/suite.mjs";

const placeholder = (number) => `{"_placeholder":true,"num":${number}}`;
const shorten = (text) => JSON.stringify(text.length > 60 ? `${text.slice(0, 57)}…` : text).slice(1, -1);

describe("packets", () => {
  const server = useServer(kRelaxed);

  function closesOn(message, difference) {
    const define = difference ? (name, test) => differs(name, difference, test) : it;
    define(`closes on ${shorten(message)}`, async () => {
      const peer = await openConnected(server.it);
      peer.send(message);
      await peer.expectClosed();
      assert.equal(peer.pending, 0, "nothing is answered");
    });
  }

  for (const message of [
    "4",
    "4a",
    "4abc",
    "47",
    "49[]",
    "4-1",
    "42{}",
    '42"message"',
    "42null",
    "42[]",
    '42[{},"x"]',
    '42[null,"x"]',
    '42[["message"],"x"]',
    '42[true,"x"]',
    '42["message"',
    '42["message",]',
    "42['message']",
    '42["message"]x',
    '42["message"]["message"]',
    '42["message",01]',
    '42["message",NaN]',
    '42["message","\n"]',
    '42["message","\\x"]',
    '42["message","\\u12"]',
    '42abc["message-with-ack",1]',
    '42-1["message-with-ack",1]',
    '421.5["message-with-ack",1]',
    '42["connect"]',
    '42["connect_error"]',
    '42["disconnect"]',
    '42["disconnecting"]',
    "430{}",
    "43x[]",
    "40[]",
    '40"token"',
    "41{}",
    '45["message"]',
    '450-["message"]',
    '45-["message"]',
    '45-1-["message"]',
    '451["message"]',
    '451.5-["message"]',
    '45x-["message"]',
    '451-{}',
    "451-[]",
    `4511-["message",${Array.from({ length: 11 }, (_, number) => placeholder(number))}]`,
    `45999999999999999999-["message",${placeholder(0)}]`,
    "461-0{}",
    '42/unknown,["message"]',
  ]) {
    closesOn(message);
  }
  closesOn('42[1,"x"]', "takes a number for a name");
  closesOn("42", "emits an event without a name");

  it("closes on a bad packet by polling", async () => {
    const session = await PollingSession.open(server.it, kPath);
    await session.expectPush("40");
    await session.collect(2);
    await session.push("42{}");
    await session.expectGone();
  });

  it("answers nothing that comes after a bad packet", async () => {
    const peer = await openConnected(server.it);
    await expectEcho(peer, "before");
    peer.send("42{}", '42["message","after"]');
    await peer.expectClosed();
    assert.equal(peer.pending, 0);
  });

  for (const message of ["430[]", '43999["x"]', '439007199254740993["x"]', '431-["x"]', `43${"9".repeat(400)}[]`]) {
    it(`survives ${shorten(message)}, an answer to nothing`, async () => {
      const peer = await openConnected(server.it);
      peer.send(message, '42["message","after"]');
      const answer = await peer.nextMessage().catch(() => null);
      assert.ok(answer === null || answer === '42["message-back","after"]', answer);
    });
  }

  for (const message of ["430[]", '43999["x"]', '439007199254740993["x"]']) {
    it(`ignores ${message}, an answer to nothing`, async () => {
      const peer = await openConnected(server.it);
      peer.send(message);
      await expectEcho(peer);
      await peer.close();
    });
  }

  it("ignores events that nobody handles", async () => {
    const peer = await openConnected(server.it);
    for (const name of ["nobody", "__proto__", "constructor", "toString", "", " ", "message-back", "é👍"]) {
      peer.send(`42[${JSON.stringify(name)},1]`);
    }
    await expectEcho(peer);
    await peer.close();
  });

  it("ignores a missing acknowledgement id", async () => {
    const peer = await openConnected(server.it);
    peer.send('42["message-with-ack",1]');
    await expectEcho(peer);
    await peer.close();
  });
});

describe("attachments", () => {
  const server = useServer(kRelaxed);
  const bytes = Buffer.from([1, 2, 3]);

  for (const [name, difference, ...messages] of [
    ["a binary message without an event", null, bytes],
    ["text where an attachment is due", null, `451-["message",${placeholder(0)}]`, '42["message"]'],
    ["an attachment number out of range", null, `451-["message",${placeholder(1)}]`, bytes],
    ["a negative attachment number", null, `451-["message",${placeholder(-1)}]`, bytes],
    ["a huge attachment number", null, `451-["message",${placeholder("1e300")}]`, bytes],
    ["an attachment number that is text", null, `451-["message",${placeholder('"0"')}]`, bytes],
    ["an attachment number that is missing", null, '451-["message",{"_placeholder":true}]', bytes],
    ["more attachments than announced", null, `451-["message",${placeholder(0)}]`, bytes, bytes],
    ["an attachment number that is no whole number", "gives undefined", `451-["message",${placeholder("0.5")}]`, bytes],
    ["an attachment used twice", "copies it", `452-["message",${placeholder(0)},${placeholder(0)}]`, bytes, bytes],
    ["an attachment used nowhere", "drops it", `452-["message",${placeholder(0)}]`, bytes, bytes],
    ["attachments for no placeholder", "drops them", '451-["message"]', bytes],
    [
      "attachments past the limit together",
      "limits each",
      `4514-["message",${Array.from({ length: 14 }, (_, i) => placeholder(i))}]`,
      ...Array(14).fill(Buffer.alloc(600_000)),
    ],
  ]) {
    const define = difference ? (test) => differs(`closes on ${name}`, difference, test) : (test) => it(`closes on ${name}`, test);
    define(async () => {
      const peer = await openConnected(server.it);
      peer.send(...messages);
      await peer.expectClosed();
    });
  }

  it("survives a placeholder in an event without attachments", async () => {
    const peer = await openConnected(server.it);
    peer.send(`42["message",${placeholder(0)}]`);
    await Promise.race([peer.nextMessage().catch(() => null), peer.ended]);
    peer.socket.terminate();
  });

  it("survives a connection that ends between attachments", async () => {
    const peer = await openConnected(server.it);
    peer.send(`452-["message",${placeholder(0)},${placeholder(1)}]`, bytes);
    await peer.close();
  });
});

describe("JSON", () => {
  const server = useServer(kRelaxed);
  const nested = (depth, open, close) => `42["message",${open.repeat(depth)}1${close.repeat(depth)}]`;

  for (const [open, close] of [
    ["[", "]"],
    ['{"a":', "}"],
  ]) {
    it(`takes 60 levels of ${open}`, async () => {
      const peer = await openConnected(server.it);
      peer.send(nested(60, open, close));
      assert.equal(await peer.nextMessage(), nested(60, open, close).replace("message", "message-back"));
      await peer.close();
    });

    differs(`closes on 66 levels of ${open}`, "knows no limit", async () => {
      const peer = await openConnected(server.it);
      peer.send(nested(66, open, close));
      await peer.expectClosed();
    });

    it(`closes on 150,000 levels of ${open} that do not end`, async () => {
      const peer = await openConnected(server.it);
      peer.send(`42["message",${open.repeat(150_000)}`);
      await peer.expectClosed();
    });

    differs(`closes on 66 levels of ${open} in the payload of CONNECT`, "knows no limit", async () => {
      const peer = await WebSocketPeer.open(server.it, kPath);
      peer.send(`40{"a":${open.repeat(66)}1${close.repeat(66)}}`);
      await peer.expectClosed();
      assert.equal(peer.pending, 0);
    });
  }

  for (const value of [
    "1e400",
    "-1e400",
    "1e-400",
    "-0",
    "123456789012345678901234567890",
    "0.1000000000000000055511151231257827",
    '{"a":1,"a":2}',
    '{"__proto__":{"admin":true}}',
    '{"constructor":{"prototype":{"x":1}}}',
    '{"toJSON":1}',
    '"\\u0000"',
    `"${"x".repeat(100_000)}"`,
    `[${"0,".repeat(50_000)}0]`,
  ]) {
    it(`answers ${shorten(value)} with JSON in UTF-8, or closes`, async () => {
      const peer = await openConnected(server.it);
      peer.send(`42["message",${value}]`);
      // A frame that is no UTF-8 ends the connection from this side, with an error of its own.
      const answer = await peer.nextMessage().catch((error) => assert.match(error.message, /^closed with 1\d\d\d$/));
      if (answer === undefined) return;
      assert.equal(JSON.parse(answer.slice(2))[0], "message-back");
      await expectEcho(peer);
      await peer.close();
    });
  }
});

// JSON.stringify makes them of a text that was cut within a character.
describe("lone surrogates", () => {
  const server = useServer(kRelaxed);

  for (const value of ['"\\ud800"', '"\\udc00\\ud800"', '{"\\ud800":1}', '"a\\ud83d"']) {
    it(`are read in ${value}`, async () => {
      const peer = await openConnected(server.it);
      peer.send(`42["message",${value}]`);
      const answer = JSON.parse((await peer.nextMessage()).slice(2));
      const well = (text) => JSON.parse(text.replaceAll(/\\u[0-9a-f]{4}/g, "\\ufffd"));
      assert.deepEqual(well(JSON.stringify(answer)), ["message-back", well(value)]);
      await expectEcho(peer);
      await peer.close();
    });
  }
});

describe("connecting", () => {
  const server = useServer(kRelaxed);
  const open = () => WebSocketPeer.open(server.it, kPath);

  for (const message of ['42["message",1]', '42/custom,["message",1]', "41", "430[]", `451-["message",${placeholder(0)}]`]) {
    it(`closes on ${message} before CONNECT`, async () => {
      const peer = await open();
      peer.send(message);
      // The packet of an event with an attachment is whole only with it.
      if (message.startsWith("45")) peer.send(Buffer.of(1));
      await peer.expectClosed();
      assert.equal(peer.pending, 0);
    });
  }

  it("closes on an event to a namespace that the client is not in", async () => {
    const peer = await openConnected(server.it);
    peer.send('42/custom,["message",1]');
    await peer.expectClosed();
  });

  it("closes on a second CONNECT", async () => {
    const peer = await openConnected(server.it);
    peer.send("40");
    await peer.expectClosed();
  });

  it("closes on a second CONNECT to a custom namespace", async () => {
    const peer = await open();
    await connect(peer, "/custom");
    peer.send("40/custom,");
    await peer.expectClosed();
  });

  for (const namespace of ["/__proto__", "/constructor", "/custom/", "/CUSTOM", "/%63ustom", "/é👍", "//", "/ "]) {
    it(`refuses the namespace ${namespace}`, async () => {
      const peer = await open();
      peer.send(`40${namespace},`);
      assert.equal(await peer.nextMessage(), `44${namespace},{"message":"Invalid namespace"}`);
      await connect(peer);
      await peer.close();
    });
  }

  it("looks at the namespace without its query", async () => {
    const peer = await open();
    peer.send('40/custom?token=1,{"a":1}');
    const answer = await peer.nextMessage();
    assert.match(answer, /^4[04]\/custom/);
    await peer.close();
  });

  differs("refuses a namespace of 500 kB without repeating it", "repeats it", async () => {
    const peer = await open();
    peer.send(`40/${"a".repeat(500_000)},`);
    const answer = await peer.nextMessage().catch(() => "");
    assert.ok(answer.length < 1_000, `an answer of ${answer.length} bytes`);
  });

  differs("closes on 10,000 unknown namespaces", "answers each", async () => {
    const peer = await open();
    for (let number = 0; number < 10_000; number++) peer.send(`40/unknown${number},`);
    await peer.expectClosed();
  });
});

describe("a reader that stops", () => {
  const kCount = 1_500;
  const text = "x".repeat(64_000);

  // Sends 96 MB of events while nothing is read, until the server takes no more.
  async function sendWithoutReading(server) {
    const peer = await openConnected(server);
    peer.socket.pause();
    for (let number = 0; number < kCount; number++) peer.send(`42["message",${number},"${text}"]`);
    let [state, since] = ["", Date.now()];
    const isStill = () => {
      const now = `${peer.socket.bufferedAmount} to send, ${server.cpuMilliseconds()} ms of CPU`;
      if (now !== state) [state, since] = [now, Date.now()];
      return Date.now() - since > 500;
    };
    await eventually("rest of the server", isStill, 60_000);
    return peer;
  }

  describe("and reads on", () => {
    const server = useServer(kRelaxed);

    it("gets everything in order, or is closed after a part without a hole", async () => {
      const peer = await sendWithoutReading(server.it);
      peer.socket.resume();
      try {
        for (let next = 0; next < kCount; next++) {
          const answer = await peer.nextMessage();
          const expected = `42["message-back",${next},"${text}"]`;
          assert.ok(answer === expected, `message ${next}: ${shorten(answer)}`);
        }
      } catch (error) {
        assert.match(error.message, /^closed with/);
      }
      peer.socket.terminate();
    });
  });

  describe("for good", () => {
    const server = useServer(kRelaxed);

    differs("costs the server no memory in proportion", "keeps all of it", async () => {
      const before = server.it.residentBytes();
      const peer = await sendWithoutReading(server.it);
      const more = server.it.residentBytes() - before;
      peer.socket.terminate();
      assert.ok(more < 64e6, `${more} bytes more`);
    });
  });
});
