// What no client should send: a clear error, nothing stored, nothing stopped.
import assert from "node:assert/strict";
import { ok, refused } from "../lib/http.mjs";
import { kContact, kImage, people, unique } from "../lib/people.mjs";
import { RawClient } from "../lib/raw_client.mjs";
import { declined } from "../lib/socket.mjs";
import { sharedServer, test } from "../lib/testing.mjs";
import { eventually } from "../support/deadline.mjs";

const server = await sharedServer();
const [ann, bob] = people(server, "ann", "bob");
const room = (await ann.createRoom({ members: [bob.id] }))._id;
const target = await ann.send(room, "target");

const kDeep = (depth) => `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`;

// field → values that are not of its type or past its bounds
const kBadFields = {
  text: [5, true, {}, [], ["x"], { $gt: "" }, 1.5, "x".repeat(1_000_000)],
  images: ["x", 5, true, {}, { 0: kImage }, [5], [null], [true], [[]], [{}], [{ ...kImage, filename: 5 }], [{ ...kImage, type: {} }], [{ ...kImage, size: -1 }], [{ ...kImage, size: "big" }], [{ ...kImage, width: 1.5 }], [{ ...kImage, filename: "x".repeat(100_000) }], [{ ...kImage, blurhash: ["x"] }], [{ ...kImage, filename: "a\u0000b" }]],
  contact: ["x", 5, true, [], [kContact], {}, { name: 5 }, { name: null }, { name: "" }, { ...kContact, phones: "x" }, { ...kContact, phones: [5] }, { ...kContact, emails: [{}] }, { ...kContact, emails: {} }, { ...kContact, userId: 5 }, { ...kContact, name: "x".repeat(200_000) }, { ...kContact, name: "a\u0000b" }, { ...kContact, phones: Array(50_000).fill("1") }],
  messageType: [5, {}, [], "bogus", "TEXT", true, "system"],
  replyTo: [5, {}, [], true, unique("none"), "x".repeat(10_000), "\u0000", { _id: target._id }],
  mentions: ["x", 5, {}, true, [5], [null], [{}], [["x"]], Array(100_000).fill("u")],
  clientMessageId: [5, {}, [], true, "x".repeat(129), "ü", "a\tb", "\u0000"],
};

for (const [field, values] of Object.entries(kBadFields)) {
  test(`createMessage with a bad ${field}, by HTTP and by socket`, async () => {
    const client = await ann.connect({ transports: ["websocket"] });
    const head = await ann.head(room);
    for (const value of values) {
      const body = { text: "good", [field]: value };
      const what = `${field} = ${JSON.stringify(value).slice(0, 80)}`;
      const answer = await ann.trySend(room, body).catch((error) => assert.fail(`${what}: ${error.message}`));
      assert.ok([400, 403, 404, 413, 422].includes(answer.status), `${what}: ${answer.status} ${answer.body.slice(0, 300)}`);
      refused(answer, [400, 403, 404, 413, 422]);
      if (JSON.stringify(body).length < 200_000) declined(await client.ask("message:send", { roomId: room, ...body }));
    }
    assert.equal(await ann.head(room), head, "nothing was stored");
    await client.send(room, { text: "the connection goes on" });
  });
}

test("bodies that are no object", async () => {
  for (const body of ["null", "5", '"x"', "[]", "true", '["text","x"]']) refused(await ann.api.post(`/rooms/${room}/messages`, body), [400, 422]);
});

test("unknown fields do no harm", async () => {
  for (const extra of [{ seq: 1 }, { _id: "mine" }, { created_by: bob.id, created_at: "1970-01-01T00:00:00.000Z" }, { __proto__x: 1 }, { constructor: { prototype: {} } }, { room: "other" }]) {
    const answer = await ann.trySend(room, { text: "extra", ...extra });
    if (answer.status !== 200) {
      refused(answer, [400, 422]);
      continue;
    }
    assert.equal(answer.data.created_by, ann.id);
    assert.equal(answer.data.room, room);
    assert.equal(answer.data.seq, await ann.head(room));
    assert.notEqual(answer.data._id, "mine");
    assert.ok(Math.abs(Date.parse(answer.data.created_at) - Date.now()) < 60_000);
  }
  const sneaky = await ann.api.post(`/rooms/${room}/messages`, '{"__proto__":{"text":"x"},"text":"y"}');
  assert.ok(sneaky.status === 200 ? sneaky.data.text === "y" : sneaky.status < 500);
});

test("duplicate keys, odd numbers and deep JSON have a defined result", async () => {
  const post = (body) => ann.api.post(`/rooms/${room}/messages`, body);
  const twice = await post('{"text":"first","text":"second"}');
  if (twice.status === 200) assert.ok(["first", "second"].includes(twice.data.text));
  else refused(twice, [400, 422]);
  for (const number of ["1e400", "-1e400", "NaN", "Infinity", "01", "1.", ".5", "0x10", "+1"]) refused(await post(`{"text":${number}}`), [400, 422]);
  refused(await post(kDeep(65)), [400, 422]);
  refused(await post(kDeep(10_000)), [400, 413, 422]);
  refused(await post(kDeep(150_000)), [400, 413, 422]);
  refused(await post(`{"text":"x","contact":${kDeep(70)}}`), [400, 422]);
});

