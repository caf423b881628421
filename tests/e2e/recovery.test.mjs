// Connection state recovery with the unmodified client: over cuts, restarts and crashes, from the durable log.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { ok } from "../lib/http.mjs";
import { mint, now } from "../lib/jwt.mjs";
import { Person, people, unique } from "../lib/people.mjs";
import { RawClient } from "../lib/raw_client.mjs";
import { assertTombstone } from "../lib/shapes.mjs";
import { Client, accepted, assertDense, back, hold, kLogEvents } from "../lib/socket.mjs";
import { sharedServer, test, withServer } from "../lib/testing.mjs";
import { eventually } from "../support/deadline.mjs";

const server = await sharedServer();

async function pair(target = server, rooms = 1) {
  const [ann, bob] = people(target, "ann", "bob");
  const made = [];
  for (let i = 0; i < rooms; i++) made.push((await ann.createRoom({ name: `r${i}`, members: [bob.id] }))._id);
  return { ann, bob, room: made[0], rooms: made };
}

const recoveries = (client) => client.story.filter((line) => line === "recovered").length;

async function settle(client, who, room, first) {
  const { seq } = await who.send(room, "fence");
  await client.until("the fence", () => client.lastSeq(room) >= seq);
  assertDense(client.seqs(room), first, seq);
  return seq;
}

test("asked: CONNECT carries pid, and only events of the log end with an offset", async () => {
  const { ann, bob, room } = await pair();
  const [client, second, plain] = [await bob.connect({ recover: true }), await bob.connect({ recover: true }), await bob.connect()];
  assert.equal(typeof client.socket._pid, "string");
  assert.notEqual(client.socket._pid, client.socket.id, "the pid is secret, the id is not");
  for (const one of [client, second, plain]) await one.join(room);
  const [typist, watcher] = [await ann.connect(), client];
  await typist.join(room);
  accepted(await watcher.ask("presence:watch", { userIds: [ann.id] }));
  const sent = await ann.send(room, "v1");
  ok(await ann.edit(room, sent._id, "v2"));
  accepted(await typist.ask("typing", { roomId: room, active: true }));
  await ann.read(room, 3);
  const other = (await ann.createRoom({ members: [bob.id] }))._id;
  await ann.send(other, "elsewhere");
  ok(await ann.remove(room, sent._id));
  for (const name of ["TYPING", "SEEN", "ROOM_UPDATED", "MESSAGE_DELETED"]) for (const one of [client, second, plain]) await one.event(name);
  for (const event of client.events) {
    const { name, args } = event;
    if (kLogEvents.includes(name) && event.payload.roomId === other) continue;
    if (kLogEvents.includes(name)) assert.ok(args.length === 2 && typeof args[1] === "string", name);
    else assert.ok(args.length === 1 && typeof args[0] === "object", `${name} ends in no string`);
  }
  const offsets = (one) => one.log(room).map(({ offset }) => offset);
  assert.equal(new Set(offsets(client)).size, 3);
  assert.deepEqual(offsets(client), offsets(second), "a live event's offset is the same for all sockets");
  assert.ok(plain.events.every(({ args }) => args.length === 1));
});

for (const how of ["cut", "restart", "crash"]) {
  test(`missed events come after a ${how}, twice in a row, without a hole or a repeat`, async () => {
    const { ann, bob, rooms } = await pair(server, 3);
    const client = await bob.connect({ recover: true });
    for (const room of rooms) await client.join(room);
    for (const room of rooms) await ann.send(room, "live");
    for (const room of rooms) await client.until("live", () => client.lastSeq(room) === 2);
    const { id } = client.socket;
    const pid = client.socket._pid;
    for (let round = 1; round <= 3; round++) {
      let release = null;
      if (how === "cut") {
        release = await hold(client);
      } else {
        await (how === "restart" ? server.stop() : server.crash());
        await server.launch();
      }
      // The second time nothing is sent in between: the replay's own offsets must count.
      if (round !== 2) for (const room of rooms) for (let i = 0; i < 5; i++) await ann.send(room, `missed ${round}.${i}`);
      release?.();
      await back(client, round + 1);
      assert.equal(client.recovered, true, `recovered in round ${round}`);
      assert.equal(client.socket._pid, pid);
      assert.equal(typeof id, "string");
      for (const room of rooms) {
        const head = await ann.head(room);
        await client.until("what was missed", () => client.lastSeq(room) >= head);
      }
    }
    for (const room of rooms) await settle(client, ann, room, 2);
    assert.equal(recoveries(client), 3);
  });
}

