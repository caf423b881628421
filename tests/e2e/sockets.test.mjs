// What sockets are sent: every event of the log, and the states beside it.
import assert from "node:assert/strict";
import { ok, refused } from "../lib/http.mjs";
import { Person, kContact, kImage, people, unique } from "../lib/people.mjs";
import { assertLastMessage, assertMessage, assertTombstone, withoutSeen } from "../lib/shapes.mjs";
import { Client, accepted, assertDense, declined, placeOf } from "../lib/socket.mjs";
import { sharedServer, test } from "../lib/testing.mjs";

const server = await sharedServer();

async function pair() {
  const [ann, bob] = people(server, "ann", "bob");
  const room = (await ann.createRoom({ members: [bob.id] }))._id;
  return { ann, bob, room };
}

for (const transports of [["websocket"], ["polling"], ["polling", "websocket"]]) {
  test(`send, ack and event by ${transports.join(" upgraded to ")}`, async () => {
    const { ann, bob, room } = await pair();
    const [mine, his] = [await ann.connect({ transports }), await bob.connect({ transports })];
    const joined = await his.join(room);
    assert.equal(joined.room._id ?? joined.room, room);
    assert.equal(joined.head, 1);
    await mine.join(room);
    for (let i = 0; i < 20; i++) {
      const sent = await mine.send(room, { text: `m${i} ☕` });
      const event = await his.until(`message ${i}`, () => his.messages(room)[i]);
      assert.deepEqual(event.payload.data, withoutSeen(sent));
    }
    if (transports.length === 2) await his.until("upgrade", () => his.socket.io.engine.transport.name === "websocket");
    assertDense(mine.seqs(room), 2, 21);
    assertDense(his.seqs(room), 2, 21);
    assert.equal(his.connections, 1);
  });
}

test("NEW_MESSAGE goes to every socket in the room, the sender's own included", async () => {
  const { ann, bob, room } = await pair();
  const clients = [await ann.connect(), await ann.connect(), await bob.connect()];
  for (const client of clients) await client.join(room);
  const sent = await clients[0].send(room, { text: "to all" });
  for (const client of clients) {
    const { payload, args } = await client.event("NEW_MESSAGE");
    assert.deepEqual({ ...payload, data: 0 }, { senderId: ann.id, roomId: room, text: "to all", data: 0 });
    assertMessage(payload.data);
    assert.deepEqual(payload.data, withoutSeen(sent));
    assert.equal(args.length, 1, "no offset for a socket that did not ask");
  }
});

test("the text of NEW_MESSAGE: contact, the first image's type, or the text", async () => {
  const { ann, room } = await pair();
  const client = await ann.connect();
  await client.join(room);
  await ann.send(room, { text: "t", images: [{ ...kImage, type: "image/gif" }, kImage], contact: kContact });
  await ann.send(room, { text: "t", images: [{ ...kImage, type: "image/gif" }, kImage] });
  await ann.send(room, "t");
  await client.until("three", () => client.messages(room).length === 3);
  assert.deepEqual(client.messages(room).map(({ payload }) => payload.text), ["contact", "image/gif", "t"]);
});

