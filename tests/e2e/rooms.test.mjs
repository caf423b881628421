// Rooms of the three kinds, their members and roles, and who may do what.
import assert from "node:assert/strict";
import { listOf, ok, refused, wholeList } from "../lib/http.mjs";
import { Person, people, unique } from "../lib/people.mjs";
import { assertRoom, assertTime } from "../lib/shapes.mjs";
import { declined } from "../lib/socket.mjs";
import { nextMillisecond, sharedServer, test } from "../lib/testing.mjs";

const server = await sharedServer();
const roles = async (who, roomId) => Object.fromEntries((await who.members(roomId)).map(({ userId, role }) => [userId, role]));

test("a group: the caller owns it, members need not have been seen before", async () => {
  const [ann, bob] = people(server, "ann", "bob");
  const room = assertRoom(await ann.createRoom({ name: "Café ☕", members: [bob.id, ann.id, bob.id] }));
  assert.equal(room.name, "Café ☕");
  assert.equal(room.kind, "group");
  const members = await ann.members(room._id);
  assert.deepEqual(members.map(({ userId, role }) => [userId, role]).sort(), [[ann.id, "owner"], [bob.id, "member"]].sort());
  for (const { joinedAt } of members) assertTime(joinedAt, "joinedAt");
  assert.equal((await bob.room(room._id))._id, room._id);
  const full = await ann.room(room._id);
  for (const field of ["lastMessage", "unread", "mentions", "head", "lastMessageVisibleOnUsers"]) assert.ok(field in full, field);
  assert.equal(full.lastMessage, null);
  assert.deepEqual(full.lastMessageVisibleOnUsers, []);
  assert.equal(full.head, 1);
});

test("ids sort by time", async () => {
  const [ann] = people(server, "ann");
  const ids = [];
  for (let i = 0; i < 5; i++) {
    ids.push((await ann.createRoom())._id);
    await nextMillisecond();
  }
  assert.deepEqual([...ids].sort(), ids);
});

test("a chosen _id makes creation idempotent", async () => {
  const [ann, bob] = people(server, "ann", "bob");
  const body = { _id: unique("Room_"), name: "mine", kind: "group", members: [bob.id] };
  const first = ok(await ann.api.post("/rooms", body), 201);
  assert.equal(first._id, body._id);
  const second = ok(await ann.api.post("/rooms", body), 200);
  assert.equal(second._id, body._id);
  assert.equal(await ann.head(body._id), 1, "no second event");
  refused(await bob.api.post("/rooms", body), 409);
  refused(await ann.api.post("/rooms", { ...body, kind: "public" }), 409);
  assert.equal((await ann.room(body._id)).kind, "group");
});

test("a chosen _id gives the room to its owners and to its creator while they are members, and shows it to nobody else", async () => {
  const [ann, bob] = people(server, "ann", "bob");
  const body = { _id: unique("Room_"), name: "handed over", kind: "group", members: [bob.id] };
  ok(await ann.api.post("/rooms", body), 201);
  ok(await ann.setRole(body._id, bob.id, "owner"));
  ok(await ann.setRole(body._id, ann.id, "member"));
  assert.equal(ok(await ann.api.post("/rooms", body), 200)._id, body._id, "the creator, still a member");
  assert.equal(ok(await bob.api.post("/rooms", body), 200)._id, body._id, "today's owner");
  ok(await ann.removeMember(body._id, ann.id));
  const last = await bob.send(body._id, "of no concern to ann");
  const answer = await ann.api.post("/rooms", body);
  refused(answer, 409);
  assert.doesNotMatch(JSON.stringify(answer), new RegExp(last._id));
});

test("the same creation several times at once gives one room", async () => {
  const [ann] = people(server, "ann");
  const body = { _id: unique("race"), name: "race", kind: "group", members: [] };
  const answers = await Promise.all(Array.from({ length: 6 }, () => ann.api.post("/rooms", body)));
  assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 200, 200, 200, 200, 201]);
  assert.equal(await ann.head(body._id), 1);
});

