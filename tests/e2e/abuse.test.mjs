// What a hasty, greedy or hostile client does: others are served, nothing is lost, memory stays bounded.
import assert from "node:assert/strict";
import { readFileSync, rmSync } from "node:fs";
import { listOf, ok } from "../lib/http.mjs";
import { mint, now } from "../lib/jwt.mjs";
import { Person, people, unique } from "../lib/people.mjs";
import { RawClient } from "../lib/raw_client.mjs";
import { run } from "../lib/server.mjs";
import { accepted } from "../lib/socket.mjs";
import { sharedServer, test, withServer } from "../lib/testing.mjs";
import { eventually } from "../support/deadline.mjs";

const server = await sharedServer();

const back = (client, connections) =>
  client.until(`connection ${connections}`, () => client.connections === connections && client.socket.connected, 30_000);

test("a room that was left and joined again in one breath is recovered", async () => {
  const [ann, bob] = people(server, "ann", "bob");
  const room = (await ann.createRoom({ members: [bob.id] }))._id;
  const client = await bob.connect({ recover: true });
  await client.join(room);
  const [left, joined] = await Promise.all([client.ask("room:leave", { roomId: room }), client.ask("room:join", { roomId: room })]);
  accepted(left);
  accepted(joined);
  const first = await ann.send(room, "before the cut");
  await client.until("the first", () => client.lastSeq(room) === first.seq);
  client.cut();
  await ann.send(room, "during the cut");
  await back(client, 2);
  assert.ok(client.recovered);
  const last = await ann.send(room, "after the cut");
  await client.until("the last", () => client.lastSeq(room) === last.seq);
  assert.deepEqual(client.seqs(room), [first.seq, first.seq + 1, last.seq]);
});

test("a join that was refused leaves the next one, sent before the refusal, its place in the session", async () => {
  const [ann, bob] = people(server, "ann", "bob");
  const room = (await ann.createRoom())._id;
  const client = await bob.connect({ recover: true });
  // Whichever of the joins is the first to find bob a member: the session knows the room from then on.
  const asked = [];
  const added = ann.addMembers(room, [bob.id]);
  for (let i = 0; i < 200; i++) asked.push(client.ask("room:join", { roomId: room }));
  ok(await added);
  const answers = await Promise.all(asked);
  if (answers.every((answer) => answer.status === "error")) await client.join(room);
  const first = await ann.send(room, "first");
  await client.until("the first", () => client.lastSeq(room) === first.seq);
  client.cut();
  const second = await ann.send(room, "second");
  await back(client, 2);
  await client.until("the second", () => client.lastSeq(room) === second.seq);
  assert.ok(client.recovered);
});

test("a session outlives its token: with the next one the client is recovered", async () => {
  const [ann, bob] = people(server, "ann", "bob");
  const room = (await ann.createRoom({ members: [bob.id] }))._id;
  // The leeway of a minute is over in three seconds.
  bob.token = mint(bob.id, { exp: now() - 57 });
  const client = await bob.connect({ recover: true });
  await client.join(room);
  const first = await ann.send(room, "first");
  await client.until("the first", () => client.lastSeq(room) === first.seq);
  await client.event("SESSION_ENDED");
  await client.until("disconnect", () => !client.socket.connected);
  const missed = await ann.send(room, "missed");
  client.socket.auth = { ...client.socket.auth, token: mint(bob.id) };
  client.socket.connect();
  await client.until("the missed one", () => client.lastSeq(room) === missed.seq);
  assert.ok(client.recovered);
});

test("of two lists to watch that are asked for at once the last counts", async () => {
  const [ann, bob, eve] = people(server, "ann", "bob", "eve");
  await ann.createRoom({ members: [bob.id, eve.id] });
  const client = await ann.connect();
  const answers = await Promise.all([[bob.id, eve.id], [bob.id], [eve.id]].map((userIds) => client.ask("presence:watch", { userIds })));
  assert.deepEqual(answers.map((answer) => accepted(answer).users.length), [2, 1, 1]);
  await bob.connect();
  await new Promise((resolve) => setTimeout(resolve, 1_500)); // longer than presence is gathered
  await eve.connect();
  await client.event("PRESENCE", ({ users }) => users.some((user) => user.userId === eve.id && user.online));
  assert.equal(client.named("PRESENCE").flatMap(({ payload }) => payload.users).filter((user) => user.userId === bob.id).length, 0);
});

