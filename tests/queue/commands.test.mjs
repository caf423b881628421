// `tidings queue` on RabbitMQ and Redis: dead letters are seen, edited, replayed with their ids, and dropped.
import assert from "node:assert/strict";
import { after } from "node:test";
import { Rabbit, amqp } from "../lib/rabbit.mjs";
import { Redis } from "../lib/redis.mjs";
import { kBinary, run, temporaryFolder } from "../lib/server.mjs";
import { test } from "../lib/testing.mjs";

const rabbit = await Rabbit.start();
after(() => rabbit.dispose());

const lines = (text) => text.trim().split("\n").filter(Boolean).map((line) => JSON.parse(line));

const queueOn = (url) => async (...args) => {
  const done = await run(kBinary, ["queue", ...args, "--json", "--transport", url]);
  assert.equal(done.code, 0, `${args.join(" ")}: ${done.stderr}`);
  return lines(done.stdout);
};

const refusedOn = (url) => async (...args) => {
  const done = await run(kBinary, ["queue", ...args, "--transport", url]);
  assert.equal(done.code, 1, `${args.join(" ")}: ${done.stdout}`);
  assert.match(done.stderr, /^tidings: .+\n$/);
  return done.stderr;
};

async function withChannel(body) {
  const connection = await amqp.connect(rabbit.url);
  try {
    return await body(await connection.createConfirmChannel());
  } finally {
    await connection.close();
  }
}

// Three letters of the queue, at RabbitMQ.
const buryThree = (name) =>
  withChannel(async (channel) => {
    await channel.assertQueue(name, { durable: true });
    await channel.assertQueue(`${name}.dead`, { durable: true });
    for (const [id, reason] of [["a", "failed"], ["b", "rejected"], ["c", "failed"]]) {
      const headers = { "tidings-death-reason": reason, "tidings-death-queue": name, "tidings-failures": "3" };
      channel.sendToQueue(`${name}.dead`, Buffer.from(`body of ${id}`), { messageId: id, type: "job", headers, persistent: true });
    }
    await channel.waitForConfirms();
  });

// `waiting` resolves with what is in the queue: Map of id to {body, headers}.
async function operate(url, name, waiting) {
  const queue = queueOn(url);
  const refused = refusedOn(url);
  const [listed] = await queue("list", name);
  assert.deepEqual([listed.queue, listed.ready, listed.dead], [name, 0, 3]);
  const letters = await queue("peek", name);
  assert.deepEqual(letters.map((letter) => letter.id), ["a", "b", "c"]);
  assert.deepEqual(await queue("peek", name), letters, "they stay");
  assert.deepEqual((await queue("peek", name, "--limit", "2")).map((letter) => letter.id), ["a", "b"]);
  assert.deepEqual((await queue("peek", name, "--reason", "rejected")).map((letter) => letter.body), ["body of b"]);
  await queue("edit", name, "c", "--body", "mended", "--set", "note=by hand");
  assert.match(await refused("edit", name, "z", "--body", "x"), /z/);
  const dry = await queue("replay", name, "--reason", "failed", "--rate", "0", "--dry-run");
  assert.deepEqual(dry, [{ lookedAt: 3, selected: 2, replayed: 0 }]);
  const [replayed] = await queue("replay", name, "--reason", "failed", "--rate", "0");
  assert.equal(replayed.replayed, 2);
  const got = await waiting();
  assert.deepEqual([...got.keys()].sort(), ["a", "c"]);
  assert.equal(got.get("c").body, "mended");
  assert.equal(got.get("c").headers.note, "by hand");
  assert.equal(got.get("a").headers["tidings-failures"], undefined, "no failures are counted any more");
  assert.match(await refused("purge", name, "--id", "zzz"), /no dead letter of .* has the id zzz/);
  assert.deepEqual(await queue("purge", name, "--all"), [{ purged: 1 }]);
  assert.equal((await queue("list", name))[0].dead, 0);
  assert.match(await refused("peek", "none"), /no queue/);
}

test("dead letters on RabbitMQ", async () => {
  await buryThree("jobs");
  await operate(rabbit.url, "jobs", () =>
    withChannel(async (channel) => {
      const got = new Map();
      for (let message; (message = await channel.get("jobs", { noAck: true })); ) {
        got.set(message.properties.messageId, { body: message.content.toString(), headers: message.properties.headers });
      }
      return got;
    }),
  );
});

test("dead letters on Redis", async () => {
  const redis = await Redis.start();
  try {
    await buryThree("tasks");
    const moved = await run(kBinary, ["bridge", "--from", rabbit.url, "--to", redis.url, "--queue", "tasks", "--queue", "tasks.dead"]);
    assert.equal(moved.stdout, "moved 3\n", moved.stderr);
    const queue = queueOn(redis.url);
    const waiting = async () => new Map((await queue("peek", "tasks", "--waiting")).map((line) => [line.id, line]));
    await operate(redis.url, "tasks", waiting);
    assert.deepEqual(await queue("purge", "tasks", "--waiting", "--all"), [{ purged: 2 }]);
    const all = await queue("list");
    assert.deepEqual(all.map(({ queue: name, ready, dead }) => ({ name, ready, dead })), [{ name: "tasks", ready: 0, dead: 0 }]);
  } finally {
    await redis.dispose();
  }
});

test("addresses come from the environment, where no flag says otherwise", async () => {
  await buryThree("hidden");
  const redis = await Redis.start();
  const nowhere = "redis://127.0.0.1:1";
  const by = (variables, ...args) => run(kBinary, args, { PATH: process.env.PATH, ...variables });
  const dead = async (variables, ...args) => {
    const done = await by(variables, "queue", "list", "hidden", "--json", ...args);
    assert.equal(done.code, 0, done.stderr);
    assert.equal(done.stderr, "");
    return lines(done.stdout)[0].dead;
  };
  try {
    assert.equal(await dead({ TIDINGS_QUEUE_TRANSPORT: rabbit.url }), 3);
    assert.equal(await dead({ TIDINGS_QUEUE_TRANSPORT: nowhere }, "--transport", rabbit.url), 3);
    const data = temporaryFolder();
    const store = await by({ TIDINGS_QUEUE_TRANSPORT: rabbit.url }, "queue", "list", "hidden", "--data", data);
    assert.equal(store.code, 1, "the store that is named, not the broker");
    assert.match(store.stderr, /data|store|folder/);

    const queues = ["--queue", "hidden", "--queue", "hidden.dead"];
    const some = { TIDINGS_BRIDGE_FROM: rabbit.url, TIDINGS_BRIDGE_TO: nowhere };
    const moved = await by(some, "bridge", ...queues, "--to", redis.url);
    assert.equal(moved.stdout, "moved 3\n", moved.stderr);
    const back = await by({ TIDINGS_BRIDGE_FROM: redis.url, TIDINGS_BRIDGE_TO: rabbit.url }, "bridge", ...queues);
    assert.equal(back.stdout, "moved 3\n", back.stderr);
    for (const [variables, flag] of [[{ TIDINGS_BRIDGE_TO: redis.url }, "--from"], [{ TIDINGS_BRIDGE_FROM: redis.url }, "--to"]]) {
      const { code, stderr } = await by(variables, "bridge");
      assert.deepEqual([code, stderr], [2, `tidings: ${flag} is required; see tidings bridge --help\n`]);
    }
  } finally {
    await redis.dispose();
  }
});

test("RabbitMQ does not tell its queues", async () => {
  assert.match(await refusedOn(rabbit.url)("list"), /name those/);
});
