// Engine.IO clients that break the protocol, or race with themselves.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { eventually, patience } from "../support/deadline.mjs";
import { kRelaxed } from "../support/echo_server.mjs";
import { PollingSession, WebSocketPeer, kSeparator, request } from "./lib/engine.mjs";
import { RawConnection } from "./lib/raw.mjs";
import { differs, expectServing, useServer } from "./lib/suite.mjs";

const kPath = "/engine.io/";

describe("handshakes", () => {
  const server = useServer(kRelaxed);

  const kErrors = {
    0: "Transport unknown",
    1: "Session ID unknown",
    2: "Bad handshake method",
    3: "Bad request",
    5: "Unsupported protocol version",
  };

  for (const [target, code, options] of [
    ["?EIO=4&transport=abc", 0],
    ["?EIO=4", 0],
    ["", 0],
    ["?EIO=4&transport=", 0],
    ["?EIO=4&transport=__proto__", 0],
    ["?EIO=4&transport=constructor", 0],
    ["?EIO=4&transport[]=polling", 0],
    ["?EIO=4&transport=webtransport", 0],
    ["?EIO=4&transport=polling&sid=0123456789abcdefghij", 1],
    ["?EIO=4&transport=polling&sid=__proto__", 1],
    ["?EIO=4&transport=polling&sid=constructor", 1],
    ["?EIO=4&transport=polling&sid=%20%0a", 1],
    [`?EIO=4&transport=polling&sid=${"a".repeat(4_000)}`, 1],
    ["?EIO=4&transport=polling", 2, { method: "POST", body: "4hello" }],
    ["?EIO=4&transport=polling", 2, { method: "PUT", body: "4hello" }],
    ["?EIO=4&transport=polling", 2, { method: "DELETE" }],
    ["?EIO=4&transport=websocket", 3],
    ["?EIO=3&transport=polling", 5],
    ["?EIO=5&transport=polling", 5],
    ["?EIO=abc&transport=polling", 5],
    ["?EIO=4.0&transport=polling", 5],
    ["?EIO[]=4&transport=polling", 5],
    ["?transport=polling", 5],
  ]) {
    it(`answers ${options?.method ?? "GET"} ${target.slice(0, 60) || "without a query"} with error ${code}`, async () => {
      const answer = await request(server.it, kPath + target, options);
      assert.equal(answer.status, 400);
      assert.deepEqual(JSON.parse(answer.body), { code, message: kErrors[code] });
    });
  }

  for (const query of ["sid=%ff%c3%28", "sid=%zz", "sid=%", "sid=%00"]) {
    it(`refuses ${query}, which is no text`, async () => {
      assert.equal((await request(server.it, `${kPath}?EIO=4&transport=polling&${query}`)).status, 400);
    });
  }

  it("takes parameters in any order and ignores others", async () => {
    const answer = await request(server.it, `${kPath}?t=abc123&b64=1&transport=polling&x=%F0%9F%91%8D&&=&EIO=4`);
    assert.equal(answer.status, 200);
    assert.equal(answer.body[0], "0");
  });

  it("does not let a session of one path be used on the other", async () => {
    const session = await PollingSession.open(server.it, kPath);
    const answer = await request(server.it, session.target.replace(kPath, "/socket.io/"));
    assert.deepEqual([answer.status, JSON.parse(answer.body).code], [400, 1]);
    await session.expectPush("4one");
    await session.expectPoll("4one");
  });

  it("refuses a WebSocket of protocol 3", async () => {
    await new WebSocketPeer(server.it, kPath, { parameters: { EIO: 3, transport: "websocket" } }).expectRefused();
  });

  for (const sid of ["0123456789abcdefghij", "__proto__", "a".repeat(4_000)]) {
    it(`refuses a WebSocket with the session id ${sid.slice(0, 24)}`, async () => {
      await new WebSocketPeer(server.it, kPath, { sid }).expectRefused();
    });
  }
});

