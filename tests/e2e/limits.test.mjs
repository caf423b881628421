// The limits that protect a server, each at a small setting: what is above one is refused as the contract says, is not
// stored, and disturbs nobody else.
import assert from "node:assert/strict";
import { Api, ok, refused, request } from "../lib/http.mjs";
import { mint } from "../lib/jwt.mjs";
import { kImage, people, unique } from "../lib/people.mjs";
import { RawClient } from "../lib/raw_client.mjs";
import { accepted, declined } from "../lib/socket.mjs";
import { sharedServer, test, withServer } from "../lib/testing.mjs";
import { eventually } from "../support/deadline.mjs";

const server = await sharedServer({
  env: {
    TIDINGS_LIMITS_ROOMS_PER_USER: "3",
    TIDINGS_LIMITS_MEMBERS_PER_ROOM: "4",
    TIDINGS_LIMITS_MEMBERS_PER_CALL: "6",
    TIDINGS_LIMITS_TEXT: "100",
    TIDINGS_LIMITS_IMAGES: "2",
    TIDINGS_LIMITS_BODY: "2KiB",
    TIDINGS_LIMITS_ATTACHMENTS: "2",
    TIDINGS_SOCKET_MAX_PAYLOAD: "4096",
  },
});

test("rooms per user: made, and joined", async () => {
  const [ann, bob] = people(server, "ann", "bob");
  const open = await bob.createRoom({ kind: "public" });
  for (let i = 0; i < 3; i++) await ann.createRoom();
  refused(await ann.api.post("/rooms", { name: "one more", kind: "group", members: [] }), 403, "forbidden");
  refused(await ann.api.post("/rooms", { name: "", kind: "direct", members: [bob.id] }), 403, "forbidden");
  refused(await ann.addMembers(open._id, [ann.id]), 403, "forbidden");
  assert.equal((await bob.members(open._id)).length, 1);
  ok(await bob.api.post("/rooms", { name: "of another", kind: "group", members: [] }), 201);
});

test("members per room and per call", async () => {
  const [ann] = people(server, "ann");
  const some = (count) => Array.from({ length: count }, () => unique("member"));
  const room = (await ann.createRoom({ members: some(2) }))._id;
  refused(await ann.addMembers(room, some(2)), 422);
  assert.equal((await ann.members(room)).length, 3);
  assert.equal(await ann.head(room), 1);
  ok(await ann.addMembers(room, some(1)));
  refused(await ann.addMembers(room, some(1)), 422);
  refused(await ann.addMembers(room, some(7)), 422);
  refused(await ann.api.post("/rooms", { name: "large", kind: "group", members: some(4) }), 422);
  refused(await ann.api.post("/rooms", { name: "larger", kind: "group", members: some(7) }), 422);
});

test("texts, images and bodies", async () => {
  const [ann] = people(server, "ann");
  const room = (await ann.createRoom())._id;
  const client = await ann.connect();
  ok(await ann.trySend(room, { text: "é".repeat(50) }));
  for (const message of [{ text: "é".repeat(51) }, { text: "x", images: Array(3).fill(kImage) }]) {
    refused(await ann.trySend(room, message), [413, 422]);
    declined(await client.ask("message:send", { roomId: room, ...message }));
  }
  refused(await ann.edit(room, (await ann.send(room, "short"))._id, "x".repeat(101)), [413, 422]);
  refused(await ann.api.post(`/rooms/${room}/messages`, { text: "x", padding: "x".repeat(2_100) }, { keepAlive: false }), 413, "too_large");
  assert.equal(await ann.head(room), 3);
  assert.equal(client.connections, 1);
});

test("what a socket sends: its size and its attachments close that socket alone", async () => {
  const [ann, bob] = people(server, "ann", "bob");
  const other = await bob.connect();
  const placeholders = (count) => Array.from({ length: count }, (_, num) => `{"_placeholder":true,"num":${num}}`).join(",");
  for (const packet of [`42["message:send",{"text":"${"x".repeat(5_000)}"}]`, `453-["message:send",${placeholders(3)}]`]) {
    const raw = await RawClient.connect(server, { token: ann.token });
    raw.write(packet);
    await eventually("the end of the connection", () => raw.closed);
  }
  const raw = await RawClient.connect(server, { token: ann.token });
  raw.write(`452-7["message:send",${placeholders(2)}]`);
  for (let i = 0; i < 2; i++) raw.socket.send(Buffer.from("binary"));
  await eventually("an answer to binary within the limit", () => raw.packets.some((packet) => packet.startsWith("437[")));
  assert.match(raw.packets.find((packet) => packet.startsWith("437[")), /"status":"error"/);
  raw.terminate();
  assert.equal(other.connections, 1);
});

