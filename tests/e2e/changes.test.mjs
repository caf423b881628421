// Edits, deletes with their tombstones, reactions; the log scrubbed of deleted text; previews right after each.
import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { ok, refused } from "../lib/http.mjs";
import { kContact, kImage, people, unique } from "../lib/people.mjs";
import { assertLastMessage, assertMessage, assertTime, assertTombstone } from "../lib/shapes.mjs";
import { accepted, declined } from "../lib/socket.mjs";
import { nextMillisecond, sharedServer, test, withServer } from "../lib/testing.mjs";

const server = await sharedServer();

async function pair() {
  const [ann, bob] = people(server, "ann", "bob");
  const room = (await ann.createRoom({ members: [bob.id] }))._id;
  return { ann, bob, room };
}

test("an edit changes text and times, and nothing else", async () => {
  const { ann, bob, room } = await pair();
  const sent = await ann.send(room, "frist");
  await nextMillisecond();
  const edited = assertMessage(ok(await ann.edit(room, sent._id, "first")));
  assert.deepEqual({ ...edited, updated_at: 0, edited_at: 0 }, { ...sent, text: "first", updated_at: 0, edited_at: 0 });
  assertTime(edited.edited_at);
  assert.ok(edited.updated_at > sent.created_at);
  assert.deepEqual(await bob.message(room, sent._id), edited);
  const client = await ann.connect();
  const again = accepted(await client.ask("message:edit", { roomId: room, messageId: sent._id, text: "first!" }));
  assert.equal(again.text, "first!");
  assert.equal((await bob.messages(room))[0].text, "first!");
});

test("an edit keeps those mentioned beside the text, and follows the text for the others", async () => {
  const [ann, bob, cat] = people(server, "ann", "bob", "cat");
  const room = (await ann.createRoom({ members: [bob.id, cat.id] }))._id;
  const sent = await ann.send(room, { text: `see @${cat.id}`, mentions: [bob.id] });
  assert.deepEqual(sent.mentions, [bob.id, cat.id]);
  assert.deepEqual(ok(await ann.edit(room, sent._id, "see")).mentions, [bob.id]);
  assert.equal((await bob.listedRoom(room)).mentions, 1);
  assert.equal((await cat.listedRoom(room)).mentions, 0);
  assert.deepEqual(ok(await ann.edit(room, sent._id, `see @${cat.id} and @${bob.id}`)).mentions, [bob.id, cat.id]);
});

test("what a reply quotes is in each event as it stood then, live and replayed alike, until it is deleted", async () => {
  const { ann, bob, room } = await pair();
  const live = await bob.connect();
  await live.join(room);
  const parent = await ann.send(room, "one");
  const early = await bob.send(room, { text: "to one", replyTo: parent._id });
  ok(await ann.edit(room, parent._id, "two"));
  ok(await bob.react(room, parent._id, "👍"));
  await bob.send(room, { text: "to two", replyTo: parent._id });
  ok(await ann.edit(room, parent._id, "three"));
  ok(await ann.react(room, early._id, "👍"));
  await bob.send(room, { text: "to three", replyTo: parent._id });
  await live.until("all events", () => live.lastSeq(room) === 9);
  const quoted = (events) => events.map(({ data }) => data?.reply_to?.text).filter(Boolean);
  assert.deepEqual(quoted(await bob.log(room)), ["one", "two", "three", "three"]);
  const replayed = await bob.connect();
  await replayed.join(room, 1);
  assert.deepEqual(replayed.log(room).map(({ args }) => args[0]), live.log(room).map(({ args }) => args[0]), "replayed as it went live");
  // From the middle, where the quoted message's first event is not in what is read.
  const late = await bob.connect();
  await late.join(room, 6);
  assert.deepEqual(late.log(room).map(({ args }) => args[0]), live.log(room).slice(-late.log(room).length).map(({ args }) => args[0]));
  assert.deepEqual((await bob.messages(room)).map(({ reply_to }) => reply_to?.text), [undefined, "three", "three", "three"], "messages are as they are now");
  ok(await ann.remove(room, parent._id));
  assert.deepEqual(quoted(await bob.log(room)), [], "nothing of a deleted text");
});

test("an edit works out links anew", async () => {
  const { ann, room } = await pair();
  const sent = await ann.send(room, "no link");
  const edited = ok(await ann.edit(room, sent._id, "now https://example.invalid/x"));
  assert.equal(edited.linked, true);
  assert.deepEqual(edited.links.map(({ url }) => url), ["https://example.invalid/x"]);
  const back = ok(await ann.edit(room, sent._id, "none"));
  assert.deepEqual([back.linked, back.links], [false, []]);
});