test("each change is one event with its seq, to those in the room", async () => {
  const [ann, bob, cat] = people(server, "ann", "bob", "cat");
  const room = (await ann.createRoom({ members: [bob.id] }))._id;
  const client = await bob.connect();
  await client.join(room);
  const sent = await ann.send(room, "v1");
  const edited = ok(await ann.edit(room, sent._id, "v2"));
  ok(await bob.react(room, sent._id, "👍"));
  ok(await ann.addMembers(room, [cat.id]));
  ok(await ann.setRole(room, cat.id, "admin"));
  ok(await ann.api.patch(`/rooms/${room}`, { name: "new" }));
  ok(await ann.removeMember(room, cat.id));
  ok(await ann.remove(room, sent._id));
  await client.until("eight events", () => client.log(room).length === 8);
  const [created, edit, reaction, joined, role, renamed, left, deleted] = client.log(room);
  assert.deepEqual(client.log(room).map(({ name }) => name), ["NEW_MESSAGE", "MESSAGE_UPDATED", "MESSAGE_UPDATED", "MEMBERS_CHANGED", "MEMBERS_CHANGED", "ROOM_CHANGED", "MEMBERS_CHANGED", "MESSAGE_DELETED"]);
  assertDense(client.seqs(room), 2, 9);
  assert.equal(created.payload.data.text, "v1");
  assert.equal(edit.payload.roomId, room);
  assert.equal(typeof edit.payload.reason, "string");
  assert.notEqual(edit.payload.reason, reaction.payload.reason);
  assert.deepEqual(edit.payload.data, withoutSeen(edited));
  assert.equal(reaction.payload.data.reactions[0].count, 1);
  const lists = ({ payload: { roomId, seq, by, joined, left, updated } }) => ({ roomId, seq, by, joined, left, updated });
  assert.deepEqual(lists(joined), { roomId: room, seq: 5, by: ann.id, joined: [{ userId: cat.id, role: "member" }], left: [], updated: [] });
  assert.deepEqual(lists(role), { roomId: room, seq: 6, by: ann.id, joined: [], left: [], updated: [{ userId: cat.id, role: "admin" }] });
  assert.deepEqual(lists(left), { roomId: room, seq: 8, by: ann.id, joined: [], left: [cat.id], updated: [] });
  assert.deepEqual([renamed.payload.roomId, renamed.payload.data.name, renamed.payload.data._id], [room, "new", room]);
  assert.equal(deleted.payload.roomId, room);
  assertTombstone(deleted.payload.data);
});

test("MEMBERS_CHANGED also reaches the users concerned, who have not joined", async () => {
  const [ann, bob, cat] = people(server, "ann", "bob", "cat");
  const room = (await ann.createRoom({ members: [bob.id] }))._id;
  const devices = [await cat.connect(), await cat.connect()];
  const other = await bob.connect();
  ok(await ann.addMembers(room, [cat.id]));
  for (const device of devices) {
    const { payload } = await device.event("MEMBERS_CHANGED", ({ roomId }) => roomId === room);
    assert.deepEqual(payload.joined, [{ userId: cat.id, role: "member" }]);
  }
  ok(await ann.setRole(room, cat.id, "admin"));
  for (const device of devices) await device.event("MEMBERS_CHANGED", ({ updated }) => updated.length === 1);
  ok(await ann.removeMember(room, cat.id));
  for (const device of devices) await device.event("MEMBERS_CHANGED", ({ left }) => left.includes(cat.id));
  assert.deepEqual(other.named("MEMBERS_CHANGED"), [], "bob is neither concerned nor joined");
  assert.deepEqual(devices[0].named("MEMBERS_CHANGED").length, 3);
});

test("a concerned user who has joined gets each event once", async () => {
  const [ann, bob] = people(server, "ann", "bob");
  const room = (await ann.createRoom({ members: [bob.id] }))._id;
  const client = await bob.connect();
  await client.join(room);
  ok(await ann.setRole(room, bob.id, "admin"));
  await ann.send(room, "fence");
  await client.until("the fence", () => client.messages(room).length === 1);
  assertDense(client.seqs(room), 2, 3);
});

test("membership removed while connected: nothing more after the removal", async () => {
  const { ann, bob, room } = await pair();
  const [client, mine] = [await bob.connect({ recover: true }), await ann.connect()];
  await client.join(room);
  await mine.join(room);
  await ann.send(room, "before");
  const traffic = Array.from({ length: 20 }, (_, i) => ann.send(room, `a${i}`));
  ok(await ann.removeMember(room, bob.id));
  await Promise.all(traffic);
  const removal = (await ann.log(room)).find(({ type }) => type === "member.left").seq;
  await client.event("MEMBERS_CHANGED", ({ left }) => left.includes(bob.id));
  await mine.until("all", () => mine.lastSeq(room) === 23);
  // A room that bob shares shows that nothing is still on its way.
  const other = (await ann.createRoom({ members: [bob.id] }))._id;
  await client.join(other);
  await ann.send(other, "fence");
  await client.until("the fence", () => client.messages(other).length === 1);
  assertDense(client.seqs(room), 2, removal);
  declined(await client.ask("room:join", { roomId: room, after: 0 }), "not_found");
  declined(await client.ask("message:send", { roomId: room, text: "x" }), "not_found");
});