// Either refused with nothing stored, or stored and served exactly as sent: never changed, never a 500.
test("control characters and bidi in texts and names", async () => {
  for (const text of ["a\u0000b", "\u202Eevil\u202C", "\u0007bell", "\uFEFFbom", "a\u2028b\u2029c", "\u{E0001}tag", "e\u0301", "\uFFFE", "👩‍👩‍👧‍👦", "x\r\ny", "\u001b[31mred"]) {
    const head = await ann.head(room);
    const answer = await ann.trySend(room, text);
    if (answer.status === 200) {
      assert.equal(answer.data.text, text);
      assert.equal((await bob.message(room, answer.data._id)).text, text);
    } else {
      refused(answer, [400, 422]);
      assert.equal(await ann.head(room), head);
    }
    const named = await ann.api.patch(`/rooms/${room}`, { name: text });
    if (named.status === 200) assert.equal((await bob.room(room)).name, text);
    else refused(named, [400, 422]);
  }
});

// What JSON.stringify makes of a text that was cut within an emoji. No UTF-8 can hold it.
test("lone surrogates are stored as U+FFFD, by HTTP and by socket", async () => {
  const client = await ann.connect({ transports: ["websocket"] });
  for (const [text, stored] of [["\ud800", "\ufffd"], ["\udc00x", "\ufffdx"], ["a\ud83d", "a\ufffd"], ["\ud83d\ud83d\ude00\ude00", "\ufffd😀\ufffd"], ["\\ud83d", "\\ud83d"]]) {
    const byHttp = ok(await ann.api.post(`/rooms/${room}/messages`, JSON.stringify({ text })));
    const bySocket = await client.send(room, { text });
    for (const { _id } of [byHttp, bySocket]) assert.equal((await bob.message(room, _id)).text, stored);
  }
  ok(await ann.api.patch(`/rooms/${room}`, JSON.stringify({ name: "cut \ud83d" })));
  assert.equal((await bob.room(room)).name, "cut \ufffd");
  assert.equal(client.connections, 1, "the connection goes on");
});

test("deep JSON and lies by socket close that socket alone", async () => {
  const watcher = await bob.connect();
  await watcher.join(room);
  for (const packet of [
    `42["message:send",${kDeep(100)}]`, `42["message:send",${kDeep(50_000)}]`, "42", "42[]", "42[5]", '42["message:send"', "42{}", "4", "49", '42["connect",1]', '42["disconnect"]', `42${"9".repeat(40)}["x"]`,
    '451-["x",{"_placeholder":true,"num":5}]', '459999999999-["x"]', '45-["x"]', '40{"token":"again"}', '43999["x"]', "zzz", "\u0000",
  ]) {
    const raw = await RawClient.connect(server, { token: ann.token });
    raw.write(packet);
    raw.write(`4277["room:read",{"roomId":"${room}","seq":1}]`);
    await eventually(`the end of ${packet.slice(0, 40)}`, () => raw.closed || raw.packets.some((one) => one.startsWith("4377")));
    raw.terminate();
  }
  await ann.send(room, "fence");
  await watcher.until("the fence", () => watcher.messages(room).some(({ payload }) => payload.text === "fence"));
  assert.equal(watcher.connections, 1);
});

test("odd handshakes", async () => {
  for (const auth of ["null", "5", '"x"', "[]", '{"token":{}}', '{"token":null,"pid":5}', kDeep(80), '{"token":', "{}", `{"token":"${"x".repeat(100_000)}"}`]) {
    const raw = new RawClient(server);
    await raw.opened();
    raw.write(`40${auth}`);
    await eventually(`refusal of ${auth.slice(0, 40)}`, () => raw.closed || raw.packets.some((packet) => packet.startsWith("44")));
    assert.equal(raw.session, null);
    raw.terminate();
  }
});

test("a text of a megabyte is refused, one of a few kilobytes is not", async () => {
  const text = "🦊".repeat(1_000);
  assert.equal((await ann.send(room, text)).text, text);
  refused(await ann.trySend(room, "x".repeat(1_000_000)), [413, 422]);
  const client = await ann.connect();
  const ack = await client.ask("message:send", { roomId: room, text: "x".repeat(900_000) }, 10_000).catch(() => null);
  if (ack) declined(ack);
  await client.connected();
  await client.send(room, { text: "and on" });
});

test("odd headers and queries", async () => {
  for (const query of ["?limit=5&limit=7", "?%00", "?limit=%ff", `?${"a=b&".repeat(500)}`, "?after", "?=", "?&&&", "?limit=5;after=1"]) {
    const answer = await ann.api.get(`/rooms/${room}/messages${query}`);
    assert.ok(answer.status < 500, `${query}: ${answer.status}`);
  }
  const long = await ann.api.get(`/rooms/${room}/messages?q=${"x".repeat(60_000)}`).catch(() => null);
  if (long) assert.ok([400, 414, 431].includes(long.status), `${long.status}`);
});

test("paths that lead nowhere", async () => {
  for (const path of ["/../../etc/passwd", "/rooms/../me", "//me", "/rooms//messages", "/rooms/%2e%2e", "/users/%00", `/users/${"x".repeat(3_000)}`, `/rooms/${room}/messages/%F0%28%8C%28`, `/rooms/${room}/messages/${target._id}/reactions/%ff`]) {
    const answer = await ann.api.get(path);
    assert.ok(answer.status < 500, `${path}: ${answer.status}`);
    assert.ok(!answer.body.includes("root:"));
  }
});

test("and after all that the server serves", async () => {
  ok(await ann.api.get("/me"));
  const log = await ann.log(room);
  log.forEach(({ seq }, i) => assert.equal(seq, i + 1));
});
