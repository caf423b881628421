// What the examples print, over each transport; twice, since a second run finds what the first one left.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Rabbit } from "../lib/rabbit.mjs";
import { Redis } from "../lib/redis.mjs";
import { temporaryFolder } from "../lib/server.mjs";

const kExamples = fileURLToPath(new URL("../../examples", import.meta.url));
const kNames = ["tasks", "orders_exchange", "rpc", "stream_replay", "notifications", "outbox"];
const redis = await Redis.start();
after(() => redis.dispose());
const rabbit = await Rabbit.start();
after(() => rabbit.dispose());

const addresses = {
  memory: "memory",
  sqlite: `sqlite:${join(temporaryFolder(), "queues")}`,
  redis: redis.url,
  rabbitmq: rabbit.url,
};

// { code, lines, errors } of the example's run.
function run(example, transport) {
  const binary = join(process.env.TIDINGS_EXAMPLES, `example_${example}`);
  return new Promise((resolve) => {
    execFile(binary, ["--transport", transport], { timeout: 120_000 }, (error, out, errors) => {
      resolve({ code: error ? (error.code ?? error.signal) : 0, lines: out.trimEnd().split("\n"), errors });
    });
  });
}

function shows(example, transports, check) {
  for (const transport of transports) {
    test(`${example} over ${transport}`, async () => {
      for (const turn of ["the first run", "the second run"]) {
        const { code, lines, errors } = await run(example, addresses[transport]);
        assert.equal(code, 0, `${turn}: ${errors}${lines.join("\n")}`);
        check(lines, transport, turn);
      }
    });
  }
}

const all = Object.keys(addresses);

shows("tasks", all, (lines) => {
  const crashed = lines.findIndex((line) => / takes picture \d+ and crashes$/.test(line));
  const lost = lines[crashed].match(/picture \d+/)[0];
  const done = lines.slice(crashed + 1, -1).map((line) => line.match(/^(alice|bob) does (picture \d+)(, a second try)?$/));
  assert.ok(done.every(Boolean), lines.join("\n"));
  const pictures = Array.from({ length: 12 }, (_, i) => `picture ${i + 1}`);
  assert.deepEqual(done.map((match) => match[2]).sort(), pictures.sort());
  assert.deepEqual(done.filter((match) => match[3]).map((match) => match[2]), [lost], "only what the dead one held");
  assert.equal(lines.at(-1), "12 tasks done, 0 left");
});

shows("orders_exchange", all, (lines) => {
  const dead = lines.findIndex((line) => line.startsWith("analytics:"));
  assert.deepEqual(lines.slice(0, dead).sort(), [
    "email: to ann@example.com for order 1",
    "email: to bob@example.com for order 3",
    "email: try 1 of order 2 fails",
    "email: try 2 of order 2 fails",
    "email: try 3 of order 2 fails",
  ]);
  assert.equal(lines[dead], "analytics: 4 events");
  assert.match(lines[dead + 1], /^dead: \{"order":2,"email":"zoë@example\.com"\}: .*ASCII alone$/);
  assert.deepEqual(lines.slice(dead + 2), ["email: to zoë@example.com for order 2", "fixed, and replayed: 1"]);
});

shows("rpc", all, (lines) => {
  assert.equal(lines[0], "root of 144: 12");
  assert.match(lines[1], /^root of -1: .*no real number has the square -1$/);
  assert.match(lines[2], /^root of 1e9: no reply within 2000 ms$/);
  assert.deepEqual(lines.slice(3), ["2 replies, 1 timeout, 1 late"]);
});

shows("stream_replay", all, (lines) => {
  assert.deepEqual(lines, [
    "warmest: 31",
    "page 1: 17 19",
    "page 2: 24 31",
    "page 3: 28 22",
    "alice took 4, acknowledged 2, and is gone",
    "bob claims 24",
    "bob claims 31",
    "bob reads 28",
    "bob reads 22",
    "pending: 0",
  ]);
});

shows("notifications", all, (lines) => {
  assert.deepEqual(lines.slice(0, 3), ["score 1", "score 2", "score 3"]);
  const gaps = lines.slice(3, -1);
  assert.ok(gaps.length >= 1, "it is told that it missed something");
  for (const gap of gaps) assert.equal(gap, "a gap (too slow): looks the score up, it is 1500");
  assert.equal(lines.at(-1), "score 1500");
});

shows("outbox", all, (lines) => {
  assert.deepEqual(lines, ["receipts that wait: 1", "a receipt for order 7", "receipts that wait: 0"]);
});

test("what cannot be reached ends with one line that says so", async () => {
  const { code, errors } = await run("tasks", "nonsense://here");
  assert.equal(code, 1);
  assert.match(errors, /^the address names no transport: .*\n$/);
});

test("docs/messaging.md shows the examples as they are", () => {
  const page = readFileSync(fileURLToPath(new URL("../../docs/messaging.md", import.meta.url)), "utf8");
  const blocks = [...page.matchAll(/^```c\+\+\n(.*?)^```$/gms)].map((match) => match[1]);
  assert.ok(blocks.length >= 5);
  const sources = kNames.map((name) => readFileSync(join(kExamples, name, "main.cpp"), "utf8"));
  for (const block of blocks) assert.ok(sources.some((source) => source.includes(block)), block);
});

test("each of the messaging examples is under 60 lines", () => {
  for (const name of kNames) {
    const lines = readFileSync(join(kExamples, name, "main.cpp"), "utf8").trimEnd().split("\n").length;
    assert.ok(lines < 60, `${name} has ${lines} lines`);
  }
});
