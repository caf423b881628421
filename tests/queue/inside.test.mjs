// Workers inside the server, without a broker: what they did is there once, whatever kills the server.
import assert from "node:assert/strict";
import { withHooks } from "../lib/hooks.mjs";
import { ok } from "../lib/http.mjs";
import { admin, people } from "../lib/people.mjs";
import { run } from "../lib/server.mjs";
import { test, withServer } from "../lib/testing.mjs";
import { eventually } from "../support/deadline.mjs";

const kSlow = 90_000;
const kEnv = {
  TIDINGS_WORKERS_INSIDE: "archive,analytics,webhook",
  TIDINGS_ARCHIVE_GATHER: "50ms",
  TIDINGS_WEBHOOK_PRIVATE_ADDRESSES: "true",
  TIDINGS_WEBHOOK_RETRY: "100ms,200ms,200ms",
  TIDINGS_WEBHOOK_TIMEOUT: "5s",
};

async function cat(server) {
  const { code, stdout, stderr } = await server.command("archive", "cat");
  assert.equal(code, 0, stderr);
  return stdout.split("\n").filter(Boolean).map((line) => JSON.parse(line));
}

const behind = async (server) => {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  const lines = text.split("\n").filter((line) => line.startsWith("tidings_embedded_queue_behind_positions{"));
  return Object.fromEntries(lines.map((line) => [/queue="([^"]+)"/.exec(line)[1], Number(line.split(" ")[1])]));
};

test("archive, analytics and webhook keep up with a server that is killed again and again", { timeout: 300_000 }, async () => {
  await withServer({ env: kEnv }, (server) =>
    withHooks(1, async (hook) => {
      const root = admin(server);
      ok(await root.api.post("/admin/webhooks", { url: hook.url, types: ["message.created"] }), 201);
      const [ann, ben] = people(server, "ann", "ben");
      const room = (await ann.createRoom({ members: [ben.id] }))._id;
      const ids = [];
      for (let kill = 0; kill < 6; kill++) {
        for (let i = 0; i < 25; i++) ids.push((await (i % 2 ? ann : ben).send(room, { text: `message ${ids.length}` }))._id);
        await server.crash();
        await server.launch();
      }
      const expected = Array.from(ids, (_, i) => i + 2);
      const lines = await eventually("every line in the archive", async () => {
        const found = await cat(server);
        return found.length >= ids.length && found;
      }, kSlow, 200);
      assert.deepEqual(lines.map((line) => line.data._id), ids, "once, in order");
      const checked = await server.command("archive", "verify");
      assert.equal(checked.code, 0, checked.stdout + checked.stderr);
      const counted = await eventually("every message counted", async () => {
        const now = ok(await root.api.get("/admin/analytics"));
        return now.messages >= ids.length && now;
      }, kSlow, 200);
      assert.equal(counted.messages, ids.length);
      await eventually("every delivery", () => new Set(hook.accepted.map((call) => call.json.seq)).size === ids.length, kSlow);
      // A request may be repeated when the server dies before it has noted the answer; the order holds all the same.
      const firsts = [...new Set(hook.accepted.map((call) => call.json.seq))];
      assert.deepEqual(firsts, expected);
      await eventually("queues without a backlog", async () => {
        const queues = await behind(server);
        return ["archive", "analytics", "webhook"].every((name) => queues[`tidings.worker.${name}`] === 0);
      }, kSlow, 200);
      await server.restart();
      await ann.send(room, "after a stop");
      await eventually("the archive goes on", async () => (await cat(server)).length === ids.length + 1, kSlow, 200);
    }),
  );
});

test("the push worker tells the gateway of members who are away", { timeout: 240_000 }, async () => {
  await withHooks(1, async (hook) => {
    const env = { TIDINGS_WORKERS_INSIDE: "push", TIDINGS_PUSH_URL: hook.url, TIDINGS_PUSH_TOKEN: "gateway-secret", TIDINGS_PUSH_RETRY: "100ms,200ms,200ms" };
    await withServer({ env }, async (server) => {
      const [ann, ben, cid] = people(server, "ann", "ben", "cid");
      const room = (await ann.createRoom({ members: [ben.id, cid.id] }))._id;
      await ben.connect();
      await ann.send(room, "hello");
      await eventually("a push", () => hook.accepted.length === 1, kSlow);
      const [{ headers, json }] = hook.accepted;
      assert.deepEqual(json.users, [cid.id], "neither the author nor who is online");
      assert.equal(json.room, room);
      assert.equal(json.message.text, "hello");
      assert.equal(headers.authorization, "Bearer gateway-secret");
      // What the gateway does not take outlasts the server.
      hook.answer = () => 503;
      await ann.send(room, "later");
      await eventually("a try", () => hook.calls.length > 1, kSlow);
      await server.crash();
      hook.answer = () => 200;
      await server.launch();
      // Ben may not have come back yet.
      const later = () => hook.accepted.filter(({ json }) => json.message.text === "later" && json.users.includes(cid.id));
      await eventually("the push", () => later().length === 1, kSlow);
      assert.equal(later()[0].headers["idempotency-key"], hook.calls[1].headers["idempotency-key"]);
      await eventually("a queue without a backlog", async () => (await behind(server))["tidings.worker.push"] === 0, kSlow, 200);
    });
  });
});

test("workers that cannot run inside are refused with one line", async () => {
  await withServer({}, async (server) => {
    const start = (args, env) => run(server.binary, ["serve", "--listen", "127.0.0.1:0", "--data", `${server.dir}-other`, ...args], { ...server.env, ...env });
    for (const [args, env, reason] of [
      [["--amqp", "amqp://127.0.0.1:1"], { TIDINGS_WORKERS_INSIDE: "archive" }, /workers\.inside: with --amqp/],
      [[], { TIDINGS_WORKERS_INSIDE: "nonsense" }, /must be archive, analytics, webhook or push/],
      [[], { TIDINGS_WORKERS_INSIDE: "push" }, /needs push\.url/],
    ]) {
      const { code, stderr } = await start(args, env);
      assert.notEqual(code, 0);
      assert.match(stderr, reason);
      assert.equal(stderr.trim().split("\n").length, 1, stderr);
    }
  });
});
