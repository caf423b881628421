// Messages between the messaging library and npm amqplib, both ways: what one writes the other reads, types of headers too.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { after } from "node:test";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Rabbit, amqp } from "../lib/rabbit.mjs";
import { test } from "../lib/testing.mjs";
import { eventually, within } from "../support/deadline.mjs";

const kProgram =
  process.env.TIDINGS_INTEROP ?? fileURLToPath(new URL("../../build/dev/bin/queue_interop", import.meta.url));
assert(existsSync(kProgram), `${kProgram} is missing: ./dev build dev queue_interop`);

const rabbit = await Rabbit.start();
after(() => rabbit.dispose());

// The library's end: a line in, a line out.
class Library {
  constructor() {
    this.child = spawn(kProgram, [rabbit.url], { stdio: ["pipe", "pipe", "inherit"] });
    this.ended = new Promise((resolve) => this.child.once("exit", resolve));
    this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
  }
  async do(request) {
    this.child.stdin.write(`${JSON.stringify(request)}\n`);
    const { value, done } = await within(this.lines.next(), `the answer to ${request.op}`, 60_000);
    assert(!done, "the library's program ended");
    const answer = JSON.parse(value);
    assert.equal(answer.error, undefined);
    return answer;
  }
  async take(queue, then, more = {}) {
    const { message } = await this.do({ op: "take", queue, then, ...more });
    const headers = Object.entries(message.headers).map(([name, value]) => [name, Buffer.from(value, "base64")]);
    return {
      ...message,
      body: Buffer.from(message.body, "base64"),
      headers: Object.fromEntries(headers.map(([name, value]) => [name, value.toString("utf8")])),
      bytes: Object.fromEntries(headers),
    };
  }
  async close() {
    this.child.stdin.end();
    assert.equal(await within(this.ended, "the end of the library's program", 30_000), 0);
  }
}

async function both(body) {
  const library = new Library();
  const connection = await amqp.connect(rabbit.url);
  try {
    const channel = await connection.createConfirmChannel();
    await body(library, channel);
    await library.close();
  } finally {
    library.child.kill("SIGKILL");
    await connection.close();
  }
}

let queues = 0;
async function freshQueue(library) {
  const queue = `interop-${++queues}`;
  await library.do({ op: "declare", queue });
  return queue;
}

const get = (channel, queue) =>
  eventually(`a message in ${queue}`, async () => (await channel.get(queue, { noAck: true })) || undefined, 30_000, 20);

// Every type that amqplib writes.
const kHeaders = {
  text: "7",
  empty: "",
  unicode: "東京",
  int: 7,
  negative: -70_000,
  tiny: { "!": "int8", value: -3 },
  short: { "!": "int16", value: 300 },
  large: 2 ** 45,
  double: 1.25,
  single: { "!": "float", value: 0.5 },
  yes: true,
  no: false,
  nothing: null,
  when: { "!": "timestamp", value: 1_700_000_000 },
  price: { "!": "decimal", value: { digits: 1234, places: 2 } },
  bytes: Buffer.from([0, 255, 10]),
  readable: Buffer.from("readable"),
  list: [1, "two", null, { three: 3.5 }],
  table: { a: 1, b: { c: [true, "x"] } },
};
// As a consumer of amqplib sees them.
const kSeen = { ...kHeaders, tiny: -3, short: 300, single: 0.5 };

function withoutOwn(headers) {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !name.startsWith("tidings-") && !/^x-(death|first-death|last-death)/.test(name)),
  );
}

test("the library reads what amqplib writes", async () => {
  await both(async (library, channel) => {
    const queue = await freshQueue(library);
    const body = Buffer.from([0, 1, 255, 254, 10, 13]);
    channel.sendToQueue(queue, body, {
      messageId: "order-7",
      type: "order.created",
      contentType: "application/json",
      contentEncoding: "identity",
      correlationId: "c-1",
      replyTo: "answers",
      timestamp: 1_700_000_000,
      persistent: true,
      appId: "shop",
      headers: kHeaders,
    });
    await channel.waitForConfirms();
    const message = await library.take(queue, "ack");
    assert.equal(message.id, "order-7");
    assert.equal(message.type, "order.created");
    assert.equal(message.attempt, 1);
    assert.deepEqual(message.body, body);
    const { headers } = message;
    assert.equal(headers["content-type"], "application/json");
    assert.equal(headers["content-encoding"], "identity");
    assert.equal(headers["correlation-id"], "c-1");
    assert.equal(headers["reply-to"], "answers");
    assert.equal(headers["amqp-app-id"], "shop");
    assert.equal(headers["tidings-time"], "2023-11-14T22:13:20.000Z");
    const expected = {
      text: "7",
      empty: "",
      unicode: "東京",
      int: "7",
      negative: "-70000",
      tiny: "-3",
      short: "300",
      large: `${2 ** 45}`,
      double: "1.25",
      single: "0.5",
      yes: "true",
      no: "false",
      nothing: "",
      when: "2023-11-14T22:13:20.000Z",
      price: "12.34",
      readable: "readable",
      list: '[1,"two",null,{"three":3.5}]',
      table: '{"a":1,"b":{"c":[true,"x"]}}',
    };
    for (const [name, value] of Object.entries(expected)) assert.equal(headers[name], value, name);
    assert.deepEqual(message.bytes.bytes, kHeaders.bytes);
    assert.equal(await channel.get(queue), false, "it was acknowledged");
  });
});

