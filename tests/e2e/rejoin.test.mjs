// Recovery of rooms that were joined more than once: left and joined again, taken up by another session of the same
// client, lost with the membership and given back. Most of it in a silent log, where all stands at one position.
import assert from "node:assert/strict";
import { ok } from "../lib/http.mjs";
import { people } from "../lib/people.mjs";
import { accepted, assertDense, back, hold, placeOf } from "../lib/socket.mjs";
import { sharedServer, test } from "../lib/testing.mjs";
import { eventually } from "../support/deadline.mjs";

const server = await sharedServer();

const kCount = 8;

// Rooms of ann and bob with `count` events each.
async function stage(rooms, count) {
  const [ann, bob] = people(server, "ann", "bob");
  const sender = await ann.connect();
  const made = [];
  for (let i = 0; i < rooms; i++) {
    const { _id: room } = await ann.createRoom({ name: `r${i}`, members: [bob.id] });
    for (let n = 1; n < count; n++) await sender.send(room, { text: `${n}` });
    made.push(room);
  }
  return { ann, bob, sender, rooms: made };
}

// An answer says that all that the socket was sent before it has been handled.
const fence = async (client) => accepted(await client.ask("presence:watch", { userIds: [] }));

// Emits and lets a cut take the answer.
function unanswered(promise) {
  promise.catch((error) => assert.match(error.message, /disconnected/));
}

// Joins, and cuts the client when the server has sent what the join asked for and nothing of that has arrived.
async function joinDeaf(client, roomId, after) {
  const replayed = async () => Number((await (await fetch(`${server.url}/metrics`)).text()).match(/^tidings_replayed_total (\d+)/m)[1]);
  const before = await replayed();
  client.socket.io.engine.transport.ws.onmessage = () => {};
  unanswered(client.ask("room:join", { roomId, after }));
  await eventually("the replay is sent", async () => (await replayed()) >= before + kCount - after);
  client.cut();
}

// Cuts the client at the n-th event of the log that comes from now on.
function cutAt(client, place) {
  let received = 0;
  client.onEvent = (event, self) => {
    if (placeOf(event) !== null && ++received === place) self.cut();
  };
}

test("a room is left and joined again from further back, in a silent log, cut at every event", { timeout: 300_000 }, async () => {
  const { bob, rooms: [room, other] } = await stage(2, kCount);
  for (let place = 1; place <= kCount - 2; place++) {
    const client = await bob.connect({ recover: true });
    await client.join(room, 0);
    await client.join(other, 0);
    accepted(await client.ask("room:leave", { roomId: room }));
    cutAt(client, place);
    unanswered(client.ask("room:join", { roomId: room, after: 2 }));
    await back(client, 2);
    assert.equal(client.recovered, true);
    await client.until(`all once more, cut at ${place}`, () => client.seqs(room).length >= 2 * kCount - 2);
    await fence(client);
    assertDense(client.seqs(room).slice(0, kCount), 1, kCount, "the first join");
    assertDense(client.seqs(room).slice(kCount), 3, kCount, `cut at ${place}: ${client.story}`);
    assertDense(client.seqs(other), 1, kCount, `the other room, cut at ${place}: ${client.story}`);
    client.close();
  }
});

test("a room is left and joined again, and nothing of the second join arrives before a cut", async () => {
  const { bob, rooms: [room] } = await stage(1, kCount);
  const client = await bob.connect({ recover: true });
  await client.join(room, 0);
  accepted(await client.ask("room:leave", { roomId: room }));
  await joinDeaf(client, room, 0);
  await back(client, 2);
  assert.equal(client.recovered, true);
  await client.until("all once more", () => client.seqs(room).length >= 2 * kCount);
  await fence(client);
  assertDense(client.seqs(room).slice(kCount), 1, kCount, `${client.story}`);
});

test("a client that disconnected by itself comes back with its old offset, in a silent log", { timeout: 300_000 }, async () => {
  const { bob, rooms: [room] } = await stage(1, kCount);
  for (let place = 0; place < kCount; place++) {
    const client = await bob.connect({ recover: true });
    await client.join(room, 0);
    client.socket.disconnect();
    client.socket.connect();
    await back(client, 2);
    assert.equal(client.recovered, false, "its own disconnect ended the session");
    if (place === 0) {
      await joinDeaf(client, room, 0);
    } else {
      cutAt(client, place);
      unanswered(client.ask("room:join", { roomId: room, after: 0 }));
    }
    await back(client, 3);
    assert.equal(client.recovered, true);
    await client.until("all once more", () => client.seqs(room).length >= 2 * kCount);
    await fence(client);
    assertDense(client.seqs(room).slice(kCount), 1, kCount, `cut at ${place}: ${client.story}`);
    client.close();
  }
});

