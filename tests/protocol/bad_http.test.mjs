// Requests that no honest client sends: refused, the connection closed, everybody else served.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { patience } from "../support/deadline.mjs";
import { kRelaxed } from "../support/echo_server.mjs";
import { PollingSession, WebSocketPeer } from "./lib/engine.mjs";
import { upgradeRequest } from "./lib/frames.mjs";
import { RawConnection } from "./lib/raw.mjs";
import { differs, useServer } from "./lib/suite.mjs";

const kHost = "Host: 127.0.0.1\r\n";
const kPush = "POST /engine.io/?EIO=4&transport=polling&sid=SID HTTP/1.1\r\n" + kHost;

// Sends `bytes` on a connection of its own and returns the status, or "closed".
async function statusOf(server, bytes) {
  const connection = await RawConnection.open(server);
  connection.send(bytes);
  const status = await connection.status();
  if (status !== "closed") await connection.expectClosed();
  return status;
}

function expectOneOf(status, ...expected) {
  assert.ok(expected.includes(status), `got ${status}, expected ${expected.join(" or ")}`);
}

describe("garbage", () => {
  const server = useServer(kRelaxed);

  for (const [name, bytes] of [
    ["random bytes", Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03, 0xff, 0x0d, 0x0a, 0x0d, 0x0a])],
    ["zeros", Buffer.concat([Buffer.alloc(1_000), Buffer.from("\r\n\r\n")])],
    ["a line that is no request", "hello world\r\n\r\n"],
    ["a version that does not exist", `GET /healthz HTTP/9.9\r\n${kHost}\r\n`],
    ["a method that does not exist", `BREW /healthz HTTP/1.1\r\n${kHost}\r\n`],
    ["spaces in the target", `GET /health z HTTP/1.1\r\n${kHost}\r\n`],
    ["control characters in the target", `GET /\x01\x02 HTTP/1.1\r\n${kHost}\r\n`],
    ["HTTP/2 with prior knowledge", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
  ]) {
    it(`refuses ${name}`, async () => {
      const connection = await RawConnection.open(server.it);
      connection.send(bytes);
      // A method that nobody knows may also be answered like any other that is not served here.
      expectOneOf(await connection.status(), "closed", 400, 404, 405, 501, 505);
      connection.close();
    });
  }

  differs("refuses a request without a version", "takes it", async () => {
    expectOneOf(await statusOf(server.it, "GET /healthz\r\n\r\n"), "closed", 400, 505);
  });

  it("survives connections that are reset half way", async () => {
    for (const bytes of ["", "GET", `GET /healthz HTTP/1.1\r\n${kHost}`, upgradeRequest().slice(0, -2), upgradeRequest()]) {
      const connection = await RawConnection.open(server.it);
      connection.send(bytes);
      connection.close({ reset: true });
    }
  });
});