test("what is no room is refused", async () => {
  const [ann, bob, cat] = people(server, "ann", "bob", "cat");
  const before = (await wholeList(ann.api, "/rooms", 50)).length;
  const good = { name: "x", kind: "group", members: [] };
  for (const [what, bad] of Object.entries({
    "kind unknown": { ...good, kind: "secret" },
    "kind a number": { ...good, kind: 5 },
    "name a number": { ...good, name: 5 },
    "name an object": { ...good, name: {} },
    "name of a megabyte": { ...good, name: "x".repeat(1_000_000) },
    "name with NUL": { ...good, name: "a\u0000b" },
    "members a string": { ...good, members: bob.id },
    "members of numbers": { ...good, members: [5] },
    "members of nothing": { ...good, members: [null] },
    "members of objects": { ...good, members: [{ userId: bob.id }] },
    "an empty member": { ...good, members: [""] },
    "_id a number": { ...good, _id: 5 },
    "_id with a space": { ...good, _id: "a b" },
    "_id with a slash": { ...good, _id: "a/b" },
    "_id with an umlaut": { ...good, _id: "ä" },
    "_id empty": { ...good, _id: "" },
    "_id of 65": { ...good, _id: "a".repeat(65) },
    "direct with nobody": { ...good, kind: "direct" },
    "direct with oneself": { ...good, kind: "direct", members: [ann.id] },
    "direct of three": { ...good, kind: "direct", members: [bob.id, cat.id] },
    "an array": [good],
    "a text": "room",
    "null": null,
  })) {
    const answer = await ann.api.post("/rooms", bad);
    assert.ok([400, 413, 422].includes(answer.status), `${what}: ${answer.status} ${answer.body.slice(0, 200)}`);
    refused(answer, [400, 413, 422]);
  }
  assert.equal((await wholeList(ann.api, "/rooms", 50)).length, before, "nothing was made");
  ok(await ann.api.post("/rooms", { ...good, _id: `${"a".repeat(50)}${unique("_-")}`.slice(0, 64) }), 201);
});

test("a direct room is one per pair, whoever asks", async () => {
  const [ann, bob, cat] = people(server, "ann", "bob", "cat");
  const room = ok(await ann.api.post("/rooms", { name: "pair", kind: "direct", members: [bob.id] }), 201);
  assert.equal(room.kind, "direct");
  assert.equal(ok(await bob.api.post("/rooms", { name: "pair", kind: "direct", members: [ann.id] }), 200)._id, room._id);
  assert.equal(ok(await bob.api.post("/rooms", { name: "pair", kind: "direct", members: [ann.id, bob.id] }), 200)._id, room._id);
  assert.equal(ok(await ann.api.post("/rooms", { name: "pair", kind: "direct", members: [bob.id] }), 200)._id, room._id);
  const other = ok(await ann.api.post("/rooms", { name: "pair", kind: "direct", members: [cat.id] }), 201);
  assert.notEqual(other._id, room._id);
  assert.deepEqual((await ann.members(room._id)).map(({ userId }) => userId).sort(), [ann.id, bob.id].sort());
  refused(await ann.addMembers(room._id, [cat.id]), [403, 409, 422]);
  assert.equal((await ann.members(room._id)).length, 2);
  refused(await cat.api.get(`/rooms/${room._id}`), 404, "not_found");
  await bob.send(room._id, "hello");
});

test("two who open a direct room at once get one", async () => {
  for (let round = 0; round < 25; round++) {
    const [ann, bob] = people(server, "ann", "bob");
    const [one, two] = await Promise.all([
      ann.api.post("/rooms", { name: "pair", kind: "direct", members: [bob.id] }),
      bob.api.post("/rooms", { name: "pair", kind: "direct", members: [ann.id] }),
    ]);
    assert.deepEqual([one.status, two.status].sort(), [200, 201]);
    assert.equal(ok(one)._id, ok(two)._id);
  }
});

