// The server's own queues, without a broker: `tidings queue` sees them while it runs, when it does not, and after a kill, and
// operates on dead letters through the server that runs.
import assert from "node:assert/strict";
import { withHooks } from "../lib/hooks.mjs";
import { people } from "../lib/people.mjs";
import { run } from "../lib/server.mjs";
import { test, withServer } from "../lib/testing.mjs";
import { eventually } from "../support/deadline.mjs";

const kQueue = "chat_messages";

function succeeded(done, what) {
  assert.equal(done.code, 0, `${what}: ${done.stderr}`);
  return done.stdout;
}

function failed(done, what) {
  assert.notEqual(done.code, 0, what);
  assert.match(done.stderr, /^tidings: .+\n$/, `${what}: one line that says why`);
}

const lines = (text) => text.trim().split("\n").filter(Boolean).map((line) => JSON.parse(line));
const asked = async (server, ...args) => lines(succeeded(await server.command("queue", ...args, "--json"), args.join(" ")));

async function saidIn(server, texts) {
  const [ann, ben] = people(server, "ann", "ben");
  const room = (await ann.createRoom({ members: [ben.id] }))._id;
  const messages = [];
  for (const text of texts) messages.push(await ann.send(room, { text }));
  return messages;
}

test("the queue of messages holds all of them, whoever looks", async () => {
  await withServer({}, async (server) => {
    const messages = await saidIn(server, ["one", "two", "three"]);
    // It is declared as the server starts; what was said before that is in it too.
    await eventually("the queue", async () => (await asked(server, "list"))[0]?.ready === 3);
    const seen = await asked(server, "peek", kQueue, "--waiting");
    assert.deepEqual(seen.map((line) => JSON.parse(line.body)), messages);
    assert.deepEqual(seen.map((line) => line.headers.seq), ["2", "3", "4"]);
    assert.match(succeeded(await server.command("queue", "list"), "list"), /^queue .*\nchat_messages +3 /);
    await server.crash();
    assert.equal((await asked(server, "list"))[0].ready, 3, "after a kill, without a server");
    await server.launch();
    assert.equal((await asked(server, "peek", kQueue, "--waiting", "--limit", "1")).length, 1);
    assert.deepEqual(await asked(server, "purge", kQueue, "--waiting", "--all"), [{ purged: 3 }]);
    assert.equal(seen[0].headers.traceparent, undefined);
    const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const [ann] = people(server, "ann");
    await ann.send((await ann.createRoom())._id, "four", { headers: { traceparent } });
    await server.crash();
    await server.launch();
    const [rest] = await asked(server, "peek", kQueue, "--waiting");
    assert.equal(JSON.parse(rest.body).text, "four");
    assert.equal(rest.headers.traceparent, traceparent, "of the call that sent it");
  });
});

test("wrong orders end with one line", async () => {
  await withServer({}, async (server) => {
    await eventually("the queue", async () => (await asked(server, "list")).length > 0);
    failed(await server.command("queue", "peek", "none"), "a queue that is not there");
    failed(await server.command("queue", "edit", kQueue, "no-such-id"), "no change");
    failed(await server.command("queue", "list", "--transport", "nonsense"), "no transport");
    failed(await run(server.binary, ["queue"]), "no command");
    failed(await server.command("queue", "edit", kQueue, "id", "--body-file", "/"), "a folder for a body");
    failed(await server.command("queue", "peek", "two\nlines"), "a name of two lines");
    assert.match(succeeded(await run(server.binary, ["queue", "--help"]), "help"), /replay/);
  });
});

test("dead letters are seen, edited, replayed and dropped through the running server", { timeout: 240_000 }, async () => {
  const queue = "tidings.worker.push";
  await withHooks(1, (gateway) =>
    withServer({ env: { TIDINGS_WORKERS_INSIDE: "push", TIDINGS_PUSH_URL: gateway.url } }, async (server) => {
      await eventually("the worker", async () => (await asked(server, "list")).some((line) => line.queue === queue && line.consumers > 0));
      // The gateway wants none of them.
      gateway.answer = () => 400;
      const texts = ["one", "two", "three", "four"];
      const ids = (await saidIn(server, texts)).map((message) => message._id);
      const dead = async () => (await asked(server, "list", queue))[0].dead;
      await eventually("four dead letters", async () => (await dead()) === 4, 60_000, 50);
      const letters = await asked(server, "peek", queue);
      assert.deepEqual(letters.map((letter) => JSON.parse(letter.body).text).sort(), [...texts].sort());
      assert.ok(letters.every((letter) => /status 400/.test(letter.headers["tidings-death-error"])), JSON.stringify(letters));
      assert.deepEqual(await asked(server, "peek", queue), letters, "they stay");
      assert.equal((await asked(server, "peek", queue, "--limit", "3")).length, 3);
      assert.equal((await asked(server, "peek", queue, "--reason", "rejected")).length, 0);

      const letterOf = (text) => letters.find((letter) => JSON.parse(letter.body).text === text);
      const mended = { ...JSON.parse(letterOf("two").body), text: "two, mended" };
      await asked(server, "edit", queue, letterOf("two").id, "--body", JSON.stringify(mended));
      const [edited] = await asked(server, "peek", queue, "--id", letterOf("two").id);
      assert.equal(JSON.parse(edited.body).text, "two, mended");
      failed(await server.command("queue", "edit", queue, "no-such-id", "--body", "x"), "a letter that is not there");

      const some = ["--id", letterOf("one").id, "--id", letterOf("two").id];
      assert.deepEqual(await asked(server, "replay", queue, ...some, "--dry-run"), [{ lookedAt: 4, selected: 2, replayed: 0 }]);
      assert.equal(await dead(), 4, "nothing was replayed");
      gateway.answer = () => 200;
      // So slowly that the server is asked for each of them by itself.
      const [replayed] = await asked(server, "replay", queue, ...some, "--rate", "0.3");
      assert.deepEqual([replayed.selected, replayed.replayed], [2, 2]);
      await eventually("both to be told", () => gateway.accepted.length === 2, 60_000, 50);
      assert.deepEqual(gateway.accepted.map((call) => call.json.message.text).sort(), ["one", "two, mended"]);
      assert.deepEqual(gateway.accepted.map((call) => call.json.message._id).sort(), ids.slice(0, 2).sort());

      assert.equal(await dead(), 2);
      await server.crash();
      await server.launch();
      assert.equal(await dead(), 2, "after a kill");
      assert.deepEqual(await asked(server, "purge", queue, "--id", letterOf("three").id), [{ purged: 1 }]);
      assert.deepEqual((await asked(server, "peek", queue)).map((letter) => letter.id), [letterOf("four").id]);
      assert.deepEqual(await asked(server, "purge", queue, "--all"), [{ purged: 1 }]);
      assert.equal(await dead(), 0);
    }),
  );
});
