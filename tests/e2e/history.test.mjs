// Reading a room: pages of messages, threads, who has seen what, the log.
import assert from "node:assert/strict";
import { listOf, ok, refused, wholeList } from "../lib/http.mjs";
import { Person, kImage, people, unique } from "../lib/people.mjs";
import { assertEvent, assertMessage, assertTombstone, withoutSeen } from "../lib/shapes.mjs";
import { accepted, assertDense, declined } from "../lib/socket.mjs";
import { eventually } from "../support/deadline.mjs";
import { sharedServer, test } from "../lib/testing.mjs";

const server = await sharedServer();

async function pair() {
  const [ann, bob] = people(server, "ann", "bob");
  const room = (await ann.createRoom({ members: [bob.id] }))._id;
  return { ann, bob, room };
}

// A room whose messages have gaps between their numbers, since other events lie between.
async function gappy(count) {
  const { ann, bob, room } = await pair();
  const messages = [];
  for (let i = 0; i < count; i++) {
    messages.push(await ann.send(room, `m${i}`));
    if (i % 3 === 0) ok(await bob.react(room, messages[i]._id, "👍"));
  }
  return { ann, bob, room, seqs: messages.map(({ seq }) => seq), messages };
}

test("pages by after, before and around agree with one another", async () => {
  const { ann, bob, room, seqs, messages } = await gappy(30);
  const head = await bob.head(room);
  const page = async (query) => {
    const answer = await bob.history(room, query);
    assert.deepEqual(Object.keys(answer).filter((name) => ["messages", "head", "hasBefore", "hasAfter", "hasMore"].includes(name)).length, 5, JSON.stringify(Object.keys(answer)));
    assert.equal(answer.head, head);
    answer.messages.forEach((message) => assertMessage(message));
    return { got: answer.messages.map(({ seq }) => seq), flags: [answer.hasBefore, answer.hasAfter, answer.hasMore] };
  };
  // Without a place, the newest.
  assert.deepEqual(await page("?limit=5"), { got: seqs.slice(-5), flags: [true, false, true] });
  assert.deepEqual(await page(""), { got: seqs, flags: [false, false, false] });
  // After: exclusive, ascending.
  assert.deepEqual(await page("?after=0&limit=10"), { got: seqs.slice(0, 10), flags: [false, true, true] });
  assert.deepEqual(await page(`?after=${seqs[9]}&limit=10`), { got: seqs.slice(10, 20), flags: [true, true, true] });
  assert.deepEqual(await page(`?after=${seqs[19]}&limit=10`), { got: seqs.slice(20), flags: [true, false, false] });
  assert.deepEqual((await page(`?after=${head}&limit=10`)).got, []);
  assert.deepEqual(await page(`?after=${seqs[0] - 1}&limit=1`), { got: [seqs[0]], flags: [false, true, true] });
  // Before: exclusive, ascending, the nearest.
  assert.deepEqual(await page(`?before=${seqs[10]}&limit=4`), { got: seqs.slice(6, 10), flags: [true, true, true] });
  assert.deepEqual(await page(`?before=${seqs[4]}&limit=4`), { got: seqs.slice(0, 4), flags: [false, true, false] });
  assert.deepEqual((await page(`?before=${seqs[0]}&limit=4`)).got, []);
  assert.deepEqual((await page(`?before=${head + 1}&limit=3`)).got, seqs.slice(-3));
  // Between two messages.
  const gap = seqs.findIndex((seq, i) => i > 3 && seq > seqs[i - 1] + 1);
  assert.deepEqual((await page(`?after=${seqs[gap] - 1}&limit=2`)).got, seqs.slice(gap, gap + 2));
  assert.deepEqual((await page(`?before=${seqs[gap] - 1}&limit=2`)).got, seqs.slice(gap - 2, gap));
  // Around has its message in the middle.
  const around = await page(`?around=${messages[15]._id}&limit=5`);
  assert.deepEqual(around.got, seqs.slice(13, 18));
  assert.deepEqual(around.flags.slice(0, 2), [true, true]);
  const even = await page(`?around=${messages[15]._id}&limit=4`);
  assert.equal(even.got.length, 4);
  assert.ok([1, 2].includes(even.got.indexOf(seqs[15])));
  assert.deepEqual((await page(`?around=${messages[15]._id}&limit=1`)).got, [seqs[15]]);
  for (const edge of [0, 1, 28, 29]) {
    const { got } = await page(`?around=${messages[edge]._id}&limit=5`);
    assert.ok(got.includes(seqs[edge]) && got.length >= 3 && got.length <= 5, `${edge}: ${got}`);
    assert.deepEqual(got, seqs.filter((seq) => seq >= got[0] && seq <= got.at(-1)));
  }
  // A walk both ways meets each message once.
  const back = [];
  for (let before = ""; ; ) {
    const answer = await ann.history(room, `?limit=7${before}`);
    back.unshift(...answer.messages.map(({ seq }) => seq));
    if (!answer.hasMore) break;
    before = `&before=${answer.messages[0].seq}`;
  }
  assert.deepEqual(back, seqs);
});

