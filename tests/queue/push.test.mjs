// The push worker: the gateway is told of messages to members who are away, once each, and of no others.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after } from "node:test";
import { Hook, withHooks } from "../lib/hooks.mjs";
import { people } from "../lib/people.mjs";
import { Rabbit, amqp } from "../lib/rabbit.mjs";
import { test, withServer } from "../lib/testing.mjs";
import { Worker, orderOf, withWorkers } from "../lib/worker.mjs";
import { eventually } from "../support/deadline.mjs";

const rabbit = await Rabbit.start();
after(() => rabbit.dispose());

const kSlow = 90_000;

async function fresh() {
  const connection = await amqp.connect(rabbit.url);
  const channel = await connection.createChannel();
  for (const queue of ["", ".0", ".1", ".2", ".3"]) {
    await channel.deleteQueue(`tidings.worker.push${queue}`);
    await channel.deleteQueue(`tidings.worker.push${queue}.dead`);
  }
  await channel.deleteQueue("chat_messages");
  await channel.deleteExchange("tidings.events");
  await connection.close();
}

const optionsFor = (hook) => ({
  url: rabbit.url,
  env: { TIDINGS_PUSH_URL: hook.url, TIDINGS_PUSH_TOKEN: "gateway-secret", TIDINGS_PUSH_RETRY: "100ms,200ms" },
});

const withPush = (count, body) =>
  fresh().then(() =>
    withServer({ args: ["--amqp", rabbit.url] }, (server) =>
      withHooks(1, (hook) => withWorkers(server, "push", count, optionsFor(hook), (workers) => body(server, hook, workers))),
    ),
  );
const textsOf = (hook, user) => hook.accepted.filter((call) => call.json.users.includes(user.id)).map((call) => call.json.message.text);

test("members who are away are told, the others are not", { timeout: 240_000 }, async () => {
  await withPush(1, async (server, hook) => {
    const [ann, ben, cid, dan] = people(server, "ann", "ben", "cid", "dan");
    const room = (await ann.createRoom({ members: [ben.id, cid.id] }))._id;
    await ben.connect();
    await ann.send(room, "hello");
    await eventually("a push", () => hook.accepted.length === 1, kSlow);
    const [call] = hook.accepted;
    assert.deepEqual(call.json.users, [cid.id], "neither the author nor who is online");
    assert.equal(call.json.room, room);
    assert.equal(call.json.message.text, "hello");
    assert.equal(call.headers.authorization, "Bearer gateway-secret");
    // Who joins later was not there, and a room of those who are there needs no push.
    await ann.addMembers(room, [dan.id]);
    const both = (await ann.createRoom({ members: [ben.id] }))._id;
    await ann.send(both, "seen live");
    await ben.send(room, "again");
    await eventually("another push", () => hook.accepted.length === 2, kSlow);
    assert.deepEqual([...hook.accepted[1].json.users].sort(), [ann.id, cid.id, dan.id].sort());
    assert.equal(hook.calls.length, 2);
  });
});

test("a gateway that fails is asked again; then the message is a dead letter, which can be sent again", { timeout: 240_000 }, async () => {
  await withPush(1, async (server, hook) => {
    const [ann, ben] = people(server, "ann", "ben");
    const room = (await ann.createRoom({ members: [ben.id] }))._id;
    let failures = 2;
    hook.answer = () => (failures-- > 0 ? 503 : 200);
    await ann.send(room, "late");
    await eventually("a push", () => hook.accepted.length === 1, kSlow);
    assert.equal(hook.calls.length, 3);
    assert.equal(new Set(hook.calls.map((call) => call.headers["idempotency-key"])).size, 1);
    hook.answer = () => 400;
    await ann.send(room, "refused");
    const connection = await amqp.connect(rabbit.url);
    try {
      const channel = await connection.createChannel();
      const letter = await eventually("a dead letter", () => channel.get("tidings.worker.push.dead"), kSlow, 100);
      assert.equal(letter.properties.headers["tidings-death-reason"], "failed");
      assert.match(letter.properties.headers["tidings-death-error"], /400/);
      assert.equal(JSON.parse(letter.content.toString()).text, "refused");
      hook.answer = () => 200;
      channel.sendToQueue("tidings.worker.push", letter.content, { ...letter.properties, persistent: true });
      channel.ack(letter);
      await eventually("what was replayed", () => textsOf(hook, ben).includes("refused"), kSlow);
    } finally {
      await connection.close();
    }
  });
});

test("a stranger at the port of a server that was killed is asked nothing", { timeout: 240_000 }, async () => {
  await withPush(1, async (server, hook, [worker]) => {
    const [ann, ben] = people(server, "ann", "ben");
    const room = (await ann.createRoom({ members: [ben.id] }))._id;
    await worker.stop();
    await ann.send(room, "patient");
    const connection = await amqp.connect(rabbit.url);
    try {
      const channel = await connection.createChannel();
      const waiting = async () => (await channel.checkQueue("tidings.worker.push")).messageCount > 0;
      await eventually("the message in the queue", waiting, kSlow, 100);
    } finally {
      await connection.close();
    }
    const { port } = JSON.parse(await readFile(`${server.dir}/control`, "utf8"));
    await server.crash();
    const stranger = await Hook.start(port);
    try {
      stranger.answer = () => 404;
      await worker.launch();
      await eventually("a try", () => worker.output.includes("push_waits_for_the_server"), kSlow);
      assert.equal(stranger.calls.length, 0);
    } finally {
      await stranger.stop();
    }
    await server.launch();
    await eventually("the push", () => textsOf(hook, ben).includes("patient"), kSlow);
  });
});

test("instances are killed under load: each message is pushed, each room's in order, and none but those under way twice", { timeout: 400_000 }, async () => {
  await withPush(2, async (server, hook, workers) => {
    const [ann, ben] = people(server, "ann", "ben");
    const rooms = [];
    for (let i = 0; i < 4; i++) rooms.push((await ann.createRoom({ members: [ben.id] }))._id);
    let sent = 0;
    let stop = false;
    const writers = rooms.map(async (room, number) => {
      for (let i = 0; !stop; i++) {
        await ann.send(room, `${number}-${i}`);
        sent++;
      }
    });
    for (let kill = 0; kill < 6; kill++) {
      const from = hook.accepted.length;
      await eventually("more pushes", () => hook.accepted.length >= from + 20, kSlow);
      await workers[kill % 2].crash();
      await workers[kill % 2].launch();
    }
    stop = true;
    await Promise.all(writers);
    await eventually(`every push (${sent})`, () => hook.accepted.length >= sent, kSlow, 100);
    const texts = textsOf(hook, ben);
    assert.equal(texts.length, sent);
    assert.equal(new Set(texts).size, sent);
    for (const number of rooms.keys()) {
      const ofRoom = texts.filter((text) => text.startsWith(`${number}-`));
      assert.deepEqual(ofRoom, ofRoom.map((_, i) => `${number}-${i}`));
    }
    assert.deepEqual(await orderOf(server, "push"), { early: 0, missed: 0, late: 0 });
    const repeats = hook.calls.length - hook.accepted.length;
    assert.ok(repeats <= 6 * 64, `${repeats} repeats`);
  });
});

test("without a gateway it does not start", async () => {
  await withServer({}, async (server) => {
    const worker = new Worker(server, "push", { url: rabbit.url });
    worker.spawn();
    assert.notEqual(await worker.ended(), "code 0");
    assert.match(worker.output, /push\.url/);
  });
});