describe("too much of a header", () => {
  const server = useServer(kRelaxed);

  for (const [name, bytes] of [
    ["a request line of 20 kB", `GET /${"a".repeat(20_000)} HTTP/1.1\r\n${kHost}\r\n`],
    ["a query of 20 kB", `GET /engine.io/?EIO=4&transport=polling&x=${"a".repeat(20_000)} HTTP/1.1\r\n${kHost}\r\n`],
    ["one header of 20 kB", `GET /healthz HTTP/1.1\r\n${kHost}X: ${"a".repeat(20_000)}\r\n\r\n`],
    ["a header name of 20 kB", `GET /healthz HTTP/1.1\r\n${kHost}${"a".repeat(20_000)}: x\r\n\r\n`],
    ["headers of 20 kB together", `GET /healthz HTTP/1.1\r\n${kHost}${`X: ${"a".repeat(500)}\r\n`.repeat(40)}\r\n`],
    ["an upgrade with 3,000 headers", upgradeRequest().replace("\r\n\r\n", `\r\n${"X-1: 123456\r\n".repeat(3_000)}\r\n`)],
  ]) {
    it(`refuses ${name}`, async () => {
      // A reset that overtakes the answer is a close.
      expectOneOf(await statusOf(server.it, bytes), 431, 414, 400, "closed");
    });
  }

  differs("refuses 101 headers and more", "counts up to 2,000", async () => {
    const headers = Array.from({ length: 150 }, (_, number) => `X-${number}: 1\r\n`).join("");
    expectOneOf(await statusOf(server.it, `GET /healthz HTTP/1.1\r\n${kHost}${headers}\r\n`), 431, 400, "closed");
  });

  it("takes 50 headers and a header of 4 kB", async () => {
    const headers = Array.from({ length: 50 }, (_, number) => `X-${number}: 1\r\n`).join("");
    const connection = await RawConnection.open(server.it);
    connection.send(`GET /healthz HTTP/1.1\r\n${kHost}${headers}Cookie: ${"a".repeat(4_000)}\r\n\r\n`);
    assert.equal(await connection.status(), 200);
    connection.close();
  });

  it("answers a long Sec-WebSocket-Protocol at once", async () => {
    const connection = await RawConnection.open(server.it);
    connection.send(upgradeRequest({ headers: { "Sec-WebSocket-Protocol": `a${" ".repeat(7_000)}b` } }));
    expectOneOf(await connection.status(2_000), 101, 400, 431, "closed");
    connection.close();
  });
});