test("user ids that hold slashes and percent signs are reached", async () => {
  const [ann] = people(server, "ann");
  const bob = new Person(server, `https://id.example/users/${unique("50%2F")}?x=1#y`);
  const room = (await ann.createRoom({ members: [bob.id] }))._id;
  assert.equal(ok(await ann.setRole(room, bob.id, "admin")).role, "admin");
  assert.equal(ok(await ann.api.get(`/users/${encodeURIComponent(bob.id)}`))._id, bob.id);
  ok(await ann.removeMember(room, bob.id));
  assert.deepEqual(listOf(ok(await ann.api.get(`/rooms/${room}/members`))).map((member) => member.userId), [ann.id]);
});

test("pages of texts that grow by their escapes are cut, and paging still finds everything", async () => {
  const [ann] = people(server, "ann");
  const room = (await ann.createRoom())._id;
  const text = "\u0001".repeat(65_000); // 390,000 bytes as JSON
  const sent = [await ann.send(room, { text })];
  for (let i = 0; i < 60; i++) sent.push(await ann.send(room, i % 2 ? { text } : { text: "a reply", replyTo: sent[0]._id }));
  const seqs = sent.map((message) => message.seq);
  const kMost = 18 << 20;
  const paged = async (path, list, key, next, first = "") => {
    const all = [];
    for (let query = first; ; query = next(all)) {
      const answer = await ann.api.get(`${path}${query}`);
      assert.ok(answer.bytes.length < kMost, `${answer.bytes.length} bytes`);
      const data = ok(answer);
      assert.ok(data[list].length > 0);
      key(all, data[list].map((item) => item.seq));
      if (!data.hasMore) return all;
    }
  };
  const append = (all, some) => all.push(...some);
  const prepend = (all, some) => all.unshift(...some);
  assert.deepEqual(await paged(`/rooms/${room}/messages?limit=200`, "messages", prepend, (all) => `&before=${all[0]}`), seqs);
  assert.deepEqual(await paged(`/rooms/${room}/messages?limit=200`, "messages", append, (all) => `&after=${all.at(-1)}`, "&after=0"), seqs);
  assert.deepEqual(await paged(`/rooms/${room}/events?limit=1000`, "events", append, (all) => `&after=${all.at(-1)}`), [1, ...seqs]);
  const around = ok(await ann.api.get(`/rooms/${room}/messages?limit=200&around=${sent[30]._id}`));
  assert.ok(around.messages.some((message) => message._id === sent[30]._id));
  assert.ok(around.hasBefore && around.hasAfter);
});

test("a socket that goes on and on above its limits is closed, and its user is served again", async () => {
  const limits = { TIDINGS_RATE_LIMITS: "on", TIDINGS_LIMITS_USER_REQUESTS: "50/s burst 50" };
  await withServer({ env: limits }, async (own) => {
    const [ann] = people(own, "ann");
    const room = (await ann.createRoom())._id;
    const raw = await RawClient.connect(own, { token: ann.token });
    raw.pause();
    const before = own.residentBytes();
    for (let i = 0; i < 100_000 && !raw.closed; i++) raw.write(`42${i}["typing",{"roomId":"${room}"}]`);
    raw.resume();
    await eventually("the end of the connection", () => raw.closed, 20_000);
    assert.ok(own.residentBytes() - before < 20 << 20, "answers that nobody reads do not pile up");
    await eventually("an answer", async () => (await ann.api.get("/me")).status === 200);
  });
});

test("texts full of mentions of nobody do not hold up the others", async () => {
  const [ann, bob] = people(server, "ann", "bob");
  const room = (await ann.createRoom({ members: [bob.id] }))._id;
  const dots = `@${".".repeat(400)} `.repeat(160);
  const many = Array.from({ length: 9_000 }, (_, i) => `@${i}`).join(" ");
  const texts = Array.from({ length: 60 }, (_, i) => (i % 2 ? dots : many));
  const began = Date.now();
  await Promise.all(texts.map((text) => ann.send(room, { text })));
  const took = Date.now() - began;
  assert.ok(took < 5_000, `${took} ms`);
  assert.deepEqual((await ann.send(room, { text: `${"@nobody @ghost ".repeat(2_000)}@${bob.id}` })).mentions, [bob.id]);
});

