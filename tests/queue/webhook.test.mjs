// The webhook worker: every event reaches every endpoint that wants it, signed, in order, whatever dies in between.
import assert from "node:assert/strict";
import { after } from "node:test";
import { Webhook, withHooks } from "../lib/hooks.mjs";
import { ok, refused } from "../lib/http.mjs";
import { admin, people } from "../lib/people.mjs";
import { Rabbit, amqp } from "../lib/rabbit.mjs";
import { test, withServer } from "../lib/testing.mjs";
import { Worker, orderOf, withWorkers } from "../lib/worker.mjs";
import { eventually } from "../support/deadline.mjs";

const rabbit = await Rabbit.start();
after(() => rabbit.dispose());

const kSlow = 90_000;
// Retries that a test can wait for.
const kQuick = { TIDINGS_WEBHOOK_PRIVATE_ADDRESSES: "true", TIDINGS_WEBHOOK_RETRY: "100ms,200ms,200ms", TIDINGS_WEBHOOK_TIMEOUT: "2s" };
const options = { url: rabbit.url, env: kQuick };

// Queues of the test before are not this one's.
async function fresh() {
  const connection = await amqp.connect(rabbit.url);
  const channel = await connection.createChannel();
  for (const queue of ["", ".0", ".1", ".2", ".3"]) {
    await channel.deleteQueue(`tidings.worker.webhook${queue}`);
    await channel.deleteQueue(`tidings.worker.webhook${queue}.dead`);
  }
  await channel.deleteQueue("chat_messages");
  await channel.deleteExchange("tidings.events");
  await connection.close();
}

const hookServer = (body) =>
  fresh().then(() => withServer({ args: ["--amqp", rabbit.url], env: kQuick }, (server) => body(server, admin(server))));
const create = async (root, hook, more = {}) => ok(await root.api.post("/admin/webhooks", { url: hook.url, ...more }), 201);
const shown = async (root, webhook) => ok(await root.api.get(`/admin/webhooks/${webhook._id}`));
const arrived = (hook, count, what = "webhooks") =>
  eventually(`${what} (${count})`, () => hook.accepted.length >= count, kSlow);

// What an endpoint was told of a room, as numbers of its log, in the order of the first success.
const seqsOf = (hook, room) => hook.accepted.filter((call) => call.json.room === room).map((call) => call.json.seq);
const upTo = (count, from = 1) => Array.from({ length: count }, (_, i) => i + from);

test("administrators manage endpoints; others do not", async () => {
  await withServer({}, async (server) => {
    const root = admin(server);
    const [ann] = people(server, "ann");
    refused(await ann.api.get("/admin/webhooks"), 403);
    refused(await ann.api.post("/admin/webhooks", { url: "https://shop.example/" }), 403);
    const made = ok(await root.api.post("/admin/webhooks", { url: "https://shop.example/hook", types: ["message.*"], rooms: ["r1"] }), 201);
    assert.match(made.secret, /^whsec_[A-Za-z0-9+/]{43}=$/);
    assert.equal(made.enabled, true);
    const [listed] = ok(await root.api.get("/admin/webhooks"));
    assert.equal(listed._id, made._id);
    assert.ok(!("secret" in listed), "a secret is shown once");
    assert.deepEqual(listed.types, ["message.*"]);
    const changed = ok(await root.api.patch(`/admin/webhooks/${made._id}`, { url: "https://other.example/", enabled: false }));
    assert.equal(changed.url, "https://other.example/");
    assert.equal(changed.enabled, false);
    const turned = ok(await root.api.post(`/admin/webhooks/${made._id}/secret`));
    assert.notEqual(turned.secret, made.secret);
    assert.deepEqual(ok(await root.api.get(`/admin/webhooks/${made._id}/dead`)), []);
    for (const body of [{}, { url: "ftp://x/" }, { url: "nonsense" }, { url: "https://a:b@x/" }, { url: 7 }, { url: "https://x/", secret: "s" }, { url: "https://x/", types: [""] }, { url: "https://x/", types: ["message.typo"] }, { url: "https://x/", rooms: "r" }]) {
      refused(await root.api.post("/admin/webhooks", body), 422);
    }
    for (const url of ["http://127.0.0.1:9/", "http://[::1]/", "http://10.0.0.1/", "http://2130706433/", "http://localhost:9/"]) {
      for (const answer of [await root.api.post("/admin/webhooks", { url }), await root.api.patch(`/admin/webhooks/${made._id}`, { url })]) {
        assert.match(JSON.stringify(refused(answer, 422)), /webhook\.private_addresses/, url);
      }
    }
    await server.restart();
    assert.equal((await shown(root, made)).url, "https://other.example/");
    ok(await root.api.delete(`/admin/webhooks/${made._id}`));
    refused(await root.api.get(`/admin/webhooks/${made._id}`), 404);
    refused(await root.api.post(`/admin/webhooks/${made._id}/replay`), 404);
  });
});