test("rates: new sockets by address, logins by address and by account", async () => {
  const env = {
    TIDINGS_RATE_LIMITS: "on",
    TIDINGS_JWT_SECRET: undefined,
    TIDINGS_LIMITS_ADDRESS_CONNECTIONS: "1/min burst 5",
    TIDINGS_LIMITS_ADDRESS_LOGINS: "1/min burst 8",
    TIDINGS_LIMITS_ACCOUNT_LOGINS: "1/min burst 3",
    TIDINGS_TRUSTED_PROXIES: "127.0.0.1",
  };
  await withServer({ env }, async (own) => {
    const from = (address) => ({ headers: { "x-forwarded-for": address } });
    const handshake = (address) => request(`${own.url}/socket.io/?EIO=4&transport=polling`, "GET", from(address));
    const opened = [];
    for (let i = 0; i < 8; i++) opened.push((await handshake("203.0.113.1")).status);
    assert.deepEqual(opened.slice(0, 5), Array(5).fill(200));
    assert.ok(opened.slice(5).every((status) => status === 429 || status === 503), `${opened}`);
    assert.equal((await handshake("203.0.113.2")).status, 200, "another address");

    const api = new Api(own, undefined);
    const logIn = (username, address) => api.call("POST", "/auth/login", { username, password: "not the password" }, from(address));
    ok(await api.call("POST", "/auth/register", { username: "carol", password: "a long enough password" }, from("203.0.113.3")), 201);
    for (let i = 0; i < 3; i++) refused(await logIn("carol", `203.0.113.${10 + i}`), 401);
    const limited = await logIn("carol", "203.0.113.13");
    refused(limited, 429, "rate_limited");
    assert.match(limited.headers["retry-after"], /^[1-9][0-9]*$/);
    for (let i = 0; i < 8; i++) refused(await logIn(`nobody-${i}`, "203.0.113.20"), 401);
    refused(await logIn("nobody", "203.0.113.20"), 429, "rate_limited");

    // An IPv6 address counts as its /64.
    for (let i = 0; i < 8; i++) refused(await logIn(`nowhere-${i}`, `2001:db8:0:1::${i}`), 401);
    refused(await logIn("nowhere", "2001:db8:0:1:ffff::1"), 429, "rate_limited");
    refused(await logIn("nowhere", "2001:db8:0:2::1"), 401);
    for (let i = 0; i < 5; i++) assert.equal((await handshake(`2001:db8:0:1::${i}`)).status, 200);
    assert.equal((await handshake("2001:db8:0:1:ffff::1")).status, 429);
  });
});

test("TYPING: the limit counts users, not their devices", async () => {
  await withServer({ env: { TIDINGS_CHAT_TYPING_MAX_ONLINE: "2" } }, async (own) => {
    const [ann, bob, cat] = people(own, "ann", "bob", "cat");
    const room = (await ann.createRoom({ members: [bob.id, cat.id] }))._id;
    const [mine, ...his] = [await ann.connect(), await bob.connect(), await bob.connect()];
    for (const client of [mine, ...his]) await client.join(room);
    accepted(await mine.ask("typing", { roomId: room, active: true }));
    for (const client of his) await client.event("TYPING", ({ active }) => active);
    const hers = await cat.connect();
    await hers.join(room);
    accepted(await his[0].ask("typing", { roomId: room, active: true }));
    // What was told ends, though there are too many by now.
    for (const client of his) await client.event("TYPING", ({ active }) => !active);
    assert.deepEqual(mine.named("TYPING"), []);
  });
});

test("connections in all: those above are refused, those within are served", async () => {
  await withServer({ env: { TIDINGS_LIMITS_CONNECTIONS: "10" } }, async (own) => {
    const [ann] = people(own, "ann");
    const clients = [];
    for (let i = 0; i < 9; i++) clients.push(await RawClient.connect(own, { token: ann.token }));
    const answers = await Promise.all(Array.from({ length: 5 }, () => {
      return request(`${own.url}/api/v1/me`, "GET", { token: mint(ann.id), keepAlive: false }).catch((error) => ({ status: error.code }));
    }));
    assert.ok(answers.some(({ status }) => status !== 200), JSON.stringify(answers.map(({ status }) => status)));
    for (const client of clients) {
      assert.equal((await client.ask("presence:watch", { userIds: [] })).status, "success");
      client.terminate();
    }
    await eventually("room again", async () => (await request(`${own.url}/healthz`, "GET", { keepAlive: false }).catch(() => null))?.status === 200);
  });
});