test("a quiet client that received nothing is recovered all the same", async () => {
  const { ann, bob, room } = await pair();
  await ann.send(room, "before the join");
  const client = await bob.connect({ recover: true });
  await client.join(room);
  for (let round = 1; round <= 2; round++) {
    await server.crash();
    await server.launch();
    await back(client, round + 1);
    assert.equal(client.recovered, true);
    assert.equal(client.socket._lastOffset, undefined);
  }
  const release = await hold(client);
  await ann.send(room, "while away");
  release();
  await back(client, 4);
  assert.equal(client.recovered, true);
  await client.until("what was missed", () => client.lastSeq(room) === 3);
  await settle(client, ann, room, 3);
});

test("a client that joined with after and received all is not sent it again", async () => {
  const { ann, bob, room } = await pair();
  for (let i = 0; i < 10; i++) await ann.send(room, `m${i}`);
  const client = await bob.connect({ recover: true });
  await client.join(room, 4);
  await server.restart();
  await back(client, 2);
  assert.equal(client.recovered, true);
  await settle(client, ann, room, 5);
});

test("edits and deletes during the absence come too", async () => {
  const { ann, bob, room } = await pair();
  const client = await bob.connect({ recover: true });
  await client.join(room);
  const [one, two] = [await ann.send(room, "one"), await ann.send(room, "two")];
  await client.until("two", () => client.lastSeq(room) === 3);
  const release = await hold(client);
  await server.restart();
  ok(await ann.edit(room, one._id, "one changed"));
  ok(await ann.remove(room, two._id));
  ok(await bob.react(room, one._id, "👍"));
  const three = await ann.send(room, "three");
  ok(await ann.remove(room, three._id));
  release();
  await client.until("the delete", () => client.lastSeq(room) === 8);
  assert.equal(client.recovered, true);
  const [edit, removal, reaction, born, gone] = client.log(room).slice(2);
  assert.deepEqual([edit.name, edit.payload.data.text], ["MESSAGE_UPDATED", "one changed"]);
  assert.equal(removal.name, "MESSAGE_DELETED");
  assert.equal(reaction.name, "MESSAGE_UPDATED");
  assertTombstone(born.payload.data, "deleted text is not served");
  assert.equal(gone.name, "MESSAGE_DELETED");
  await settle(client, ann, room, 2);
});

test("many missed events, and traffic while they are replayed", async () => {
  const { ann, bob, rooms } = await pair(server, 2);
  const client = await bob.connect({ recover: true });
  for (const room of rooms) await client.join(room);
  const release = await hold(client);
  const sender = await ann.connect();
  for (let i = 0; i < 10; i++) await Promise.all(Array.from({ length: 200 }, (_, j) => sender.send(rooms[j % 2], { text: `m${i}.${j}` })));
  let going = true;
  const traffic = (async () => {
    while (going) await Promise.all(rooms.map((room) => sender.send(room, { text: "live" })));
  })();
  release();
  await back(client, 2);
  for (const room of rooms) await client.until("the missed", () => client.lastSeq(room) > 1_001);
  going = false;
  await traffic;
  for (const room of rooms) await settle(client, ann, room, 2);
  assert.equal(recoveries(client), 1);
});

