// createMessage: every field, derived types, what is refused, and sending the same thing again.
import assert from "node:assert/strict";
import { ok, refused, request } from "../lib/http.mjs";
import { Person, admin, kContact, kImage, people, unique } from "../lib/people.mjs";
import { assertMessage, assertTime, withoutSeen } from "../lib/shapes.mjs";
import { accepted, declined } from "../lib/socket.mjs";
import { sharedServer, test } from "../lib/testing.mjs";

const server = await sharedServer();

async function pair() {
  const [ann, bob] = people(server, "ann", "bob");
  const room = (await ann.createRoom({ members: [bob.id] }))._id;
  return { ann, bob, room };
}

test("a text: every field is there", async () => {
  const { ann, bob, room } = await pair();
  const text = "Grüße, 世界 👋\nsecond line\ttab \"quoted\" \\ back </script>";
  const sent = assertMessage(await ann.send(room, { text, clientMessageId: "m-1" }));
  assert.deepEqual(
    { ...sent, _id: 0, created_at: 0, updated_at: 0 },
    {
      _id: 0, seq: 2, room, created_by: ann.id, message_type: "text", text, media: [], contact: null, reply_to: null,
      linked: false, links: [], mentions: [], reactions: [], seen_by: [], seen_count: 0, created_at: 0, updated_at: 0,
      edited_at: null, deleted_at: null, client_message_id: "m-1",
    },
  );
  assertTime(sent.created_at);
  assert.ok(Math.abs(Date.parse(sent.created_at) - Date.now()) < 60_000);
  assert.deepEqual(await bob.message(room, sent._id), sent);
  assert.deepEqual(await bob.messages(room), [sent]);
});

test("createMessage is reachable without the prefix", async () => {
  const { ann, bob, room } = await pair();
  const sent = assertMessage(ok(await ann.bare("POST", `/rooms/${room}/messages`, { text: "bare" }), 200));
  assert.equal(sent.text, "bare");
  assert.deepEqual(await bob.message(room, sent._id), sent);
  refused(await request(`${server.url}/rooms/${room}/messages`, "POST", { body: { text: "x" } }), 401);
});

test("the same by socket", async () => {
  const { ann, bob, room } = await pair();
  const client = await ann.connect();
  const sent = assertMessage(await client.send(room, { text: "by socket", clientMessageId: "s-1" }));
  assert.equal(sent.seq, 2);
  assert.deepEqual(await bob.message(room, sent._id), sent);
});

test("nulls and empty lists stand for nothing", async () => {
  const { ann, room } = await pair();
  const sent = await ann.send(room, { text: "plain", images: [], contact: null, messageType: null, replyTo: null, mentions: [], clientMessageId: null });
  assert.equal(sent.message_type, "text");
  const image = await ann.send(room, { text: "", images: [kImage] });
  assert.equal(image.text, "");
});

test("images as objects", async () => {
  const { ann, bob, room } = await pair();
  const second = { ...kImage, _id: "img-2", filename: "dog.jpg", type: "image/jpeg" };
  const sent = assertMessage(await ann.send(room, { images: [kImage, second] }));
  assert.equal(sent.message_type, "image");
  assert.equal(sent.text, "");
  assert.deepEqual(sent.media.map(({ filename, type, size, width, height, blurhash }) => ({ filename, type, size, width, height, blurhash })),
    [kImage, second].map(({ _id, ...rest }) => rest));
  assert.deepEqual(await bob.message(room, sent._id), sent);
  const captioned = await ann.send(room, { text: "look", images: [kImage] });
  assert.deepEqual([captioned.message_type, captioned.text, captioned.media.length], ["image", "look", 1]);
});

test("a contact", async () => {
  const { ann, bob, room } = await pair();
  const sent = assertMessage(await ann.send(room, { contact: { ...kContact, userId: bob.id } }));
  assert.equal(sent.message_type, "contact");
  assert.deepEqual(sent.contact, { ...kContact, userId: bob.id });
  const short = assertMessage(await ann.send(room, { contact: { name: "Only a name" } }));
  assert.deepEqual([short.contact.name, short.contact.phones, short.contact.emails], ["Only a name", [], []]);
  const all = await ann.send(room, { text: "all", images: [kImage], contact: kContact });
  assert.equal(all.message_type, "contact", "contact if there is one, else image, else text");
});

