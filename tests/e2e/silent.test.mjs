// 10,000 connections that never say a word, under the default limits: they are cut in time, others do not notice, and
// what they took is given back.
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { ok, request } from "../lib/http.mjs";
import { people } from "../lib/people.mjs";
import { SilentSwarm } from "../lib/silent_swarm.mjs";
import { assertDense } from "../lib/socket.mjs";
import { test, withServer } from "../lib/testing.mjs";
import { eventually } from "../support/deadline.mjs";

const full = process.env.TIDINGS_E2E_FULL !== undefined;
const kConnections = 10_000;
// The setting's default is 45 s.
const kConnectTimeoutMs = full ? 45_000 : 12_000;
const kRequestTimeoutMs = 10_000;
const kSlackMs = 15_000;   // the swarm takes a while to open, on a busy machine
const kServedMs = 100;
const kMostGrowth = 16 * 1024 * 1024;

const mib = (bytes) => (bytes / 1024 / 1024).toFixed(1);

function quantile(times, part) {
  return [...times].sort((a, b) => a - b)[Math.min(times.length - 1, Math.floor(times.length * part))];
}

test(`${kConnections} silent connections are cut; others are served meanwhile`, { timeout: 300_000 }, async () => {
  const env = { TIDINGS_RATE_LIMITS: undefined, ...(full ? {} : { TIDINGS_SOCKET_CONNECT_TIMEOUT: `${kConnectTimeoutMs}ms` }) };
  await withServer({ env }, async (server) => {
    const [ann, bob] = people(server, "ann", "bob");
    const room = (await ann.createRoom({ members: [bob.id] }))._id;
    const client = await bob.connect();
    await client.join(room);
    const files = () => readdirSync(`/proc/${server.pid}/fd`).length;

    const times = { read: [], send: [], connect: [] };
    const timed = async (kind, call) => {
      const started = performance.now();
      await call();
      times[kind].push(performance.now() - started);
    };
    let sent = 0;
    const probe = async () => {
      await timed("read", async () => ok(await ann.api.get(`/rooms/${room}`)));
      await timed("send", () => ann.send(room, `m${sent++}`));
      await timed("connect", async () => assert.equal((await request(`${server.url}/healthz`, "GET", { keepAlive: false })).status, 200));
    };
    for (let i = 0; i < 50; i++) await probe();
    for (const kind of Object.keys(times)) times[kind].length = 0;

    const before = { files: files(), memory: server.residentBytes() };
    const most = { files: 0, memory: 0 };
    const started = Date.now();
    const half = kConnections / 2;
    let going = true;
    const others = (async () => {
      while (going) {
        await probe();
        most.files = Math.max(most.files, files());
        most.memory = Math.max(most.memory, server.residentBytes());
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    })();
    const swarm = await SilentSwarm.start(server.port, { tcp: half, websocket: half });
    try {
      const wait = (what, kind, ms) => eventually(what, () => swarm.closed[kind] === half, ms + kSlackMs - (Date.now() - started));
      await wait("the end of those that said nothing", "tcp", kRequestTimeoutMs + kSlackMs);
      await wait("the end of those that never named a namespace", "websocket", kConnectTimeoutMs + kSlackMs);
      going = false;
      await others;
      assert.ok(most.files > half, `${most.files} files were open`);
      await eventually("the return of the file descriptors", () => files() <= before.files + 5);
    } finally {
      going = false;
      await swarm.end();
    }

    assert.equal(client.connections, 1, "who was there stays");
    await client.until("all that was sent", () => client.lastSeq(room) === sent + 1);
    assertDense(client.seqs(room), 2, sent + 1);
    const growth = server.residentBytes() - before.memory;
    const told = Object.entries(times).map(([kind, all]) => `${kind} ${quantile(all, 0.5).toFixed(1)}/${quantile(all, 0.95).toFixed(1)}/${quantile(all, 1).toFixed(0)}`);
    console.log(`${most.files} files and ${mib(most.memory)} MiB at most, ${mib(before.memory)} MiB before, ${mib(growth)} MiB more after; ms (median/p95/max): ${told.join(", ")}`);
    for (const [kind, all] of Object.entries(times)) assert.ok(quantile(all, 0.95) < kServedMs, `${kind}: ${told}`);
    assert.ok(growth < kMostGrowth, `the server kept ${mib(growth)} MiB`);
  });
});
