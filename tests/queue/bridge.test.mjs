// `tidings bridge`: queues go over to RabbitMQ, out of a store at rest, one that is served, or another transport, and none of
// it is lost though the bridge is killed in the middle.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after } from "node:test";
import { people } from "../lib/people.mjs";
import { Rabbit, amqp } from "../lib/rabbit.mjs";
import { Redis } from "../lib/redis.mjs";
import { Tidings, kBinary, run, temporaryFolder } from "../lib/server.mjs";
import { test } from "../lib/testing.mjs";
import { eventually, within } from "../support/deadline.mjs";

const rabbit = await Rabbit.start();
after(() => rabbit.dispose());

const kQueue = "chat_messages";
const kMessages = 1_200;

async function onChannel(body) {
  const connection = await amqp.connect(rabbit.url);
  try {
    return await body(await connection.createChannel());
  } finally {
    await connection.close();
  }
}

const lengthAtBroker = (queue = kQueue) =>
  onChannel(async (channel) => {
    await channel.assertQueue(queue, { durable: true });
    return (await channel.checkQueue(queue)).messageCount;
  });

const takenFromBroker = (queue = kQueue) =>
  onChannel(async (channel) => {
    const messages = [];
    for (let message; (message = await channel.get(queue, { noAck: true })); ) messages.push(message);
    return messages;
  });

// The messages with their ids, each once.
const firstsOf = (messages) =>
  new Map(messages.map((message) => [message.properties.messageId, JSON.parse(message.content)._id]));

const children = new Set();
process.on("exit", () => children.forEach((child) => child.kill("SIGKILL")));

// A process that goes on beside the test; `end` resolves with {code, stdout, stderr}.
function begin(args, env) {
  const child = spawn(kBinary, args, { env, stdio: ["ignore", "pipe", "pipe"] });
  children.add(child);
  const said = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"]) child[name].on("data", (chunk) => (said[name] += chunk));
  const ended = new Promise((resolve) => child.once("close", (code, signal) => resolve({ code: code ?? signal, ...said })));
  ended.then(() => children.delete(child));
  const end = (ms = 60_000) => within(ended, `the end of tidings ${args.slice(0, 2).join(" ")}`, ms);
  return { end, kill: (signal) => (child.kill(signal), end()) };
}

async function lengthHere(server) {
  const done = await server.command("queue", "list", kQueue, "--json");
  assert.equal(done.code, 0, done.stderr);
  return JSON.parse(done.stdout).ready;
}

test("a killed bridge loses nothing, and the relay goes on after it", async () => {
  const server = await Tidings.start();
  try {
    const [ann] = people(server, "ann");
    const room = (await ann.createRoom({ members: ["ben"] }))._id;
    const ids = [];
    for (let i = 0; i < kMessages; i += 40) {
      const sent = await Promise.all(Array.from({ length: 40 }, (_, k) => ann.send(room, { text: `${i + k}` })));
      ids.push(...sent.map((message) => message._id));
    }
    await server.stop();

    const args = ["bridge", "--from", "sqlite", "--to", rabbit.url, "--data", server.dir];
    for (const more of [0, 100]) {
      const before = await lengthAtBroker();
      const bridge = begin(args, server.env);
      await eventually("some messages to be moved", async () => (await lengthAtBroker()) > before + more, 60_000, 5);
      await bridge.kill("SIGKILL");
    }
    const following = await run(server.binary, [...args, "--follow"], server.env);
    assert.notEqual(following.code, 0, "nothing comes without a server");
    assert.match(following.stderr, /no server runs/);
    const done = await run(server.binary, args.slice(), server.env, 120_000);
    assert.equal(done.code, 0, done.stderr);
    assert.match(done.stdout, /^moved \d+\n$/);
    assert.equal(await lengthHere(server), 0);

    const firsts = firstsOf(await takenFromBroker());
    assert.deepEqual([...firsts.values()].sort(), ids.sort(), "each message once by its id, none is missing");

    server.args = ["--amqp", rabbit.url];
    await server.launch();
    const fresh = await ann.send(room, { text: "after" });
    await eventually("what is said now", async () => (await lengthAtBroker()) > 0, 60_000, 50);
    const [next] = await onChannel(async (channel) => [await channel.get(kQueue, { noAck: true })]);
    assert.equal(JSON.parse(next.content)._id, fresh._id, "what was moved is not published again");
  } finally {
    await server.dispose();
  }
});