test("a public room: found, read, joined and left by anyone", async () => {
  const [ann, bob] = people(server, "ann", "bob");
  const name = unique("plaza");
  const room = await ann.createRoom({ name, kind: "public" });
  await ann.send(room._id, "welcome");
  assert.ok(listOf(ok(await bob.api.get(`/rooms?kind=public&q=${name}`))).some(({ _id }) => _id === room._id));
  assert.equal(await bob.listedRoom(room._id), undefined, "not among bob's own");
  assert.equal((await bob.room(room._id)).name, name);
  assert.equal((await bob.messages(room._id))[0].text, "welcome");
  assert.equal((await bob.log(room._id)).length, 2);
  refused(await bob.trySend(room._id, "let me in"), 403, "forbidden");
  refused(await bob.api.patch(`/rooms/${room._id}`, { name: "taken" }), 403);
  const [cat] = people(server, "cat");
  refused(await bob.addMembers(room._id, [cat.id]), 403);
  ok(await bob.addMembers(room._id, [bob.id]));
  await bob.send(room._id, "in");
  assert.ok(await bob.listedRoom(room._id));
  ok(await bob.removeMember(room._id, bob.id));
  refused(await bob.trySend(room._id, "out"), 403);
  assert.equal((await bob.messages(room._id)).length, 2);
});

test("commands in a public room by somebody who is no member are forbidden", async () => {
  const [ann, bob] = people(server, "ann", "bob");
  const room = await ann.createRoom({ kind: "public" });
  const message = await ann.send(room._id, "hers");
  const client = await bob.connect();
  for (const [event, payload] of [
    ["message:send", { text: "x" }], ["message:edit", { messageId: message._id, text: "x" }], ["message:delete", { messageId: message._id }],
    ["message:react", { messageId: message._id, emoji: "👍" }], ["room:read", { seq: 1 }], ["typing", { active: true }],
  ]) {
    assert.equal(declined(await client.ask(event, { roomId: room._id, ...payload })).code, "forbidden", event);
  }
});

test("rooms are listed by no other kind than public", async () => {
  const [ann] = people(server, "ann");
  await ann.createRoom();
  for (const kind of ["group", "direct", "x"]) refused(await ann.api.get(`/rooms?kind=${kind}`), 422, "invalid");
  assert.equal(listOf(ok(await ann.api.get("/rooms?kind="))).length, 1);
});

test("of a new room its first members learn by ROOM_UPDATED, and by the log once", async () => {
  const [ann, bob] = people(server, "ann", "bob");
  const clients = [await ann.connect(), await bob.connect()];
  const room = await ann.createRoom({ members: [bob.id] });
  for (const client of clients) {
    const { payload } = await client.event("ROOM_UPDATED", ({ roomId }) => roomId === room._id);
    assert.equal(payload.head, 1);
    await client.join(room._id, 0);
  }
  await ann.send(room._id, "x");
  for (const client of clients) {
    await client.event("NEW_MESSAGE");
    assert.deepEqual(client.log(room._id).map(({ name }) => name), ["ROOM_CHANGED", "NEW_MESSAGE"]);
  }
});

test("group and direct rooms are not in the public list", async () => {
  const [ann, bob] = people(server, "ann", "bob");
  const name = unique("hidden");
  await ann.createRoom({ name });
  assert.deepEqual(listOf(ok(await bob.api.get(`/rooms?kind=public&q=${name}`))), []);
  assert.deepEqual(listOf(ok(await ann.api.get(`/rooms?kind=public&q=${name}`))), []);
});

test("those outside a group get 404 everywhere", async () => {
  const [ann, bob] = people(server, "ann", "bob");
  const room = await ann.createRoom({ members: [] });
  const message = await ann.send(room._id, "secret");
  const path = `/rooms/${room._id}`;
  const one = `${path}/messages/${message._id}`;
  for (const [method, where, body] of [
    ["GET", path], ["PATCH", path, { name: "x" }], ["DELETE", path],
    ["GET", `${path}/members`], ["POST", `${path}/members`, { userIds: [bob.id] }],
    ["PATCH", `${path}/members/${ann.id}`, { role: "member" }], ["DELETE", `${path}/members/${ann.id}`],
    ["GET", `${path}/messages`], ["POST", `${path}/messages`, { text: "x" }],
    ["GET", one], ["PATCH", one, { text: "x" }], ["DELETE", one], ["GET", `${one}/thread`], ["GET", `${one}/seen`],
    ["PUT", `${one}/reactions/%F0%9F%91%8D`], ["DELETE", `${one}/reactions/%F0%9F%91%8D`],
    ["PUT", `${path}/read`, { seq: 1 }], ["GET", `${path}/events?after=0`],
  ]) {
    const answer = await bob.api.call(method, where, body);
    assert.equal(answer.status, 404, `${method} ${where}: ${answer.status}`);
    refused(answer, 404, "not_found");
    assert.ok(!answer.body.includes("secret"));
  }
  const client = await bob.connect();
  for (const [event, payload] of [
    ["room:join", {}], ["room:join", { after: 0 }], ["message:send", { text: "x" }],
    ["message:edit", { messageId: message._id, text: "x" }], ["message:delete", { messageId: message._id }],
    ["message:react", { messageId: message._id, emoji: "👍" }], ["room:read", { seq: 1 }], ["typing", { active: true }],
  ]) {
    const error = declined(await client.ask(event, { roomId: room._id, ...payload }));
    assert.equal(error.code, "not_found", event);
  }
  assert.equal(await ann.head(room._id), 2);
  assert.equal(client.log(room._id).length, 0);
});

