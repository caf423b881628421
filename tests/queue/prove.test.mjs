// `tidings queue prove`: kills lose nothing, double nothing and change no order; a consumer that acknowledges before it works
// is found out, and so is one that goes by the order of arrival.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { kBinary, run, temporaryFolder } from "../lib/server.mjs";
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

// A minute each on the brokers: with the long ones.
for (const transport of process.env.TIDINGS_TEST_FULL ? ["sqlite", "redis", "rabbitmq"] : ["sqlite"]) {
  test(`a consumer that acknowledges before it works is found out on ${transport}`, { timeout: kMs + 30_000 }, async () => {
    const done = await prove(transport, kKills, "--acknowledge-first");
    assert.notEqual(done.code, 0, done.stdout);
    assert.ok(numberOf(done.stdout, "lost") > 0, done.stdout + done.stderr);
    assert.match(done.stderr, /the proof failed/);
  });
}

test("a folder that is named keeps what they did, and no other proof", { timeout: kMs + 30_000 }, async () => {
  const folder = join(temporaryFolder(), "made");
  const done = await prove("sqlite", 1, "--data", folder);
  assert.equal(done.code, 0, done.stdout + done.stderr);
  const kept = readdirSync(folder);
  for (const part of [0, 1]) {
    assert.ok(kept.includes(`effects-${part}.db`), kept.join(" "));
    const accepted = Number(readFileSync(join(folder, `producer-${part}`), "utf8"));
    assert.ok(accepted > 0, `${accepted}`);
  }
  const again = await prove("sqlite", 1, "--data", folder);
  assert.equal(again.code, 1);
  assert.match(again.stderr, /holds an earlier proof; name an empty folder/);
  assert.equal(again.stdout, "");
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
