// Stopping: transports close, nobody is sent away for good, and everybody is back after the restart by themselves.
import assert from "node:assert/strict";
import { ok } from "../lib/http.mjs";
import { people, unique } from "../lib/people.mjs";
import { RawClient } from "../lib/raw_client.mjs";
import { freePort, kBinary, run, temporaryFolder } from "../lib/server.mjs";
import { assertDense } from "../lib/socket.mjs";
import { test, withServer } from "../lib/testing.mjs";
import { eventually } from "../support/deadline.mjs";

const kKinds = {
  websocket: { transports: ["websocket"] },
  polling: { transports: ["polling"] },
  upgraded: { transports: ["polling", "websocket"] },
};

test("SIGTERM closes transports; clients come back after the restart by themselves", async () => {
  await withServer({}, async (server) => {
    const [ann, bob] = people(server, "ann", "bob");
    const room = (await ann.createRoom({ members: [bob.id] }))._id;
    const clients = {};
    for (const [kind, options] of Object.entries(kKinds)) {
      for (const recover of [false, true]) clients[`${kind} ${recover}`] = await bob.connect({ ...options, recover });
    }
    for (const client of Object.values(clients)) await client.join(room);
    const started = Date.now();
    await server.stop();
    assert.ok(Date.now() - started < 10_000);
    for (const [kind, client] of Object.entries(clients)) {
      await client.until("disconnect", () => client.story.some((line) => line.startsWith("disconnect")));
      const reason = client.story.find((line) => line.startsWith("disconnect"));
      assert.ok(/transport (close|error)/.test(reason), `${kind}: ${reason}`);
      assert.deepEqual(client.named("SESSION_ENDED"), []);
    }
    await server.launch();
    for (const [kind, client] of Object.entries(clients)) {
      await client.until(`${kind} is back`, () => client.connections === 2 && client.socket.connected);
      assert.equal(client.recovered, kind.endsWith("true"), kind);
      if (!client.recovered) await client.join(room, 1);
    }
    await ann.send(room, "after the restart");
    for (const client of Object.values(clients)) {
      await client.until("the message", () => client.lastSeq(room) === 2);
      assertDense(client.seqs(room), 2, 2);
    }
  });
});

test("a WebSocket is closed with 1001 or 1012 and no DISCONNECT packet", async () => {
  await withServer({}, async (server) => {
    const [ann] = people(server, "ann");
    const raw = await RawClient.connect(server, { token: ann.token });
    await server.stop();
    await eventually("close", () => raw.closed);
    assert.ok([1001, 1012, 1013].includes(raw.closed.code), `closed with ${raw.closed.code}`);
    assert.ok(!raw.packets.some((packet) => packet.startsWith("41") || packet.startsWith("44")), `${raw.packets}`);
  });
});

test("what was acknowledged before a stop is there, what was refused is not", async () => {
  await withServer({}, async (server) => {
    const [ann, bob] = people(server, "ann", "bob");
    const room = (await ann.createRoom({ members: [bob.id] }))._id;
    const clients = await Promise.all([1, 2, 3].map(() => ann.connect({ reconnection: false })));
    const acknowledged = new Set();
    const refused = new Set();
    let going = true;
    const work = clients.map(async (client, n) => {
      for (let i = 0; going; i++) {
        await Promise.all([0, 1, 2, 3].map(async (k) => {
          const clientMessageId = unique(`${n}-${i}-${k}`);
          const ack = await client.ask("message:send", { roomId: room, text: clientMessageId, clientMessageId }, 5_000).catch(() => null);
          if (ack?.status === "success") acknowledged.add(clientMessageId);
          if (ack?.status === "error") refused.add(clientMessageId);
        }));
        if (!client.socket.connected) return;
      }
    });
    const posts = (async () => {
      while (going) {
        const clientMessageId = unique("http");
        const answer = await ann.trySend(room, { text: "x", clientMessageId }).catch(() => null);
        if (answer === null) return;
        (answer.status === 200 ? acknowledged : refused).add(clientMessageId);
      }
    })();
    await eventually("traffic", () => acknowledged.size > 200);
    await server.stop();
    going = false;
    await Promise.all([...work, posts]);
    await server.launch();
    const stored = (await ann.messages(room)).map(({ client_message_id }) => client_message_id);
    assert.equal(new Set(stored).size, stored.length);
    for (const id of acknowledged) assert.ok(stored.includes(id), `${id} was acknowledged`);
    for (const id of refused) assert.ok(!stored.includes(id), `${id} was refused`);
  });
});

test("an idle client and a silent one do not hold up the stop", async () => {
  await withServer({}, async (server) => {
    const [ann] = people(server, "ann");
    const silent = await RawClient.connect(server, { token: ann.token });
    silent.pause();
    await ann.connect({ transports: ["polling"] });
    const started = Date.now();
    await server.stop();
    assert.ok(Date.now() - started < 10_000, `${Date.now() - started} ms`);
    silent.terminate();
  });
});

test("a second server on the same folder is refused with one clear line, and harms nothing", async () => {
  await withServer({}, async (server) => {
    const [ann] = people(server, "ann");
    const room = (await ann.createRoom())._id;
    const { code, stderr } = await run(kBinary, ["serve", "--data", server.dir, "--listen", `127.0.0.1:${await freePort()}`], server.env);
    assert.ok(Number.isInteger(code) && code > 0, `ended by ${code}`);
    assert.ok(stderr.includes(server.dir), `it says which folder: ${stderr}`);
    await ann.send(room, "all well");
    await server.crash();
    await server.launch();
    assert.equal((await ann.messages(room)).length, 1);
  });
});

test("a port that is taken is refused with one clear line", async () => {
  await withServer({}, async (server) => {
    const { code, stderr } = await run(kBinary, ["serve", "--data", temporaryFolder(), "--listen", `127.0.0.1:${server.port}`], server.env);
    assert.ok(Number.isInteger(code) && code > 0, `ended by ${code}`);
    assert.match(stderr, new RegExp(String(server.port)));
    ok(await people(server, "ann")[0].api.get("/me"));
  });
});

test("crashes in a row lose nothing that was acknowledged", async () => {
  await withServer({}, async (server) => {
    const [ann] = people(server, "ann");
    const room = (await ann.createRoom())._id;
    const sent = [];
    for (let round = 0; round < 5; round++) {
      for (let i = 0; i < 10; i++) sent.push((await ann.send(room, `${round}.${i}`))._id);
      await server.crash();
      await server.launch();
      assert.deepEqual((await ann.messages(room)).map(({ _id }) => _id), sent);
    }
    assertDense((await ann.log(room)).map(({ seq }) => seq), 1, 51);
    await server.stop();
    const { code, stdout, stderr } = await server.command("verify");
    assert.equal(code, 0, `${stdout}${stderr}`);
  });
});

test("a paused server that goes on has no repeats and no ghosts", async () => {
  await withServer({}, async (server) => {
    const [ann, bob] = people(server, "ann", "bob");
    const room = (await ann.createRoom({ members: [bob.id] }))._id;
    const reader = await bob.connect({ recover: true });
    await reader.join(room);
    await ann.send(room, "before");
    server.signal("SIGSTOP");
    const meanwhile = Array.from({ length: 5 }, (_, i) => ann.send(room, { text: `during ${i}`, clientMessageId: unique("p") }));
    reader.cut();
    server.signal("SIGCONT");
    await Promise.all(meanwhile);
    await reader.until("all", () => reader.lastSeq(room) === 7);
    await ann.send(room, "after");
    await reader.until("after", () => reader.lastSeq(room) === 8);
    assertDense(reader.seqs(room), 2, 8);
  });
});
