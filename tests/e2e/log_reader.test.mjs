// Whoever reads the server's standard error and stops reading holds up nobody: no request, no stop, no start that fails.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, constants, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { withHooks } from "../lib/hooks.mjs";
import { request } from "../lib/http.mjs";
import { people } from "../lib/people.mjs";
import { Tidings, temporaryFolder } from "../lib/server.mjs";
import { test, withServer } from "../lib/testing.mjs";
import { eventually } from "../support/deadline.mjs";

const kPiece = 65_536;

// A pipe that somebody has open to read, and reads when told to.
class Reader {
  #text = "";

  constructor() {
    const path = join(temporaryFolder(), "log");
    execFileSync("mkfifo", [path]);
    this.end = openSync(path, constants.O_RDWR);   // for the server: its writes wait for room
    this.from = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  }

  // What has come so far.
  read() {
    const piece = Buffer.alloc(kPiece);
    try {
      for (;;) this.#text += piece.toString("latin1", 0, readSync(this.from, piece));
    } catch (error) {
      if (error.code !== "EAGAIN") throw error;
    }
    return this.#text;
  }

  close() {
    closeSync(this.end);
    closeSync(this.from);
  }
}

async function withReader(body) {
  const reader = new Reader();
  try {
    await body(reader);
  } finally {
    reader.close();
  }
}

async function dropped(server) {
  const { body } = await request(`${server.url}/metrics`, "GET", { keepAlive: false });
  return Number(/^tidings_log_lines_dropped_total (\d+)$/m.exec(body)[1]);
}

// Each request is a line that is nearly as long as its path.
async function chatter(server) {
  const path = `${server.url}/${"x".repeat(3_000)}`;
  await Promise.all(Array.from({ length: 8 }, async () => {
    for (let i = 0; i < 60; i++) assert.equal((await request(path, "GET")).status, 404);
  }));
}

test("a reader of the log that stands still: all goes on, what it missed is counted, and told when it reads on", async () => {
  await withReader(async (reader) => {
    await withServer({ stderr: reader.end, env: { TIDINGS_LOG_LEVEL: "debug" } }, async (server) => {
      const [ann] = people(server, "ann");
      const room = (await ann.createRoom())._id;
      assert.equal(await dropped(server), 0);
      await eventually("lines that do not fit", async () => (await chatter(server), (await dropped(server)) > 0));
      await ann.send(room, "taken as ever");
      assert.equal((await request(`${server.url}/healthz`, "GET", { keepAlive: false })).status, 200);
      await eventually("a line that tells of it", () => reader.read().includes('"event":"log_lines_dropped","lines":'));
      await ann.send(room, "and after it");
    });
    assert.match(reader.read(), /"event":"stopped"\}\n$/, "what waited at the stop");
    for (const line of reader.read().trimEnd().split("\n")) assert.equal(typeof JSON.parse(line).event, "string");
  });
});

test("a stop, and a start that fails, while nobody reads the log", async () => {
  await withReader(async (reader) => {
    await withServer({ stderr: reader.end, env: { TIDINGS_LOG_LEVEL: "debug" } }, async (server) => {
      await chatter(server);
      await server.stop();
      const second = new Tidings({ stderr: reader.end, dir: "/proc/none" });
      second.port = server.port;
      second.spawn();
      assert.equal(await second.ended(), "code 1");
      await server.launch();
    });
  });
});

test("a start that fails says so as its last words, and a message pushed is no line", async () => {
  await withHooks(1, async (hook) => {
    await withServer({ env: { TIDINGS_WORKERS_INSIDE: "push", TIDINGS_PUSH_URL: hook.url } }, async (server) => {
      const [ann, bob] = people(server, "ann", "bob");
      const room = (await ann.createRoom({ members: [bob.id] }))._id;
      // What was sent before the worker's first start is not for it.
      await eventually("a push", async () => (await ann.send(room, "pushed"), hook.calls.length > 0), undefined, 200);
      assert.doesNotMatch(server.output, /audience/);
      const second = new Tidings({ dir: server.dir });
      second.port = server.port;
      second.spawn();
      assert.equal(await second.ended(), "code 1");
      await eventually("its last words", () => /^tidings: .*another server.*\n$/m.test(second.output));
    });
  });
});