test("messageType: agreed is fine, contradicting is 422", async () => {
  const { ann, room } = await pair();
  const bodies = { text: { text: "x" }, image: { images: [kImage] }, contact: { contact: kContact } };
  const before = await ann.head(room);
  let stored = 0;
  for (const [type, body] of Object.entries(bodies)) {
    for (const messageType of ["text", "image", "contact"]) {
      const answer = await ann.trySend(room, { ...body, messageType });
      if (messageType === type) assert.equal(ok(answer, 200).message_type, type), stored++;
      else refused(answer, 422);
    }
    refused(await ann.trySend(room, { ...body, messageType: "system" }), [403, 422]);
  }
  assert.equal(await ann.head(room), before + stored);
});

test("a system message needs scope admin", async () => {
  const root = admin(server);
  const { ann, room } = await pair();
  ok(await ann.addMembers(room, [root.id]));
  const sent = assertMessage(await root.send(room, { text: "The server restarts at noon.", messageType: "system" }));
  assert.equal(sent.message_type, "system");
  assert.equal((await ann.room(room)).lastMessage.type, "system");
  assert.equal((await root.send(room, "as a person")).message_type, "text");
});

test("an empty message is 422", async () => {
  const { ann, room } = await pair();
  for (const body of [{}, { text: "" }, { text: null }, { text: "", images: [], contact: null }, { clientMessageId: "only" }]) {
    refused(await ann.trySend(room, body), 422);
  }
  const client = await ann.connect();
  declined(await client.ask("message:send", { roomId: room, text: "" }), "invalid");
  declined(await client.ask("message:send", { roomId: room }), "invalid");
  assert.equal(await ann.head(room), 1);
});

test("replies quote what they answer", async () => {
  const { ann, bob, room } = await pair();
  const first = await ann.send(room, "What time?");
  const reply = assertMessage(await bob.send(room, { text: "At noon", replyTo: first._id }));
  assert.deepEqual(reply.reply_to, { _id: first._id, created_by: ann.id, text: "What time?" });
  const image = await ann.send(room, { images: [kImage] });
  assert.equal((await bob.send(room, { text: "nice", replyTo: image._id })).reply_to._id, image._id);
});

test("a reply to what is not in the room is refused", async () => {
  const { ann, room } = await pair();
  const other = await ann.createRoom();
  const elsewhere = await ann.send(other._id, "elsewhere");
  for (const replyTo of [elsewhere._id, unique("none"), "", 5, {}, ["x"]]) {
    const answer = await ann.trySend(room, { text: "x", replyTo });
    if (replyTo === "" && answer.status === 200) continue;
    refused(answer, [400, 404, 422]);
  }
  assert.ok((await ann.head(room)) <= 2);
});

test("mentions: given ones and those of the text, members only, code left out", async () => {
  const [ann, bob, cat, dan] = people(server, "ann", "bob", "cat", "dan");
  const [stranger] = people(server, "stranger");
  const room = (await ann.createRoom({ members: [bob.id, cat.id, dan.id] }))._id;
  const mentionsOf = async (message) => (await ann.send(room, message)).mentions.sort();
  const all = (...who) => who.map(({ id }) => id).sort();
  assert.deepEqual(await mentionsOf({ text: "hi", mentions: [bob.id] }), all(bob));
  assert.deepEqual(await mentionsOf(`@${bob.id} and (@${cat.id}), hello @${dan.id}!`), all(bob, cat, dan));
  assert.deepEqual(await mentionsOf({ text: `@${bob.id} @${bob.id}`, mentions: [bob.id, bob.id, cat.id] }), all(bob, cat));
  assert.deepEqual(await mentionsOf({ text: `@${stranger.id} @nobody`, mentions: [stranger.id, "nobody"] }), []);
  assert.deepEqual(await mentionsOf(`run \`@${bob.id}\` not @${cat.id}`), all(cat));
  assert.deepEqual(await mentionsOf("```\n@" + bob.id + "\n@" + cat.id + "\n```\n@" + dan.id), all(dan));
  assert.deepEqual(await mentionsOf({ text: `\`@${bob.id}\``, mentions: [bob.id] }), all(bob), "given ones count all the same");
  assert.deepEqual(await mentionsOf(`@${bob.id}`), all(bob), "at the very start and end");
  assert.deepEqual(await mentionsOf({ images: [kImage], text: `@${bob.id}` }), all(bob));
  assert.deepEqual(await mentionsOf("no @ one @"), []);
});