test("events come signed, once, in order, to those who want them", { timeout: 240_000 }, async () => {
  await hookServer((server, root) =>
    withHooks(2, async (all, some) => {
      const everything = await create(root, all);
      await withWorkers(server, "webhook", 1, options, async () => {
        const [ann, ben] = people(server, "ann", "ben");
        const room = (await ann.createRoom({ members: [ben.id] }))._id;
        const other = (await ann.createRoom())._id;
        const picky = await create(root, some, { types: ["message.created"], rooms: [room] });
        const sent = await ann.send(room, { text: "grüße 👋" });
        await ann.edit(room, sent._id, "hello");
        await ann.remove(room, sent._id);
        await ann.send(other, "elsewhere");
        await ben.send(room, "bye");
        await arrived(all, 7);
        await arrived(some, 2);
        assert.deepEqual(seqsOf(all, room), upTo(5));
        assert.deepEqual(seqsOf(all, other), [1, 2]);
        assert.deepEqual(seqsOf(some, room), [2, 5]);
        for (const [hook, secret] of [[all, everything.secret], [some, picky.secret]]) {
          for (const call of hook.calls) assert.deepEqual(new Webhook(secret).verify(call.body, call.headers), call.json);
        }
        assert.throws(() => new Webhook(picky.secret).verify(all.calls[0].body, all.calls[0].headers));
        const created = all.calls.find((call) => call.json.type === "message.created" && call.json.room === room).json;
        assert.equal(created.data._id, sent._id);
        assert.equal(created.data.created_by, ann.id);
        assert.match(created.timestamp, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
        const state = await eventually("what was delivered is counted", async () => {
          const now = await shown(root, everything);
          return now.delivered === 7 && now;
        });
        assert.equal(state.waiting, 0);
        assert.equal(state.lastStatus, 200);

        // A new secret signs beside the old one.
        const turned = ok(await root.api.post(`/admin/webhooks/${everything._id}/secret`));
        await ann.send(room, "signed twice");
        await arrived(all, 8);
        const last = all.calls.at(-1);
        for (const secret of [turned.secret, everything.secret]) new Webhook(secret).verify(last.body, last.headers);
      });
    }),
  );
});

test("an endpoint that fails is tried again, in order, and holds up no other", { timeout: 240_000 }, async () => {
  await hookServer((server, root) =>
    withHooks(3, async (good, flaky, dead) => {
      for (const hook of [good, flaky]) await create(root, hook);
      const lost = await create(root, dead);
      let failures = 2;
      flaky.answer = () => (failures-- > 0 ? { status: 503 } : 204);
      dead.answer = () => 500;
      await withWorkers(server, "webhook", 1, options, async () => {
        const [ann] = people(server, "ann");
        const room = (await ann.createRoom())._id;
        for (let i = 0; i < 20; i++) await ann.send(room, `m${i}`);
        await arrived(good, 21);
        await arrived(flaky, 21);
        assert.deepEqual(seqsOf(good, room), upTo(21));
        assert.deepEqual(seqsOf(flaky, room), upTo(21));
        assert.deepEqual(flaky.calls.slice(0, 3).map((call) => call.json.seq), [1, 1, 1], "the others wait behind the first");
        assert.equal(new Set(flaky.calls.slice(0, 3).map((call) => call.headers["webhook-id"])).size, 1);
        // Four tries each, then the dead letters.
        const first = await eventually("a dead letter", async () => ok(await root.api.get(`/admin/webhooks/${lost._id}/dead`))[0], kSlow);
        assert.equal(first.attempts, 4);
        assert.equal(first.error, "status 500");
        assert.equal(first.payload.seq, 1);
        // And again, once it works.
        dead.answer = () => 200;
        await eventually("the rest", async () => (await shown(root, lost)).waiting === 0, kSlow);
        const before = await shown(root, lost);
        assert.ok(before.dead >= 1);
        ok(await root.api.post(`/admin/webhooks/${lost._id}/replay`));
        await arrived(dead, 21);
        await eventually("no dead letters", async () => (await shown(root, lost)).dead === 0);
        assert.deepEqual([...seqsOf(dead, room)].sort((a, b) => a - b), upTo(21));
      });
    }),
  );
});

test("410 disables an endpoint; what came meanwhile is replayed on request", { timeout: 240_000 }, async () => {
  await hookServer((server, root) =>
    withHooks(1, async (hook) => {
      const webhook = await create(root, hook);
      hook.answer = () => 410;
      await withWorkers(server, "webhook", 1, options, async () => {
        const [ann] = people(server, "ann");
        const room = (await ann.createRoom())._id;
        await eventually("a disabled endpoint", async () => !(await shown(root, webhook)).enabled, kSlow);
        assert.match((await shown(root, webhook)).disabledReason, /410/);
        await ann.send(room, "unseen");
        await eventually("dead letters", async () => (await shown(root, webhook)).dead === 2, kSlow);
        assert.equal(hook.calls.length, 1);
        hook.answer = () => 200;
        assert.equal(ok(await root.api.patch(`/admin/webhooks/${webhook._id}`, { enabled: true })).enabled, true);
        await ann.send(room, "seen");
        await arrived(hook, 1);
        ok(await root.api.post(`/admin/webhooks/${webhook._id}/replay`));
        await arrived(hook, 3);
        assert.deepEqual(seqsOf(hook, room), [3, 1, 2]);
      });
    }),
  );
});

test("private addresses are refused unless they are allowed", { timeout: 240_000 }, async () => {
  await hookServer((server, root) =>
    withHooks(1, async (hook) => {
      const webhook = await create(root, hook);
      const strict = { url: rabbit.url, env: { ...kQuick, TIDINGS_WEBHOOK_PRIVATE_ADDRESSES: "false" } };
      await withWorkers(server, "webhook", 1, strict, async () => {
        const [ann] = people(server, "ann");
        await ann.createRoom();
        await eventually("a refusal", async () => (await shown(root, webhook)).lastError !== "", kSlow);
        assert.match((await shown(root, webhook)).lastError, /not public; webhook\.private_addresses/);
        assert.equal(hook.calls.length, 0);
      });
    }),
  );
});

test("retries outlast a restart", { timeout: 240_000 }, async () => {
  await hookServer((server, root) =>
    withHooks(1, async (hook) => {
      const webhook = await create(root, hook);
      hook.answer = () => 503;
      const [ann] = people(server, "ann");
      const patient = { url: rabbit.url, env: { ...kQuick, TIDINGS_WEBHOOK_RETRY: "100ms,6s,1h" } };
      const worker = await Worker.start(server, "webhook", patient);
      const room = (await ann.createRoom())._id;
      // Kept, not only answered: what was under way in a kill is tried again at once.
      await eventually("two failures", async () => (await shown(root, webhook)).failures === 2, kSlow);
      await worker.crash();
      hook.answer = () => 200;
      await worker.launch();
      await arrived(hook, 1);
      assert.ok(hook.calls[2].at - hook.calls[1].at >= 5_900, "the pause goes on after the crash");
      assert.deepEqual(seqsOf(hook, room), [1]);
      await worker.stop();
      assert.equal((await shown(root, webhook)).delivered, 1);
    }),
  );
});

test("instances are killed under load: each room comes whole and in order, and nothing twice but what was under way", { timeout: 400_000 }, async () => {
  await hookServer((server, root) =>
    withHooks(3, async (...hooks) => {
      for (const hook of hooks) await create(root, hook);
      await withWorkers(server, "webhook", 3, options, async (workers) => {
        const [ann] = people(server, "ann");
        const rooms = [];
        for (let i = 0; i < 4; i++) rooms.push((await ann.createRoom())._id);
        const sent = new Map(rooms.map((room) => [room, 1]));
        let stop = false;
        const writers = rooms.map(async (room) => {
          for (let i = 0; !stop; i++) {
            await ann.send(room, `${i} ${"x".repeat([1, 100, 3_000][i % 3])}`);
            sent.set(room, i + 2);
          }
        });
        const total = () => hooks.reduce((sum, hook) => sum + hook.accepted.length, 0);
        for (let kill = 0; kill < 6; kill++) {
          const from = total();
          await eventually("more webhooks", () => total() >= from + 30, kSlow);
          const victim = workers[kill % workers.length];
          await victim.crash();
          await victim.launch();
        }
        stop = true;
        await Promise.all(writers);
        const all = [...sent.values()].reduce((sum, count) => sum + count, 0);
        for (const hook of hooks) await arrived(hook, all);
        let repeats = 0;
        for (const hook of hooks) {
          for (const room of rooms) assert.deepEqual(seqsOf(hook, room), upTo(sent.get(room)));
          repeats += hook.calls.length - hook.accepted.length;
        }
        assert.deepEqual(await orderOf(server, "webhook"), { early: 0, missed: 0, late: 0 });
        const connection = await amqp.connect(rabbit.url);
        try {
          // Workers leave it to others.
          const { messageCount } = await (await connection.createChannel()).checkQueue("chat_messages");
          assert.equal(messageCount, all - rooms.length);
        } finally {
          await connection.close();
        }
        // Only what was under way in a kill may come twice, with the same id: one request for each endpoint.
        assert.ok(repeats <= 6 * hooks.length, `${repeats} repeats`);
      });
    }),
  );
});

test("an event that fits no request holds up none behind it", { timeout: 240_000 }, async () => {
  await hookServer((server, root) =>
    withHooks(1, (hook) =>
      withWorkers(server, "webhook", 1, options, async () => {
        await create(root, hook);
        const [ann] = people(server, "ann");
        const room = (await ann.createRoom())._id;
        await arrived(hook, 1);
        const headers = { "cloudEvents:subject": room, "cloudEvents:time": "2026-11-26T10:00:00.000Z", seq: 7 };
        const connection = await amqp.connect(rabbit.url);
        try {
          const channel = await connection.createConfirmChannel();
          // Too long for an id, together with the endpoint's.
          channel.publish("tidings.events", "room.updated", Buffer.from("{}"), { type: "room.updated", messageId: "x".repeat(128), headers });
          for (let lane = 0; lane < 4; lane++) {
            const piece = { "tidings-key": "wh_none", "tidings-event": "e\r\nx-injected: yes" };
            channel.sendToQueue(`tidings.worker.webhook.${lane}`, Buffer.from("{}"), { type: "room.updated", messageId: `p${lane}`, headers: piece });
          }
          await channel.waitForConfirms();
          await ann.send(room, "behind it");
          await eventually("what came behind it", () => hook.accepted.some((call) => call.json.data?.text === "behind it"), kSlow);
          const dead = async (queue) => (await channel.checkQueue(`${queue}.dead`)).messageCount;
          await eventually("the dead letter", async () => (await dead("tidings.worker.webhook")) === 1, kSlow);
          for (let lane = 0; lane < 4; lane++) await eventually("the dead piece", async () => (await dead(`tidings.worker.webhook.${lane}`)) === 1, kSlow);
        } finally {
          await connection.close();
        }
        assert.deepEqual(seqsOf(hook, room), [1, 2]);
      }),
    ),
  );
});
