// The server's own queues over AMQP, without a broker: any client of RabbitMQ takes from them, by the same program.
import assert from "node:assert/strict";
import { connect } from "node:net";
import { people } from "../lib/people.mjs";
import { amqp } from "../lib/rabbit.mjs";
import { asTheContractSays, bodyOf, connected, consume, expectComplete, kExchange, kQueue, metric } from "../lib/relayed.mjs";
import { Tidings, freePort } from "../lib/server.mjs";
import { test, withServer } from "../lib/testing.mjs";
import { eventually, within } from "../support/deadline.mjs";

const kPassword = "what clients know";

async function withDoor(options, body) {
  const port = await freePort();
  const env = { TIDINGS_QUEUE_LISTEN: `127.0.0.1:${port}`, TIDINGS_QUEUE_PASSWORD: kPassword, ...options.env };
  return withServer({ ...options, env }, (server) => {
    const url = `amqp://tidings:${encodeURIComponent(kPassword)}@127.0.0.1:${port}`;
    return body(server, { url, port });
  });
}

// The error that ends a channel on which `body` was refused.
async function refusal(door, body) {
  const connection = await amqp.connect(door.url);
  const closed = new Promise((resolve) => connection.once("error", resolve));
  const channel = await connection.createChannel();
  const ended = new Promise((resolve) => channel.once("error", resolve));
  await body(channel).catch(() => {});
  const error = await within(Promise.race([closed, ended]), "a refusal");
  await connection.close().catch(() => {});
  return error;
}

test("a message and its events, as the contract says", async () => {
  await withDoor({}, (server, door) => connected(door, (channel) => asTheContractSays(server, channel)));
});

test("the original's consumer, which asserts its queue, takes what was said before it came and what is said then", async () => {
  await withDoor({}, async (server, door) => {
    const [ann] = people(server, "ann");
    const room = (await ann.createRoom())._id;
    for (let i = 0; i < 20; i++) await ann.send(room, `before ${i}`);
    await connected(door, async (channel) => {
      const { messageCount } = await channel.assertQueue(kQueue, { durable: true });
      assert.equal(messageCount, 20);
      await channel.prefetch(5);
      const taking = consume(channel, kQueue, (taken) => taken.length >= 40, "all messages");
      for (let i = 20; i < 40; i++) await ann.send(room, `then ${i}`);
      const taken = await taking;
      expectComplete(taken, room, Array.from({ length: 40 }, (_, i) => i + 2));
      assert.equal(new Set(taken.map((message) => bodyOf(message)._id)).size, 40);
    });
    await eventually("nothing left", async () => (await metric(server, `tidings_embedded_queue_behind_positions{queue="${kQueue}"}`)) === 0);
  });
});

test("a consumer that works on through kills of the server misses nothing", { timeout: 300_000 }, async () => {
  await withDoor({}, async (server, door) => {
    const [ann, ben] = people(server, "ann", "ben");
    const room = (await ann.createRoom({ members: [ben.id] }))._id;
    const taken = [];
    let running = true;
    const consumer = (async () => {
      while (running) {
        try {
          const connection = await amqp.connect(door.url);
          const gone = new Promise((resolve) => connection.once("close", resolve));
          connection.on("error", () => {});
          const channel = await connection.createChannel();
          channel.on("error", () => {});
          await channel.prefetch(10);
          await channel.consume(kQueue, (message) => {
            if (message === null) return;
            taken.push(message);
            channel.ack(message);
          });
          while (running && !(await Promise.race([gone.then(() => true), new Promise((go) => setTimeout(go, 50, false))])));
          await connection.close().catch(() => {});
        } catch {
          await new Promise((again) => setTimeout(again, 50));
        }
      }
    })();
    const sent = [];
    for (let kill = 0; kill < 6; kill++) {
      for (let i = 0; i < 25; i++) sent.push((await (i % 2 ? ann : ben).send(room, `message ${sent.length}`))._id);
      await server.crash();
      await server.launch();
    }
    await eventually("every message", () => new Set(taken.map((message) => bodyOf(message)._id)).size >= sent.length, 60_000);
    running = false;
    await within(consumer, "the consumer's end");
    expectComplete(taken, room, Array.from(sent, (_, i) => i + 2));
  });
});