test("commands need membership, not a join", async () => {
  const { ann, bob, room } = await pair();
  const client = await bob.connect();
  const sent = await client.send(room, { text: "not joined" });
  accepted(await client.ask("message:edit", { roomId: room, messageId: sent._id, text: "edited" }));
  accepted(await client.ask("message:react", { roomId: room, messageId: sent._id, emoji: "👍" }));
  accepted(await client.ask("typing", { roomId: room, active: true }));
  accepted(await client.ask("room:read", { roomId: room, seq: 2 }));
  accepted(await client.ask("message:delete", { roomId: room, messageId: sent._id }));
  assert.deepEqual(client.log(room), [], "and a command is no join");
  assert.equal((await ann.log(room)).length, 5);
});

test("commands without an acknowledgement work too", async () => {
  const { ann, bob, room } = await pair();
  const client = await bob.connect();
  const watcher = await ann.connect();
  await watcher.join(room);
  client.socket.emit("message:send", { roomId: room, text: "no ack asked" });
  const { payload } = await watcher.event("NEW_MESSAGE");
  client.socket.emit("message:edit", { roomId: room, messageId: payload.data._id, text: "changed" });
  await watcher.event("MESSAGE_UPDATED");
  client.socket.emit("room:join", { roomId: room, after: 0 });
  await client.until("the replay", () => client.lastSeq(room) === 3);
  client.socket.emit("room:leave", { roomId: room });
  client.socket.emit("message:send", { roomId: room, text: "" });
  client.socket.emit("no:such:event", { roomId: room });
  accepted(await client.ask("room:read", { roomId: room, seq: 1 }), "still served");
});

test("room:leave ends live events; room:join takes them up again", async () => {
  const { ann, bob, room } = await pair();
  const client = await bob.connect();
  await client.join(room);
  await ann.send(room, "one");
  await client.until("one", () => client.lastSeq(room) === 2);
  accepted(await client.ask("room:leave", { roomId: room }));
  await ann.send(room, "two");
  await client.event("ROOM_UPDATED", ({ head }) => head === 3);
  assert.equal(client.lastSeq(room), 2);
  const { head } = await client.join(room);
  assert.equal(head, 3);
  await ann.send(room, "three");
  await client.until("three", () => client.lastSeq(room) === 4);
  assert.deepEqual(client.seqs(room), [2, 4], "without after, from now");
});

test("room:join with after: everything past it, then live", async () => {
  const { ann, bob, room } = await pair();
  const sent = [];
  for (let i = 0; i < 30; i++) sent.push(await ann.send(room, `m${i}`));
  ok(await ann.edit(room, sent[3]._id, "edited"));
  ok(await ann.remove(room, sent[5]._id));
  const client = await bob.connect();
  const { head } = await client.join(room, 10);
  assert.equal(head, 33);
  assertDense(client.seqs(room), 11, 33, "all of the replay before the acknowledgement");
  await ann.send(room, "live");
  await client.until("live", () => client.lastSeq(room) === 34);
  const whole = await bob.connect();
  await whole.join(room, 0);
  assertDense(whole.seqs(room), 1, 34);
  assert.equal(whole.log(room)[0].name, "ROOM_CHANGED");
  assert.equal(whole.log(room)[4].payload.data.text, "m3", "documents as of their seq");
  assert.equal(whole.log(room)[31].payload.data.text, "edited");
  assertTombstone(whole.log(room)[6].payload.data);
  const none = await bob.connect();
  assert.equal((await none.join(room, 34)).head, 34);
  assert.deepEqual(none.seqs(room), []);
});

test("a long replay comes whole", async () => {
  const { ann, bob, room } = await pair();
  const sender = await ann.connect();
  for (let i = 0; i < 10; i++) await Promise.all(Array.from({ length: 200 }, (_, j) => sender.send(room, { text: `m${i * 200 + j}` })));
  for (const transports of [["websocket"], ["polling"]]) {
    const client = await bob.connect({ transports });
    await client.join(room, 0);
    assertDense(client.seqs(room), 1, 2_001, transports[0]);
  }
});

test("after above head, or no whole number: 422", async () => {
  const { ann, room } = await pair();
  const client = await ann.connect();
  for (const after of [2, 100, -1, 1.5, "1", "x", {}, [], [1], true, 2 ** 53, 1e300]) {
    declined(await client.ask("room:join", { roomId: room, after }), "invalid");
  }
  await ann.send(room, "after the refusals");
  await client.event("ROOM_UPDATED", ({ head }) => head === 2);
  assert.deepEqual(client.seqs(room), [], "a refused join is no join");
});

