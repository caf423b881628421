// `tidings bridge`: a store's queue goes over to RabbitMQ, and none of it is lost though the bridge is killed in the middle.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { after } from "node:test";
import { people } from "../lib/people.mjs";
import { Rabbit, amqp } from "../lib/rabbit.mjs";
import { Tidings, run } from "../lib/server.mjs";
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

const lengthAtBroker = () =>
  onChannel(async (channel) => {
    await channel.assertQueue(kQueue, { durable: true });
    return (await channel.checkQueue(kQueue)).messageCount;
  });

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
    const running = await server.command("bridge", "--from", "embedded", "--to", rabbit.url);
    assert.notEqual(running.code, 0, "a store that is being served is not moved");
    await server.stop();

    const args = ["bridge", "--from", "embedded", "--to", rabbit.url, "--data", server.dir];
    for (const more of [0, 100]) {
      const before = await lengthAtBroker();
      const bridge = spawn(server.binary, args, { env: server.env, stdio: "ignore" });
      const ended = new Promise((resolve) => bridge.once("exit", resolve));
      await eventually("some messages to be moved", async () => (await lengthAtBroker()) > before + more, 60_000, 5);
      bridge.kill("SIGKILL");
      await within(ended, "the end of the bridge", 30_000);
    }
    const done = await run(server.binary, args.slice(), server.env, 120_000);
    assert.equal(done.code, 0, done.stderr);
    assert.match(done.stdout, /^moved \d+\n$/);
    assert.equal(await lengthHere(server), 0);

    const got = await onChannel(async (channel) => {
      const messages = [];
      for (let message; (message = await channel.get(kQueue, { noAck: true })); ) messages.push(message);
      return messages;
    });
    const firsts = new Map(got.map((message) => [message.properties.messageId, JSON.parse(message.content)._id]));
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
