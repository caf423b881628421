// What consumers of RabbitMQ get: every event of the log, at least once, first copies in order, whatever the broker does.
import assert from "node:assert/strict";
import { after } from "node:test";
import { ok } from "../lib/http.mjs";
import { people } from "../lib/people.mjs";
import { Rabbit } from "../lib/rabbit.mjs";
import * as relayed from "../lib/relayed.mjs";
import { asTheContractSays, backlog, bodyOf, consume, drained, expectComplete, kExchange, kQueue, metric } from "../lib/relayed.mjs";
import { test, withServer } from "../lib/testing.mjs";
import { eventually } from "../support/deadline.mjs";

const rabbit = await Rabbit.start();
after(() => rabbit.dispose());

const connected = (body) => relayed.connected(rabbit, body);
const fresh = () => relayed.fresh(rabbit);

// By a channel of its own, since asking for what is missing ends one.
function declaredExchange() {
  return connected((channel) => channel.checkExchange(kExchange)).then(
    () => true,
    () => false,
  );
}

test("a message and its events, as the contract says", async () => {
  await fresh();
  await withServer({ args: ["--amqp", rabbit.url] }, async (server) => {
    await connected(async (channel) => {
      await eventually("the exchange", declaredExchange, 30_000, 200);
      await asTheContractSays(server, channel);
    });
  });
});

test("the trace of an HTTP call is on the messages of its events, a restart between them or not", async () => {
  await fresh();
  await withServer({ args: ["--amqp", rabbit.url] }, async (server) => {
    await connected(async (channel) => {
      await eventually("the exchange", declaredExchange, 30_000, 200);
      await channel.assertQueue("all", { durable: true });
      await channel.bindQueue("all", kExchange, "#");
      const [ann] = people(server, "ann");
      const sender = await ann.connect();
      const traced = (digit) => `00-${digit.repeat(32)}-00f067aa0ba902b7-01`;
      const bearing = (traceparent) => ({ headers: { traceparent } });
      const room = ok(await ann.api.post("/rooms", { name: "room", kind: "group", members: [] }, bearing(traced("a"))))._id;
      const sent = await ann.send(room, "traced", bearing(traced("b")));
      await ann.send(room, "of a later version", bearing(traced("c").replace("00-", "01-")));
      await ann.send(room, "of no form", bearing("x".repeat(4_000)));
      await ann.send(room, "of two", bearing([traced("d"), traced("e")]));
      await sender.send(room, { text: "over a socket" });
      await drained(server);
      // What follows goes out after a restart only.
      rabbit.pause();
      try {
        ok(await ann.api.patch(`/rooms/${room}/messages/${sent._id}`, { text: "again" }, bearing(traced("f"))));
        await ann.remove(room, sent._id);
        await server.crash();
      } finally {
        rabbit.resume();
      }
      await server.launch();
      await drained(server);
      assert.ok(!JSON.stringify(await ann.log(room)).includes("00f067aa0ba902b7"), "clients do not see it");
      const whole = (all) => new Set(all.map(({ properties }) => properties.messageId)).size >= 8;
      const all = await consume(channel, "all", whole, "eight events");
      const traces = new Map(all.map(({ properties: { headers } }) => [headers.seq, headers.traceparent]));
      assert.deepEqual(
        [...traces].sort(([one], [other]) => one - other),
        [traced("a"), traced("b"), undefined, undefined, undefined, undefined, traced("f"), undefined].map((trace, i) => [i + 1, trace]),
      );
      await channel.deleteQueue("all");
    });
  });
});

test("an event that no queue wants is counted as unrouted, a message never", async () => {
  await fresh();
  await withServer({ args: ["--amqp", rabbit.url] }, async (server) => {
    const unrouted = () => metric(server, 'tidings_messages_lost_total{cause="unrouted"}');
    const [ann] = people(server, "ann");
    const room = (await ann.createRoom())._id;
    await drained(server);
    assert.equal(await unrouted(), 1, "room.created");
    const sent = await ann.send(room, "for chat_messages");
    await drained(server);
    assert.equal(await unrouted(), 1);
    await ann.edit(room, sent._id, "for nobody");
    await ann.remove(room, sent._id);
    await drained(server);
    assert.equal(await unrouted(), 3);
    assert.equal(await metric(server, "tidings_queue_published_total"), 4);
  });
});