test("join with after under concurrent sends: no hole, no repeat", async () => {
  const { ann, bob, room } = await pair();
  const senders = [await ann.connect(), await bob.connect()];
  let going = true;
  let count = 0;
  const traffic = senders.map(async (sender) => {
    while (going) {
      await Promise.all(Array.from({ length: 8 }, () => sender.send(room, { text: `t${count++}` })));
    }
  });
  const readers = [];
  for (let round = 0; round < 12; round++) {
    const reader = await bob.connect({ recover: round % 2 === 1, transports: [round % 3 === 2 ? "polling" : "websocket"] });
    const after = round % 4 === 3 ? await bob.head(room) : Math.floor(readers.at(-1)?.after ?? 0);
    const { head } = await reader.join(room, after);
    assert.ok(reader.lastSeq(room) >= head || head === after, "the replay came before the acknowledgement");
    readers.push({ reader, after });
    await reader.until("live traffic", () => reader.lastSeq(room) > head + 5);
  }
  going = false;
  await Promise.all(traffic);
  const last = (await ann.send(room, "the end")).seq;
  for (const [i, { reader, after }] of readers.entries()) {
    await reader.until("the end", () => reader.lastSeq(room) === last);
    assertDense(reader.seqs(room), after + 1, last, `reader ${i}`);
  }
});

test("joins that come while a replay runs attach to it; joins again go on", async () => {
  const { ann, bob, room } = await pair();
  const sender = await ann.connect();
  await Promise.all(Array.from({ length: 400 }, (_, i) => sender.send(room, { text: `m${i}` })));
  const client = await bob.connect();
  const joins = [0, 0, 5, 100].map((after) => client.join(room, after));
  const live = sender.send(room, { text: "meanwhile" });
  for (const { head } of await Promise.all(joins)) assert.ok(head >= 401);
  await live;
  await client.join(room, 0);
  await client.join(room, 200);
  await client.join(room);
  await ann.send(room, "fence");
  await client.until("the fence", () => client.lastSeq(room) === 403);
  assertDense(client.seqs(room), 1, 403);
});

test("several rooms on one socket, each dense", async () => {
  const [ann, bob] = people(server, "ann", "bob");
  const rooms = [];
  for (let i = 0; i < 5; i++) rooms.push((await ann.createRoom({ members: [bob.id] }))._id);
  const [sender, reader] = [await ann.connect(), await bob.connect({ recover: true })];
  for (const room of rooms) await reader.join(room);
  await Promise.all(Array.from({ length: 200 }, (_, i) => sender.send(rooms[i % 5], { text: `m${i}` })));
  for (const room of rooms) {
    await reader.until("forty", () => reader.lastSeq(room) === 41);
    assertDense(reader.seqs(room), 2, 41);
  }
});

test("bad commands get an error with a code, and the connection goes on", async () => {
  const { ann, room } = await pair();
  const client = await ann.connect();
  const sent = await ann.send(room, "target");
  const odd = [undefined, null, 5, "", {}, [], ["x"], true, "x".repeat(10_000), "\u0000", { $ne: null }];
  for (const event of ["room:join", "room:leave", "message:send", "message:edit", "message:delete", "message:react", "room:read", "typing"]) {
    // Leaving a room that one is not in does no harm.
    const bad = event === "room:leave" ? odd.filter((roomId) => typeof roomId !== "string") : odd;
    for (const roomId of bad) declined(await client.ask(event, { text: "x", messageId: sent._id, emoji: "👍", seq: 1, active: true, roomId }));
    for (const payload of odd) declined(await client.ask(event, payload));
  }
  for (const event of ["message:edit", "message:delete", "message:react"]) {
    for (const messageId of odd) declined(await client.ask(event, { roomId: room, text: "x", emoji: "👍", messageId }));
  }
  for (const active of [undefined, null, 5, "yes", {}]) {
    const ack = await client.ask("typing", { roomId: room, active });
    assert.ok(["success", "error"].includes(ack.status));
  }
  assert.equal(client.connections, 1);
  assert.equal(await ann.head(room), 2, "nothing was stored");
  await client.send(room, { text: "still here" });
});

test("an error acknowledgement is the HTTP error's body", async () => {
  const { ann, room } = await pair();
  const client = await ann.connect();
  const body = { text: "", clientMessageId: "x".repeat(200) };
  const ack = await client.ask("message:send", { roomId: room, ...body });
  const answer = await ann.trySend(room, body);
  assert.deepEqual(ack, answer.json);
});

