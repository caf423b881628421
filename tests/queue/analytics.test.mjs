// The analytics worker: every event counts once, for the hour and the room in which it happened.
import assert from "node:assert/strict";
import { after } from "node:test";
import { ok, refused } from "../lib/http.mjs";
import { admin, people } from "../lib/people.mjs";
import { Rabbit } from "../lib/rabbit.mjs";
import { test, withServer } from "../lib/testing.mjs";
import { withWorkers } from "../lib/worker.mjs";
import { eventually } from "../support/deadline.mjs";

const rabbit = await Rabbit.start();
after(() => rabbit.dispose());

const kSlow = 90_000;

test("messages, users and latency are counted once, also when instances are killed", { timeout: 400_000 }, async () => {
  await withServer({ args: ["--amqp", rabbit.url] }, async (server) => {
    const root = admin(server);
    const ask = async (query = "") => ok(await root.api.get(`/admin/analytics${query}`));
    assert.equal((await ask()).messages, 0, "zeros before there is a worker");
    await withWorkers(server, "analytics", 2, { url: rabbit.url }, async (workers) => {
      const [ann, ben] = people(server, "ann", "ben");
      const began = new Date(Math.floor(Date.now() / 3_600_000) * 3_600_000).toISOString();
      const busy = (await ann.createRoom({ members: [ben.id] }))._id;
      const quiet = (await ann.createRoom())._id;
      const only = await ann.send(quiet, "one");
      await ann.edit(quiet, only._id, "two");
      await ann.remove(quiet, only._id);
      let sent = 0;
      let stop = false;
      const writers = [ann, ben].map(async (writer) => {
        while (!stop) {
          await writer.send(busy, "again");
          sent++;
        }
      });
      for (let kill = 0; kill < 6; kill++) {
        const from = sent;
        await eventually("more messages", () => sent >= from + 50, kSlow);
        await workers[kill % 2].crash();
        await workers[kill % 2].launch();
      }
      stop = true;
      await Promise.all(writers);
      const all = await eventually("every message", async () => {
        const now = await ask();
        return now.messages >= sent + 1 && now.deletes === 1 && now;
      }, kSlow, 200);
      assert.equal(all.messages, sent + 1);
      assert.equal(all.edits, 1);
      assert.equal(all.activeUsers, 2);
      assert.ok(all.latencyMs.p50 <= all.latencyMs.p95 && all.latencyMs.p95 <= all.latencyMs.max);
      for (const each of [...all.hours, ...all.rooms]) {
        const { p50, p95, p99, max } = each.latencyMs;
        assert.ok(0 <= p50 && p50 <= p95 && p95 <= p99 && p99 <= max && max > 0, JSON.stringify(each));
      }
      for (const parts of [all.hours, all.rooms]) {
        assert.equal(Math.max(...parts.map((each) => each.latencyMs.max)), all.latencyMs.max, "the slowest is some hour's and some room's");
      }
      assert.deepEqual(all.rooms.map((room) => room.room), [busy, quiet]);
      assert.equal(all.hours.reduce((sum, hour) => sum + hour.messages, 0), sent + 1);
      assert.ok(all.hours[0].hour >= began);
      const one = await ask(`?room=${quiet}&from=${began}`);
      assert.deepEqual([one.messages, one.edits, one.deletes, one.activeUsers], [1, 1, 1, 1]);
      assert.equal((await ask("?from=2020-01-01T00:00:00.000Z&to=2020-01-02T00:00:00.000Z")).messages, 0);
      refused(await root.api.get("/admin/analytics?from=yesterday"), 422);
      refused(await root.api.get("/admin/analytics?from=2020-01-01T00:00:00.000Z&to=2021-01-01T00:00:00.000Z"), 422);
      refused(await ann.api.get("/admin/analytics"), 403);
    });
  });
});