test("50 if no limit is given, 200 at most", async () => {
  const { ann, room } = await pair();
  const client = await ann.connect();
  await Promise.all(Array.from({ length: 230 }, (_, i) => client.send(room, { text: `m${i}` })));
  assert.equal((await ann.history(room)).messages.length, 50);
  assert.equal((await ann.history(room, "?after=0")).messages.length, 50);
  assert.equal((await ann.history(room, "?limit=200")).messages.length, 200);
  for (const limit of ["0", "201", "-1", "x", "1.5", "", "1e3", "99999999999999999999"]) {
    const answer = await ann.api.get(`/rooms/${room}/messages?limit=${limit}`);
    if (answer.status === 200) assert.ok(answer.data.messages.length <= 200, limit);
    else refused(answer, [400, 422]);
  }
});

test("an empty room", async () => {
  const { ann, room } = await pair();
  assert.deepEqual(await ann.history(room), { messages: [], head: 1, hasBefore: false, hasAfter: false, hasMore: false });
});

test("places that are none are an error or empty, never a full dump", async () => {
  const { ann, room, seqs } = await gappy(12);
  for (const query of ["after=-1", "after=1.5", "after=x", "after=9223372036854775808", "after=18446744073709551616", "after=1e30", "before=-1", "before=x", "before=1.5", "around=x", `around=${unique("none")}`, "after=%00", "after[]=1", "after=1&before=5&around=x"]) {
    for (const what of ["messages", "events"]) {
      const answer = await ann.api.get(`/rooms/${room}/${what}?limit=5&${query}`);
      assert.ok(answer.status < 500, `${what}?${query}: ${answer.status}`);
      if (answer.status === 200) assert.ok((answer.data.messages ?? answer.data.events).length <= 5);
      else refused(answer, [400, 404, 422]);
    }
  }
  refused(await ann.api.get(`/rooms/${room}/messages?around=${unique("none")}`), [404, 422]);
  for (const after of ["-1", "1.5", "x", "9223372036854775808"]) {
    const answer = await ann.api.get(`/rooms/${room}/messages?after=${after}`);
    if (answer.status === 200) assert.deepEqual(answer.data.messages, [], after);
    else refused(answer, [400, 422]);
  }
  assert.equal(seqs.length, 12);
});

test("tombstones and replies are in the history; limit counts messages", async () => {
  const { ann, room, messages, seqs } = await gappy(9);
  const reply = await ann.send(room, { text: "reply", replyTo: messages[2]._id });
  ok(await ann.remove(room, messages[4]._id));
  const all = await ann.messages(room);
  assert.deepEqual(all.map(({ seq }) => seq), [...seqs, reply.seq]);
  assertTombstone(all[4]);
  assert.deepEqual((await ann.history(room, "?after=0&limit=5")).messages.map(({ seq }) => seq), seqs.slice(0, 5));
  assert.deepEqual((await ann.history(room, `?around=${messages[4]._id}&limit=3`)).messages.map(({ seq }) => seq), seqs.slice(3, 6));
});