test("amqplib reads what the library writes", async () => {
  await both(async (library, channel) => {
    const queue = await freshQueue(library);
    const base64 = (value) => Buffer.from(value).toString("base64");
    const body = Buffer.from([0, 1, 255, 254]);
    await library.do({
      op: "publish",
      queue,
      message: {
        id: "m-1",
        type: "order.paid",
        key: "customer 7",
        body: base64(body),
        headers: {
          number: base64("12"),
          unicode: base64("東京"),
          bytes: base64([0, 255]),
          "content-type": base64("text/plain"),
          "correlation-id": base64("c-2"),
          "reply-to": base64("answers"),
          "tidings-time": base64("2023-11-14T22:13:20.500Z"),
        },
      },
    });
    const { content, properties } = await get(channel, queue);
    assert.deepEqual(content, body);
    assert.equal(properties.messageId, "m-1");
    assert.equal(properties.type, "order.paid");
    assert.equal(properties.contentType, "text/plain");
    assert.equal(properties.correlationId, "c-2");
    assert.equal(properties.replyTo, "answers");
    assert.equal(properties.timestamp, 1_700_000_000);
    assert.equal(properties.deliveryMode, 2);
    assert.equal(properties.headers["tidings-key"], "customer 7");
    assert.equal(properties.headers.number, "12");
    assert.equal(properties.headers.unicode, "東京");
    assert.deepEqual(properties.headers.bytes, Buffer.from([0, 255]));
  });
});

// The library sends a message again when it is retried, delayed or buried: its headers have the types that they came with.
for (const [what, then, more] of [
  ["is given back", "nack", {}],
  ["is retried", "retry", {}],
  ["is retried later", "retry", { delay: 200 }],
  ["is buried", "bury", {}],
]) {
  test(`types of headers are kept when a message ${what}`, async () => {
    await both(async (library, channel) => {
      const queue = await freshQueue(library);
      channel.sendToQueue(queue, Buffer.from("body"), { messageId: "m", type: "t", headers: kHeaders });
      await channel.waitForConfirms();
      await library.take(queue, then, more);
      const { content, properties } = await get(channel, then === "bury" ? `${queue}.dead` : queue);
      assert.equal(content.toString(), "body");
      assert.equal(properties.messageId, "m");
      assert.equal(properties.type, "t");
      const { "x-delivery-count": counted, ...headers } = withoutOwn(properties.headers);
      assert.deepEqual(headers, kSeen);
      if (then === "retry") assert.equal(properties.headers["tidings-failures"], "1");
      if (then === "bury") assert.equal(properties.headers["tidings-death-reason"], "rejected");
    });
  });
}

test("what is no message of the library's goes to the dead letters as it came", async () => {
  await both(async (library, channel) => {
    const queue = await freshQueue(library);
    channel.sendToQueue(queue, Buffer.from("strange"), { headers: { "a b": 1 } });
    channel.sendToQueue(queue, Buffer.from("good"), {});
    await channel.waitForConfirms();
    const message = await library.take(queue, "ack");
    assert.equal(message.body.toString(), "good");
    assert.notEqual(message.id, "", "one without an id gets one");
    const dead = await get(channel, `${queue}.dead`);
    assert.equal(dead.content.toString(), "strange");
    assert.equal(dead.properties.headers["tidings-death-reason"], "undecodable");
  });
});

test("a queue and bindings of amqplib's making are used as they are found", async () => {
  await both(async (library, channel) => {
    const queue = `interop-${++queues}`;
    await channel.assertExchange("interop.orders", "topic", { durable: true });
    await channel.assertQueue(queue, { durable: true, arguments: { "x-max-priority": 5 } });
    await channel.bindQueue(queue, "interop.orders", "order.*");
    await library.do({ op: "declare", queue });
    channel.publish("interop.orders", "order.created", Buffer.from("1"), { messageId: "one", priority: 3 });
    await channel.waitForConfirms();
    const message = await library.take(queue, "ack");
    assert.equal(message.id, "one");
    await library.do({ op: "publish", queue, message: { id: "two", body: "" } });
    assert.equal((await get(channel, queue)).properties.messageId, "two");
  });
});