test("each room from the latest of offset and join: nothing from before a join", async () => {
  const { ann, bob, rooms: [one, two] } = await pair(server, 2);
  const client = await bob.connect({ recover: true });
  await client.join(one);
  await ann.send(one, "sets the offset");
  await client.until("the offset", () => client.lastSeq(one) === 2);
  for (let i = 0; i < 5; i++) await ann.send(two, `before the join ${i}`);
  await client.join(two);
  const release = await hold(client);
  await ann.send(two, "after the join");
  release();
  await back(client, 2);
  await client.until("what was missed", () => client.lastSeq(two) === 7);
  assert.deepEqual(client.seqs(two), [7]);
  await settle(client, ann, two, 7);
  await settle(client, ann, one, 2);
});

test("a room that was left stays left", async () => {
  const { ann, bob, rooms: [one, two] } = await pair(server, 2);
  const client = await bob.connect({ recover: true });
  await client.join(one);
  await client.join(two);
  await ann.send(one, "x");
  await client.until("x", () => client.lastSeq(one) === 2);
  accepted(await client.ask("room:leave", { roomId: one }));
  await server.crash();
  await server.launch();
  await back(client, 2);
  assert.equal(client.recovered, true);
  await ann.send(one, "not for me");
  await settle(client, ann, two, 2);
  assert.deepEqual(client.seqs(one), [2]);
});

test("membership removed while away: that room does not come back, the others do", async () => {
  const { ann, bob, rooms: [one, two] } = await pair(server, 2);
  const client = await bob.connect({ recover: true });
  await client.join(one);
  await client.join(two);
  const release = await hold(client);
  ok(await ann.removeMember(one, bob.id));
  const secret = unique("secret");
  await ann.send(one, secret);
  await ann.send(two, "for you");
  release();
  await back(client, 2);
  assert.equal(client.recovered, true);
  await ann.send(one, secret);
  await settle(client, ann, two, 2);
  assert.ok(!JSON.stringify(client.events).includes(secret));
});

test("a deleted room does not come back and harms nobody", async () => {
  const { ann, bob, rooms: [one, two] } = await pair(server, 2);
  const client = await bob.connect({ recover: true });
  await client.join(one);
  await client.join(two);
  const release = await hold(client);
  ok(await ann.api.delete(`/rooms/${one}`));
  release();
  await back(client, 2);
  assert.equal(client.recovered, true);
  await settle(client, ann, two, 2);
});

test("a recovered socket that joins again goes on from what it was sent", async () => {
  const { ann, bob, room } = await pair();
  const client = await bob.connect({ recover: true });
  await client.join(room, 0);
  for (let round = 1; round <= 2; round++) {
    const release = await hold(client);
    for (let i = 0; i < 5; i++) await ann.send(room, `missed ${i}`);
    release();
    await back(client, round + 1);
    await client.join(room, 0);
    await client.join(room);
  }
  await settle(client, ann, room, 1);
});

test("recovery works by polling too", async () => {
  const { ann, bob, room } = await pair();
  const client = await bob.connect({ recover: true, transports: ["polling"] });
  await client.join(room);
  await ann.send(room, "one");
  await client.until("one", () => client.lastSeq(room) === 2);
  await server.restart();
  await ann.send(room, "two");
  await back(client, 2);
  assert.equal(client.recovered, true);
  await client.until("two", () => client.lastSeq(room) === 3);
  await settle(client, ann, room, 2);
});

test("two devices of one user are two sessions", async () => {
  const { ann, bob, rooms: [one, two] } = await pair(server, 2);
  const [phone, laptop] = [await bob.connect({ recover: true }), await bob.connect({ recover: true })];
  assert.notEqual(phone.socket._pid, laptop.socket._pid);
  await phone.join(one);
  await laptop.join(two);
  await server.restart();
  for (const device of [phone, laptop]) {
    await back(device, 2);
    assert.equal(device.recovered, true);
  }
  await settle(phone, ann, one, 2);
  await settle(laptop, ann, two, 2);
  assert.deepEqual([phone.seqs(two), laptop.seqs(one)], [[], []]);
});

// ——— what is not recovered: a fresh connection with a new pid, never an error ———