// Where a proxy and a server could see different requests in the same bytes.
describe("smuggling", () => {
  const server = useServer(kRelaxed);
  const smuggled = `GET /healthz HTTP/1.1\r\n${kHost}\r\n`;

  for (const [name, headers, body = ""] of [
    ["a length and chunks together", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", `0\r\n\r\n${smuggled}`],
    ["chunks and a length together", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", `0\r\n\r\n${smuggled}`],
    ["two different lengths", "Content-Length: 1\r\nContent-Length: 2\r\n", "4a"],
    ["two different lengths in one header", "Content-Length: 1, 2\r\n", "4a"],
    ["a negative length", "Content-Length: -1\r\n"],
    ["a signed length", "Content-Length: +2\r\n", "4a"],
    ["a hexadecimal length", "Content-Length: 0x2\r\n", "4a"],
    ["a length past 2^64", "Content-Length: 18446744073709551618\r\n", "4a"],
    ["an unknown transfer coding", "Transfer-Encoding: unheard\r\n", "4a"],
    ["chunked that is not the last coding", "Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n"],
    ["a chunk size that is no number", "Transfer-Encoding: chunked\r\n", "zz\r\n4a\r\n0\r\n\r\n"],
    ["a chunk size past 2^64", "Transfer-Encoding: chunked\r\n", "10000000000000002\r\n4a\r\n0\r\n\r\n"],
    ["a chunk longer than its size", "Transfer-Encoding: chunked\r\n", "1\r\n4a\r\n0\r\n\r\n"],
    ["a space before the colon", "Content-Length : 2\r\n", "4a"],
    ["a header without a colon", "Content-Length\r\n"],
    ["a header without a name", ": x\r\n"],
    ["a NUL in a header", "X: a\0b\r\n"],
    ["a bare CR in a header", "X: a\rContent-Length: 2\r\n", "4a"],
    ["a space in a header's name", "X Y: a\r\n"],
  ]) {
    it(`refuses ${name}`, async () => {
      const session = await PollingSession.open(server.it, "/engine.io/");
      const connection = await RawConnection.open(server.it);
      connection.send(`${kPush.replace("SID", session.sid)}${headers}\r\n${body}`);
      expectOneOf(await connection.status(), 400, 411, 413, 501, "closed");
      await connection.expectClosed();
      assert.doesNotMatch(connection.text, /HTTP\/1\.1 200/);
    });
  }

  it("refuses a folded header", async () => {
    const bytes = `GET /healthz HTTP/1.1\r\n${kHost}X: a\r\n b\r\n\r\n`;
    expectOneOf(await statusOf(server.it, bytes), 400, "closed");
  });

  it("refuses lines that end in a bare LF", async () => {
    const bytes = `GET /healthz HTTP/1.1\nHost: 127.0.0.1\n\n`;
    expectOneOf(await statusOf(server.it, bytes), 400, "closed");
  });

  it("refuses HTTP/1.1 without Host", async () => {
    expectOneOf(await statusOf(server.it, "GET /healthz HTTP/1.1\r\n\r\n"), 400, "closed");
  });
});

describe("bodies past the limit", () => {
  const server = useServer({ ...kRelaxed, maxPayload: 100_000 });

  async function pushTo(session, headersAndBody) {
    const connection = await RawConnection.open(server.it);
    connection.send(kPush.replace("SID", session.sid) + headersAndBody);
    return connection;
  }

  differs("refuses an announced one before it comes, and ends the session", "reads it first", async () => {
    const session = await PollingSession.open(server.it, "/engine.io/");
    const connection = await pushTo(session, "Content-Length: 100001\r\n\r\n4abc");
    assert.equal(await connection.status(), 413);
    await connection.expectClosed();
    await session.expectGone();
  });

  it("refuses a chunked one", async () => {
    const session = await PollingSession.open(server.it, "/engine.io/");
    const chunk = `1000\r\n${"4".repeat(4_096)}\r\n`;
    const connection = await pushTo(session, `Transfer-Encoding: chunked\r\n\r\n${chunk.repeat(30)}`);
    // The rest of the body can make the close a reset that overtakes the answer.
    expectOneOf(await connection.status(), 413, "closed");
    connection.close();
  });

  differs("ends the session of a chunked one", "keeps the session", async () => {
    const session = await PollingSession.open(server.it, "/engine.io/");
    const chunk = `1000\r\n${"4".repeat(4_096)}\r\n`;
    const connection = await pushTo(session, `Transfer-Encoding: chunked\r\n\r\n${chunk.repeat(30)}`);
    await session.expectGone();
    connection.close();
  });

  it("takes one of exactly the limit, announced or chunked", async () => {
    const session = await PollingSession.open(server.it, "/engine.io/");
    const body = `4${"x".repeat(99_999)}`;
    await session.expectPush(body);
    await session.expectPoll(body);
    const connection = await pushTo(session, `Transfer-Encoding: chunked\r\n\r\n186a0\r\n${body}\r\n0\r\n\r\n`);
    assert.equal(await connection.status(), 200);
    await session.expectPoll(body);
    connection.close();
  });

  it("keeps no memory for bodies that are announced and do not come", async () => {
    const before = server.it.residentBytes();
    const connections = [];
    for (let number = 0; number < 300; number++) {
      const session = await PollingSession.open(server.it, "/engine.io/");
      connections.push(await pushTo(session, "Content-Length: 100000\r\n\r\n4"));
    }
    assert.ok(server.it.residentBytes() - before < 64e6, `${server.it.residentBytes() - before} bytes more`);
    for (const connection of connections) connection.close();
  });
});

describe("whole requests in pieces", () => {
  const server = useServer(kRelaxed);

  it("takes a request byte by byte", async () => {
    const session = await PollingSession.open(server.it, "/engine.io/");
    const connection = await RawConnection.open(server.it);
    await connection.sendByByte(`${kPush.replace("SID", session.sid)}Content-Length: 6\r\n\r\n4hello`);
    assert.equal((await connection.answer()).body, "ok");
    await session.expectPoll("4hello");
    connection.close();
  });

  it("takes a chunked body byte by byte", async () => {
    const session = await PollingSession.open(server.it, "/engine.io/");
    const connection = await RawConnection.open(server.it);
    const body = "3;note=x\r\n4he\r\n3\r\nllo\r\n0\r\nTrailer: x\r\n\r\n";
    await connection.sendByByte(`${kPush.replace("SID", session.sid)}Transfer-Encoding: chunked\r\n\r\n${body}`);
    assert.equal((await connection.answer()).body, "ok");
    await session.expectPoll("4hello");
    connection.close();
  });

  it("answers pipelined requests in their order", async () => {
    const connection = await RawConnection.open(server.it);
    const request = (target) => `GET ${target} HTTP/1.1\r\n${kHost}\r\n`;
    connection.send(request("/healthz") + request("/nothing") + request("/healthz"));
    for (const status of [200, 404, 200]) assert.equal(await connection.status(), status);
    connection.close();
  });

  it("answers HTTP/1.0 and closes", async () => {
    const connection = await RawConnection.open(server.it);
    connection.send("GET /healthz HTTP/1.0\r\n\r\n");
    assert.equal(await connection.status(), 200);
    await connection.expectClosed();
  });

  it("answers HEAD without a body", async () => {
    const connection = await RawConnection.open(server.it);
    connection.send(`HEAD /healthz HTTP/1.1\r\n${kHost}\r\nGET /nothing HTTP/1.1\r\n${kHost}\r\n`);
    await connection.expectText(/^HTTP\/1\.1 (200|404|405)[^]*?\r\n\r\nHTTP\/1\.1 404/);
    connection.close();
  });
});

// The server cuts these after 10 s; side by side, because each takes that long.
describe("slow requests", { concurrency: true }, () => {
  const server = useServer(kRelaxed);
  const kCut = 10_000;

  // Sends `start`, then a byte of `rest` each second, until the server closes the connection.
  async function trickle(start, rest) {
    const begin = Date.now();
    const connection = await RawConnection.open(server.it);
    connection.send(start);
    let sent = 0;
    const timer = setInterval(() => connection.send(rest[sent++ % rest.length]), 1_000);
    try {
      await connection.expectClosed(kCut + patience.ms);
    } finally {
      clearInterval(timer);
      connection.close();
    }
    assert.ok(Date.now() - begin > kCut / 2, `cut after ${Date.now() - begin} ms`);
    assert.doesNotMatch(connection.text, /HTTP\/1\.1 200/);
  }

  it("cuts slow headers", () => trickle(`GET /healthz HTTP/1.1\r\n${kHost}`, "X: a\r\n"));

  it("cuts a slow request line", () => trickle("GET /", "abc"));

  it("cuts a slow body", async () => {
    const session = await PollingSession.open(server.it, "/engine.io/");
    await trickle(`${kPush.replace("SID", session.sid)}Content-Length: 1000\r\n\r\n4`, "x");
  });

  it("cuts a connection that never says a word", async () => {
    const connection = await RawConnection.open(server.it);
    await connection.expectClosed(kCut + patience.ms);
  });

  it("leaves a poll that waits alone", async () => {
    const [session, silent] = [await PollingSession.open(server.it, "/engine.io/"), await RawConnection.open(server.it)];
    const connection = await RawConnection.open(server.it);
    connection.send(`GET /engine.io/?EIO=4&transport=polling&sid=${session.sid} HTTP/1.1\r\n${kHost}\r\n`);
    // Once the silent connection is cut, the time for requests is over.
    await silent.expectClosed(kCut + patience.ms);
    await session.expectPush("4late");
    assert.equal((await connection.answer()).body, "4late");
    connection.close();
  });

  it("serves others all the while", async () => {
    const connections = await Promise.all(Array.from({ length: 200 }, () => RawConnection.open(server.it)));
    for (const connection of connections) connection.send("GET / HTTP/1.1\r\n");
    const peer = await WebSocketPeer.open(server.it, "/engine.io/");
    peer.send("4hello");
    assert.equal(await peer.nextMessage(), "4hello");
    await peer.close();
    for (const connection of connections) connection.close();
  });
});