test("a missing queue is made a quorum queue where the settings say so; one that is there is used as it is", async () => {
  await fresh();
  const quorum = { args: ["--amqp", rabbit.url], env: { TIDINGS_AMQP_QUEUE_TYPE: "quorum" } };
  const sendOne = (text) =>
    withServer(quorum, async (server) => {
      const [ann] = people(server, "ann");
      await ann.send((await ann.createRoom())._id, text);
      await drained(server);
      const [taken] = await connected((channel) => consume(channel, kQueue, (all) => all.length >= 1, "the message"));
      assert.equal(bodyOf(taken).text, text);
    });
  const asserted = (args) => connected((channel) => channel.assertQueue(kQueue, { durable: true, arguments: args }));
  await sendOne("to a quorum queue");
  await asserted({ "x-queue-type": "quorum" });
  await assert.rejects(asserted({}), /x-queue-type/);
  await fresh();
  await asserted({});
  await sendOne("to a classic queue");
  await asserted({});
});

test("the original's consumer may assert the queue", async () => {
  await fresh();
  await withServer({ args: ["--amqp", rabbit.url] }, async (server) => {
    await eventually("the queue", () => connected((channel) => channel.checkQueue(kQueue)).catch(() => false), 30_000, 200);
    await connected((channel) => channel.assertQueue(kQueue, { durable: true }));
    await drained(server);
  });
});

test("a queue with arguments of its own is used as it is found", async () => {
  await fresh();
  await connected((channel) => channel.assertQueue(kQueue, { durable: true, arguments: { "x-max-length": 1_000 } }));
  await withServer({ args: ["--amqp", rabbit.url] }, async (server) => {
    const [ann] = people(server, "ann");
    const room = (await ann.createRoom())._id;
    await ann.send(room, "one");
    await connected((channel) => consume(channel, kQueue, (taken) => taken.length === 1, "the message"));
  });
});

test("a deleted queue is made again, and what it lost the route to is published again", async () => {
  await fresh();
  await withServer({ args: ["--amqp", rabbit.url] }, async (server) => {
    const [ann] = people(server, "ann");
    const room = (await ann.createRoom())._id;
    await ann.send(room, "one");
    await drained(server);
    await connected((channel) => channel.deleteQueue(kQueue));
    await ann.send(room, "two");
    await eventually("the queue", () => connected((channel) => channel.checkQueue(kQueue)).catch(() => false), 30_000, 200);
    const taken = await connected((channel) => consume(channel, kQueue, (all) => all.length >= 1, "the message"));
    assert.equal(bodyOf(taken[0]).text, "two");
  });
});

test("a queue that refuses holds back what is behind, and the others are not flooded", async () => {
  await fresh();
  await withServer({ args: ["--amqp", rabbit.url] }, async (server) => {
    await connected(async (channel) => {
      await eventually("the exchange", declaredExchange, 30_000, 200);
      await channel.assertQueue("taking", { durable: true });
      await channel.bindQueue("taking", kExchange, "#");
      await channel.assertQueue("refusing", { durable: true, arguments: { "x-max-length": 1, "x-overflow": "reject-publish" } });
      await channel.bindQueue("refusing", kExchange, "#");
      const [ann] = people(server, "ann");
      const sender = await ann.connect();
      const room = (await ann.createRoom())._id;
      await Promise.all(Array.from({ length: 40 }, (_, i) => sender.send(room, { text: `${i}` })));
      const failures = () => metric(server, "tidings_queue_failures_total");
      const from = await failures();
      await eventually("more tries", async () => (await failures()) >= from + 5, 60_000, 100);
      const { messageCount } = await channel.checkQueue("taking");
      assert.ok(messageCount <= 41 + 41 + 8, `${messageCount} copies of 41 events, of which each try may repeat one`);
      assert.ok((await backlog(server)) > 0);
      // Its consumer comes: everything arrives everywhere.
      const whole = (all) => new Set(all.map(({ properties }) => properties.messageId)).size >= 41;
      await Promise.all(["refusing", "taking"].map((queue) => consume(channel, queue, whole, `what ${queue} has to get`)));
      await drained(server);
      for (const queue of ["refusing", "taking"]) await channel.deleteQueue(queue);
    });
  });
});