describe("polling", () => {
  const server = useServer(kRelaxed);
  const open = () => PollingSession.open(server.it, kPath);

  for (const body of [
    "abc",
    "7",
    "9x",
    "\u00e94hello",
    `4hello${kSeparator}`,
    `${kSeparator}4hello`,
    `4hello${kSeparator}${kSeparator}4hello`,
    `4hello${kSeparator}xyz`,
  ]) {
    it(`ends the session on ${JSON.stringify(body)}`, async () => {
      const session = await open();
      await session.push(body);
      await eventually("end of the session", async () => !(await session.isKnown()));
    });
  }

  it("ends the session on an empty body", async () => {
    const session = await open();
    await session.push("");
    await session.expectGone();
  });

  for (const body of ["b!!!!", "bA", "bAQID=BA=", "bAQ==ID"]) {
    differs(`ends the session on ${body}, which is no base64`, "decodes what it can", async () => {
      const session = await open();
      await session.push(body);
      await session.expectGone();
    });
  }

  differs("ends the session on text that is no UTF-8", "replaces it", async () => {
    const session = await open();
    await session.push(Buffer.of(0x34, 0xc3, 0x28));
    await session.expectGone();
  });

  for (const [name, wrap] of [
    ["a line feed", (base64) => base64.replace(/(.{76})/g, "$1\n")],
    ["a line end of two characters", (base64) => base64.replace(/(.{76})/g, "$1\r\n")],
    ["a line feed at the end", (base64) => `${base64}\n`],
    ["a line feed at every place", (base64) => base64.split("").join("\n")],
  ]) {
    it(`takes base64 with ${name}`, async () => {
      const base64 = Buffer.from(Array.from({ length: 400 }, (_, number) => number % 256)).toString("base64");
      const session = await open();
      await session.expectPush(`4before${kSeparator}b${wrap(base64)}${kSeparator}4after`);
      await session.expectPoll(`4before${kSeparator}b${base64}${kSeparator}4after`);
    });
  }

  it("takes many packets in one body", async () => {
    const session = await open();
    const packets = Array.from({ length: 2_000 }, (_, number) => `4${number}`);
    await session.expectPush(packets.join(kSeparator));
    assert.deepEqual((await session.collect(packets.length)).flat(), packets);
  });

  differs("answers a poll with at most 16 packets, and no packet is lost", "all at once", async () => {
    const session = await open();
    const packets = Array.from({ length: 100 }, (_, number) => `4${number}`);
    await session.expectPush(packets.join(kSeparator));
    const answers = await session.collect(packets.length);
    assert.ok(answers.every((answer) => answer.length <= 16), `${answers.map((answer) => answer.length)}`);
    assert.deepEqual(answers.flat(), packets);
  });

  it("refuses a second push while one is under way, and ends the session", async () => {
    const session = await open();
    const first = await RawConnection.open(server.it);
    first.send(`POST ${session.target} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n4half`);
    // The first may not have reached the server yet; it stays under way, so a later push meets it.
    const refusal = await eventually("refusal of a push", async () => {
      const answer = await session.push("4hello");
      return answer.status !== 200 && answer;
    });
    assert.equal(refusal.status, 400);
    await session.expectGone();
    first.close();
  });

  it("ends the session when its poll is aborted", async () => {
    const session = await open();
    const connection = await RawConnection.open(server.it);
    connection.send(`GET ${session.target} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
    // The echo of this releases the poll, which shows that the next one is what the server waits with.
    await session.expectPush("4hello");
    assert.equal((await connection.answer()).body, "4hello");
    connection.send(`GET ${session.target} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
    connection.close({ reset: true });
    // The reset may be there before the request is read; a poll that then finds no other is aborted likewise.
    await eventually("end of the session", async () => {
      if (!(await session.isKnown())) return true;
      const again = await RawConnection.open(server.it);
      again.send(`GET ${session.target} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
      await session.isKnown();
      again.close();
      return false;
    });
  });

  it("leaks no file descriptors over 300 aborted polls", async () => {
    const before = server.it.openFiles();
    for (let round = 0; round < 300; round++) {
      const session = await open();
      const connection = await RawConnection.open(server.it);
      connection.send(`GET ${session.target} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
      connection.close({ reset: round % 2 === 0 });
    }
    await eventually("file descriptors as before", () => server.it.openFiles() <= before + 10);
  });

  for (const method of ["PUT", "DELETE", "PATCH"]) {
    differs(`refuses ${method} in a session`, "answers 500", async () => {
      const session = await open();
      const { status } = await request(server.it, session.target, { method });
      assert.ok(status === 400 || status === 405, `status ${status}`);
    });
  }
});

describe("WebSocket packets", () => {
  const server = useServer(kRelaxed);

  for (const message of ["", "7", "9hello", "x", "é"]) {
    it(`closes on ${JSON.stringify(message)}`, async () => {
      const peer = await WebSocketPeer.open(server.it, kPath);
      peer.send(message);
      await peer.expectClosed();
    });
  }
});

describe("upgrades", () => {
  const server = useServer(kRelaxed);

  async function openProbed() {
    const session = await PollingSession.open(server.it, kPath);
    const peer = new WebSocketPeer(server.it, kPath, { sid: session.sid });
    await peer.opened;
    peer.send("2probe");
    assert.equal(await peer.nextMessage(), "3probe");
    return { session, peer };
  }

  async function expectUpgrades(peer) {
    peer.send("5", "4hello");
    assert.equal(await peer.nextMessage(), "4hello");
    await peer.close();
  }

  async function expectPolling(session) {
    await session.expectPush("4by polling");
    assert.deepEqual((await session.collect(1)).flat(), ["4by polling"]);
  }

  it("refuses a second WebSocket while one upgrades", async () => {
    const { session, peer } = await openProbed();
    await new WebSocketPeer(server.it, kPath, { sid: session.sid }).expectRefused();
    await expectUpgrades(peer);
  });

  differs("refuses a WebSocket for a session that began as one", "closes it after 10 s", async () => {
    const peer = await WebSocketPeer.open(server.it, kPath);
    await new WebSocketPeer(server.it, kPath, { sid: peer.handshake.sid }).expectRefused();
    peer.send("4hello");
    assert.equal(await peer.nextMessage(), "4hello");
    await peer.close();
  });

  it("refuses polls and pushes in a session that began as a WebSocket", async () => {
    const peer = await WebSocketPeer.open(server.it, kPath);
    const session = new PollingSession(server.it, kPath, peer.handshake);
    assert.equal((await session.poll()).status, 400);
    assert.equal((await session.push("4hello")).status, 400);
    peer.send("4hello");
    assert.equal(await peer.nextMessage(), "4hello");
    await peer.close();
  });

  for (const first of ["4hello", "5", "1", "2", "2other", "3probe", "6", "x", ""]) {
    it(`closes the WebSocket on ${JSON.stringify(first)} before the probe, and polling goes on`, async () => {
      const session = await PollingSession.open(server.it, kPath);
      const peer = new WebSocketPeer(server.it, kPath, { sid: session.sid });
      await peer.opened;
      if (first === "5") {
        // An upgrade without a probe is taken or refused, but never half of each.
        peer.send("5", "4hello");
        if ((await Promise.race([peer.nextMessage().catch(() => null), peer.ended])) === "4hello") return;
      } else {
        peer.send(first);
      }
      await peer.expectClosed();
      await expectPolling(session);
    });
  }

  it("closes the WebSocket on a message after the probe, and polling goes on", async () => {
    const { session, peer } = await openProbed();
    peer.send("4hello");
    await peer.expectClosed();
    await expectPolling(session);
  });

  it("lets polling go on when the probing WebSocket vanishes, and upgrades later", async () => {
    const { session, peer } = await openProbed();
    peer.socket.terminate();
    await expectPolling(session);
    const again = await eventually("another upgrade", async () => {
      const next = new WebSocketPeer(server.it, kPath, { sid: session.sid });
      await next.opened.catch(() => {});
      next.send("2probe");
      return (await next.nextMessage().catch(() => null)) === "3probe" && next;
    });
    await expectUpgrades(again);
  });

  it("closes the probing WebSocket when the session ends", async () => {
    const { session, peer } = await openProbed();
    await session.push("1");
    await peer.expectClosed();
  });

  it("takes messages by polling until the upgrade packet", async () => {
    const { session, peer } = await openProbed();
    await session.expectPush("4one");
    const received = (await session.collect(1)).flat();
    peer.send("5", "4two");
    received.push(await peer.nextMessage());
    assert.deepEqual(received, ["4one", "4two"]);
    await peer.close();
  });

  it("delivers by WebSocket what no poll fetched", async () => {
    const { session, peer } = await openProbed();
    await session.expectPush(["4one", "4two"].join(kSeparator));
    peer.send("5", "4three");
    for (const message of ["4one", "4two", "4three"]) assert.equal(await peer.nextMessage(), message);
    await peer.close();
  });

  it("gives up an upgrade that never finishes after 10 s, and polling goes on", async () => {
    const { session, peer } = await openProbed();
    await peer.expectClosed(10_000 + patience.ms);
    await expectPolling(session);
  });
});

describe("many connections", () => {
  const server = useServer(kRelaxed);

  it("returns every file descriptor after 2,000 connections came and went", async () => {
    await expectServing(server.it);
    const before = server.it.openFiles();
    for (let round = 0; round < 40; round++) {
      const connections = await Promise.all(Array.from({ length: 50 }, () => RawConnection.open(server.it)));
      connections.forEach((connection, number) => connection.close({ reset: number % 2 === 0 }));
    }
    await eventually("file descriptors as before", () => server.it.openFiles() <= before + 10);
  });
});

describe("without file descriptors", () => {
  const kLimit = 100;
  const server = useServer({ ...kRelaxed, nofile: kLimit });

  it("keeps its connections, waits without being busy, and serves again", async () => {
    const peer = await WebSocketPeer.open(server.it, kPath);
    // Where the server takes no more, they wait.
    const connections = Array.from({ length: 2 * kLimit }, () => RawConnection.begin(server.it));
    await eventually("all file descriptors in use", () => {
      const refused = connections.filter((connection) => connection.ended).length;
      return server.it.openFiles() >= kLimit - 2 || refused > 0;
    });
    const [cpu, start] = [server.it.cpuMilliseconds(), Date.now()];
    for (let round = 0; Date.now() - start < 1_000; round++) {
      peer.send(`4${round}`);
      assert.equal(await peer.nextMessage(), `4${round}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.ok(server.it.cpuMilliseconds() - cpu < 500, `${server.it.cpuMilliseconds() - cpu} ms of CPU in 1 s`);
    for (const connection of connections) connection.close();
    await expectServing(server.it);
    await peer.close();
  });
});