// ——— ROOM_UPDATED ———

test("ROOM_UPDATED: for those who have not joined, at most one in 500 ms, the last state always", async () => {
  const { ann, bob, room } = await pair();
  const quiet = await bob.connect();
  const joined = await bob.connect();
  await joined.join(room);
  const sender = await ann.connect();
  const started = Date.now();
  for (let i = 0; i < 60; i++) await sender.send(room, { text: `m${i} @${bob.id}` });
  const last = (await sender.send(room, { text: "the last" })).seq;
  const { payload } = await quiet.event("ROOM_UPDATED", ({ head }) => head === last);
  const took = Date.now() - started;
  assert.deepEqual({ ...payload, lastMessage: payload.lastMessage.value }, { roomId: room, lastMessage: "the last", unread: 61, mentions: 60, head: last });
  assertLastMessage(payload.lastMessage);
  const updates = quiet.named("ROOM_UPDATED").filter((event) => event.payload.roomId === room);
  assert.ok(updates.length <= took / 500 + 2, `${updates.length} in ${took} ms`);
  for (let i = 1; i < updates.length; i++) {
    assert.ok(updates[i].payload.head > updates[i - 1].payload.head, "newest wins");
    assert.ok(updates[i].at - updates[i - 1].at > 250, `${updates[i].at - updates[i - 1].at} ms apart`);
  }
  assert.deepEqual(joined.named("ROOM_UPDATED"), [], "those in the room have the log");
  assert.ok(updates.every(({ args }) => args.length === 1));
});

test("ROOM_UPDATED after edits and deletes, and over several rooms", async () => {
  const [ann, bob] = people(server, "ann", "bob");
  const rooms = [];
  for (let i = 0; i < 3; i++) rooms.push((await ann.createRoom({ members: [bob.id] }))._id);
  const client = await bob.connect();
  const sent = [];
  for (const room of rooms) sent.push(await ann.send(room, "one"), await ann.send(room, "two"));
  for (const room of rooms) await client.event("ROOM_UPDATED", (state) => state.roomId === room && state.head === 3);
  ok(await ann.edit(rooms[0], sent[1]._id, "two!"));
  await client.event("ROOM_UPDATED", (state) => state.roomId === rooms[0] && state.lastMessage.value === "two!");
  ok(await ann.remove(rooms[1], sent[3]._id));
  const { payload } = await client.event("ROOM_UPDATED", (state) => state.roomId === rooms[1] && state.head === 4);
  assert.deepEqual([payload.lastMessage.value, payload.unread], ["one", 1]);
  ok(await ann.remove(rooms[1], sent[2]._id));
  const empty = await client.event("ROOM_UPDATED", (state) => state.roomId === rooms[1] && state.head === 5);
  assert.deepEqual([empty.payload.lastMessage, empty.payload.unread], [null, 0]);
});

test("a position moved on another device is shown to joined sockets too", async () => {
  const { ann, bob, room } = await pair();
  for (let i = 0; i < 3; i++) await ann.send(room, `m${i}`);
  const [one, two, idle] = [await bob.connect(), await bob.connect(), await bob.connect()];
  await one.join(room);
  await two.join(room);
  accepted(await one.ask("room:read", { roomId: room, seq: 3 }));
  for (const device of [two, idle]) {
    const { payload } = await device.event("ROOM_UPDATED", (state) => state.roomId === room && state.unread === 1);
    assert.equal(payload.head, 4);
  }
  await bob.read(room, 4);
  for (const device of [one, two, idle]) await device.event("ROOM_UPDATED", (state) => state.roomId === room && state.unread === 0);
});

// ——— SEEN, TYPING, PRESENCE ———