test("a thread holds the replies, in order", async () => {
  const { ann, bob, room } = await pair();
  const root = await ann.send(room, "root");
  const other = await ann.send(room, "other");
  const replies = [];
  for (let i = 0; i < 5; i++) {
    replies.push(await (i % 2 ? ann : bob).send(room, { text: `r${i}`, replyTo: root._id }));
    await ann.send(room, { text: "elsewhere", replyTo: other._id });
  }
  const threadOf = async (who, id) => listOf(ok(await who.api.get(`/rooms/${room}/messages/${id}/thread?limit=200`))).filter(({ _id }) => _id !== id);
  const thread = await threadOf(bob, root._id);
  assert.deepEqual(thread.map(({ _id }) => _id), replies.map(({ _id }) => _id));
  thread.forEach((message) => assertMessage(message));
  ok(await bob.edit(room, replies[0]._id, "changed"));
  ok(await ann.remove(room, replies[1]._id));
  const after = await threadOf(ann, root._id);
  assert.equal(after[0].text, "changed");
  assertTombstone(after[1]);
  refused(await ann.api.get(`/rooms/${room}/messages/${unique("none")}/thread`), 404);
});

const seenIds = (data) => listOf(data).map((one) => (typeof one === "string" ? one : one.userId)).sort();

test("who has seen a message follows from positions", async () => {
  const [ann, bob, cat] = people(server, "ann", "bob", "cat");
  const room = (await ann.createRoom({ members: [bob.id, cat.id] }))._id;
  const [one, two] = [await ann.send(room, "one"), await ann.send(room, "two")];
  const seen = async (message) => {
    const document = await ann.message(room, message._id);
    const listed = seenIds(ok(await bob.api.get(`/rooms/${room}/messages/${message._id}/seen`)));
    assert.deepEqual([...document.seen_by].sort(), listed);
    assert.equal(document.seen_count, listed.length);
    assert.deepEqual((await ann.messages(room)).find(({ _id }) => _id === message._id).seen_by.toSorted(), listed);
    return listed;
  };
  assert.deepEqual([await seen(one), await seen(two)], [[], []]);
  await bob.read(room, one.seq);
  assert.deepEqual([await seen(one), await seen(two)], [[bob.id], []]);
  await ann.read(room, two.seq);
  assert.deepEqual(await seen(two), [], "the author does not count");
  await cat.read(room, two.seq);
  await bob.read(room, two.seq);
  assert.deepEqual([await seen(one), await seen(two)], [[bob.id, cat.id].sort(), [bob.id, cat.id].sort()]);
  ok(await ann.removeMember(room, cat.id));
  assert.deepEqual(await seen(one), [bob.id], "members only");
  assert.equal((await ann.log(room)).length, 4, "positions are beside the log");
});

test("at most 100 in seen_by, all in seen_count", async () => {
  const [ann] = people(server, "ann");
  const tag = unique("s");
  const crowd = Array.from({ length: 120 }, (_, i) => new Person(server, `${tag}-${i}`));
  const room = (await ann.createRoom({ members: crowd.map(({ id }) => id) }))._id;
  const sent = await ann.send(room, "look");
  for (let i = 0; i < crowd.length; i += 20) await Promise.all(crowd.slice(i, i + 20).map((one) => one.read(room, sent.seq)));
  const document = await ann.message(room, sent._id);
  assert.equal(document.seen_count, 120);
  assert.equal(document.seen_by.length, 100);
  assert.equal(new Set(document.seen_by).size, 100);
  assert.deepEqual((await wholeList(ann.api, `/rooms/${room}/messages/${sent._id}/seen`, 50)).map((one) => one.userId ?? one).sort(), crowd.map(({ id }) => id).sort());
});

