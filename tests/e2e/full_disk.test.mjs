// A disk that fills under load, on a real file system: what is refused is not stored and never shown, what was
// acknowledged stays, reading goes on, and the server goes on by itself once there is room.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Api, ok, refused, request } from "../lib/http.mjs";
import { Person, people, unique } from "../lib/people.mjs";
import { Tidings, kBinary, temporaryFolder } from "../lib/server.mjs";
import { SmallDisk } from "../lib/small_disk.mjs";
import { accepted, assertDense } from "../lib/socket.mjs";
import { test, withServer } from "../lib/testing.mjs";
import { eventually } from "../support/deadline.mjs";

const kRounds = process.env.TIDINGS_E2E_FULL ? 20 : 3;
const kText = "x".repeat(2_000);

async function withSmallDisk(mib, body) {
  const disk = await SmallDisk.mount(mib);
  try {
    await withServer({ dir: disk.folder, binary: disk.program(kBinary) }, (server) => body(server, disk));
  } finally {
    disk.unmount();
  }
}

const readiness = (server) => request(`${server.url}/readyz`, "GET", { keepAlive: false });

// Sends until it is told to stop, each message under an id of its own, and keeps what became of each.
class Writer {
  acknowledged = new Map();   // clientMessageId → seq
  refusals = new Map();       // clientMessageId → the error

  constructor(post) {
    this.post = post;
  }

