// The documents of the contract: every field present, of its type.
import assert from "node:assert/strict";

const kTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

export function assertTime(value, what = "time") {
  assert.match(String(value), kTime, what);
  assert.ok(!Number.isNaN(Date.parse(value)), `${what}: ${value}`);
}

const text = (value) => typeof value === "string";
const whole = (value) => Number.isInteger(value) && value >= 0;
const orNull = (check) => (value) => value === null || check(value);
const list = (check) => (value) => Array.isArray(value) && value.every(check);
const time = (value) => text(value) && kTime.test(value);
const objectOf = (fields) => (value) => value !== null && typeof value === "object" && problems(value, fields).length === 0;

const kMedia = {
  _id: orNull(text), filename: orNull(text), type: text, size: orNull(whole),
  width: orNull(whole), height: orNull(whole), blurhash: orNull(text),
};
const kMessage = {
  _id: text, seq: (value) => whole(value) && value > 0, room: text, created_by: text,
  message_type: (value) => ["text", "image", "contact", "system"].includes(value),
  text, media: list(objectOf(kMedia)),
  contact: orNull(objectOf({ name: text, phones: list(text), emails: list(text), userId: orNull(text) })),
  reply_to: orNull(objectOf({ _id: text, created_by: orNull(text), text })),
  linked: (value) => typeof value === "boolean",
  links: list(objectOf({ url: text, status: (value) => ["pending", "ready", "failed"].includes(value), title: orNull(text), description: orNull(text), image: orNull(text), site: orNull(text) })),
  mentions: list(text),
  reactions: list(objectOf({ emoji: text, count: whole, users: list(text) })),
  seen_by: list(text), seen_count: whole,
  created_at: time, updated_at: orNull(time), edited_at: orNull(time), deleted_at: orNull(time),
  client_message_id: orNull(text),
};
const kEvent = {
  id: text, seq: whole, room: text, type: text, at: time, by: orNull(text),
  data: (value) => value !== null && typeof value === "object",
};
const kLastMessage = {
  value: text, type: (value) => ["text", "media", "contact", "system"].includes(value),
  messageId: text, seq: whole, senderId: text, at: time,
};
const kRoom = { _id: text, name: orNull(text), kind: (value) => ["group", "direct", "public"].includes(value) };

function problems(value, fields) {
  return Object.entries(fields)
    .filter(([name, check]) => !(name in value) || !check(value[name]))
    .map(([name]) => (name in value ? `${name} is ${JSON.stringify(value[name])}` : `${name} is missing`));
}

function assertShape(value, fields, what) {
  assert.ok(value !== null && typeof value === "object", `${what}: ${JSON.stringify(value)}`);
  assert.deepEqual(problems(value, fields), [], `${what}: ${JSON.stringify(value).slice(0, 600)}`);
  return value;
}

export const assertMessage = (value, what = "message") => assertShape(value, kMessage, what);
export const assertEvent = (value, what = "event") => assertShape(value, kEvent, what);
export const assertLastMessage = (value, what = "lastMessage") => assertShape(value, kLastMessage, what);
export const assertRoom = (value, what = "room") => assertShape(value, kRoom, what);

export function assertTombstone(message, what = "tombstone") {
  assertMessage(message, what);
  assertTime(message.deleted_at, `${what}: deleted_at`);
  assert.equal(message.text, "", what);
  assert.deepEqual(message.media, [], what);
  assert.equal(message.contact, null, what);
}

// What differs between a live document and one as of its event: seen_by is derived and empty in events.
export function withoutSeen(message) {
  return { ...message, seen_by: [], seen_count: 0 };
}