test("SEEN: the newest positions, gathered", async () => {
  const [ann, ...crowd] = people(server, "ann", "b", "c", "d");
  const room = (await ann.createRoom({ members: crowd.map(({ id }) => id) }))._id;
  const watcher = await ann.connect();
  await watcher.join(room);
  for (let i = 0; i < 20; i++) await ann.send(room, `m${i}`);
  const started = Date.now();
  for (let seq = 2; seq <= 21; seq++) for (const one of crowd) await one.read(room, seq);
  const newest = () => {
    const positions = {};
    for (const { payload } of watcher.named("SEEN")) for (const { userId, seq } of payload.seen) {
      assert.ok(seq > (positions[userId] ?? 0), "positions rise");
      positions[userId] = seq;
    }
    return positions;
  };
  await watcher.until("the last positions", () => crowd.every(({ id }) => newest()[id] === 21));
  const events = watcher.named("SEEN");
  assert.ok(events.every(({ payload, args }) => payload.roomId === room && args.length === 1));
  const took = Date.now() - started;
  assert.ok(events.length <= took / 1_000 + 2, `${events.length} in ${took} ms`);
  for (let i = 1; i < events.length; i++) assert.ok(events[i].at - events[i - 1].at > 500, "at most one a second");
});

test("no SEEN in rooms of more than 100", async () => {
  const [ann, bob] = people(server, "ann", "bob");
  const crowd = Array.from({ length: 110 }, (_, i) => unique(`s${i}`));
  const large = (await ann.createRoom({ members: [bob.id, ...crowd] }))._id;
  const small = (await ann.createRoom({ members: [bob.id] }))._id;
  const watcher = await ann.connect();
  for (const room of [large, small]) {
    await watcher.join(room);
    await ann.send(room, "x");
  }
  await bob.read(large, 2);
  await bob.read(small, 2);
  await watcher.event("SEEN", ({ roomId }) => roomId === small);
  assert.deepEqual(watcher.named("SEEN").filter(({ payload }) => payload.roomId === large), []);
  assert.equal((await ann.messages(large))[0].seen_count, 1);
});

test("TYPING: to the others in the room, at most one in 2 s, ends by itself", async () => {
  const { ann, bob, room } = await pair();
  const [mine, his, outside] = [await ann.connect(), await bob.connect(), await bob.connect()];
  await mine.join(room);
  await his.join(room);
  for (let i = 0; i < 10; i++) accepted(await mine.ask("typing", { roomId: room, active: true }));
  const first = await his.event("TYPING");
  assert.deepEqual(first.payload, { roomId: room, userId: ann.id, active: true });
  assert.equal(first.args.length, 1);
  const end = await his.event("TYPING", ({ active }) => active === false);
  assert.ok(end.at - first.at > 4_000, `ended after ${end.at - first.at} ms`);
  assert.ok(his.named("TYPING").length <= 3, "gathered");
  accepted(await mine.ask("typing", { roomId: room, active: true }));
  const from = his.events.length;
  await his.event("TYPING", ({ active }) => active, { from: from - 1 });
  accepted(await mine.ask("typing", { roomId: room, active: false }));
  await his.event("TYPING", ({ active }) => active === false, { from });
  assert.deepEqual(mine.named("TYPING"), [], "not to oneself");
  assert.deepEqual(outside.named("TYPING"), [], "not to those who have not joined");
  assert.equal(await ann.head(room), 1);
});

test("a reconnect within the grace shows nobody as offline; several devices count once", async () => {
  const { ann, bob, room } = await pair();
  const watcher = await ann.connect();
  const present = async () => {
    const { users } = accepted(await watcher.ask("presence:watch", { userIds: [bob.id] }));
    return users.find(({ userId }) => userId === bob.id);
  };
  assert.equal((await present()).online, false);
  const [phone, laptop] = [await bob.connect(), await bob.connect()];
  await watcher.event("PRESENCE", ({ users }) => users.some(({ userId, online }) => userId === bob.id && online));
  assert.equal((await present()).online, true);
  phone.close();
  laptop.cut();
  await laptop.until("return", () => laptop.connections === 2);
  await watcher.never("an offline device", () => watcher.named("PRESENCE").some(({ payload }) => payload.users.some(({ online }) => !online)), 12_500);
  assert.equal((await present()).online, true);
  assert.equal(watcher.named("PRESENCE").filter(({ payload }) => payload.users.some(({ userId }) => userId === bob.id)).length, 1, "online once");
  const left = Date.now();
  laptop.close();
  const gone = await watcher.event("PRESENCE", ({ users }) => users.some(({ userId, online }) => userId === bob.id && !online), { ms: 30_000 });
  assert.ok(gone.at - left > 8_000, `offline after ${gone.at - left} ms`);
  const { lastSeen } = gone.payload.users.find(({ userId }) => userId === bob.id);
  assert.ok(lastSeen === null || !Number.isNaN(Date.parse(lastSeen)));
  assert.equal((await present()).online, false);
  assert.ok(room);
});

