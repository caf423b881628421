// What tests of the relay to RabbitMQ share: a consumer, what it must have got, and what the server says of its backlog.
import assert from "node:assert/strict";
import { request } from "./http.mjs";
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

// The value of a sample, named with its labels if it has some; undefined if there is none.
export async function metric(server, name) {
  const { body } = await request(`${server.url}/metrics`, "GET");
  const line = body.split("\n").find((one) => one.startsWith(`${name} `));
  return line === undefined ? undefined : Number(line.slice(name.length + 1));
}

export const backlog = (server) => metric(server, "tidings_queue_backlog_events");
export const drained = (server) => eventually("an empty backlog", async () => (await backlog(server)) === 0, 60_000, 100);