test("removed and added again while connected: the room comes back by a join only, without a hole", async () => {
  const { ann, bob, rooms: [room, other] } = await stage(2, 3);
  const client = await bob.connect({ recover: true });
  await client.join(room);
  await client.join(other);
  ok(await ann.removeMember(room, bob.id));
  await client.event("MEMBERS_CHANGED");
  ok(await ann.addMembers(room, [bob.id]));
  await ann.send(room, "not followed");
  const { seq } = await ann.send(other, "live");
  await client.until("the other room", () => client.lastSeq(other) === seq);
  client.cut();
  await back(client, 2);
  assert.equal(client.recovered, true);
  const head = (await ann.send(room, "not followed either")).seq;
  await ann.send(other, "live");
  await client.until("the other room", () => client.lastSeq(other) === seq + 1);
  await fence(client);
  const told = client.log(room).filter(({ name }) => name === "NEW_MESSAGE");
  assert.deepEqual(told, [], "it was not in the room");
  await client.join(room, 3);
  const since = client.events.slice(client.events.findIndex((event) => event.payload.roomId === other && event.payload.data?.seq === seq + 1) + 1);
  assertDense(since.filter((event) => placeOf(event)?.room === room).map((event) => placeOf(event).seq), 4, head);
});

test("removed and added again while away: all of it is brought, twice in a row", async () => {
  const { ann, bob, rooms: [room] } = await stage(1, 3);
  const client = await bob.connect({ recover: true });
  await client.join(room);
  await ann.send(room, "live");
  await client.until("live", () => client.lastSeq(room) === 4);
  for (const round of [1, 2]) {
    const release = await hold(client);
    ok(await ann.removeMember(room, bob.id));
    await ann.send(room, "meanwhile");
    ok(await ann.addMembers(room, [bob.id]));
    await ann.send(room, "and after");
    release();
    await back(client, 1 + round);
    assert.equal(client.recovered, true);
    await client.until("what was missed", () => client.lastSeq(room) === 4 + 4 * round);
  }
  client.cut();
  await back(client, 4);
  const { seq } = await ann.send(room, "live again");
  await client.until("live again", () => client.lastSeq(room) === seq);
  await fence(client);
  assertDense(client.seqs(room), 4, seq, `${client.story}`);
});

test("a room is joined inside the backlog of others, cut there twice", { timeout: 300_000 }, async () => {
  const { ann, bob, sender, rooms: [a, b, late] } = await stage(3, 20);
  for (const [first, second] of [[1, 1], [3, 7], [10, 2], [25, 25], [45, 5]]) {
    const client = await bob.connect({ recover: true });
    const heads = { [a]: (await client.join(a)).head, [b]: (await client.join(b)).head };
    const release = await hold(client);
    for (let i = 0; i < 30; i++) await sender.send(i % 2 ? a : b, { text: `missed ${i}` });
    let received = 0;
    client.onEvent = (event, self) => {
      if (placeOf(event) === null) return;
      received++;
      if (received === first || received === first + second) self.cut();
    };
    const join = () => {
      if (client.lastSeq(late) === 0) unanswered(client.ask("room:join", { roomId: late, after: 0 }));
    };
    client.socket.on("connect", join);
    release();
    await client.until("all of the late room", () => client.lastSeq(late) === 20, 30_000);
    for (const room of [a, b]) {
      const head = await ann.head(room);
      await client.until("the backlog", () => client.lastSeq(room) >= head);
    }
    await client.connected();
    await fence(client);
    for (const room of [a, b]) assertDense(client.seqs(room), heads[room] + 1, await ann.head(room), `cut at ${first} and ${second}: ${client.story}`);
    assertDense(client.seqs(late), 1, 20, `the late room, cut at ${first} and ${second}: ${client.story}`);
    client.close();
  }
});

