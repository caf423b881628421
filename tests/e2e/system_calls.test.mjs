// What the server asks of the kernel: a message's text is written and synced before anybody hears of it, and a sync that
// fails ends the process without an answer.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { people, unique } from "../lib/people.mjs";
import { RawClient } from "../lib/raw_client.mjs";
import { assertDense } from "../lib/socket.mjs";
import { test, withServer } from "../lib/testing.mjs";
import { Trace } from "../lib/trace.mjs";
import { eventually } from "../support/deadline.mjs";

const kWrites = /pwrite64|pwritev|\bwrite\(|writev/;
const kSyncs = /fdatasync|fsync/;
const kSends = /sendto|sendmsg|\bwrite\(|writev/;

test("each message is written, then synced, and only then acknowledged and shown", async () => {
  await withServer({}, async (server) => {
    const [ann, bob] = people(server, "ann", "bob");
    const room = (await ann.createRoom({ members: [bob.id] }))._id;
    const reader = await RawClient.connect(server, { token: bob.token });
    await reader.ask("room:join", { roomId: room });
    const sender = await RawClient.connect(server, { token: ann.token });
    const trace = await Trace.attach(server.pid, ["-e", "trace=pwrite64,pwritev,write,writev,sendto,sendmsg,fdatasync,fsync"]);
    const texts = [];
    for (let i = 0; i < 10; i++) {
      texts.push(unique("traced"));
      if (i % 2) await ann.send(room, texts[i]);
      else assert.equal((await sender.ask("message:send", { roomId: room, text: texts[i] })).status, "success");
      await eventually("the message at the reader", () => reader.packets.some((packet) => packet.includes(texts[i])));
    }
    const lines = await trace.end();
    let last = -1;
    for (const text of texts) {
      // A call that another thread's interrupted is ended by its "resumed" line.
      const at = (what, from, found) => {
        const index = lines.findIndex((line, i) => i > from && found(line));
        assert.ok(index >= 0, `${text}: no ${what} after line ${from} of\n${lines.slice(Math.max(0, from - 3), from + 40).map((line) => line.slice(0, 200)).join("\n")}`);
        return index;
      };
      const written = at("write to the store", last, (line) => kWrites.test(line) && line.includes("tidings.db") && line.includes(text));
      const synced = at("sync of the log", written, (line) => kSyncs.test(line) && /= 0$/.test(line));
      // Few sockets at a time are written to by ordinary calls, which show the text.
      const told = at("send", -1, (line) => kSends.test(line) && /TCP|socket/.test(line) && line.includes(text));
      assert.ok(told > synced, `${text} was sent at line ${told}, before the sync at ${synced}`);
      last = synced;
    }
    assertDense((await ann.log(room)).map(({ seq }) => seq), 1, texts.length + 1);

    // Plain text, in pages of at most 16 KiB.
    await server.crash();
    const bytes = Buffer.concat(["tidings.db", "tidings.db-wal"].map((name) => readFileSync(join(server.dir, name))));
    for (const text of texts) assert.ok(bytes.includes(text), `${text} is not in the store as it is`);
    const page = readFileSync(join(server.dir, "tidings.db")).readUInt16BE(16);
    assert.ok(page >= 512 && page <= 16_384, `pages of ${page} bytes`);
    await server.launch();
  });
});

test("a sync that fails: nobody is answered, the process ends with one line, and the next start has what was acknowledged", async () => {
  await withServer({}, async (server) => {
    const [ann, bob] = people(server, "ann", "bob");
    const room = (await ann.createRoom({ members: [bob.id] }))._id;
    const sent = [];
    for (let i = 0; i < 20; i++) sent.push((await ann.send(room, `m${i}`))._id);
    const reader = await bob.connect({ recover: true });
    await reader.join(room);
    const said = server.output.length;
    const trace = await Trace.attach(server.pid, ["-e", "trace=fdatasync,fsync", "-e", "inject=fdatasync,fsync:error=EIO"]);
    const ids = Array.from({ length: 5 }, () => unique("lost"));
    const outcomes = await Promise.allSettled(ids.map((clientMessageId) => ann.trySend(room, { text: "unsure", clientMessageId })));
    for (const { status, value } of outcomes) assert.equal(status, "rejected", `answered: ${JSON.stringify(value?.json)}`);
    assert.match(await server.ended(), /^code [1-9]/);
    await trace.end();
    const lines = server.output.slice(said).trim().split("\n").filter((line) => !line.startsWith("{"));
    assert.equal(lines.length, 1, server.output.slice(said));
    assert.match(lines[0], /tidings\.db.*not answered/);
    assert.equal(reader.lastSeq(room), 0, "and nothing was shown");

    await server.launch();
    const stored = await ann.messages(room);
    assert.deepEqual(stored.slice(0, 20).map(({ _id }) => _id), sent);
    // The outcome was unknown: the same ids again, each is there once.
    for (const clientMessageId of ids) await ann.send(room, { text: "unsure", clientMessageId });
    const after = await ann.messages(room);
    assert.deepEqual(after.slice(20).map(({ client_message_id }) => client_message_id).sort(), [...ids].sort());
    await reader.until("all of them", () => reader.lastSeq(room) === after.at(-1).seq);
    assertDense(reader.seqs(room), sent.length + 2, after.at(-1).seq);
    await server.stop();
    const { code, stdout, stderr } = await server.command("verify");
    assert.equal(code, 0, `${stdout}${stderr}`);
    await server.launch();
  });
});

test("a folder that is read-only is refused with what to do, and nothing in it changes", async () => {
  await withServer({}, async (server) => {
    const [ann] = people(server, "ann");
    const room = (await ann.createRoom())._id;
    await ann.send(room, "kept");
    await server.stop();
    const listing = () => execFileSync("sh", ["-c", 'cd "$1" && sha256sum tidings.db token.secret 2>/dev/null; ls', "sh", server.dir]).toString();
    const before = listing();
    const isRoot = process.getuid() === 0;
    const enter = isRoot ? ["--mount"] : ["--map-root-user", "--mount"];
    const script = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && exec "$2" serve --data "$1" --listen 127.0.0.1:0';
    let error;
    try {
      execFileSync("unshare", [...enter, "sh", "-c", script, "sh", server.dir, server.binary], { env: server.env, stdio: "pipe", timeout: 30_000 });
    } catch (thrown) {
      error = thrown;
    }
    assert.ok(error?.status > 0, `ended by ${error?.status ?? error?.signal ?? "success"}`);
    const [line, ...more] = error.stderr.toString().trim().split("\n");
    assert.deepEqual(more, []);
    assert.match(line, /write|read-only/i);
    assert.ok(line.includes(server.dir), line);
    assert.equal(listing(), before);
    await server.launch();
    assert.equal((await ann.messages(room)).length, 1);
  });
});