test("positions only rise and stop at head", async () => {
  const { ann, bob, room } = await pair();
  for (let i = 0; i < 5; i++) await ann.send(room, `m${i}`);
  const unread = async () => (await bob.room(room)).unread;
  assert.equal(await unread(), 5);
  await bob.read(room, 4);
  assert.equal(await unread(), 2);
  await bob.read(room, 2);
  assert.equal(await unread(), 2);
  await bob.read(room, 1_000_000);
  assert.equal(await unread(), 0);
  await ann.send(room, "newer");
  assert.equal(await unread(), 1, "the position stopped at head");
  const client = await bob.connect();
  accepted(await client.ask("room:read", { roomId: room, seq: await ann.head(room) }));
  assert.equal(await unread(), 0, "committed when acknowledged");
  accepted(await client.ask("room:read", { roomId: room, seq: 1 }));
  assert.equal(await unread(), 0);
  for (const seq of [-1, 1.5, "1", null, {}, [], true, 1e300]) {
    const answer = await bob.api.put(`/rooms/${room}/read`, { seq });
    if (seq !== 1e300) refused(answer, [400, 422]);
    const ack = await client.ask("room:read", { roomId: room, seq });
    if (seq !== 1e300) declined(ack, "invalid", "malformed");
  }
  refused(await bob.api.put(`/rooms/${room}/read`, {}), [400, 422]);
  await bob.send(room, "own");
  await ann.send(room, "again");
  assert.equal(await unread(), 1, "sending does not move the position, own messages do not count");
});

async function arrived() {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  return Number(/^tidings_websocket_messages_total (\d+)$/m.exec(text)[1]);
}

test("positions that nobody waits for are kept too, each before what its socket does next", async () => {
  const [ann, ...crowd] = people(server, "ann", ...Array.from({ length: 80 }, (_, i) => `reader${i}`));
  const room = (await ann.createRoom({ members: crowd.map((one) => one.id) }))._id;
  const clients = await Promise.all(crowd.map((one) => one.connect()));
  let message;
  for (let i = 0; i < 5; i++) {
    message = await ann.send(room, `m${i}`);
    for (const client of clients) client.socket.emit("room:read", { roomId: room, seq: message.seq });
  }
  const [bob] = crowd;
  accepted(await clients[0].ask("message:react", { roomId: room, messageId: message._id, emoji: "👍" }));
  assert.equal((await bob.room(room)).unread, 0);
  clients[1].close();
  await eventually("everybody has seen it", async () => (await ann.message(room, message._id)).seen_count === crowd.length);
  assert.ok((await Promise.all(crowd.map((one) => one.room(room)))).every((seen) => seen.unread === 0));
  await ann.send(room, "last");
  const last = await ann.head(room);
  const before = await arrived();
  for (const client of clients.slice(2)) client.socket.emit("room:read", { roomId: room, seq: last });
  await eventually("all positions to arrive", async () => (await arrived()) >= before + clients.length - 2);
  await server.restart();
  const read = await Promise.all(crowd.slice(2).map(async (one) => (await one.room(room)).unread));
  assert.deepEqual(new Set(read), new Set([0]), "a server that is stopped keeps what waits");
});

test("read positions survive restart and crash", async () => {
  const { ann, bob, room } = await pair();
  for (let i = 0; i < 4; i++) await ann.send(room, `m${i}`);
  const client = await bob.connect();
  accepted(await client.ask("room:read", { roomId: room, seq: 3 }));
  client.close();
  await server.crash();
  await server.launch();
  assert.equal((await bob.room(room)).unread, 2);
  await bob.read(room, 4);
  await server.restart();
  assert.equal((await bob.room(room)).unread, 1);
  assert.deepEqual((await ann.message(room, (await ann.messages(room))[0]._id)).seen_by, [bob.id]);
});

// ——— the log ———

