// `tidings queue prove`: kills lose nothing, double nothing and change no order; a consumer that acknowledges before it works
// is found out, and so is one that goes by the order of arrival.
import assert from "node:assert/strict";
import { kBinary, run } from "../lib/server.mjs";
import { test } from "../lib/testing.mjs";

const kKills = 20;
const kMs = 300_000;

const prove = (transport, kills, ...args) =>
  run(kBinary, ["queue", "prove", "--transport", transport, "--kill", `${kills}`, ...args], undefined, kMs);

const numberOf = (text, what) => Number(new RegExp(`^${what} (\\d+)`, "m").exec(text)?.[1]);

// Of twenty kills every fifth is the broker's, where there is one to be killed.
for (const [transport, ofTheBroker] of [["memory", 0], ["sqlite", 0], ["redis", 4], ["rabbitmq", 4]]) {
  test(`${kKills} kills on ${transport}`, { timeout: kMs + 30_000 }, async () => {
    const done = await prove(transport, kKills);
    const said = done.stdout + done.stderr;
    for (const what of ["lost", "duplicated effects", "reordered by key"]) assert.equal(numberOf(said, what), 0, said);
    assert.equal(done.code, 0, said);
    assert.ok(numberOf(said, "accepted") > 100, said);
    assert.equal(numberOf(said, "kills"), kKills, said);
    assert.match(said, new RegExp(`of the broker ${ofTheBroker}$`, "m"), said);
    assert.equal(numberOf(said, "stops in good order"), transport === "memory" ? 0 : kKills, said);
  });
}

test("a consumer that acknowledges before it works is found out", { timeout: kMs + 30_000 }, async () => {
  const done = await prove("sqlite", 8, "--acknowledge-first");
  assert.notEqual(done.code, 0, done.stdout);
  assert.ok(numberOf(done.stdout, "lost") > 0, done.stdout);
});

// RabbitMQ hands the next consumer what is fresh before what a stopped one gives back. That numbers keep the order is worth something
// as long as it does. With four stops both consumers of each queue are stopped, so one that was active too.
test("without numbers the order that RabbitMQ makes of kills is found out", { timeout: kMs + 30_000 }, async () => {
  const done = await prove("rabbitmq", 4, "--by-arrival");
  const said = done.stdout + done.stderr;
  assert.notEqual(done.code, 0, said);
  assert.ok(numberOf(said, "reordered by key") > 0, said);
  for (const what of ["lost", "duplicated effects"]) assert.equal(numberOf(said, what), 0, said);
});

test("a transport that is none is refused", async () => {
  const unknown = await prove("kafka", 1);
  assert.notEqual(unknown.code, 0);
  assert.match(unknown.stderr, /names no transport/);
});