test("a queue moves while its server goes on and is written to, though bridge and server are killed", async () => {
  await takenFromBroker();
  const server = await Tidings.start();
  try {
    const [ann] = people(server, "ann");
    const room = (await ann.createRoom({ members: ["ben"] }))._id;
    const ids = [];
    let going = true;
    const produce = async () => {
      while (going) {
        const sent = await Promise.all(Array.from({ length: 8 }, (_, k) => ann.send(room, { text: `${ids.length + k}` })));
        ids.push(...sent.map((message) => message._id));
      }
    };
    let producing = produce();
    const args = ["bridge", "--from", "sqlite", "--to", rabbit.url, "--data", server.dir];
    const someMore = async () => {
      const before = await lengthAtBroker();
      await eventually("some messages to be moved", async () => (await lengthAtBroker()) > before + 100, 60_000, 5);
    };

    const killed = begin([...args, "--follow"], server.env);
    await someMore();
    await killed.kill("SIGKILL");
    const cut = begin([...args, "--follow"], server.env);
    await someMore();
    going = false;
    await within(producing, "the end of what is being sent", 30_000);
    await server.crash();
    assert.notEqual((await cut.end()).code, 0, "its server is gone");
    await server.launch();
    going = true;
    producing = produce();
    const following = begin([...args, "--follow"], server.env);
    await someMore();
    going = false;
    await within(producing, "the end of what is being sent", 30_000);
    await eventually("nothing to be left", async () => (await lengthHere(server)) === 0, 60_000, 50);
    const followed = await following.kill("SIGTERM");
    assert.equal(followed.code, 0, followed.stderr);
    assert.match(followed.stdout, /^moved [1-9]\d*\n$/);
    const done = await run(server.binary, args, server.env, 60_000);
    assert.equal(done.code, 0, done.stderr);
    assert.equal(done.stdout, "moved 0\n");

    const firsts = firstsOf(await takenFromBroker());
    assert.deepEqual([...firsts.values()].sort(), ids.sort(), "each message once by its id, none is missing");

    await server.stop();
    server.args = ["--amqp", rabbit.url];
    await server.launch();
    const fresh = await ann.send(room, { text: "after" });
    await eventually("what is said now", async () => (await lengthAtBroker()) > 0, 60_000, 50);
    assert.deepEqual([...firstsOf(await takenFromBroker()).values()], [fresh._id], "what was moved is not published again");
    const refused = await run(server.binary, args, server.env);
    assert.notEqual(refused.code, 0);
    assert.match(refused.stderr, /publishes to RabbitMQ itself/);
  } finally {
    await server.dispose();
  }
});

// `place` names the transport, `from` the same as a bridge is told it.
async function movesWhileAProducerWorks(place, from, name) {
  const folder = temporaryFolder();
  const queue = `${name}.0`;
  await lengthAtBroker(queue);
  const declared = await run(kBinary, ["bridge", "--from", rabbit.url, "--to", place, "--queue", queue]);
  assert.equal(declared.code, 0, declared.stderr);
  const part = ["--role", "producer", "--part", "0", "--run", name, "--transport", place, "--folder", folder];
  const producer = begin(["queue", "prove-part", ...part]);
  const args = ["bridge", "--from", from, "--to", rabbit.url, "--queue", queue, "--follow"];
  const someMore = async () => {
    const before = await lengthAtBroker(queue);
    await eventually("some messages to be moved", async () => (await lengthAtBroker(queue)) > before + 200, 60_000, 5);
  };

  const killed = begin(args);
  await someMore();
  await killed.kill("SIGKILL");
  const following = begin(args);
  await someMore();
  writeFileSync(join(folder, "stop"), "stop\n");
  assert.equal((await producer.end()).code, 0);
  const accepted = Number(readFileSync(join(folder, "producer-0"), "utf8"));
  const left = async () => {
    const done = await run(kBinary, ["queue", "list", queue, "--transport", place, "--json"]);
    assert.equal(done.code, 0, done.stderr);
    const { ready, unsettled, delayed } = JSON.parse(done.stdout);
    return ready + unsettled + delayed;
  };
  // What the killed one held comes back when its lease ends.
  await eventually("nothing to be left", async () => (await left()) === 0, 90_000, 100);
  const followed = await following.kill("SIGTERM");
  assert.equal(followed.code, 0, followed.stderr);
  assert.match(followed.stdout, /^moved [1-9]\d*\n$/);
  const ids = new Set((await takenFromBroker(queue)).map((message) => message.properties.messageId));
  assert.ok(accepted > 400, `${accepted}`);
  assert.deepEqual([...ids].sort(), Array.from({ length: accepted }, (_, i) => `${queue}-${i + 1}`).sort());
}

test("a queue of SQLite is followed to RabbitMQ, though the bridge is killed", { timeout: 240_000 }, async () => {
  const folder = temporaryFolder();
  await movesWhileAProducerWorks(`sqlite:${folder}`, `sqlite:${join(folder, "messaging.db")}`, "lite");
});

test("a queue of Redis is followed to RabbitMQ, though the bridge is killed", { timeout: 240_000 }, async () => {
  const redis = await Redis.start();
  try {
    await movesWhileAProducerWorks(redis.url, redis.url, "swift");
  } finally {
    await redis.dispose();
  }
});