test("a room that never was is 404, and its odd names too", async () => {
  const [ann] = people(server, "ann");
  for (const id of [unique("none"), "..", "%00", "%2e%2e%2f", "a%2Fb", "x".repeat(3_000), "%F0%9F%91%8D", "%ff", "'; DROP TABLE rooms;--"]) {
    const answer = await ann.api.get(`/rooms/${id.includes("%") ? id : encodeURIComponent(id)}/messages`);
    assert.ok(answer.status >= 400 && answer.status < 500, `${id}: ${answer.status}`);
  }
});

test("members without the right get 403", async () => {
  const [ann, bob, cat, dan] = people(server, "ann", "bob", "cat", "dan");
  const room = await ann.createRoom({ members: [bob.id, cat.id] });
  const message = await ann.send(room._id, "mine");
  const before = await ann.head(room._id);
  refused(await bob.api.patch(`/rooms/${room._id}`, { name: "x" }), 403, "forbidden");
  refused(await bob.api.delete(`/rooms/${room._id}`), 403, "forbidden");
  refused(await bob.addMembers(room._id, [dan.id]), 403, "forbidden");
  refused(await bob.removeMember(room._id, cat.id), 403, "forbidden");
  refused(await bob.setRole(room._id, bob.id, "admin"), 403, "forbidden");
  refused(await bob.edit(room._id, message._id, "yours"), 403, "forbidden");
  refused(await bob.remove(room._id, message._id), 403, "forbidden");
  const client = await bob.connect();
  declined(await client.ask("message:edit", { roomId: room._id, messageId: message._id, text: "x" }), "forbidden");
  declined(await client.ask("message:delete", { roomId: room._id, messageId: message._id }), "forbidden");
  assert.equal(await ann.head(room._id), before);
});

test("an admin changes members, roles and the room, and deletes messages, but edits nobody's", async () => {
  const [ann, bob, cat, dan] = people(server, "ann", "bob", "cat", "dan");
  const room = await ann.createRoom({ members: [bob.id, cat.id] });
  ok(await ann.setRole(room._id, bob.id, "admin"));
  assert.equal((await roles(ann, room._id))[bob.id], "admin");
  ok(await bob.api.patch(`/rooms/${room._id}`, { name: "renamed" }));
  assert.equal((await cat.room(room._id)).name, "renamed");
  ok(await bob.addMembers(room._id, [dan.id]));
  ok(await bob.setRole(room._id, dan.id, "admin"));
  ok(await bob.removeMember(room._id, cat.id));
  refused(await cat.api.get(`/rooms/${room._id}`), 404);
  const message = await ann.send(room._id, "hers");
  refused(await bob.edit(room._id, message._id, "his"), 403);
  ok(await bob.remove(room._id, message._id));
  refused(await bob.api.delete(`/rooms/${room._id}`), 403, "forbidden");
});

