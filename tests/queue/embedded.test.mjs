// The server's own queues, without a broker: `tidings queue` sees them while it runs, when it does not, and after a kill.
import assert from "node:assert/strict";
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
    assert.deepEqual(await asked(server, "purge", kQueue, "--waiting"), [{ purged: 3 }]);
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