test("bad edits are refused and change nothing", async () => {
  const { ann, bob, room } = await pair();
  const sent = await ann.send(room, "as it was");
  for (const body of [{}, { text: "" }, { text: 5 }, { text: {} }, { text: ["x"] }, { text: null }, [], "x", { text: "x".repeat(2_000_000) }]) {
    refused(await ann.api.patch(`/rooms/${room}/messages/${sent._id}`, body), [400, 413, 422]);
  }
  refused(await bob.edit(room, sent._id, "bob's"), 403, "forbidden");
  refused(await ann.edit(room, unique("none"), "x"), 404, "not_found");
  const other = await ann.createRoom();
  refused(await ann.edit(other._id, sent._id, "x"), 404, "not_found");
  const client = await ann.connect();
  declined(await client.ask("message:edit", { roomId: room, messageId: sent._id, text: "" }), "invalid");
  declined(await client.ask("message:edit", { roomId: room, messageId: 5, text: "x" }), "invalid", "malformed", "not_found");
  assert.equal(await ann.head(room), 2);
  assert.equal((await ann.message(room, sent._id)).text, "as it was");
});

test("an image keeps its pictures when the caption is edited", async () => {
  const { ann, room } = await pair();
  const sent = await ann.send(room, { text: "a cat", images: [kImage] });
  const edited = ok(await ann.edit(room, sent._id, "my cat"));
  assert.deepEqual([edited.message_type, edited.media, edited.text], ["image", sent.media, "my cat"]);
});

test("a delete leaves a tombstone in its place", async () => {
  const { ann, bob, room } = await pair();
  await ann.send(room, "one");
  const sent = await ann.send(room, { text: "two", images: [kImage], contact: kContact });
  await ann.send(room, "three");
  ok(await ann.remove(room, sent._id));
  const all = await bob.messages(room);
  assert.deepEqual(all.map(({ seq }) => seq), [2, 3, 4]);
  assertTombstone(all[1]);
  assert.equal(all[1]._id, sent._id);
  assert.equal(all[1].created_by, ann.id);
  assertTombstone(await bob.message(room, sent._id));
  refused(await ann.edit(room, sent._id, "back"), [404, 409, 410, 422]);
  refused(await ann.react(room, sent._id, "👍"), [404, 409, 410, 422]);
  const again = await ann.remove(room, sent._id);
  assert.ok(again.status < 500);
  assert.ok((await ann.log(room)).length <= 6);
  assertTombstone(await bob.message(room, sent._id));
});

test("authors, admins and the owner delete, by socket too", async () => {
  const [ann, bob, cat] = people(server, "ann", "bob", "cat");
  const room = (await ann.createRoom({ members: [bob.id, cat.id] }))._id;
  ok(await ann.setRole(room, bob.id, "admin"));
  const ids = [];
  for (let i = 0; i < 3; i++) ids.push((await cat.send(room, `no ${i}`))._id);
  const mine = await ann.send(room, "owner's");
  for (const [who, id] of [[cat, ids[0]], [bob, ids[1]], [ann, ids[2]]]) {
    const client = await who.connect();
    accepted(await client.ask("message:delete", { roomId: room, messageId: id }));
  }
  for (const id of ids) assertTombstone(await ann.message(room, id));
  refused(await cat.remove(room, mine._id), 403);
  refused(await cat.remove(room, unique("none")), 404);
});

test("deleted text is never served again: history, log, thread, previews, replay, repeats", async () => {
  const { ann, bob, room } = await pair();
  const secret = unique("topsecret");
  const before = unique("beforeedit");
  const body = { text: before, images: [{ ...kImage, filename: `${secret}.png`, blurhash: kImage.blurhash }], contact: { ...kContact, name: secret }, clientMessageId: unique("c") };
  const sent = await ann.send(room, body);
  ok(await ann.edit(room, sent._id, `${secret} edited`));
  ok(await bob.react(room, sent._id, "👍"));
  const reply = await bob.send(room, { text: "to that", replyTo: sent._id });
  ok(await bob.edit(room, reply._id, "to that!"));
  const watcher = await bob.connect({ recover: true });
  await watcher.join(room);
  ok(await ann.remove(room, sent._id));
  await watcher.event("MESSAGE_DELETED");

  const replayed = await bob.connect({ recover: true });
  await replayed.join(room, 0);
  const served = {
    history: await bob.messages(room),
    message: await bob.message(room, sent._id),
    reply: await bob.message(room, reply._id),
    log: await bob.log(room),
    thread: ok(await bob.api.get(`/rooms/${room}/messages/${sent._id}/thread`)),
    around: await bob.history(room, `?around=${sent._id}`),
    room: await bob.room(room),
    rooms: ok(await bob.api.get("/rooms")),
    replay: replayed.events.map(({ payload }) => payload),
    live: watcher.events.map(({ payload }) => payload),
    repeat: await ann.send(room, body),
    search: (await bob.api.get(`/search?q=${secret}&room=${room}`)).body,
  };
  for (const [where, what] of Object.entries(served)) {
    for (const gone of [secret, before]) assert.ok(!JSON.stringify(what).includes(gone), `${gone} in ${where}: ${JSON.stringify(what).slice(0, 2_000)}`);
  }
});