test("what is given back comes again in its order, and what is rejected lies among the dead letters", async () => {
  await withDoor({}, async (server, door) => {
    const [ann] = people(server, "ann");
    const room = (await ann.createRoom())._id;
    await connected(door, async (channel) => {
      await channel.assertQueue("mine", {
        durable: true,
        arguments: { "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "mine.dead" },
      });
      await channel.bindQueue("mine", kExchange, "message.*");
      for (let i = 0; i < 6; i++) await ann.send(room, `${i}`);
      const first = await eventually("the first one", () => channel.get("mine"));
      const second = await channel.get("mine");
      assert.equal(bodyOf(first).text, "0");
      assert.equal(first.fields.redelivered, false);
      assert.equal(first.fields.messageCount, 5);
      channel.nackAll(true);
      const again = await channel.get("mine");
      assert.equal(again.properties.messageId, first.properties.messageId);
      assert.equal(again.fields.redelivered, true, "so that nack(requeue = !redelivered) ends");
      channel.nack(again, false, false);
      const next = await channel.get("mine");
      assert.equal(next.properties.messageId, second.properties.messageId);
      channel.ack(next);
      const rest = await consume(channel, "mine", (taken) => taken.length === 4, "the others");
      assert.deepEqual(rest.map((message) => bodyOf(message).text), ["2", "3", "4", "5"]);
      const dead = await channel.get("mine.dead");
      assert.equal(dead.properties.messageId, first.properties.messageId);
      assert.equal(dead.properties.headers["tidings-death-reason"], "rejected");
      const [death] = dead.properties.headers["x-death"];
      assert.deepEqual([death.reason, death.queue, death.exchange, death["routing-keys"], death.count], ["rejected", "mine", kExchange, ["message.created"], 1]);
      assert.equal(dead.properties.headers["x-first-death-queue"], "mine");
      channel.nack(dead);
    });
    const { stdout, code } = await server.command("queue", "peek", "mine", "--json");
    assert.equal(code, 0);
    assert.equal(JSON.parse(stdout.trim()).headers["tidings-death-reason"], "rejected");
  });
});

test("no more than the prefetch is handed out, and two consumers share a queue", async () => {
  await withDoor({}, async (server, door) => {
    const [ann] = people(server, "ann");
    const room = (await ann.createRoom())._id;
    for (let i = 0; i < 30; i++) await ann.send(room, `${i}`);
    await connected(door, async (channel) => {
      const held = { a: [], b: [] };
      await channel.prefetch(4);
      for (const name of ["a", "b"]) await channel.consume(kQueue, (message) => held[name].push(message));
      await eventually("both to be full", () => held.a.length === 4 && held.b.length === 4);
      const { messageCount, consumerCount } = await channel.checkQueue(kQueue);
      assert.deepEqual([messageCount, consumerCount], [22, 2]);
      assert.deepEqual([held.a.length, held.b.length], [4, 4]);
      channel.ack(held.a[3], true);
      await eventually("more", () => held.a.length + held.b.length > 8);
    });
    await eventually("nobody to hold anything", async () => {
      const [depth] = JSON.parse(`[${(await server.command("queue", "list", "--json")).stdout.trim().split("\n").join(",")}]`);
      return depth.unsettled === 0 && depth.consumers === 0;
    });
  });
});

test("what a publisher was confirmed is there after kill -9, its own headers and types with it", async () => {
  await withDoor({}, async (server, door) => {
    const connection = await amqp.connect(door.url);
    connection.on("error", () => {});
    const channel = await connection.createConfirmChannel();
    await channel.assertExchange("jobs", "topic", { durable: true });
    await channel.assertQueue("thumbnails", { durable: true });
    await channel.bindQueue("thumbnails", "jobs", "image.#");
    const returned = [];
    channel.on("return", (message) => returned.push(message));
    for (let i = 0; i < 50; i++) {
      channel.publish("jobs", "image.made", Buffer.from(`job ${i}`), { persistent: true, messageId: `job-${i}`, headers: { size: i, deep: { x: [true] } } });
    }
    channel.publish("jobs", "sound.made", Buffer.from("nobody's"), { mandatory: true, messageId: "lost" });
    await channel.waitForConfirms();
    assert.deepEqual(returned.map((message) => [message.fields.replyCode, message.fields.routingKey, message.properties.messageId]), [[312, "sound.made", "lost"]]);
    await server.crash();
    await server.launch();
    await connected(door, async (again) => {
      const taken = await consume(again, "thumbnails", (all) => all.length >= 50, "all jobs");
      assert.deepEqual(taken.map((message) => message.content.toString()), Array.from({ length: 50 }, (_, i) => `job ${i}`));
      const { fields, properties } = taken[7];
      assert.deepEqual([fields.exchange, fields.routingKey, properties.messageId], ["jobs", "image.made", "job-7"]);
      assert.deepEqual(properties.headers, { size: 7, deep: { x: [true] } });
    });
  });
});

test("a message waits in a queue that nobody consumes, and goes on when its time is over", async () => {
  await withDoor({}, async (server, door) => {
    await connected(door, async (channel) => {
      await channel.assertQueue("work", { durable: true });
      await channel.assertQueue("work.later", {
        durable: true,
        messageTtl: 700,
        deadLetterExchange: "",
        deadLetterRoutingKey: "work",
      });
      const sent = Date.now();
      channel.sendToQueue("work.later", Buffer.from("later"), { persistent: true });
      channel.sendToQueue("work", Buffer.from("now"), { persistent: true });
      const taken = await consume(channel, "work", (all) => all.length === 2, "both");
      assert.deepEqual(taken.map((message) => message.content.toString()), ["now", "later"]);
      assert.ok(Date.now() - sent >= 700, "not before its time");
      // By this, programs count their tries.
      const counted = async (headers) => {
        channel.sendToQueue("work.later", Buffer.from("again"), { headers });
        return (await consume(channel, "work", (all) => all.length === 1, "it again"))[0].properties.headers;
      };
      assert.equal(taken[1].properties.headers["x-death"][0].count, 1);
      const second = await counted(taken[1].properties.headers);
      assert.deepEqual([second["x-death"][0].queue, second["x-death"][0].reason, second["x-death"][0].count], ["work.later", "expired", 2]);
      assert.equal((await counted(second))["x-death"][0].count, 3);
    });
  });
});

test("what is not there is refused in words, and harms nothing else", async () => {
  await withDoor({}, async (server, door) => {
    await connected(door, async (channel) => {
      await channel.checkExchange(kExchange);
      const code = async (body) => {
        const error = await refusal(door, body);
        assert.match(error.message, /[a-z]{3}/);
        return error.code;
      };
      assert.equal(await code((one) => one.checkQueue("missing")), 404);
      assert.equal(await code((one) => one.checkExchange("missing")), 404);
      assert.equal(await code((one) => one.consume("missing", () => {})), 404);
      assert.equal(await code((one) => one.bindQueue(kQueue, "missing", "#")), 404);
      assert.equal(await code((one) => one.assertExchange(kExchange, "fanout")), 406);
      assert.equal(await code((one) => one.assertExchange("h", "headers")), 540);
      assert.equal(await code((one) => one.unbindQueue(kQueue, kExchange, "message.created")), 540);
      assert.equal(await code((one) => one.deleteExchange(kExchange)), 540);
      assert.equal(await code((one) => one.assertQueue("q", { deadLetterExchange: "elsewhere" })), 406);
      assert.equal(await code((one) => one.assertQueue("q", { maxLength: 5, arguments: { "x-overflow": "drop-head" } })), 406);
      assert.equal(await code((one) => one.assertQueue("has blanks")), 406);
      assert.equal(await code((one) => one.deleteQueue(kQueue)), 403);
      // What it has not, nobody is to rely on.
      const wished = { deadLetterExchange: "", deadLetterRoutingKey: `${kQueue}.dead` };
      assert.equal(await code((one) => one.assertQueue(kQueue, { durable: true, ...wished })), 406);
      assert.equal(await code((one) => one.assertQueue(kQueue, { durable: true, arguments: { "x-delivery-limit": 3 } })), 406);
      assert.equal(await code((one) => one.assertQueue(kQueue, { exclusive: true })), 405);
      assert.equal(await code((one) => one.assertQueue("amq.mine")), 403);
      assert.equal(await code((one) => one.assertExchange("x", "topic", { alternateExchange: "y" })), 540);
      assert.equal(await code((one) => one.consume(kQueue, () => {}, { priority: 5 })), 406);
      assert.equal(await code(async (one) => one.sendToQueue(kQueue, Buffer.from("{}"), { CC: ["elsewhere"] })), 540);
      assert.equal(await code(async (one) => one.sendToQueue(kQueue, Buffer.from("{}"), { userId: "ann" })), 406);
      // Nobody but the log says what happened in the chat.
      assert.equal(await code(async (one) => one.publish(kExchange, "message.created", Buffer.from("{}"))), 403);
      assert.equal(await code(async (one) => one.ack({ fields: { deliveryTag: 99 } })), 406);
      await channel.checkQueue(kQueue);
    });
  });
});

test("an exclusive queue ends with its connection, and nobody else may use it", async () => {
  await withDoor({}, async (server, door) => {
    await connected(door, async (channel) => {
      const { queue } = await channel.assertQueue("", { exclusive: true });
      await channel.bindQueue(queue, kExchange, "room.*");
      const error = await refusal(door, (one) => one.checkQueue(queue));
      assert.equal(error.code, 405);
      const [ann] = people(server, "ann");
      await ann.createRoom();
      const [created] = await consume(channel, queue, (all) => all.length === 1, "the room");
      assert.equal(created.fields.routingKey, "room.created");
    });
    await eventually("the queue to be gone", async () => !(await server.command("queue", "list")).stdout.includes("tidings.gen-"));
  });
});

test("a name that a passing queue had does not end the next queue of that name", async () => {
  await withDoor({}, async (server, door) => {
    await connected(door, (channel) => channel.assertQueue("work", { exclusive: true, autoDelete: true }));
    await connected(door, async (channel) => {
      await eventually("the first one to be gone", () => connected(door, (one) => one.checkQueue("work")).then(() => false, () => true));
      await channel.assertQueue("work", { durable: true });
      for (let i = 0; i < 5; i++) channel.sendToQueue("work", Buffer.from(`${i}`), { persistent: true });
      const { consumerTag } = await channel.consume("work", () => {});
      await channel.cancel(consumerTag);
    });
    await connected(door, async (channel) => {
      const taken = await consume(channel, "work", (all) => all.length === 5, "what was in it");
      assert.deepEqual(taken.map((message) => message.content.toString()), ["0", "1", "2", "3", "4"]);
      await channel.assertQueue("passing", { autoDelete: true });
      const { consumerTag } = await channel.consume("passing", () => {});
      await channel.cancel(consumerTag);
    });
    await connected(door, (channel) => assert.rejects(channel.checkQueue("passing"), /404/));
  });
});

test("what is fetched one by one is bounded by what was read and acknowledged", async () => {
  await withDoor({}, async (server, door) => {
    await connected(door, async (channel) => {
      await channel.assertQueue("large", { durable: true });
      for (let i = 0; i < 100; i++) channel.sendToQueue("large", Buffer.alloc(1 << 20), { persistent: true });
      await eventually("all of them", async () => (await channel.checkQueue("large")).messageCount === 100, 60_000, 100);
      const before = server.residentBytes();
      const error = await refusal(door, async (greedy) => {
        greedy.connection.stream.pause();
        const got = Array.from({ length: 100 }, () => greedy.get("large").catch(() => false));
        await eventually("its answers to stand still", async () => {
          const held = server.residentBytes();
          await new Promise((later) => setTimeout(later, 300));
          return server.residentBytes() === held;
        });
        const grown = server.residentBytes() - before;
        assert.ok(grown < 60 << 20, `${grown >> 20} MiB more`);
        greedy.connection.stream.resume();
        await Promise.all(got);
      });
      assert.equal(error.code, 406);
      assert.match(error.message, /acknowledge/);
      await eventually("what it held to be back", async () => (await channel.checkQueue("large")).messageCount === 100);
    });
  });
});

test("a client that goes while much is unsent to it gives back what it holds", async () => {
  await withDoor({}, async (server, door) => {
    await connected(door, async (channel) => {
      await channel.assertQueue("large", { durable: true });
      for (let i = 0; i < 30; i++) channel.sendToQueue("large", Buffer.alloc(1 << 20), { persistent: true });
      await eventually("all of them", async () => (await channel.checkQueue("large")).messageCount === 30, 60_000, 100);
      const leaving = await amqp.connect(`${door.url}?heartbeat=0`);
      leaving.on("error", () => {});
      const greedy = await leaving.createChannel();
      greedy.on("error", () => {});
      leaving.connection.stream.pause();
      for (let i = 0; i < 30; i++) greedy.get("large").catch(() => {});
      await eventually("some to be in its hands", async () => (await channel.checkQueue("large")).messageCount < 30);
      leaving.connection.stream.destroy();
      await eventually("all of them again", async () => (await channel.checkQueue("large")).messageCount === 30);
      await eventually("its place", async () => (await metric(server, "tidings_embedded_queue_amqp_clients")) === 1);
    });
  });
});

test("clients that leave in the midst of what they asked for harm nobody", async () => {
  await withDoor({}, async (server, door) => {
    for (let round = 0; round < 10; round++) {
      const leaving = await Promise.all(Array.from({ length: 6 }, () => amqp.connect(door.url)));
      for (const connection of leaving) {
        connection.on("error", () => {});
        const channel = await connection.createChannel();
        channel.on("error", () => {});
        for (let i = 0; i < 200; i++) channel.assertExchange(`x${i}`, "topic").catch(() => {});
        channel.assertQueue("q").catch(() => {});
        setImmediate(() => connection.connection.stream.destroy());
      }
      await connected(door, (channel) => channel.checkQueue(kQueue));
    }
    await eventually("nobody to be left", async () => (await metric(server, "tidings_embedded_queue_amqp_clients")) === 0);
    const [ann] = people(server, "ann");
    await ann.send((await ann.createRoom())._id, "still here");
  });
});

test("a wrong password is refused after a while and written nowhere", async () => {
  await withDoor({}, async (server, door) => {
    const began = Date.now();
    await assert.rejects(amqp.connect(`amqp://tidings:secretguess@127.0.0.1:${door.port}`), /403|ACCESS_REFUSED/);
    assert.ok(Date.now() - began >= 900, "who guesses gets one answer a second");
    await assert.rejects(amqp.connect(door.url.replace("tidings:", "guest:")), /403|ACCESS_REFUSED/);
    await assert.rejects(amqp.connect(`${door.url}/elsewhere`), /ConnectionClose/);
    assert.match(server.output, /amqp_refused/);
    assert.doesNotMatch(server.output, /secretguess|what clients know/);
    await connected(door, (channel) => channel.checkQueue(kQueue));
  });
});

test("bytes that are no AMQP end their connection and nothing else", async () => {
  await withDoor({}, async (server, door) => {
    const said = (bytes) =>
      within(
        new Promise((resolve) => {
          const got = [];
          const socket = connect(door.port, "127.0.0.1", () => socket.write(bytes));
          socket.on("data", (data) => got.push(data));
          socket.once("error", () => {});
          socket.once("close", () => resolve(Buffer.concat(got)));
        }),
        "the connection's end",
      );
    const header = Buffer.from("AMQP\x00\x00\x09\x01", "latin1");
    assert.deepEqual(await said(Buffer.from("GET / HTTP/1.1\r\n\r\n")), header);
    assert.deepEqual(await said(Buffer.from("AMQP\x00\x01\x00\x00", "latin1")), header);
    for (const more of [Buffer.alloc(5_000, 1), Buffer.from("\x01\x00\x00\x7f\xff\xff\xff", "latin1"), Buffer.alloc(64, 0xff)]) {
      const answer = await said(Buffer.concat([header, more]));
      assert.match(answer.toString("latin1"), /FRAME_ERROR|SYNTAX_ERROR|COMMAND_INVALID/);
    }
    await connected(door, (channel) => channel.checkQueue(kQueue));
  });
});

test("a client that stops reading costs no memory and holds up nobody", async () => {
  await withDoor({}, async (server, door) => {
    const [ann] = people(server, "ann");
    const room = (await ann.createRoom())._id;
    const text = "x".repeat(60_000);
    const said = async () => {
      for (let i = 0; i < 1_000; i++) await ann.send(room, text);
    };
    await said();
    await connected(door, async (slow) => {
      await slow.assertQueue("slow", { durable: true });
      await slow.bindQueue("slow", kExchange, "#");
      await slow.consume("slow", () => {}, { noAck: true });
      slow.connection.stream.pause();
      const before = server.residentBytes();
      await said();
      const grown = server.residentBytes() - before;
      assert.ok(grown < 30 << 20, `it holds ${grown >> 20} MiB more, of 60 that wait`);
      await connected(door, async (channel) => {
        await channel.prefetch(50);
        const taken = await consume(channel, kQueue, (all) => all.length >= 2_000, "what the quick one gets");
        assert.equal(new Set(taken.map((message) => message.properties.messageId)).size, 2_000);
      });
      slow.connection.stream.resume();
    });
  });
});

test("a server that stops says goodbye, and what was held comes again", async () => {
  await withDoor({}, async (server, door) => {
    const [ann] = people(server, "ann");
    const room = (await ann.createRoom())._id;
    await ann.send(room, "kept");
    const connection = await amqp.connect(door.url);
    const goodbye = new Promise((resolve) => connection.once("close", resolve));
    const channel = await connection.createChannel();
    channel.on("error", () => {});
    const held = await eventually("the message", () => channel.get(kQueue));
    await server.stop();
    assert.match((await within(goodbye, "goodbye")).message, /320|CONNECTION_FORCED/);
    await server.launch();
    await connected(door, async (again) => {
      const same = await eventually("the message again", () => again.get(kQueue));
      assert.equal(same.properties.messageId, held.properties.messageId);
      assert.equal(same.fields.redelivered, true);
    });
  });
});

test("settings that cannot be are refused at the start", async () => {
  const refused = async (env, args, words) => {
    const server = new Tidings({ env, args });
    server.port = await freePort();
    server.spawn();
    assert.notEqual(await server.ended(), "code 0");
    assert.match(server.output, words);
  };
  const port = await freePort();
  const listen = { TIDINGS_QUEUE_LISTEN: `127.0.0.1:${port}` };
  await refused(listen, [], /queue\.password/);
  await refused({ ...listen, TIDINGS_QUEUE_PASSWORD: "short" }, [], /queue\.password.*12/);
  await refused({ ...listen, TIDINGS_QUEUE_PASSWORD: kPassword }, ["--amqp", "amqp://127.0.0.1:1"], /queue\.listen/);
  await refused({ TIDINGS_QUEUE_LISTEN: "198.51.100.1:5672", TIDINGS_QUEUE_PASSWORD: kPassword }, [], /queue\.listen.*198\.51\.100\.1/);
  await withDoor({}, (server, door) => refused({ TIDINGS_QUEUE_LISTEN: `127.0.0.1:${door.port}`, TIDINGS_QUEUE_PASSWORD: kPassword }, [], /queue\.listen.*in use/));
});