test("presence:watch: only those who share a room, up to 500, the list is replaced", async () => {
  const { ann, bob } = await pair();
  const [stranger, cat] = people(server, "stranger", "cat");
  await ann.createRoom({ members: [cat.id] });
  const clients = [await stranger.connect()];
  const watcher = await ann.connect();
  const state = async (userIds) => accepted(await watcher.ask("presence:watch", { userIds })).users ?? [];
  const shown = await state([bob.id, stranger.id, cat.id, "nobody"]);
  assert.ok(!shown.some(({ userId, online }) => userId === stranger.id && online), "a stranger's presence is not shown");
  assert.deepEqual(shown.filter(({ userId }) => [bob.id, cat.id].includes(userId)).map(({ online }) => online), [false, false]);
  await state([cat.id]);
  clients.push(await bob.connect(), await cat.connect());
  await watcher.event("PRESENCE", ({ users }) => users.some(({ userId, online }) => userId === cat.id && online));
  assert.ok(!watcher.named("PRESENCE").some(({ payload }) => payload.users.some(({ userId }) => userId !== cat.id)), "bob is watched no more, a stranger never");
  declined(await watcher.ask("presence:watch", { userIds: Array.from({ length: 501 }, (_, i) => `u${i}`) }), "invalid", "too_large");
  for (const userIds of ["x", 5, {}, [5], [null], [{}]]) declined(await watcher.ask("presence:watch", { userIds }));
  accepted(await watcher.ask("presence:watch", { userIds: Array.from({ length: 500 }, (_, i) => `u${i}`) }));
  accepted(await watcher.ask("presence:watch", { userIds: [] }));
});

test("presence ends with the last room that is shared, also where it is deleted", async () => {
  const { ann, bob, room } = await pair();
  const [cat] = people(server, "cat");
  await ann.createRoom({ members: [cat.id] });
  const watcher = await ann.connect();
  accepted(await watcher.ask("presence:watch", { userIds: [bob.id, cat.id] }));
  ok(await ann.api.delete(`/rooms/${room}`));
  assert.equal(await ann.listedRoom(room), undefined);
  await bob.connect();
  await cat.connect();
  await watcher.event("PRESENCE", ({ users }) => users.some(({ userId, online }) => userId === cat.id && online));
  assert.ok(!watcher.named("PRESENCE").some(({ payload }) => payload.users.some(({ userId }) => userId === bob.id)), "bob is a stranger by now");
});

test("a client that asks for nothing gets no pid and no offsets", async () => {
  const { ann, bob, room } = await pair();
  const client = await bob.connect();
  await client.join(room, 0);
  await ann.send(room, "x");
  await client.event("NEW_MESSAGE");
  assert.equal(client.socket._pid, undefined);
  assert.ok(client.events.every(({ args }) => args.length === 1));
});

test("another namespace is refused without harm", async () => {
  const [ann] = people(server, "ann");
  const client = new Client(`${server.url}/admin`, { token: ann.token });
  await client.until("refusal", () => client.lastError);
  client.close();
  await ann.connect();
});

test("events come in the order of the log on every socket", async () => {
  const [ann, bob, cat] = people(server, "ann", "bob", "cat");
  const room = (await ann.createRoom({ members: [bob.id, cat.id] }))._id;
  const clients = await Promise.all([ann, bob, cat, new Person(server, bob.id)].map((who) => who.connect()));
  for (const client of clients) await client.join(room);
  const sent = await ann.send(room, "target");
  const work = [];
  for (let i = 0; i < 30; i++) {
    work.push(bob.trySend(room, `b${i}`), ann.edit(room, sent._id, `e${i}`), cat.react(room, sent._id, i % 2 ? "👍" : "🦊"), cat.unreact(room, sent._id, "👍"));
  }
  for (const answer of await Promise.all(work)) assert.ok(answer.status < 500, answer.body);
  const log = await ann.log(room);
  for (const client of clients) {
    await client.until("all", () => client.lastSeq(room) === log.length);
    assertDense(client.seqs(room), 2, log.length);
    for (const event of client.log(room)) {
      const { type, data } = log[placeOf(event).seq - 1];
      if (type.startsWith("message.")) assert.deepEqual(event.payload.data, data);
    }
  }
  refused(await bob.api.get(`/rooms/${unique("none")}`), 404);
});
