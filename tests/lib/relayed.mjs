// What tests of the relay to RabbitMQ share: a consumer, what it must have got, and what the server says of its backlog.
import assert from "node:assert/strict";
import { request } from "./http.mjs";
import { people } from "./people.mjs";
import { amqp } from "./rabbit.mjs";
import { eventually } from "../support/deadline.mjs";

export const kExchange = "tidings.events";
export const kQueue = "chat_messages";

// Runs `body(channel)` on a connection of its own to the broker; errors of a broker that is killed are expected.
export async function connected(rabbit, body) {
  const connection = await amqp.connect(rabbit.url);
  connection.on("error", () => {});
  try {
    const channel = await connection.createChannel();
    channel.on("error", () => {});
    return await body(channel);
  } finally {
    await connection.close().catch(() => {});
  }
}

// The broker as it was before any server published to it.
export function fresh(rabbit) {
  return connected(rabbit, async (channel) => {
    await channel.deleteQueue(kQueue);
    await channel.deleteExchange(kExchange);
  });
}

// Takes messages until `enough(all so far)`.
export function consume(channel, queue, enough, what) {
  const taken = [];
  return channel
    .consume(queue, (message) => {
      if (message === null) return;
      taken.push(message);
      channel.ack(message);
    })
    .then(async ({ consumerTag }) => {
      await eventually(`${what} (${taken.length} so far)`, () => enough(taken), 60_000);
      await channel.cancel(consumerTag);
      return taken;
    });
}

export const bodyOf = (message) => JSON.parse(message.content.toString());

// First copies come in rising order, and without a hole.
export function expectComplete(messages, roomId, seqs) {
  const firsts = [...new Map(messages.map((message) => [message.properties.messageId, message])).values()];
  const ofRoom = firsts.filter((message) => message.properties.headers["cloudEvents:subject"] === roomId);
  const seen = ofRoom.map((message) => message.properties.headers.seq);
  assert.deepEqual(seen, [...new Set(seen)].sort((a, b) => a - b), "first copies come in order");
  assert.deepEqual(seen, seqs);
}

// What a consumer gets of a room, over whichever broker: written once.
export async function asTheContractSays(server, channel) {
  await channel.assertQueue("all", { durable: true });
  await channel.bindQueue("all", kExchange, "#");
  const [ann, ben] = people(server, "ann", "ben");
  const room = (await ann.createRoom({ members: [ben.id] }))._id;
  const sent = await ann.send(room, { text: "hello", clientMessageId: "m-1" });
  await ann.edit(room, sent._id, "hello again");
  await ann.remove(room, sent._id);
  const all = await consume(channel, "all", (taken) => taken.length >= 4, "four events");
  assert.deepEqual(
    all.map((message) => message.fields.routingKey),
    ["room.created", "message.created", "message.updated", "message.deleted"],
  );
  for (const message of all) {
    const { properties } = message;
    assert.equal(properties.contentType, "application/json");
    assert.equal(properties.deliveryMode, 2);
    assert.equal(properties.headers["cloudEvents:specversion"], "1.0");
    assert.equal(properties.headers["cloudEvents:id"], properties.messageId);
    assert.equal(properties.headers["cloudEvents:type"], message.fields.routingKey);
    assert.equal(properties.headers["cloudEvents:subject"], room);
    assert.match(properties.headers["cloudEvents:time"], /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    assert.ok(properties.headers["cloudEvents:source"].length > 0);
  }
  expectComplete(all, room, [1, 2, 3, 4]);
  const created = bodyOf(all[1]);
  assert.equal(created._id, sent._id);
  assert.equal(created.room, room);
  const deleted = bodyOf(all[3]);
  assert.equal(deleted.type, "message.deleted");
  assert.equal(deleted.room, room);
  assert.equal(deleted.seq, 4);
  await channel.deleteQueue("all");
  const only = await consume(channel, kQueue, (taken) => taken.length >= 1, "the message");
  assert.deepEqual(only.map((message) => message.fields.routingKey), ["message.created"]);
}

// The value of a sample, named with its labels if it has some; undefined if there is none.
export async function metric(server, name) {
  const { body } = await request(`${server.url}/metrics`, "GET");
  const line = body.split("\n").find((one) => one.startsWith(`${name} `));
  return line === undefined ? undefined : Number(line.slice(name.length + 1));
}

export const backlog = (server) => metric(server, "tidings_queue_backlog_events");
export const drained = (server) => eventually("an empty backlog", async () => (await backlog(server)) === 0, 60_000, 100);