const kUnconfirmed = 128;

test("broker and server are killed under load: nothing is missing, first copies are in order", { timeout: 300_000 }, async () => {
  await fresh();
  await withServer({ args: ["--amqp", rabbit.url] }, async (server) => {
    const [ann] = people(server, "ann");
    const rooms = [];
    for (let i = 0; i < 3; i++) rooms.push((await ann.createRoom())._id);
    const sent = new Map(rooms.map((room) => [room, 0]));
    const sizes = [];
    let stop = false;
    // Bodies of mixed size, so that a page takes many frames of AMQP.
    const writer = async (room) => {
      for (let i = 0; !stop; i++) {
        const text = "x".repeat([1, 100, 3_000, 60_000][i % 4]);
        const message = { text, clientMessageId: `${room}-${i}` };
        await eventually("an acknowledgement", async () => {
          try {
            return (await ann.trySend(room, message)).status === 200;
          } catch {
            return false; // the server was killed: the same message once more
          }
        });
        sent.set(room, i + 1);
        sizes.push(text.length);
      }
    };
    const writers = rooms.flatMap((room) => [writer(room)]);
    const total = () => [...sent.values()].reduce((sum, count) => sum + count, 0);
    const more = async (count) => {
      const from = total();
      await eventually("more messages", () => total() >= from + count, 60_000);
    };
    // As the server itself says it: so much of all sizes is with the broker, or on its way, and not confirmed.
    const waiting = async (least) => {
      await eventually(`${least} events that are not confirmed`, async () => (await backlog(server)) >= least, 60_000);
      assert.equal(new Set(sizes.slice(-kUnconfirmed)).size, 4, "of all sizes");
    };
    await more(60);
    rabbit.pause();
    await waiting(kUnconfirmed);
    await rabbit.crash();
    assert.ok((await backlog(server)) >= kUnconfirmed);
    await more(60);
    await rabbit.launch();
    await more(60);
    await server.crash();
    await server.launch();
    await more(60);
    // This time it is at work on them as it is killed.
    for (let unconfirmed = 0; unconfirmed < kUnconfirmed; ) {
      rabbit.pause();
      await waiting(4 * kUnconfirmed);
      rabbit.resume();
      unconfirmed = await backlog(server);
    }
    await rabbit.crash();
    await server.crash();
    await server.launch();
    await more(60);
    await rabbit.launch();
    stop = true;
    await Promise.all(writers);
    await drained(server);
    await connected(async (channel) => {
      await channel.prefetch(200);
      const ids = new Set();
      const taken = await consume(
        channel,
        kQueue,
        (all) => {
          for (const message of all) ids.add(message.properties.messageId);
          return ids.size >= total();
        },
        "every message",
      );
      for (const room of rooms) expectComplete(taken, room, Array.from({ length: sent.get(room) }, (_, i) => i + 2));
    });
  });
});

test("a broker that stands still does not keep the server from stopping", async () => {
  await fresh();
  await withServer({ args: ["--amqp", rabbit.url] }, async (server) => {
    const [ann] = people(server, "ann");
    const room = (await ann.createRoom())._id;
    await drained(server);
    rabbit.pause();
    try {
      for (let i = 0; i < 10; i++) await ann.send(room, `still ${i}`);
      await server.stop();
    } finally {
      rabbit.resume();
    }
    await server.launch();
    await drained(server);
    const taken = await connected((channel) => consume(channel, kQueue, (all) => all.length >= 10, "the messages"));
    expectComplete(taken, room, Array.from({ length: 10 }, (_, i) => i + 2));
  });
});