test("a longer id is another user's", async () => {
  const [ann, bob] = people(server, "ann", "bob");
  const bobby = new Person(server, `${bob.id}by`);
  const room = (await ann.createRoom({ members: [bob.id, bobby.id] }))._id;
  assert.deepEqual((await ann.send(room, `@${bobby.id} hello`)).mentions, [bobby.id]);
  assert.deepEqual((await ann.send(room, `@${bob.id} hello`)).mentions, [bob.id]);
});

test("links of the text are pending at once", async () => {
  const { ann, room } = await pair();
  const sent = assertMessage(await ann.send(room, "see https://example.invalid/a?b=c and http://example.invalid"));
  assert.equal(sent.linked, true);
  assert.deepEqual(sent.links.map(({ url }) => url), ["https://example.invalid/a?b=c", "http://example.invalid"]);
  for (const { status } of sent.links) assert.ok(["pending", "failed"].includes(status), status);
  const without = await ann.send(room, "no link: example, javascript:alert(1), ftp");
  assert.deepEqual([without.linked, without.links], [false, []]);
});

// ——— idempotency ———

test("the same clientMessageId again is the same message, by any way", async () => {
  const { ann, bob, room } = await pair();
  const body = { text: "once", clientMessageId: unique("c") };
  const first = await ann.send(room, body);
  assert.deepEqual(await ann.send(room, body), first);
  const client = await ann.connect();
  assert.deepEqual(await client.send(room, body), first);
  const other = await ann.connect();
  assert.deepEqual(await other.send(room, body), first);
  assert.deepEqual(ok(await ann.bare("POST", `/rooms/${room}/messages`, body)), first);
  assert.equal((await bob.messages(room)).length, 1);
  assert.equal(await ann.head(room), 2);
});

test("… also after a restart and after a crash", async () => {
  const { ann, room } = await pair();
  const body = { text: "for ever", clientMessageId: unique("c") };
  const first = await ann.send(room, body);
  await server.restart();
  assert.deepEqual(await ann.send(room, body), first);
  await server.crash();
  await server.launch();
  assert.deepEqual(await ann.send(room, body), first);
  refused(await ann.trySend(room, { ...body, text: "other" }), 409, "idempotency_conflict");
});

test("the order of JSON keys and defaults do not make another request", async () => {
  const { ann, room } = await pair();
  const id = unique("c");
  const first = await ann.send(room, { text: "x", contact: kContact, images: [kImage], clientMessageId: id });
  const flip = (value) =>
    value && typeof value === "object" && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).reverse().map(([name, inner]) => [name, flip(inner)]))
      : Array.isArray(value) ? value.map(flip) : value;
  assert.deepEqual(await ann.send(room, flip({ text: "x", contact: kContact, images: [kImage], clientMessageId: id })), first);
  const plain = { text: "y", clientMessageId: unique("c") };
  const second = await ann.send(room, plain);
  assert.deepEqual(await ann.send(room, { ...plain, images: [], contact: null, replyTo: null, mentions: [] }), second);
  const spaced = await ann.api.post(`/rooms/${room}/messages`, `{ "clientMessageId" : "${plain.clientMessageId}",\n  "text":"\\u0079" }`);
  assert.deepEqual(ok(spaced, 200), second);
});

test("the same id with another request is 409, and stores nothing", async () => {
  const { ann, bob, room } = await pair();
  const { _id: second } = await ann.createRoom();
  const target = await ann.send(room, "target");
  const body = { text: "mine", clientMessageId: unique("c") };
  const first = await ann.send(room, body);
  const head = await ann.head(room);
  const client = await ann.connect();
  for (const other of [
    { ...body, text: "mine " }, { ...body, text: "Mine" }, { ...body, images: [kImage] }, { ...body, contact: kContact },
    { ...body, replyTo: target._id }, { ...body, mentions: [bob.id] },
  ]) {
    refused(await ann.trySend(room, other), 409, "idempotency_conflict");
    declined(await client.ask("message:send", { roomId: room, ...other }), "idempotency_conflict");
  }
  refused(await ann.trySend(second, body), 409, "idempotency_conflict");
  assert.equal(await ann.head(room), head);
  assert.equal(await ann.head(second), 1);
  assert.deepEqual(await ann.send(room, body), first, "and the id still gives the first message");
  assert.equal((await bob.send(room, body)).created_by, bob.id, "unique per sender: another user's is another message");
});

