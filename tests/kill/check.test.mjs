// The check catches each kind of damage that it is there for.
import assert from "node:assert/strict";
import { test } from "node:test";
import { holes, lost, misread, storedThoughRefused, storedTwice, unchanged } from "./check.mjs";

const message = (seq, id) => ({ seq, type: "message.created", data: { _id: `m-${id}`, client_message_id: id, created_by: "w", text: id, deleted_at: null } });
const logs = () => ({ r: [{ seq: 1, type: "room.created", data: { _id: "r" } }, message(2, "a"), message(3, "b")] });
const acknowledged = [{ id: "w a", room: "r", messageId: "m-a", seq: 2 }, { id: "w b", room: "r", messageId: "m-b", seq: 3 }];
const seen = (...seqs) => ({ one: { r: seqs.map((seq) => ({ seq, name: "NEW_MESSAGE", messageId: { 2: "m-a", 3: "m-b" }[seq] })) } });
const from = { one: { r: 2 } };

test("all is well", () => {
  assert.deepEqual([holes(logs()), lost(acknowledged, logs()), storedTwice(logs()), storedThoughRefused([{ id: "w x" }], logs()), misread(seen(2, 3), from, logs())], [[], [], [], [], []]);
});

test("a lost message", () => {
  const log = logs();
  log.r.pop();
  assert.match(lost(acknowledged, log)[0], /acknowledged and lost: w b/);
});

test("a message stored twice, at another place, or though refused", () => {
  const log = logs();
  log.r.push(message(4, "b"));
  assert.equal(lost(acknowledged, log).length, 1);
  assert.equal(storedTwice(log).length, 1);
  assert.equal(lost([{ ...acknowledged[0], seq: 3 }], logs()).length, 1);
  assert.equal(storedThoughRefused([{ id: "w a" }], logs()).length, 1);
});

test("a hole in the log", () => {
  const log = logs();
  log.r.splice(1, 1);
  assert.equal(holes(log).length, 1);
});

test("readers with a hole, a repeat, disorder, a phantom or a missing end", () => {
  for (const bad of [seen(3), seen(2, 2, 3), seen(3, 2), seen(2)]) assert.notEqual(misread(bad, from, logs()).length, 0);
  const phantom = seen(2, 3);
  phantom.one.r[1].messageId = "m-taken-back";
  assert.match(misread(phantom, from, logs())[0], /the log has m-b/);
});

test("changes that were undone", () => {
  assert.deepEqual(unchanged({ "m-a": { text: "a" } }, logs()), []);
  assert.equal(unchanged({ "m-a": { text: "edited" } }, logs()).length, 1);
  assert.equal(unchanged({ "m-a": { deleted: true } }, logs()).length, 1);
  assert.equal(unchanged({ "m-x": { text: "a" } }, logs()).length, 1);
});