test("… nor found in the data folder after a restart", async () => {
  await withServer({}, async (own) => {
    const [ann] = people(own, "ann");
    const { _id: room } = await ann.createRoom();
    const secret = unique("topsecret");
    const kept = unique("stays");
    const sent = await ann.send(room, secret);
    await ann.send(room, kept);
    ok(await ann.edit(room, sent._id, `${secret} again`));
    ok(await ann.remove(room, sent._id));
    for (let i = 0; i < 20; i++) await ann.send(room, `after ${i}`);
    await own.restart();
    await own.stop();
    const files = readdirSync(own.dir, { recursive: true }).map((name) => join(own.dir, name)).filter((file) => statSync(file).isFile());
    const holding = (text) => files.filter((file) => readFileSync(file).includes(text));
    assert.notDeepEqual(holding(kept), [], "text lies in the store as plain UTF-8");
    assert.deepEqual(holding(secret), []);
  });
});

test("the log keeps its numbers, ids and times over a delete", async () => {
  const { ann, room } = await pair();
  const sent = await ann.send(room, "here");
  ok(await ann.edit(room, sent._id, "here too"));
  const before = await ann.log(room);
  ok(await ann.remove(room, sent._id));
  const after = await ann.log(room);
  const frame = ({ id, seq, at, type, by, room: where }) => ({ id, seq, at, type, by, where });
  assert.deepEqual(after.slice(0, 3).map(frame), before.map(frame));
  assert.deepEqual(after.map(({ type }) => type), ["room.created", "message.created", "message.updated", "message.deleted"]);
  for (const event of after.slice(1)) assertTombstone(event.data, event.type);
});

test("reactions: counted, once a user, taken back", async () => {
  const { ann, bob, room } = await pair();
  const sent = await ann.send(room, "react!");
  for (const who of [ann, bob]) ok(await who.react(room, sent._id, "👍"));
  ok(await bob.react(room, sent._id, "❤️"));
  let { reactions } = await ann.message(room, sent._id);
  assert.deepEqual(reactions.map(({ emoji, count }) => [emoji, count]).sort(), [["❤️", 1], ["👍", 2]].sort());
  assert.deepEqual(reactions.find(({ emoji }) => emoji === "👍").users.sort(), [ann.id, bob.id].sort());
  ok(await bob.react(room, sent._id, "👍"));
  assert.equal((await ann.message(room, sent._id)).reactions.find(({ emoji }) => emoji === "👍").count, 2);
  ok(await bob.unreact(room, sent._id, "👍"));
  const client = await ann.connect();
  accepted(await client.ask("message:react", { roomId: room, messageId: sent._id, emoji: "👍", remove: true }));
  accepted(await client.ask("message:react", { roomId: room, messageId: sent._id, emoji: "🦊" }));
  ({ reactions } = await bob.message(room, sent._id));
  assert.deepEqual(reactions.map(({ emoji, count }) => [emoji, count]).sort(), [["❤️", 1], ["🦊", 1]].sort());
  const document = await bob.message(room, sent._id);
  assert.equal(document.edited_at, null, "a reaction is no edit");
  assertMessage(document);
});

test("reactions.users holds the first 50, count all", async () => {
  const [ann] = people(server, "ann");
  const crowd = people(server, ...Array.from({ length: 60 }, (_, i) => `u${i}`));
  const room = (await ann.createRoom({ members: crowd.map(({ id }) => id) }))._id;
  const sent = await ann.send(room, "everybody");
  for (const who of crowd) ok(await who.react(room, sent._id, "👍"));
  const [reaction] = (await ann.message(room, sent._id)).reactions;
  assert.equal(reaction.count, 60);
  assert.deepEqual(reaction.users, crowd.slice(0, 50).map(({ id }) => id));
});

test("bad reactions are refused", async () => {
  const { ann, room } = await pair();
  const sent = await ann.send(room, "x");
  for (const emoji of ["x".repeat(1_000), "\u0000", "a\u0000b"]) refused(await ann.react(room, sent._id, emoji), [400, 404, 422]);
  refused(await ann.react(room, unique("none"), "👍"), 404);
  const client = await ann.connect();
  for (const emoji of [5, {}, [], null, "", undefined, "x".repeat(1_000)]) declined(await client.ask("message:react", { roomId: room, messageId: sent._id, emoji }));
  for (const remove of ["yes", 5, {}]) declined(await client.ask("message:react", { roomId: room, messageId: sent._id, emoji: "👍", remove }));
  assert.equal(await ann.head(room), 2);
});