test("bad roles and unknown members are refused", async () => {
  const [ann, bob] = people(server, "ann", "bob");
  const room = await ann.createRoom({ members: [bob.id] });
  for (const role of ["king", "", 5, null, {}, ["admin"]]) refused(await ann.setRole(room._id, bob.id, role), [400, 422]);
  refused(await ann.setRole(room._id, unique("nobody"), "admin"), 404);
  refused(await ann.removeMember(room._id, unique("nobody")), 404);
  for (const userIds of ["x", [5], [null], [""], {}, null, [["x"]]]) {
    refused(await ann.api.post(`/rooms/${room._id}/members`, { userIds }), [400, 422]);
  }
  refused(await ann.api.post(`/rooms/${room._id}/members`, {}), [400, 422]);
  refused(await ann.api.post(`/rooms/${room._id}/members`, [bob.id]), [400, 422]);
  assert.equal(await ann.head(room._id), 1);
});

test("1,000 members and more in one call are one event", async () => {
  const [ann, bob] = people(server, "ann", "bob");
  const room = await ann.createRoom({ members: [bob.id] });
  const watcher = await ann.connect();
  await watcher.join(room._id);
  const tag = unique("m");
  const crowd = Array.from({ length: 1_500 }, (_, i) => `${tag}-${String(i).padStart(4, "0")}`);
  ok(await ann.addMembers(room._id, crowd));
  const events = await ann.log(room._id);
  assert.equal(events.length, 2);
  assert.equal(events[1].type, "member.joined");
  const { payload } = await watcher.event("MEMBERS_CHANGED");
  assert.deepEqual(payload.joined.map(({ userId }) => userId).sort(), crowd);
  assert.ok(payload.joined.every(({ role }) => role === "member"));
  const members = await wholeList(ann.api, `/rooms/${room._id}/members`, 200);
  assert.deepEqual(members.map(({ userId }) => userId).sort(), [ann.id, bob.id, ...crowd].sort());
  assert.equal((await new Person(server, crowd[1_499]).room(room._id))._id, room._id);
  ok(await ann.api.post("/rooms", { name: "big", kind: "group", members: crowd }), 201);
});

test("adding who is there already changes nothing for them", async () => {
  const [ann, bob, cat] = people(server, "ann", "bob", "cat");
  const room = await ann.createRoom({ members: [bob.id] });
  ok(await ann.setRole(room._id, bob.id, "admin"));
  ok(await ann.addMembers(room._id, [bob.id, cat.id, ann.id]));
  assert.deepEqual(await roles(ann, room._id), { [ann.id]: "owner", [bob.id]: "admin", [cat.id]: "member" });
  const joined = (await ann.log(room._id)).filter(({ type }) => type === "member.joined");
  assert.equal(joined.length, 1);
});

test("everybody may leave; the last owner after handing over", async () => {
  const [ann, bob, cat] = people(server, "ann", "bob", "cat");
  const room = await ann.createRoom({ members: [bob.id, cat.id] });
  ok(await cat.removeMember(room._id, cat.id));
  refused(await cat.api.get(`/rooms/${room._id}`), 404);
  refused(await ann.removeMember(room._id, ann.id), [403, 409, 422]);
  assert.equal((await roles(ann, room._id))[ann.id], "owner");
  ok(await ann.setRole(room._id, bob.id, "owner"));
  assert.equal((await roles(ann, room._id))[bob.id], "owner");
  ok(await ann.removeMember(room._id, ann.id));
  assert.deepEqual(await roles(bob, room._id), { [bob.id]: "owner" });
  refused(await ann.api.get(`/rooms/${room._id}`), 404);
  ok(await bob.api.patch(`/rooms/${room._id}`, { name: "bob's" }));
});

test("a room never loses its last owner by a change of role", async () => {
  const [ann, bob] = people(server, "ann", "bob");
  const room = await ann.createRoom({ members: [bob.id] });
  const answer = await ann.setRole(room._id, ann.id, "member");
  assert.ok(answer.status >= 400 && answer.status < 500, `${answer.status} ${answer.body}`);
  assert.ok(Object.values(await roles(ann, room._id)).includes("owner"));
});

test("an admin cannot make themselves owner, nor unseat the owner", async () => {
  const [ann, bob] = people(server, "ann", "bob");
  const room = await ann.createRoom({ members: [bob.id] });
  ok(await ann.setRole(room._id, bob.id, "admin"));
  await bob.removeMember(room._id, ann.id);
  assert.equal((await roles(ann, room._id))[ann.id], "owner");
});