async function fresh(who, auth, what, target = server) {
  const raw = await RawClient.connect(target, { token: who.token, recover: true, ...auth });
  assert.ok(raw.session?.sid, `${what}: a connection, not ${raw.packets.slice(1, 3)}`);
  assert.equal(typeof raw.session.pid, "string", what);
  assert.notEqual(raw.session.pid, auth.pid, what);
  // ROOM_UPDATED is state, which sockets that have not joined are told.
  assert.deepEqual(raw.events().filter(([name]) => name !== "ROOM_UPDATED"), [], `${what}: nothing is replayed`);
  return raw;
}

// A session with a room joined and an event received, whose connection was lost.
async function lost(target = server) {
  const { ann, bob, room } = await pair(target);
  const client = await bob.connect({ recover: true });
  await client.join(room);
  await ann.send(room, "seen");
  await client.until("the offset", () => client.lastSeq(room) === 2);
  const session = { pid: client.socket._pid, offset: client.socket._lastOffset };
  await hold(client);
  await ann.send(room, "missed");
  return { ann, bob, room, session };
}

test("an unknown or malformed pid", async () => {
  const { bob, room, session } = await lost();
  for (const pid of ["unknown", "", `${session.pid}x`, session.pid.slice(0, -1), session.pid.toUpperCase() === session.pid ? session.pid.toLowerCase() : session.pid.toUpperCase(), "x".repeat(5_000), "\u0000", 5, {}, [session.pid], null, true]) {
    const raw = await fresh(bob, { ...session, pid }, JSON.stringify(pid));
    assert.equal((await raw.ask("room:join", { roomId: room })).status, "success");
    raw.terminate();
  }
});

test("a malformed offset", async () => {
  for (const change of [() => "x", () => "-1", (offset) => `${offset}x`, () => "9".repeat(400), () => 5, () => ({}), () => ["x"], () => "\u0000", () => "💥", () => "x".repeat(10_000), () => true]) {
    const { bob, session } = await lost();
    const offset = change(session.offset);
    (await fresh(bob, { ...session, offset }, `offset ${JSON.stringify(offset).slice(0, 40)}`)).terminate();
  }
});

test("an offset from the future", async () => {
  await withServer({}, async (ahead) => {
    const { ann, bob, room } = await pair(ahead);
    const client = await bob.connect({ recover: true });
    await client.join(room);
    const sender = await ann.connect();
    for (let i = 0; i < 10; i++) await Promise.all(Array.from({ length: 300 }, () => sender.send(room, { text: "ahead" })));
    await client.until("all", () => client.lastSeq(room) === 3_001);
    const offset = client.socket._lastOffset;
    await withServer({}, async (behind) => {
      const { bob: other, session } = await lost(behind);
      (await fresh(other, { ...session, offset }, "future offset", behind)).terminate();
    });
  });
});

test("a session holds for 24 h and no longer", async () => {
  await withServer({}, async (own) => {
    const { bob, session } = await lost(own);
    // The store's sessions were seen `hours` earlier than they were.
    const age = async (hours) => {
      await own.stop();
      const script = "import sqlite3, sys; store = sqlite3.connect(sys.argv[1]); store.execute('UPDATE sessions SET seen_at = seen_at - ?', (int(sys.argv[2]),)); store.commit(); store.close()";
      execFileSync("python3", ["-c", script, join(own.dir, "tidings.db"), String(hours * 3_600_000)]);
      await own.launch();
    };
    await age(23);
    const raw = await RawClient.connect(own, { token: bob.token, recover: true, ...session });
    assert.equal(raw.session.pid, session.pid, "within a day");
    raw.terminate();
    await age(25);
    (await fresh(bob, session, "after a day", own)).terminate();
  });
});