// ——— previews ———

const preview = ({ value, type, messageId, seq, senderId }) => ({ value, type, messageId, seq, senderId });

test("lastMessage says what the newest message is", async () => {
  const { ann, bob, room } = await pair();
  const expect = async (message, value, type) => {
    for (const shown of [await ann.room(room), await bob.listedRoom(room)]) {
      assertLastMessage(shown.lastMessage);
      assert.deepEqual(preview(shown.lastMessage), { value, type, messageId: message._id, seq: message.seq, senderId: message.created_by });
      assert.equal(shown.lastMessage.at, message.created_at);
    }
  };
  await expect(await ann.send(room, "text"), "text", "text");
  const second = { ...kImage, _id: "img-2", filename: "last.png" };
  await expect(await bob.send(room, { text: "caption", images: [kImage, second] }), "last.png", "media");
  await expect(await ann.send(room, { text: "t", images: [kImage], contact: kContact }), kContact.name, "contact");
});

test("previews after edits and deletes: edit old, edit last, delete last, delete all", async () => {
  const { ann, bob, room } = await pair();
  const sent = [];
  for (let i = 0; i < 4; i++) sent.push(await (i % 2 ? bob : ann).send(room, `m${i}`));
  const last = async () => {
    const full = await bob.room(room);
    const listed = await ann.listedRoom(room);
    assert.deepEqual(listed.lastMessage, full.lastMessage);
    assert.deepEqual([...full.lastMessageVisibleOnUsers].sort(), full.lastMessage ? [ann.id, bob.id].sort() : []);
    return full.lastMessage;
  };
  ok(await ann.edit(room, sent[0]._id, "old changed"));
  assert.equal((await last()).value, "m3");
  ok(await bob.edit(room, sent[3]._id, "m3 changed"));
  assert.equal((await last()).value, "m3 changed");
  ok(await bob.react(room, sent[1]._id, "👍"));
  assert.equal((await last()).value, "m3 changed");
  ok(await bob.remove(room, sent[1]._id));
  assert.equal((await last()).value, "m3 changed");
  ok(await bob.remove(room, sent[3]._id));
  assert.deepEqual(preview(await last()), { value: "m2", type: "text", messageId: sent[2]._id, seq: sent[2].seq, senderId: ann.id });
  ok(await ann.remove(room, sent[2]._id));
  assert.equal((await last()).value, "old changed");
  ok(await ann.remove(room, sent[0]._id));
  assert.equal(await last(), null);
  await ann.send(room, "afresh");
  assert.equal((await last()).value, "afresh");
});

test("lastMessageVisibleOnUsers: the members at that message who still are", async () => {
  const [ann, bob, cat, dan] = people(server, "ann", "bob", "cat", "dan");
  const room = (await ann.createRoom({ members: [bob.id, cat.id] }))._id;
  const visible = async () => [...(await ann.room(room)).lastMessageVisibleOnUsers].sort();
  const all = (...who) => who.map(({ id }) => id).sort();
  const first = await ann.send(room, "one");
  assert.deepEqual(await visible(), all(ann, bob, cat));
  ok(await ann.addMembers(room, [dan.id]));
  assert.deepEqual(await visible(), all(ann, bob, cat), "dan came later");
  ok(await cat.removeMember(room, cat.id));
  assert.deepEqual(await visible(), all(ann, bob), "cat is gone");
  const second = await bob.send(room, "two");
  assert.deepEqual(await visible(), all(ann, bob, dan));
  ok(await bob.remove(room, second._id));
  assert.deepEqual(await visible(), all(ann, bob), "back at the first message");
  ok(await ann.edit(room, first._id, "one!"));
  assert.deepEqual(await visible(), all(ann, bob));
  ok(await ann.remove(room, first._id));
  assert.deepEqual(await visible(), []);
});

test("previews and documents are the same after a restart", async () => {
  const { ann, room } = await pair();
  const one = await ann.send(room, "one");
  const two = await ann.send(room, "two");
  ok(await ann.remove(room, two._id));
  ok(await ann.edit(room, one._id, "one changed"));
  ok(await ann.react(room, one._id, "👍"));
  const before = [await ann.room(room), await ann.messages(room), await ann.log(room)];
  await server.restart();
  assert.deepEqual([await ann.room(room), await ann.messages(room), await ann.log(room)], before);
});
