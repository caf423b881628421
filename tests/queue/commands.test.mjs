// `tidings queue` on RabbitMQ: dead letters are seen, edited, replayed with their ids, and dropped.
import assert from "node:assert/strict";
import { after } from "node:test";
import { Rabbit, amqp } from "../lib/rabbit.mjs";
import { kBinary, run } from "../lib/server.mjs";
import { test } from "../lib/testing.mjs";

const rabbit = await Rabbit.start();
after(() => rabbit.dispose());

async function queue(...args) {
  const done = await run(kBinary, ["queue", ...args, "--json", "--transport", rabbit.url]);
  assert.equal(done.code, 0, `${args.join(" ")}: ${done.stderr}`);
  return done.stdout.trim().split("\n").filter(Boolean).map((line) => JSON.parse(line));
}

test("dead letters on RabbitMQ", async () => {
  const connection = await amqp.connect(rabbit.url);
  try {
    const channel = await connection.createConfirmChannel();
    await channel.assertQueue("jobs", { durable: true });
    await channel.assertQueue("jobs.dead", { durable: true });
    for (const [id, reason] of [["a", "failed"], ["b", "rejected"], ["c", "failed"]]) {
      const headers = { "tidings-death-reason": reason, "tidings-death-queue": "jobs", "tidings-failures": "3" };
      channel.sendToQueue("jobs.dead", Buffer.from(`body of ${id}`), { messageId: id, type: "job", headers, persistent: true });
    }
    await channel.waitForConfirms();
    assert.equal((await queue("list", "jobs"))[0].dead, 3);
    assert.deepEqual((await queue("peek", "jobs")).map((letter) => letter.id), ["a", "b", "c"]);
    assert.deepEqual((await queue("peek", "jobs", "--reason", "rejected")).map((letter) => letter.body), ["body of b"]);
    await queue("edit", "jobs", "c", "--body", "mended", "--set", "note=by hand");
    const [replayed] = await queue("replay", "jobs", "--reason", "failed", "--rate", "0");
    assert.equal(replayed.replayed, 2);
    const got = new Map();
    for (let message; (message = await channel.get("jobs", { noAck: true })); ) got.set(message.properties.messageId, message);
    assert.deepEqual([...got.keys()].sort(), ["a", "c"]);
    assert.equal(got.get("c").content.toString(), "mended");
    assert.equal(got.get("c").properties.headers.note, "by hand");
    assert.equal(got.get("a").properties.headers["tidings-failures"], undefined, "no failures are counted any more");
    assert.deepEqual(await queue("purge", "jobs"), [{ purged: 1 }]);
    assert.equal((await queue("list", "jobs"))[0].dead, 0);
  } finally {
    await connection.close();
  }
});

test("RabbitMQ does not tell its queues", async () => {
  const done = await run(kBinary, ["queue", "list", "--transport", rabbit.url]);
  assert.equal(done.code, 1);
  assert.match(done.stderr, /name those/);
});
