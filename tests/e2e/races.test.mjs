// Calls that arrive together share a commit: each is decided as if they had come one after the other, and one that is
// refused does not touch the others.
import assert from "node:assert/strict";
import { ok, refused } from "../lib/http.mjs";
import { people, unique } from "../lib/people.mjs";
import { assertTombstone } from "../lib/shapes.mjs";
import { accepted, assertDense } from "../lib/socket.mjs";
import { sharedServer, test } from "../lib/testing.mjs";

const kRounds = 15;
const server = await sharedServer();
const statuses = (answers) => answers.map(({ status }) => status).sort();

// Sends of a bystander that share the commits with what happens beside them.
async function bystander() {
  const [zoe] = people(server, "zoe");
  const room = (await zoe.createRoom())._id;
  const client = await zoe.connect();
  let count = 0;
  return {
    sends: (n) => Array.from({ length: n }, () => client.ask("message:send", { roomId: room, text: `z${count++}` }).then(accepted)),
    check: async () => assertDense((await zoe.messages(room)).map(({ seq }) => seq), 2, count + 1),
  };
}

test("direct rooms opened from both sides among sends of others", async () => {
  const other = await bystander();
  for (let round = 0; round < kRounds; round++) {
    const [ann, bob] = people(server, "ann", "bob");
    const before = other.sends(5);
    const open = [[ann, bob], [bob, ann], [ann, bob]].map(([who, whom]) => who.api.post("/rooms", { name: "pair", kind: "direct", members: [whom.id] }));
    const after = other.sends(5);
    const answers = await Promise.all(open);
    await Promise.all([...before, ...after]);
    assert.deepEqual(statuses(answers), [200, 200, 201]);
    assert.equal(new Set(answers.map((answer) => ok(answer)._id)).size, 1);
  }
  await other.check();
});

test("two who choose the same _id: one has it, the other gets 409", async () => {
  const other = await bystander();
  for (let round = 0; round < kRounds; round++) {
    const [ann, bob] = people(server, "ann", "bob");
    const body = { _id: unique("same"), name: "x", kind: "group", members: [] };
    const answers = Promise.all([ann.api.post("/rooms", body), bob.api.post("/rooms", body)]);
    await Promise.all(other.sends(5));
    assert.deepEqual(statuses(await answers), [201, 409]);
  }
  await other.check();
});

test("refused sends do not touch the others of their batch", async () => {
  const other = await bystander();
  const [ann, bob] = people(server, "ann", "bob");
  const room = (await ann.createRoom({ members: [bob.id] }))._id;
  const taken = { text: "taken", clientMessageId: unique("c") };
  await ann.send(room, taken);
  const client = await ann.connect();
  for (let round = 0; round < kRounds; round++) {
    const good = other.sends(8);
    const bad = await Promise.all([
      client.ask("message:send", { roomId: room, ...taken, text: `another ${round}` }),
      client.ask("message:send", { roomId: room, text: "x", replyTo: unique("none") }),
      client.ask("message:send", { roomId: unique("none"), text: "x" }),
      client.ask("message:edit", { roomId: room, messageId: unique("none"), text: "x" }),
      client.ask("message:send", { roomId: room, text: "x", messageType: "system" }),
    ]);
    await Promise.all(good);
    for (const ack of bad) assert.equal(ack.status, "error");
  }
  await other.check();
  assert.equal(await ann.head(room), 2);
});

test("two owners who leave at once: one stays", async () => {
  for (let round = 0; round < kRounds; round++) {
    const [ann, bob] = people(server, "ann", "bob");
    const room = (await ann.createRoom({ members: [bob.id] }))._id;
    ok(await ann.setRole(room, bob.id, "owner"));
    const owners = (await ann.members(room)).filter(({ role }) => role === "owner").length;
    const answers = await Promise.all([ann.removeMember(room, ann.id), bob.removeMember(room, bob.id)]);
    const stayed = answers.findIndex(({ status }) => status !== 200);
    assert.ok(stayed >= 0, "both left");
    const who = [ann, bob][stayed];
    const members = await who.members(room);
    assert.deepEqual(members.map(({ userId }) => userId), [who.id], `of ${owners} owners`);
    if (owners === 2) assert.equal(members[0].role, "owner");
  }
});

test("many join a public room at once: one event each", async () => {
  const [ann] = people(server, "ann");
  const room = (await ann.createRoom({ kind: "public" }))._id;
  const crowd = people(server, ...Array.from({ length: 40 }, (_, i) => `c${i}`));
  const watcher = await ann.connect();
  await watcher.join(room);
  const joins = crowd.flatMap((one) => [one.addMembers(room, [one.id]), one.addMembers(room, [one.id])]);
  for (const answer of await Promise.all(joins)) ok(answer);
  const joined = (await ann.log(room)).filter(({ type }) => type === "member.joined");
  assert.equal(joined.length, 40, "joining twice is joining once");
  assert.equal((await ann.members(room)).length, 41);
  const head = await ann.head(room);
  await watcher.until("all", () => watcher.lastSeq(room) === head);
  assertDense(watcher.seqs(room), 2, head);
});

test("an edit, a reaction and a delete at once: deleted in the end", async () => {
  for (let round = 0; round < kRounds; round++) {
    const [ann, bob] = people(server, "ann", "bob");
    const room = (await ann.createRoom({ members: [bob.id] }))._id;
    const secret = unique("gone");
    const sent = await ann.send(room, secret);
    const [edit, reaction, removal] = await Promise.all([ann.edit(room, sent._id, `${secret}!`), bob.react(room, sent._id, "👍"), ann.remove(room, sent._id)]);
    ok(removal);
    for (const answer of [edit, reaction]) if (answer.status !== 200) refused(answer, [404, 409, 410, 422]);
    assertTombstone(await bob.message(room, sent._id));
    const log = await bob.log(room);
    assertDense(log.map(({ seq }) => seq), 1, log.length);
    assert.ok(!JSON.stringify(log).includes(secret));
    assert.equal((await bob.room(room)).lastMessage, null);
  }
});

test("sends racing with a removal: stored before it or refused", async () => {
  for (let round = 0; round < kRounds; round++) {
    const [ann, bob] = people(server, "ann", "bob");
    const room = (await ann.createRoom({ members: [bob.id] }))._id;
    const client = await bob.connect();
    const sends = Array.from({ length: 10 }, (_, i) => client.ask("message:send", { roomId: room, text: `b${i}`, clientMessageId: `${room.slice(-12)}-${i}` }));
    ok(await ann.removeMember(room, bob.id));
    const acks = await Promise.all(sends);
    const log = await ann.log(room);
    const left = log.find(({ type }) => type === "member.left").seq;
    const stored = log.filter(({ type }) => type === "message.created");
    assert.ok(stored.every(({ seq }) => seq < left), "nothing of bob's after he left");
    assert.equal(stored.length, acks.filter(({ status }) => status === "success").length);
    client.close();
  }
});

test("positions raised by several devices at once: the highest stays", async () => {
  const [ann, bob] = people(server, "ann", "bob");
  const room = (await ann.createRoom({ members: [bob.id] }))._id;
  for (let i = 0; i < 20; i++) await ann.send(room, `m${i}`);
  const devices = await Promise.all([bob.connect(), bob.connect(), bob.connect()]);
  await Promise.all(Array.from({ length: 60 }, (_, i) => devices[i % 3].ask("room:read", { roomId: room, seq: (i * 7) % 18 }).then(accepted)));
  assert.equal((await bob.room(room)).unread, 21 - 17);
});