test("a repeat shows the message as it is now", async () => {
  const { ann, room } = await pair();
  const body = { text: "before", clientMessageId: unique("c") };
  const first = await ann.send(room, body);
  ok(await ann.edit(room, first._id, "after"));
  assert.equal((await ann.send(room, body)).text, "after");
  refused(await ann.trySend(room, { ...body, text: "after" }), 409);
  ok(await ann.remove(room, first._id));
  const gone = await ann.send(room, body);
  assert.equal(gone._id, first._id);
  assert.ok(gone.deleted_at);
  assert.equal(gone.text, "");
  refused(await ann.trySend(room, { ...body, text: "other" }), 409, "idempotency_conflict");
});

test("a repeat by somebody who has left shows their message, and nothing of what those inside made of it", async () => {
  const { ann, bob, room } = await pair();
  const body = { text: "mine", clientMessageId: unique("c") };
  const sent = await bob.send(room, body);
  ok(await ann.react(room, sent._id, "👍"));
  await ann.read(room, sent.seq);
  const inside = await bob.send(room, body);
  assert.deepEqual([inside.reactions.length, inside.seen_by], [1, [ann.id]]);
  ok(await ann.removeMember(room, bob.id));
  const outside = await bob.send(room, body);
  assert.equal(outside._id, sent._id);
  assert.deepEqual([outside.text, outside.reactions, outside.seen_by, outside.seen_count], ["mine", [], [], 0]);
});

test("two of one id in flight are one message", async () => {
  const { ann, bob, room } = await pair();
  const client = await ann.connect();
  for (let round = 0; round < 10; round++) {
    const body = { text: `race ${round}`, clientMessageId: unique("c") };
    const answers = await Promise.all([
      ann.send(room, body), client.send(room, body), ann.send(room, body), client.send(room, body),
    ]);
    assert.equal(new Set(answers.map(({ _id }) => _id)).size, 1);
    assert.equal(new Set(answers.map(({ seq }) => seq)).size, 1);
  }
  assert.equal((await bob.messages(room)).length, 10);
});

test("two different requests of one id in flight: one is stored, the other 409", async () => {
  const { ann, room } = await pair();
  for (let round = 0; round < 10; round++) {
    const clientMessageId = unique("c");
    const answers = await Promise.all(["a", "b"].map((text) => ann.trySend(room, { text, clientMessageId })));
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 409]);
  }
  assert.equal((await ann.messages(room)).length, 10);
});

test("without an id each send is a message", async () => {
  const { ann, room } = await pair();
  const [one, two] = [await ann.send(room, "same"), await ann.send(room, "same")];
  assert.notEqual(one._id, two._id);
  assert.deepEqual([one.seq, two.seq], [2, 3]);
});

test("clientMessageId is 1 to 128 printable ASCII characters", async () => {
  const { ann, room } = await pair();
  const client = await ann.connect();
  const head = await ann.head(room);
  for (const clientMessageId of ["x".repeat(129), "é", "a\nb", "a\u0000", "\u007f", "💥", 5, {}, ["a"], true]) {
    refused(await ann.trySend(room, { text: "x", clientMessageId }), [400, 422]);
    declined(await client.ask("message:send", { roomId: room, text: "x", clientMessageId }), "invalid", "malformed");
  }
  assert.equal(await ann.head(room), head);
  for (const clientMessageId of ["x".repeat(116) + unique("-"), `~!@#$%^&*()_+ "'\\<>{}[]|;:,./? ${unique("")}`.slice(0, 128)]) {
    assert.equal((await ann.send(room, { text: "x", clientMessageId })).client_message_id, clientMessageId);
  }
});

test("many at once from several users: one order for everyone, each once", async () => {
  const { ann, bob, room } = await pair();
  const [mine, his] = [await ann.connect(), await bob.connect()];
  const sends = [];
  for (let i = 0; i < 100; i++) {
    sends.push(mine.ask("message:send", { roomId: room, text: `a${i}`, clientMessageId: `${room.slice(-8)}-a${i}` }));
    sends.push(his.ask("message:send", { roomId: room, text: `b${i}` }));
  }
  const sent = (await Promise.all(sends)).map(accepted);
  const history = await ann.messages(room);
  assert.deepEqual(history.map(({ seq }) => seq), Array.from({ length: 200 }, (_, i) => i + 2));
  assert.deepEqual(history.map(withoutSeen), [...sent].sort((a, b) => a.seq - b.seq).map(withoutSeen));
  for (const letter of ["a", "b"]) {
    const mineInOrder = history.filter(({ text }) => text.startsWith(letter)).map(({ text }) => Number(text.slice(1)));
    assert.deepEqual(mineInOrder, Array.from({ length: 100 }, (_, i) => i), "one socket's sends keep their order");
  }
});