test("PATCH changes the name; nonsense is refused", async () => {
  const [ann, bob] = people(server, "ann", "bob");
  const room = await ann.createRoom({ members: [bob.id] });
  const changed = ok(await ann.api.patch(`/rooms/${room._id}`, { name: "new name" }));
  assert.equal(changed.name, "new name");
  const events = await ann.log(room._id);
  assert.equal(events[1].type, "room.updated");
  assert.equal(events[1].data.name, "new name");
  for (const body of [{ name: 5 }, { name: {} }, { name: "a\u0000" }, [], "x", null]) {
    refused(await ann.api.patch(`/rooms/${room._id}`, body), [400, 422]);
  }
  assert.equal(await ann.head(room._id), 2);
  const kind = await ann.api.patch(`/rooms/${room._id}`, { kind: "public" });
  assert.ok(kind.status < 500);
  assert.equal((await ann.room(room._id)).kind, "group", "a kind does not change");
});

test("the owner deletes a room; then it is gone for everybody", async () => {
  const [ann, bob] = people(server, "ann", "bob");
  const room = await ann.createRoom({ members: [bob.id] });
  await ann.send(room._id, "soon gone");
  const client = await bob.connect();
  await client.join(room._id);
  ok(await ann.api.delete(`/rooms/${room._id}`));
  const { payload } = await client.event("ROOM_CHANGED", ({ roomId }) => roomId === room._id);
  assert.equal(payload.seq, 3);
  assert.ok("data" in payload);
  for (const who of [ann, bob]) {
    assert.equal(await who.listedRoom(room._id), undefined);
    assert.ok([403, 404, 410].includes((await who.trySend(room._id, "x")).status));
    refused(await who.api.get(`/rooms/${room._id}`), 404);
  }
  declined(await client.ask("message:send", { roomId: room._id, text: "x" }));
  assert.notEqual((await ann.api.post("/rooms", { _id: room._id, name: "again", kind: "group", members: [] })).status, 500);
});

test("a deleted direct room does not stand in the way of a new one", async () => {
  const [ann, bob] = people(server, "ann", "bob");
  const room = ok(await ann.api.post("/rooms", { name: "pair", kind: "direct", members: [bob.id] }), 201);
  const deleted = await ann.api.delete(`/rooms/${room._id}`);
  if (deleted.status >= 400) return refused(deleted, [403, 409, 422]);
  const next = ok(await bob.api.post("/rooms", { name: "pair", kind: "direct", members: [ann.id] }), [200, 201]);
  await bob.send(next._id, "again");
  assert.ok(await ann.listedRoom(next._id));
});

test("the list of rooms: newest activity first, in pages", async () => {
  const [ann, bob] = people(server, "ann", "bob");
  const rooms = [];
  for (let i = 0; i < 5; i++) {
    rooms.push(await ann.createRoom({ name: `r${i}`, members: [bob.id] }));
    await nextMillisecond();
  }
  for (const i of [3, 1]) {
    await ann.send(rooms[i]._id, `to ${i}`);
    await nextMillisecond();
  }
  const expected = [1, 3, 4, 2, 0].map((i) => rooms[i]._id);
  for (const who of [ann, bob]) {
    assert.deepEqual((await wholeList(who.api, "/rooms", 2)).map(({ _id }) => _id), expected);
    assert.deepEqual(listOf(ok(await who.api.get("/rooms"))).map(({ _id }) => _id), expected);
  }
  const [first, , third] = await wholeList(bob.api, "/rooms", 50);
  assert.equal(first.lastMessage.value, "to 1");
  assert.deepEqual([first.unread, first.mentions, first.head], [1, 0, 2]);
  assert.deepEqual([third.lastMessage, third.unread, third.head], [null, 0, 1]);
});

test("bad paging of lists is refused or capped, never an endless page", async () => {
  const [ann] = people(server, "ann");
  for (let i = 0; i < 3; i++) await ann.createRoom();
  for (const query of ["limit=0", "limit=-1", "limit=x", "limit=1.5", "limit=1e99", "cursor=nonsense", "cursor=%00", "limit=9223372036854775808"]) {
    const answer = await ann.api.get(`/rooms?${query}`);
    assert.ok(answer.status < 500, `${query}: ${answer.status}`);
    if (answer.status !== 200) refused(answer, [400, 422]);
  }
});