test("an offset stays short, however many rooms are replayed at once", async () => {
  const { bob, rooms } = await stage(40, 4);
  const client = await bob.connect({ recover: true });
  await Promise.all(rooms.map((room) => client.join(room, 0)));
  const offsets = client.events.map(({ offset }) => offset).filter((offset) => offset !== null);
  assert.equal(offsets.length, 160);
  assert.ok(Math.max(...offsets.map(({ length }) => length)) <= 40, offsets.at(-1));
  client.cut();
  await back(client, 2);
  await fence(client);
  for (const room of rooms) assertDense(client.seqs(room), 1, 4);
});

test("removed while a backlog is on its way: told at once, and the room does not come back with a hole", { timeout: 300_000 }, async () => {
  const { ann, bob, sender, rooms: [busy, lost] } = await stage(2, 3);
  const client = await bob.connect({ recover: true });
  await client.join(busy);
  await client.join(lost);
  const release = await hold(client);
  // More than all buffers on the way hold, so that the socket stays behind while it does not read.
  const text = "x".repeat(60_000);
  for (let i = 0; i < 10; i++) await Promise.all(Array.from({ length: 30 }, () => sender.send(busy, { text })));
  for (let i = 0; i < 5; i++) await sender.send(lost, { text: `missed ${i}` });
  for (let i = 0; i < 30; i++) await sender.send(busy, { text });
  let told = 0;
  client.onEvent = ({ name, payload }, self) => {
    if (name === "MEMBERS_CHANGED" && payload.roomId === lost) told ||= self.events.length;
    if (told > 0 && self.connections === 2 && self.events.length === told + 40) self.cut();
  };
  client.socket.once("connect", () => client.socket.io.engine.transport.ws.pause());
  release();
  await back(client, 2);
  const { ws } = client.socket.io.engine.transport;
  ok(await ann.removeMember(lost, bob.id));
  ok(await ann.addMembers(lost, [bob.id]));
  ws.resume();
  await back(client, 3);
  assert.equal(client.recovered, true);
  assert.match(client.events[told - 1].offset, /!/, "it was told ahead of its place");
  const { seq } = await ann.send(busy, "live");
  const head = (await ann.send(lost, "not followed")).seq;
  await client.until("all of the busy room", () => client.lastSeq(busy) === seq);
  await fence(client);
  assertDense(client.seqs(busy), 4, seq, `${client.story}`);
  const messages = () => client.messages(lost).map(placeOf).map((place) => place.seq);
  assert.deepEqual(messages(), [], "it is not in the room");
  const from = client.seqs(lost).length;
  await client.join(lost, 3);
  assertDense(client.seqs(lost).slice(from), 4, head, `${client.story}`);
});

test("a new connection takes the session over from a half-open one", async () => {
  const { ann, bob, rooms: [room] } = await stage(1, 3);
  const client = await bob.connect({ recover: true });
  await client.join(room);
  await ann.send(room, "live");
  await client.until("live", () => client.lastSeq(room) === 4);
  const [pid, offset] = [client.socket._pid, client.socket._lastOffset];
  const other = await bob.connect({ recover: true, auth: { pid, offset }, reconnection: false });
  assert.equal(other.socket._pid, pid);
  await client.until("the old one is closed", () => client.story.some((line) => line.startsWith("disconnect")));
  other.close();
});

test("joins that wait for one replay are bounded, and the last of them is answered with the others", async () => {
  const { bob, rooms: [room] } = await stage(1, kCount);
  const client = await bob.connect({ recover: true });
  const answers = await Promise.all(Array.from({ length: 90 }, () => client.ask("room:join", { roomId: room, after: 0 })));
  assert.ok(answers.every(({ status }) => status === "success"));
  assertDense(client.seqs(room), 1, kCount);
});

test("a client of a store that was put back begins afresh, whatever it saw before", async () => {
  const { ann, bob, rooms: [room] } = await stage(1, 3);
  const client = await bob.connect({ recover: true });
  await client.join(room);
  await ann.send(room, "live");
  await client.until("live", () => client.lastSeq(room) === 4);
  // It has seen more than this store holds. Its fresh session receives nothing, so it shows the same offset again.
  client.socket._lastOffset = String(Number(client.socket._lastOffset) + 2);
  client.cut();
  await back(client, 2);
  assert.equal(client.recovered, false);
  await client.join(room);
  const release = await hold(client);
  for (let i = 0; i < 3; i++) await ann.send(room, `missed ${i}`);
  release();
  await back(client, 3);
  assert.equal(client.recovered, true);
  await client.until("what was missed", () => client.lastSeq(room) === 7);
  assertDense(client.seqs(room), 4, 7, `${client.story}`);
});