test("another user's pid: fresh, and the owner's session stays", async () => {
  const { ann, bob, room, session } = await lost();
  const [eve] = people(server, "eve");
  const thief = await fresh(eve, session, "foreign pid");
  const secret = unique("secret");
  await ann.send(room, secret);
  assert.equal((await thief.ask("room:join", { roomId: room })).status, "error");
  assert.ok(!JSON.stringify(thief.packets).includes(secret));
  thief.terminate();
  const owner = await RawClient.connect(server, { token: bob.token, recover: true, ...session });
  assert.equal(owner.session.pid, session.pid, "still the owner's");
  const missed = () => owner.events().filter(([name]) => name === "NEW_MESSAGE");
  await eventually("what was missed", () => missed().length >= 2);
  assert.deepEqual(missed().map(([, { data }]) => data.seq), [3, 4]);
  owner.terminate();
});

test("CONNECT comes first, then what was missed", async () => {
  const { bob, session } = await lost();
  const raw = await RawClient.connect(server, { token: bob.token, recover: true, ...session });
  await eventually("what was missed", () => raw.events().length >= 1);
  const kinds = raw.packets.map((packet) => packet.slice(0, 2).replace(/^0.*/, "0")).filter((kind) => ["0", "40", "42"].includes(kind));
  assert.deepEqual(kinds.slice(0, 3), ["0", "40", "42"]);
  assert.equal(raw.session.pid, session.pid);
  raw.terminate();
});

test("the client's own disconnect ends the session", async () => {
  const { ann, bob, room } = await pair();
  const client = await bob.connect({ recover: true });
  await client.join(room);
  await ann.send(room, "seen");
  await client.until("the offset", () => client.lastSeq(room) === 2);
  const session = { pid: client.socket._pid, offset: client.socket._lastOffset };
  client.close();
  await ann.send(room, "missed");
  (await fresh(bob, session, "ended session")).terminate();
});

test("an expired token is refused, recovery or not", async () => {
  const { bob, session } = await lost();
  const client = new Client(server, { token: mint(bob.id, { exp: now() - 120 }), recover: true, auth: session });
  assert.equal((await client.refused()).data.code, "unauthorized");
});

test("a newer token of the same user recovers", async () => {
  const { bob, room, session } = await lost();
  const raw = await RawClient.connect(server, { token: mint(bob.id, { exp: now() + 500, name: "New Name" }), recover: true, ...session });
  assert.equal(raw.session.pid, session.pid);
  const missed = () => raw.events().filter(([name]) => name === "NEW_MESSAGE");
  await eventually("what was missed", () => missed().length >= 1);
  assert.deepEqual(missed().map(([, { data }]) => data.seq), [3]);
  raw.terminate();
});

// ——— the setting ———

test("always: a client that did not ask is recovered over a restart", async () => {
  await withServer({ env: { TIDINGS_RECOVERY: "always" } }, async (own) => {
    const { ann, bob, room } = await pair(own);
    const client = await bob.connect();
    assert.equal(typeof client.socket._pid, "string");
    await client.join(room);
    await own.restart();
    await ann.send(room, "missed");
    await back(client, 2);
    assert.equal(client.recovered, true);
    await client.until("the missed", () => client.lastSeq(room) === 2);
    await settle(client, ann, room, 2);
  });
});

test("off: no pid and no offsets even if asked; after goes on working", async () => {
  await withServer({ env: { TIDINGS_RECOVERY: "off" } }, async (own) => {
    const { ann, bob, room } = await pair(own);
    const client = await bob.connect({ recover: true });
    assert.equal(client.socket._pid, undefined);
    await client.join(room);
    await ann.send(room, "one");
    await client.until("one", () => client.lastSeq(room) === 2);
    await own.restart();
    await back(client, 2);
    assert.equal(client.recovered, false);
    await ann.send(room, "two");
    await client.join(room, 2);
    await client.until("two", () => client.lastSeq(room) === 3);
    assert.ok(client.events.every(({ args }) => args.length === 1));
  });
});

test("recover must be true, not just something", async () => {
  const [ann] = people(server, "ann");
  for (const recover of [false, null, 0, "", "no", {}, []]) {
    const client = await new Person(server, ann.id).connect({ recover });
    assert.ok(["undefined", "string"].includes(typeof client.socket._pid));
    if (recover === false) assert.equal(client.socket._pid, undefined);
    client.close();
  }
});