test("presence ends with the last room that is shared", async () => {
  const [ann, bob, eve] = people(server, "ann", "bob", "eve");
  const room = (await ann.createRoom({ members: [bob.id, eve.id] }))._id;
  const watchers = [await ann.connect(), await eve.connect()];
  for (const client of watchers) accepted(await client.ask("presence:watch", { userIds: [ann.id, bob.id, eve.id] }));
  ok(await ann.removeMember(room, eve.id));
  await new Promise((resolve) => setTimeout(resolve, 500)); // that is looked up beside the answer
  await bob.connect();
  await watchers[0].event("PRESENCE", ({ users }) => users.some((user) => user.userId === bob.id && user.online));
  await watchers[1].never("presence of a stranger", () => watchers[1].named("PRESENCE").some(({ payload }) => payload.users.some((user) => user.userId === bob.id)), 1_500);
});

test("a room that is left in the middle of a replay and joined further back is replayed from there", async () => {
  const [ann] = people(server, "ann");
  const room = (await ann.createRoom())._id;
  for (let i = 0; i < 10; i++) await Promise.all(Array.from({ length: 30 }, () => ann.send(room, { text: "x".repeat(60_000) })));
  const head = await ann.head(room);
  const raw = await RawClient.connect(server, { token: ann.token });
  raw.pause();
  const [first, left, second] = [
    raw.ask("room:join", { roomId: room, after: 0 }),
    new Promise((resolve) => setTimeout(resolve, 1_500)).then(() => raw.ask("room:leave", { roomId: room })),
    new Promise((resolve) => setTimeout(resolve, 1_700)).then(() => raw.ask("room:join", { roomId: room, after: 2 })),
  ];
  await new Promise((resolve) => setTimeout(resolve, 2_500)); // the kernel's buffers and the window are full by now
  raw.resume();
  assert.equal((await first).status, "error");
  accepted(await left);
  assert.equal(accepted(await second).head, head);
  const seqs = raw.events().filter(([name]) => name === "NEW_MESSAGE" || name === "ROOM_CHANGED").map(([, { seq, data }]) => seq ?? data.seq);
  const restart = seqs.findIndex((seq, i) => i > 0 && seq <= seqs[i - 1]);
  assert.ok(restart > 0, `${seqs}`);
  assert.deepEqual(seqs.slice(restart), Array.from({ length: head - 2 }, (_, i) => i + 3));
});

test("what follows a flag of a command is the command's own", async () => {
  await withServer({}, async (own) => {
    const binary = (...args) => run(own.binary, args, own.env);
    const file = `${own.dir}/../${unique("export")}.jsonl`;
    const added = await binary("user", "add", "--data", own.dir, "zoe");
    assert.deepEqual([added.code, added.stdout], [0, "zoe\n"], added.stderr);
    const exported = await binary("export", "--data", own.dir, file);
    assert.equal(exported.code, 0, exported.stderr);
    assert.match(readFileSync(file, "utf8"), /"_id":"zoe"/);
    rmSync(file);
    for (const ttl of ["0", "-1", "9223372036854775807"]) {
      const { code, stderr } = await binary("token", "zoe", "--ttl", ttl, "--data", own.dir);
      assert.notEqual(code, 0);
      assert.equal(stderr, "tidings: a token is good for 1 second to 100 years\n");
    }
  });
});

test("a join of a room that is being recovered is answered after what was missed", async () => {
  const [ann, bob] = people(server, "ann", "bob");
  const room = (await ann.createRoom({ members: [bob.id] }))._id;
  const first = await RawClient.connect(server, { token: bob.token, recover: true });
  accepted(await first.ask("room:join", { roomId: room }));
  first.terminate();
  for (let i = 0; i < 10; i++) await Promise.all(Array.from({ length: 10 }, () => ann.send(room, { text: "x".repeat(30_000) })));
  const head = await ann.head(room);
  for (const after of [undefined, 40]) {
    const raw = new RawClient(server);
    await raw.opened();
    const seen = [];
    let answered;
    raw.onPacket = (packet) => {
      if (packet.startsWith("42")) seen.push(JSON.parse(packet.slice(2))[1].data.seq);
      if (packet.startsWith("40")) answered = raw.ask("room:join", { roomId: room, after }).then((ack) => [accepted(ack).head, seen.length]);
    };
    await raw.login({ token: bob.token, recover: true, pid: first.session.pid });
    const [told, count] = await answered;
    assert.equal(told, head);
    assert.equal(count, seen.length);
    assert.equal(seen.at(-1), head);
    raw.terminate();
  }
});
