// A reader that stands still while many messages pass: nothing lost, and the server's memory stays bounded.
// TIDINGS_E2E_MESSAGES, TIDINGS_E2E_READERS, TIDINGS_E2E_STANDSTILL_MS and TIDINGS_E2E_GROWTH_MIB set the sizes.
import assert from "node:assert/strict";
import { people } from "../lib/people.mjs";
import { RawClient } from "../lib/raw_client.mjs";
import { assertDense } from "../lib/socket.mjs";
import { test, withServer } from "../lib/testing.mjs";
import { eventually } from "../support/deadline.mjs";

const full = process.env.TIDINGS_E2E_FULL !== undefined;
const kMessages = Number(process.env.TIDINGS_E2E_MESSAGES ?? (full ? 100_000 : 10_000));
const kStandstillMs = Number(process.env.TIDINGS_E2E_STANDSTILL_MS ?? (full ? 60_000 : 10_000));
const kGrowth = Number(process.env.TIDINGS_E2E_GROWTH_MIB ?? 48) * 1024 * 1024;
const kReaders = Number(process.env.TIDINGS_E2E_READERS ?? 4);
const kTextBytes = full ? 2_000 : 6_000;
// Messages before the memory is measured: enough to fill the caches, which are bounded but not small.
const kWarmUp = Math.ceil(60e6 / kTextBytes);
const kDeadlineMs = full ? 900_000 : 240_000;

// Receives a room over as many connections as it takes, keeping the numbers alone.
class Reader {
  seqs = [];
  connections = 0;
  #raw = null;

  constructor(server, token, room) {
    Object.assign(this, { server, token, room });
  }

  get last() {
    return this.seqs.at(-1);
  }

  async connect(after) {
    this.connections++;
    const raw = await RawClient.connect(this.server, { token: this.token }, { keep: false });
    this.#raw = raw;
    raw.onPacket = (packet) => {
      if (raw !== this.#raw || !packet.startsWith("42[\"NEW_MESSAGE")) return;
      this.seqs.push(Number(/"seq":(\d+)/.exec(packet)[1]));
    };
    const ack = await raw.ask("room:join", { roomId: this.room, after }, kDeadlineMs);
    assert.equal(ack.status, "success", JSON.stringify(ack));
  }

  pause() {
    this.#raw.pause();
  }

  resume() {
    this.#raw.resume();
  }

  // Closing the transport of a slow reader is allowed; it comes back with `after`.
  async catchUp(head) {
    await eventually(
      `message ${head} (at ${this.last})`,
      async () => {
        if (this.#raw.closed) await this.connect(this.last);
        return this.last >= head;
      },
      kDeadlineMs,
      50,
    );
  }

  end() {
    this.#raw.terminate();
  }
}

test(`${kMessages} messages pass ${kReaders} readers that stand still for ${kStandstillMs / 1_000} s`, { timeout: kDeadlineMs }, async () => {
  await withServer({}, async (server) => {
    const [ann, bob] = people(server, "ann", "bob");
    const room = (await ann.createRoom({ members: [bob.id] }))._id;
    const senders = await Promise.all(Array.from({ length: 4 }, () => ann.connect()));
    const awake = await bob.connect({ recover: true });
    await awake.join(room);
    const text = "x".repeat(kTextBytes);
    let sent = 0;
    const sendUpTo = (count) => Promise.all(senders.flatMap((sender) => Array.from({ length: 16 }, async () => {
      while (sent < count) {
        sent++;
        await sender.send(room, { text });
      }
    })));
    await sendUpTo(kWarmUp);
    awake.events.length = 0;
    const first = kWarmUp + 2;
    const readers = Array.from({ length: kReaders }, () => new Reader(server, bob.token, room));
    for (const reader of readers) await reader.connect(first - 1);
    const before = server.residentBytes();
    for (const reader of readers) reader.pause();
    const paused = Date.now();
    let most = before;
    const watch = setInterval(() => {
      if (server.alive) most = Math.max(most, server.residentBytes());
      awake.events.length = 0;
    }, 200);
    try {
      await sendUpTo(kWarmUp + kMessages);
      await eventually("the end of the standstill", () => Date.now() - paused >= kStandstillMs, kStandstillMs + 5_000, 100);
      for (const reader of readers) reader.resume();
      await Promise.all(readers.map((reader) => reader.catchUp(first + kMessages - 1)));
    } finally {
      clearInterval(watch);
    }
    const last = (await ann.send(room, "the end")).seq;
    assert.equal(last, first + kMessages);
    await Promise.all(readers.map((reader) => reader.catchUp(last)));
    for (const reader of readers) {
      assertDense(reader.seqs, first, last);
      reader.end();
    }
    const mib = (bytes) => Math.round(bytes / 1024 / 1024);
    console.log(`resident memory ${mib(before)} MiB before, ${mib(most)} MiB at most; ${readers.map(({ connections }) => connections)} connections`);
    assert.ok(most - before < kGrowth, `the server grew from ${mib(before)} to ${mib(most)} MiB`);
  });
});
