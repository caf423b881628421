// The helpers and the model themselves.
import assert from "node:assert/strict";
import { createHmac, createPublicKey, verify } from "node:crypto";
import { test } from "node:test";
import { listOf } from "../http.mjs";
import { kSecret, keyPair, mint } from "../jwt.mjs";
import { RoomModel, recount } from "../model.mjs";
import { Random } from "../random.mjs";
import { assertMessage, assertTombstone } from "../shapes.mjs";
import { assertDense, placeOf } from "../socket.mjs";

test("mint signs with the secret", () => {
  const [header, claims, signature] = mint("ann", { name: "Ann", exp: 5 }).split(".");
  assert.deepEqual(JSON.parse(Buffer.from(claims, "base64url")), { sub: "ann", exp: 5, name: "Ann" });
  assert.equal(createHmac("sha256", kSecret).update(`${header}.${claims}`).digest("base64url"), signature);
  assert.equal(kSecret.length, 64);
});

test("a claim of undefined is left out", () => {
  const claims = JSON.parse(Buffer.from(mint("ann", { exp: undefined }).split(".")[1], "base64url"));
  assert.deepEqual(claims, { sub: "ann" });
});

for (const alg of ["EdDSA", "RS256"]) {
  test(`a key pair of ${alg} signs`, () => {
    const key = keyPair(alg, "k1");
    const [header, claims, signature] = key.mint("ann").split(".");
    const publicKey = createPublicKey({ key: key.jwk, format: "jwk" });
    const hash = alg === "EdDSA" ? null : "sha256";
    assert.ok(verify(hash, Buffer.from(`${header}.${claims}`), publicKey, Buffer.from(signature, "base64url")));
  });
}

test("a seed repeats", () => {
  const [one, two] = [new Random(7), new Random(7)];
  const draw = (random) => Array.from({ length: 50 }, () => random.below(1000));
  assert.deepEqual(draw(one), draw(two));
  assert.notDeepEqual(draw(new Random(7)), draw(new Random(8)));
  assert.equal(new Random(1).weighted({ a: 0, b: 1 }), "b");
  assert.deepEqual(new Random(3).shuffled([1, 2, 3, 4]).sort(), [1, 2, 3, 4]);
});

test("assertDense finds holes, repeats, disorder and missing ends", () => {
  assertDense([3, 4, 5], 3, 5);
  assertDense([], 3, 2);
  for (const bad of [[3, 5], [3, 3, 4, 5], [4, 3, 5], [3, 4], [3, 4, 5, 6]]) assert.throws(() => assertDense(bad, 3, 5));
});

test("placeOf reads the number of each kind of event", () => {
  assert.deepEqual(placeOf({ name: "NEW_MESSAGE", payload: { roomId: "r", data: { seq: 4 } } }), { room: "r", seq: 4 });
  assert.deepEqual(placeOf({ name: "MEMBERS_CHANGED", payload: { roomId: "r", seq: 5 } }), { room: "r", seq: 5 });
  assert.equal(placeOf({ name: "ROOM_UPDATED", payload: { roomId: "r" } }), null);
});

test("listOf takes a list bare or beside next", () => {
  assert.deepEqual(listOf([1]), [1]);
  assert.deepEqual(listOf({ users: [1], next: null }), [1]);
  assert.throws(() => listOf({ a: [], b: [] }));
});

const kMessage = {
  _id: "m", seq: 2, room: "r", created_by: "ann", message_type: "text", text: "hi", media: [], contact: null,
  reply_to: null, linked: false, links: [], mentions: [], reactions: [], seen_by: [], seen_count: 0,
  created_at: "2026-01-01T00:00:00.000Z", updated_at: "2026-01-01T00:00:00.000Z", edited_at: null, deleted_at: null,
  client_message_id: null,
};

test("shapes refuse what is missing or of another type", () => {
  assertMessage(kMessage);
  const { links, ...without } = kMessage;
  assert.throws(() => assertMessage(without), /links is missing/);
  assert.throws(() => assertMessage({ ...kMessage, seq: "2" }), /seq is "2"/);
  assert.throws(() => assertMessage({ ...kMessage, created_at: "2026-01-01T00:00:00Z" }), /created_at/);
  assert.throws(() => assertTombstone(kMessage));
  assertTombstone({ ...kMessage, text: "", deleted_at: kMessage.created_at });
});

const plain = (id, seq, by, more = {}) => [seq, { id, by, text: id, media: [], contact: null, type: "text", mentions: [], ...more }];

test("the model counts others' messages past position and joining", () => {
  const room = new RoomModel("ann", ["bob"]);
  room.sent(...plain("a", 2, "ann", { mentions: ["bob"] }));
  room.sent(...plain("b", 3, "bob"));
  room.sent(...plain("c", 4, "ann"));
  assert.deepEqual([room.unread("bob"), room.mentions("bob"), room.unread("ann")], [2, 1, 1]);
  room.deleted(5, "a");
  assert.deepEqual([room.unread("bob"), room.mentions("bob")], [1, 0]);
  room.read("bob", 99);
  assert.equal(room.positions.get("bob"), 5);
  room.read("bob", 2);
  assert.equal(room.positions.get("bob"), 5);
  room.joined(6, ["cat"]);
  assert.equal(room.unread("cat"), 0);
  room.sent(...plain("d", 7, "ann"));
  assert.deepEqual([room.unread("cat"), room.unread("bob")], [1, 1]);
});

test("the model's preview follows edits and deletes", () => {
  const room = new RoomModel("ann", ["bob", "cat"]);
  assert.equal(room.lastMessage, null);
  room.sent(...plain("a", 2, "ann"));
  room.sent(...plain("b", 3, "bob", { type: "image", text: "look", media: [{ filename: "1.png" }, { filename: "2.png" }] }));
  assert.deepEqual(room.lastMessage, { value: "2.png", type: "media", messageId: "b", seq: 3, senderId: "bob" });
  room.left(4, "cat");
  assert.deepEqual(room.visibleOn, { surely: ["ann", "bob"], maybe: [] });
  room.joined(5, ["cat"]);
  assert.deepEqual(room.visibleOn, { surely: ["ann", "bob"], maybe: ["cat"] });
  room.deleted(6, "b");
  room.edited(7, "a", "new");
  assert.equal(room.lastMessage.value, "new");
  room.read("bob", 2);
  assert.deepEqual(room.seenBy(room.message("a")), { surely: ["bob"], maybe: [] });
});

test("recount works on the server's documents", () => {
  const documents = [
    { ...kMessage, seq: 2, mentions: ["bob"] },
    { ...kMessage, seq: 3, mentions: ["bob"] },
    { ...kMessage, seq: 4, created_by: "bob" },
    { ...kMessage, seq: 5, deleted_at: kMessage.created_at },
  ];
  assert.deepEqual(recount(documents, "bob", 2, 1), { unread: 1, mentions: 1 });
});
