// Connections of which one side is gone: closed for writing, or silent for good.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { eventually } from "../support/deadline.mjs";
import { kRelaxed } from "../support/echo_server.mjs";
import { FrameConnection } from "./lib/frames.mjs";
import { RawConnection } from "./lib/raw.mjs";
import { differs, useServer } from "./lib/suite.mjs";

const kHost = "Host: localhost\r\n";
const kMany = 100;

const returned = (server, before) => eventually("the return of the file descriptors", () => server.it.openFiles() <= before + 2);

describe("a client that closes its side", () => {
  const server = useServer(kRelaxed);

  it("still gets the answer to a whole request", async () => {
    const connection = await RawConnection.open(server.it);
    connection.send(`GET /healthz HTTP/1.1\r\n${kHost}\r\n`);
    connection.socket.end();
    assert.equal(await connection.status(), 200);
    await connection.expectClosed();
  });

  for (const [name, part] of [
    ["nothing", ""],
    ["half a request line", "GET /heal"],
    ["half a header", `GET /healthz HTTP/1.1\r\n${kHost}X-A`],
    ["half a body", `POST /engine.io/?EIO=4&transport=polling HTTP/1.1\r\n${kHost}Content-Length: 10\r\n\r\n4ab`],
  ]) {
    it(`is let go after ${name}`, async () => {
      const before = server.it.openFiles();
      const connections = await Promise.all(Array.from({ length: kMany }, () => RawConnection.open(server.it)));
      for (const connection of connections) {
        connection.send(part);
        connection.socket.end();
      }
      await Promise.all(connections.map((connection) => connection.expectClosed()));
      await returned(server, before);
      await server.it.expectServing();
    });
  }

  it("is let go as a WebSocket, in the middle of a message too", async () => {
    const before = server.it.openFiles();
    const connections = await Promise.all(Array.from({ length: kMany }, () => FrameConnection.openSession(server.it)));
    for (const [number, connection] of connections.entries()) {
      if (number % 2) connection.send(Buffer.from([0x81, 0x85, 1, 2, 3, 4, 5]));
      connection.socket.end();
    }
    await Promise.all(connections.map((connection) => connection.expectClosed()));
    await returned(server, before);
    await server.it.expectServing();
  });
});

describe("a client that is there and says nothing more", () => {
  const server = useServer({ pingInterval: 300, pingTimeout: 200 });

  differs("is let go when its pongs are missing, by each transport", "waits for the answer to its close frame", async () => {
    const before = server.it.openFiles();
    const sockets = await Promise.all(Array.from({ length: kMany }, () => FrameConnection.openSession(server.it)));
    const polls = await Promise.all(Array.from({ length: kMany }, () => RawConnection.open(server.it)));
    for (const poll of polls) {
      poll.send(`GET /engine.io/?EIO=4&transport=polling HTTP/1.1\r\n${kHost}\r\n`);
      const { sid } = JSON.parse((await poll.answer()).body.toString().slice(1));
      // One that waits, then nobody fetches what comes.
      poll.send(`GET /engine.io/?EIO=4&transport=polling&sid=${sid} HTTP/1.1\r\n${kHost}\r\n`);
    }
    await Promise.all(sockets.map((socket) => socket.expectClosed()));
    for (const poll of polls) {
      await poll.answer();
      poll.close();
    }
    await returned(server, before);
    await server.it.expectServing();
  });
});