test("one call is one event, numbered 1, 2, 3 …, with the document as of then", async () => {
  const [ann, bob, cat] = people(server, "ann", "bob", "cat");
  const room = (await ann.createRoom({ name: "logged", members: [bob.id] }))._id;
  const live = await ann.connect();
  await live.join(room);
  const steps = ["room.created"];
  const step = async (type, call) => {
    const data = ok(await call);
    steps.push(type);
    return data;
  };
  const sent = await step("message.created", ann.trySend(room, "v1"));
  await step("message.updated", ann.edit(room, sent._id, "v2"));
  await step("message.updated", bob.react(room, sent._id, "👍"));
  await step("member.joined", ann.addMembers(room, [cat.id]));
  await step("member.updated", ann.setRole(room, cat.id, "admin"));
  await step("room.updated", cat.api.patch(`/rooms/${room}`, { name: "renamed" }));
  await step("message.updated", bob.unreact(room, sent._id, "👍"));
  const image = await step("message.created", bob.trySend(room, { images: [kImage] }));
  await step("message.deleted", bob.remove(room, image._id));
  await step("member.left", ann.removeMember(room, cat.id));
  await ann.read(room, 5);

  const log = await bob.log(room);
  log.forEach((event) => assertEvent(event));
  assert.deepEqual(log.map(({ seq }) => seq), steps.map((_, i) => i + 1));
  assert.deepEqual(log.map(({ type }) => type), steps);
  assert.deepEqual(log.map(({ by }) => by), [ann, ann, ann, bob, ann, ann, cat, bob, bob, bob, ann].map(({ id }) => id));
  assert.ok(log.every((event) => event.room === room));
  assert.equal(new Set(log.map(({ id }) => id)).size, log.length);
  assert.deepEqual(log.map(({ id }) => id).sort(), log.map(({ id }) => id), "ids sort by time");
  assert.deepEqual(log.map(({ at }) => at).sort(), log.map(({ at }) => at));
  const [, created, edited, reacted, , , renamed, unreacted] = log.map(({ data }) => data);
  for (const document of [created, edited, reacted, unreacted]) {
    assertMessage(document);
    assert.deepEqual([document.seen_by, document.seen_count], [[], 0]);
    assert.equal(document.seq, sent.seq);
  }
  assert.deepEqual([created.text, edited.text, created.edited_at], ["v1", "v2", null]);
  assert.deepEqual([created, edited, reacted, unreacted].map(({ reactions }) => reactions.length), [0, 0, 1, 0]);
  assert.equal(renamed.name, "renamed");
  assert.ok(JSON.stringify(log[0].data).includes(bob.id), "room.created holds the first members");

  await live.until("the whole log", () => live.seqs(room).length === steps.length - 1);
  assert.deepEqual(live.seqs(room), steps.slice(1).map((_, i) => i + 2));
});

test("the log in pages, and from any place", async () => {
  const { ann, bob, room, seqs } = await gappy(20);
  const head = await ann.head(room);
  assertDense((await bob.log(room)).map(({ seq }) => seq), 1, head);
  const page = ok(await bob.api.get(`/rooms/${room}/events?after=3&limit=4`));
  assert.deepEqual(page.events.map(({ seq }) => seq), [4, 5, 6, 7]);
  assert.deepEqual([page.head, page.hasMore], [head, true]);
  const end = ok(await bob.api.get(`/rooms/${room}/events?after=${head - 2}&limit=2`));
  assert.deepEqual([end.events.length, end.hasMore], [2, false]);
  const none = ok(await bob.api.get(`/rooms/${room}/events?after=${head}`));
  assert.deepEqual([none.events, none.hasMore, none.head], [[], false, head]);
  assert.ok(seqs.at(-1) <= head);
});

test("the log tells the same as history and as live events", async () => {
  const { ann, bob, room } = await pair();
  const live = await bob.connect();
  await live.join(room);
  const sent = [];
  for (let i = 0; i < 10; i++) sent.push(await ann.send(room, `m${i}`));
  const log = (await bob.log(room)).slice(1);
  await live.until("ten messages", () => live.messages(room).length === 10);
  assert.deepEqual(log.map(({ data }) => data), sent.map(withoutSeen));
  assert.deepEqual(live.messages(room).map(({ payload }) => payload.data), sent.map(withoutSeen));
});
