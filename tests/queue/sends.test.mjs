// A broker that is down, slow, full or stands still never slows or fails a send: what a send takes meanwhile is held
// against what it takes beside a broker that is well.
import assert from "node:assert/strict";
import { once } from "node:events";
import net from "node:net";
import { after } from "node:test";
import { request } from "../lib/http.mjs";
import { people } from "../lib/people.mjs";
import { Rabbit } from "../lib/rabbit.mjs";
import * as relayed from "../lib/relayed.mjs";
import { backlog, consume, drained, expectComplete, kQueue, metric } from "../lib/relayed.mjs";
import { test, withServer } from "../lib/testing.mjs";
import { eventually } from "../support/deadline.mjs";

const rabbit = await Rabbit.start();
after(() => rabbit.dispose());

const connected = (body) => relayed.connected(rabbit, body);

const kSends = 60;
// What a median may grow by because the machine has turned to something else: a send takes some milliseconds, and one that
// waited for the broker would take as long as the broker likes.
const kFloorMs = 10;
// Other work may begin between two measurements; that a server waits for its broker shows in each of them.
const kTries = 3;

// The median of what `kSends` sends take, one after the other, in milliseconds. None may fail.
async function medianOfSends(person, room) {
  const took = [];
  for (let i = 0; i < kSends; i++) {
    const began = performance.now();
    await person.send(room, `message ${i}`);
    took.push(performance.now() - began);
  }
  return took.sort((a, b) => a - b)[kSends / 2];
}

// Whether sends are as quick `during` as while the broker is well, with the figures.
function compare(what, during, well) {
  const figures = `median of ${during.toFixed(2)} ms while the broker ${what}, ${well.toFixed(2)} ms while it is well`;
  return { quick: during <= 2 * well + kFloorMs, figures };
}

// A way to the broker that lets through a few bytes at a time while it is `slow`.
class Narrows {
  slow = false;
  #sockets = new Set();

  static async open(port) {
    const narrows = new Narrows();
    narrows.server = net.createServer((near) => narrows.#join(near, net.connect(port, "127.0.0.1")));
    narrows.server.listen(0, "127.0.0.1");
    await once(narrows.server, "listening");
    return narrows;
  }

  get url() {
    return `amqp://guest:guest@127.0.0.1:${this.server.address().port}`;
  }

  #join(near, far) {
    for (const socket of [near, far]) {
      this.#sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => [near, far].forEach((end) => end.destroy()));
    }
    far.pipe(near);
    this.#carry(near, far).catch(() => far.destroy());
  }

  async #carry(near, far) {
    for await (const chunk of near) {
      for (let at = 0; at < chunk.length; ) {
        const piece = chunk.subarray(at, this.slow ? at + 64 : undefined);
        at += piece.length;
        if (!far.write(piece)) await once(far, "drain");
        // The trickle itself, no wait for anything.
        if (this.slow) await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
    far.end();
  }

  close() {
    this.#sockets.forEach((socket) => socket.destroy());
    this.server.close();
  }
}

test("sends do not wait for a broker that stands still, is full or trickles; the backlog tells, and drains", { timeout: 300_000 }, async (t) => {
  const narrows = await Narrows.open(rabbit.port);
  after(() => narrows.close());
  await withServer({ args: ["--amqp", narrows.url] }, async (server) => {
    const age = () => metric(server, "tidings_queue_backlog_seconds");
    const [ann] = people(server, "ann");
    const room = (await ann.createRoom())._id;
    const measure = () => medianOfSends(ann, room);
    const states = [
      ["stands still", () => rabbit.pause(), () => rabbit.resume()],
      ["has its memory alarm raised", () => rabbit.allowMemory(0), () => rabbit.allowMemory(0.9)],
      ["gets 64 bytes in 20 ms", () => (narrows.slow = true), () => (narrows.slow = false)],
    ];
    await measure(); // caches and connections are warm
    const compareIn = async ([what, begin, end]) => {
      await drained(server);
      const before = await measure();
      await drained(server);
      let during;
      await begin();
      try {
        during = [await measure()];
        const first = await backlog(server);
        during.push(await measure());
        const second = await backlog(server);
        assert.ok(second >= first + kSends / 2, `the backlog grows while the broker ${what}: ${first}, ${second}`);
        const young = await age();
        await eventually("an older oldest event", async () => (await age()) > young + 0.2);
        assert.equal((await request(`${server.url}/readyz`, "GET")).status, 200);
      } finally {
        await end();
      }
      await drained(server);
      assert.equal(await age(), 0);
      return compare(what, Math.max(...during), Math.max(before, await measure()));
    };
    for (const state of states) {
      for (let left = kTries - 1; ; left--) {
        const { quick, figures } = await compareIn(state);
        t.diagnostic(figures);
        if (quick) break;
        assert.ok(left > 0, figures);
      }
    }
  });
});

test("what was stored while the broker was away comes when it is back; sends do not wait for it", async (t) => {
  await relayed.fresh(rabbit);
  await rabbit.crash();
  await withServer({ args: ["--amqp", rabbit.url] }, async (server) => {
    const [ann] = people(server, "ann");
    const room = (await ann.createRoom())._id;
    const away = [];
    for (let i = 0; i < kTries; i++) away.push(await medianOfSends(ann, room));
    const sent = kTries * kSends;
    assert.equal(await backlog(server), sent + 1);
    assert.ok((await metric(server, "tidings_queue_backlog_seconds")) >= 0);
    assert.equal((await request(`${server.url}/readyz`, "GET")).status, 200);
    await rabbit.launch();
    await connected(async (channel) => {
      await drained(server);
      const taken = await consume(channel, kQueue, (all) => all.length >= sent, "the messages");
      expectComplete(taken, room, Array.from({ length: sent }, (_, i) => i + 2));
    });
    const { quick, figures } = compare("is away", Math.min(...away), await medianOfSends(ann, room));
    t.diagnostic(figures);
    assert.ok(quick, figures);
  });
});