  async run(going) {
    while (going()) {
      const clientMessageId = unique("w");
      const answer = await this.post({ text: kText, clientMessageId });
      if (answer.status === "success") this.acknowledged.set(clientMessageId, answer.data.seq);
      else this.refusals.set(clientMessageId, answer.error);
      // A refused writer is no busy loop.
      if (answer.status === "error") await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

test(`a disk that fills ${kRounds} times under load`, { timeout: 60_000 + kRounds * 20_000 }, async () => {
  await withSmallDisk(64, async (server, disk) => {
    const [ann, bob] = people(server, "ann", "bob");
    const room = (await ann.createRoom({ members: [bob.id] }))._id;
    const reader = await bob.connect({ recover: true });
    await reader.join(room);
    const socket = await ann.connect();
    const post = async (message) => {
      const { status, json } = await ann.trySend(room, message);
      if (json.status === "error") assert.equal(status, 503, JSON.stringify(json));
      return json;
    };
    const ask = (message) => socket.ask("message:send", { roomId: room, ...message });
    const writers = [post, post, post, ask, ask, ask].map((way) => new Writer(way));
    const all = (kind) => new Map(writers.flatMap((writer) => [...writer[kind]]));

    for (let round = 0; round < kRounds; round++) {
      let going = true;
      const [stored, before] = [all("acknowledged").size, all("refusals").size];
      const work = Promise.all(writers.map((writer) => writer.run(() => going)));
      work.catch(() => {});   // awaited below
      await eventually("messages that are taken", () => all("acknowledged").size > stored + 100);
      // To the last byte, or with a little room that then runs out in the middle of a commit.
      disk.fill(round % 2 ? 200_000 : 0);
      await eventually("refusals by every way", () => all("refusals").size > before + 60 && writers.every(({ refusals }) => refusals.size > 0));
      const unready = await eventually("a server that is not ready", async () => {
        const answer = await readiness(server);
        return answer.status === 503 && answer;
      });
      assert.match(unready.json.reason, /full/, unready.body);
      for (const error of all("refusals").values()) assert.equal(error.code, "storage_full", JSON.stringify(error));

      // It lives, says so, and is read as before.
      assert.equal((await request(`${server.url}/healthz`, "GET")).status, 200);
      assert.match((await request(`${server.url}/metrics`, "GET")).body, /^tidings_healthy 0$/m);
      const shown = await bob.messages(room);
      assertDense(shown.map(({ seq }) => seq), 2, shown.length + 1, "history while the disk is full");
      const latecomer = await bob.connect();
      await latecomer.join(room, 1);
      await latecomer.until("the history by join", () => latecomer.lastSeq(room) === shown.length + 1);
      latecomer.close();

      going = false;
      await work;
      disk.free();
      await eventually("readiness by itself", async () => (await readiness(server)).status === 200, 15_000, 50);
    }

    const [acknowledged, refusals] = [all("acknowledged"), all("refusals")];
    const history = await bob.messages(room);
    const stored = new Map(history.map(({ client_message_id, seq }) => [client_message_id, seq]));
    assert.equal(stored.size, history.length, "each once");
    assert.deepEqual([...stored].sort(), [...acknowledged].sort(), "what is stored is what was acknowledged");
    await reader.until("the newest message", () => reader.lastSeq(room) === history.length + 1);
    assertDense(reader.seqs(room), 2, history.length + 1, "the live reader");

    // The same sends again: taken now, each once.
    const repeats = [...refusals.keys()].slice(0, 50);
    for (const clientMessageId of repeats) await ann.send(room, { text: kText, clientMessageId });
    const one = accepted(await socket.ask("message:send", { roomId: room, text: kText, clientMessageId: repeats[0] }));
    assert.equal(one.client_message_id, repeats[0]);
    assert.equal((await bob.messages(room)).length, history.length + repeats.length);

    const running = await server.command("verify");
    assert.equal(running.code, 0, `${running.stdout}${running.stderr}`);
    await server.stop();
    const stopped = await server.command("verify");
    assert.equal(stopped.code, 0, `${stopped.stdout}${stopped.stderr}`);
    console.log(`${kRounds} full disks: ${acknowledged.size} acknowledged, ${refusals.size} refused`);
    await server.launch();
  });
});

test("every kind of change is refused while the disk is full, and what it would have changed stays", async () => {
  await withSmallDisk(16, async (server, disk) => {
    const [ann, bob, cat] = people(server, "ann", "bob", "cat");
    const room = (await ann.createRoom({ members: [bob.id] }))._id;
    const message = await ann.send(room, "as it was");
    const kept = { text: "stored", clientMessageId: unique("kept") };
    const stored = await ann.send(room, kept);
    const client = await bob.connect({ recover: true });
    await client.join(room);
    disk.fill();
    await eventually("the first refusal", async () => (await ann.trySend(room, kText)).status === 503);
    const [state, log] = [await ann.room(room), await ann.log(room)];
    for (const [what, answer] of Object.entries({
      send: await ann.trySend(room, "no"),
      edit: await ann.edit(room, message._id, "no"),
      react: await bob.react(room, message._id, "👍"),
      delete: await ann.remove(room, message._id),
      read: await bob.api.put(`/rooms/${room}/read`, { seq: message.seq }),
      members: await ann.addMembers(room, [cat.id]),
      rename: await ann.api.patch(`/rooms/${room}`, { name: "no" }),
      create: await ann.api.post("/rooms", { name: "no", kind: "group", members: [] }),
    })) {
      assert.equal(answer.status, 503, what);
      refused(answer, 503, "storage_full");
    }
    // A repeat of what is stored is no new message, so it is no error.
    assert.deepEqual(ok(await ann.trySend(room, kept)), stored);
    const sender = await ann.connect();
    assert.deepEqual(accepted(await sender.ask("message:send", { roomId: room, ...kept })), stored);
    assert.equal((await sender.ask("message:send", { roomId: room, ...kept, text: "other" })).error?.code, "idempotency_conflict");
    // Whoever is known comes in and reads, with whatever token.
    ok(await new Person(server, ann.id, { scope: "admin" }).api.get("/me"));
    const watcher = await ann.connect();
    await watcher.join(room, 0);
    await watcher.until("the room's log", () => watcher.lastSeq(room) === 3);
    accepted(await watcher.ask("room:leave", { roomId: room }));
    // Somebody who was never seen cannot be written down now, and is told why.
    refused(await new Person(server, unique("new")).api.get("/me"), 503, "storage_full");
    assert.deepEqual(await ann.room(room), state);
    assert.deepEqual(await ann.log(room), log);
    assert.equal((await client.ask("room:leave", { roomId: room })).error?.code, "storage_full", "a session that cannot be written");
    assert.doesNotMatch(JSON.stringify(await ann.trySend(room, "no")), new RegExp(server.dir), "no path of the server's");
    disk.free();
    await eventually("readiness by itself", async () => (await readiness(server)).status === 200, 15_000, 50);
    ok(await ann.edit(room, message._id, "as it is"));
    await client.until("the edit", () => client.named("MESSAGE_UPDATED").length === 1);
  });
});

test("while the disk is full: a backup to one with room, and an error for what would be copied on it", async () => {
  await withSmallDisk(16, async (server, disk) => {
    const [ann] = people(server, "ann");
    const room = (await ann.createRoom())._id;
    for (let i = 0; i < 50; i++) await ann.send(room, kText);
    // The first look for room makes some of what the log took: that is filled too.
    let refusals = 0;
    await eventually("a disk that stays full", async () => {
      disk.fill();
      refusals = (await ann.trySend(room, kText)).status === 503 ? refusals + 1 : 0;
      return refusals === 15;
    }, undefined, 200);
    const sent = await ann.messages(room);

    const target = join(temporaryFolder(), "backup");
    const backup = await server.command("backup", target);
    assert.equal(backup.code, 0, `${backup.stdout}${backup.stderr}`);
    await withServer({ dir: target }, async (copy) => assert.deepEqual(await new Person(copy, ann.id).messages(room), sent));
    for (const command of [["verify"], ["export", join(temporaryFolder(), "lines")]]) {
      const { code, stderr } = await server.command(...command);
      assert.equal(code, 1, `${command}: ${stderr}`);
      assert.match(stderr.trimEnd(), /^[^\n]*make room where the copy is made$/, `${command}`);
    }
    assert.equal((await readiness(server)).status, 503);
    disk.free();
    await eventually("readiness by itself", async () => (await readiness(server)).status === 200, 15_000, 50);
    const verified = await server.command("verify");
    assert.equal(verified.code, 0, `${verified.stdout}${verified.stderr}`);
  });
});

test("files that may grow no further: the server ends with one line that says so", async () => {
  const program = join(temporaryFolder(), "limited");
  // In blocks of 512 bytes, as POSIX has it.
  writeFileSync(program, `#!/bin/sh\nulimit -f 6000\nexec ${kBinary} "$@"\n`, { mode: 0o755 });
  const server = await Tidings.start({ binary: program });
  const [ann] = people(server, "ann");
  const room = (await ann.createRoom())._id;
  const sends = eventually("the end", async () => {
    await ann.trySend(room, "x".repeat(10_000)).catch(() => {});
    return !server.alive;
  }, 60_000, 0);
  await sends;
  assert.equal(server.exit, "code 70");
  await eventually("its last words", () => /^tidings: [^\n]*disk I\/O error[^\n]*\n$/m.test(server.output));
  server.binary = kBinary;
  await server.launch();
  await server.dispose();
});

test("killed while the disk is full: nothing acknowledged is lost, and it serves again once there is room", async () => {
  await withSmallDisk(16, async (server, disk) => {
    const [ann] = people(server, "ann");
    const room = (await ann.createRoom())._id;
    const sent = [];
    disk.fill(1_500_000);
    for (;;) {
      const answer = await ann.trySend(room, kText);
      if (answer.status !== 200) {
        refused(answer, 503, "storage_full");
        break;
      }
      sent.push(answer.data._id);
    }
    assert.ok(sent.length > 50, `${sent.length} sends fitted`);
    await server.crash();

    // It either serves what it has, or ends with one line that says what to do; never anything else.
    server.spawn();
    const outcome = await eventually("an outcome of the start", async () => {
      if (!server.alive) return server.exit;
      const answer = await readiness(server).catch(() => null);
      return answer && `ready: ${answer.status}`;
    });
    if (server.alive) {
      assert.deepEqual((await ann.messages(room)).map(({ _id }) => _id), sent);
      disk.free();
    } else {
      assert.match(outcome, /^code [1-9]/);
      assert.match(server.output.trim().split("\n").at(-1), /make room on the disk/);
      disk.free();
      await server.launch();
    }
    await eventually("readiness", async () => (await readiness(server)).status === 200, 15_000, 50);
    assert.deepEqual((await ann.messages(room)).map(({ _id }) => _id), sent);
    ok(await new Api(server, ann.token).post(`/rooms/${room}/messages`, { text: "goes on" }));
    await server.stop();
    const { code, stdout, stderr } = await server.command("verify");
    assert.equal(code, 0, `${stdout}${stderr}`);
    await server.launch();
    console.log(`a start on a full disk: ${outcome}`);
  });
});
