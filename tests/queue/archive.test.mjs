// The archive worker: every event of a message is one line, once, in files that check; what was deleted is not in them.
import assert from "node:assert/strict";
import { appendFileSync, existsSync, readFileSync, readdirSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after } from "node:test";
import { people } from "../lib/people.mjs";
import { Rabbit, amqp } from "../lib/rabbit.mjs";
import { kBinary, run, temporaryFolder } from "../lib/server.mjs";
import { test, withServer } from "../lib/testing.mjs";
import { Worker, orderOf, withWorkers } from "../lib/worker.mjs";
import { eventually } from "../support/deadline.mjs";

const rabbit = await Rabbit.start();
after(() => rabbit.dispose());

const kSlow = 90_000;
const options = { url: rabbit.url, env: { TIDINGS_ARCHIVE_GATHER: "50ms" } };

async function fresh() {
  const connection = await amqp.connect(rabbit.url);
  const channel = await connection.createChannel();
  for (const queue of ["", ".0", ".1", ".2", ".3"]) {
    await channel.deleteQueue(`tidings.worker.archive${queue}`);
    await channel.deleteQueue(`tidings.worker.archive${queue}.dead`);
  }
  await channel.deleteQueue("chat_messages");
  await channel.deleteExchange("tidings.events");
  await connection.close();
}

const withArchive = (count, body, more = options) =>
  fresh().then(() =>
    withServer({ args: ["--amqp", rabbit.url] }, (server) => withWorkers(server, "archive", count, more, (workers) => body(server, workers))),
  );

async function cat(server, ...args) {
  const { code, stdout, stderr } = await server.command("archive", "cat", ...args);
  if (/the archive has no line of/.test(stderr)) return [];
  assert.equal(code, 0, stderr);
  return stdout.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
}

const verify = (server) => server.command("archive", "verify");

async function expectSound(server) {
  const { code, stdout, stderr } = await verify(server);
  assert.equal(code, 0, `${stdout}${stderr}`);
  return stdout;
}

const folder = (server, room) => join(server.dir, "workers", "archive", "rooms", room);
const filesOf = (server, room) => (existsSync(folder(server, room)) ? readdirSync(folder(server, room)).filter((name) => name.endsWith(".zst")) : []);
const filed = (server, room, bytes = 1) =>
  eventually("a file", () => filesOf(server, room).some((name) => readFileSync(join(folder(server, room), name)).length >= bytes), kSlow);
const inNoFile = async (server) => Number(/of which (\d+) are in no file/.exec(await expectSound(server))[1]);

test("messages, edits and deletes are lines of their own; deleted text is gone from all of them", { timeout: 240_000 }, async () => {
  await withArchive(1, async (server) => {
    const [ann, ben] = people(server, "ann", "ben");
    const room = (await ann.createRoom({ members: [ben.id] }))._id;
    const kept = await ann.send(room, { text: "kept for ever, grüße 👋" });
    const first = await ann.send(room, { text: "a word that is regretted" });
    await ann.edit(room, first._id, "regretted all the same");
    const reply = await ben.send(room, { text: "what?", replyTo: first._id });
    await filed(server, room);
    await eventually("all lines in files", async () => (await cat(server)).length === 4 && (await inNoFile(server)) === 0, kSlow);
    assert.ok((await cat(server, "--room", room)).some((line) => line.data.text === "a word that is regretted"));
    await ann.remove(room, first._id);
    await eventually("a redaction", async () => !JSON.stringify(await cat(server)).includes("regretted"), kSlow);
    await eventually("the last line in its file", async () => (await inNoFile(server)) === 0, kSlow);
    const lines = await cat(server);
    assert.deepEqual(lines.map((line) => [line.type, line.seq]), [["message.created", 2], ["message.created", 3], ["message.updated", 4], ["message.created", 5], ["message.deleted", 6]]);
    assert.equal(lines[0].data.text, "kept for ever, grüße 👋");
    assert.equal(lines[0].data._id, kept._id);
    assert.ok(!("redacted" in lines[0]));
    assert.equal(lines[1].redacted, true);
    assert.equal(lines[3].data._id, reply._id);
    assert.equal(lines[3].data.text, "what?");
    assert.equal(lines[3].data.reply_to._id, first._id);
    const raw = filesOf(server, room).map((name) => readFileSync(join(folder(server, room), name)).toString("latin1")).join();
    assert.ok(!raw.includes("regretted"));
    const day = lines[0].at.slice(0, 10);
    assert.ok((await cat(server, "--day", day)).length > 0);
    const none = await server.command("archive", "cat", "--room", "none");
    assert.deepEqual([none.code, none.stdout], [1, ""]);
    assert.match(none.stderr, /no line of the room none/);
    assert.notEqual((await server.command("archive", "cat", "--room", "../x")).code, 0);
  });
});

test("verify finds what was changed, cut or added", { timeout: 240_000 }, async () => {
  let server;
  await withArchive(1, async (running) => {
    server = running;
    const [ann] = people(server, "ann");
    const room = (await ann.createRoom())._id;
    for (let i = 0; i < 50; i++) await ann.send(room, `message ${i}`);
    await eventually("all lines in files", async () => (await cat(server)).length === 50 && (await inNoFile(server)) === 0, kSlow);
    const file = join(folder(server, room), filesOf(server, room)[0]);
    const good = readFileSync(file);
    const expectFinding = async (pattern) => {
      const { code, stdout } = await verify(server);
      assert.notEqual(code, 0, stdout);
      assert.match(stdout, pattern);
      writeFileSync(file, good);
      await expectSound(server);
    };
    const changed = Buffer.from(good);
    changed[good.length - 20] ^= 1;
    writeFileSync(file, changed);
    await expectFinding(/damaged|checksum/);
    truncateSync(file, good.length - 7);
    await expectFinding(/shorter/);
    writeFileSync(join(folder(server, room), "1999-01-01.jsonl.zst"), good);
    const { code, stdout } = await verify(server);
    assert.notEqual(code, 0);
    assert.match(stdout, /known to no lane/);
    truncateSync(join(folder(server, room), "1999-01-01.jsonl.zst"));
    // A tail that was not finished is none.
    appendFileSync(file, "torn");
    const torn = await verify(server);
    assert.match(torn.stdout, /not finished/);
    await ann.send(room, "after");
    await eventually("the tail is cut off", async () => !readFileSync(file).includes("torn"), kSlow);
    assert.equal((await cat(server, "--room", room)).length, 51);
  });
});

// What lies in `chat_messages`, once everything is published.
async function chatMessages(server) {
  const published = async () => /^tidings_queue_backlog_events 0$/m.test(await (await fetch(`${server.url}/metrics`)).text());
  await eventually("a server that has published all", published, kSlow, 200);
  const connection = await amqp.connect(rabbit.url);
  try {
    const channel = await connection.createChannel();
    const { messageCount, consumerCount } = await channel.checkQueue("chat_messages");
    assert.equal(consumerCount, 0);
    const taken = [];
    await channel.consume("chat_messages", (message) => taken.push(message), { noAck: true });
    await eventually("all of chat_messages", () => taken.length >= messageCount, kSlow);
    return taken;
  } finally {
    await connection.close();
  }
}

// The ids of a room's, repeats left out.
const idsOf = (messages, room) => {
  const ofRoom = messages.filter(({ properties }) => properties.headers["cloudEvents:subject"] === room);
  return [...new Set(ofRoom.map(({ content }) => JSON.parse(content.toString())._id))];
};

test("six share four lanes, are killed, stopped and joined, and so is the broker: every event is one line, once, in order", { timeout: 400_000 }, async () => {
  await withArchive(6, async (server, workers) => {
    const [ann] = people(server, "ann");
    const rooms = [];
    for (let i = 0; i < 5; i++) rooms.push((await ann.createRoom())._id);
    const expected = new Map(rooms.map((room) => [room, []]));
    const created = new Map(rooms.map((room) => [room, []]));
    let stop = false;
    const writers = rooms.map(async (room) => {
      for (let i = 0; !stop; i++) {
        const message = await ann.send(room, `${i} ${"x".repeat([1, 100, 3_000][i % 3])}`);
        created.get(room).push(message._id);
        expected.get(room).push(message.seq);
        if (i % 5 === 4) {
          await ann.edit(room, message._id, "edited");
          expected.get(room).push(message.seq + 1);
        }
        if (i % 10 === 9) {
          await ann.remove(room, message._id);
          expected.get(room).push(message.seq + 2);
        }
      }
    });
    const total = () => [...expected.values()].reduce((sum, seqs) => sum + seqs.length, 0);
    const more = async () => {
      const from = total();
      await eventually("more messages", () => total() >= from + 60, kSlow);
    };
    const [first, second, third, fourth, fifth, sixth] = workers;
    await more();
    // Those who have lanes leave; who stood by has to take over.
    await first.crash();
    await more();
    await second.crash();
    await more();
    await third.stop();
    await eventually("a lane for who stood by", () => sixth.output.includes("lane_taken"), kSlow);
    await first.launch();
    await more();
    await rabbit.crash();
    await more();
    await rabbit.launch();
    await more();
    await fourth.crash();
    await fourth.launch();
    const late = await Worker.start(server, "archive", options);
    workers.push(late);
    await fifth.crash();
    await eventually("a lane for who came late", () => late.output.includes("lane_taken"), kSlow);
    await more();
    await first.crash();
    await second.launch();
    await more();
    stop = true;
    await Promise.all(writers);
    await eventually("all lines", async () => (await cat(server)).length >= total(), kSlow, 200);
    await eventually("all lines in files", async () => (await inNoFile(server)) === 0, kSlow, 200);
    const lines = await cat(server);
    for (const room of rooms) {
      assert.deepEqual(lines.filter((line) => line.room === room).map((line) => line.seq), expected.get(room));
    }
    assert.equal(lines.length, total());
    assert.deepEqual(await orderOf(server, "archive"), { early: 0, missed: 0, late: 0 });
    const deleted = new Set(lines.filter((line) => line.type === "message.deleted").map((line) => line.data._id));
    assert.ok(deleted.size > 0);
    await eventually("redactions", async () =>
      (await cat(server)).every((line) => !deleted.has(line.data._id) || line.data.text === ""), kSlow, 200);
    await expectSound(server);
    // The broker's end may repeat what was under way; nobody took anything.
    const others = await chatMessages(server);
    for (const room of rooms) assert.deepEqual(idsOf(others, room), created.get(room));
  });
});

test("a file that is lost holds up no other room's", { timeout: 240_000 }, async () => {
  const oneLane = { ...options, env: { ...options.env, TIDINGS_WORKERS_LANES: "1" } };
  await withArchive(1, async (server) => {
    const [ann] = people(server, "ann");
    const [lost, other] = [(await ann.createRoom())._id, (await ann.createRoom())._id];
    const regretted = new Map();
    for (const room of [lost, other]) regretted.set(room, (await ann.send(room, "a word that is regretted"))._id);
    await filed(server, lost);
    await filed(server, other);
    await eventually("all lines in files", async () => (await inNoFile(server)) === 0, kSlow);
    const file = join(folder(server, lost), filesOf(server, lost)[0]);
    const good = readFileSync(file);
    truncateSync(file);
    for (const room of [lost, other]) await ann.remove(room, regretted.get(room));
    await ann.send(other, "after");
    const linesOf = (room) => cat(server, "--room", room);
    await eventually("a redaction", async () => !JSON.stringify(await linesOf(other)).includes("regretted"), kSlow);
    await eventually("what came behind it", async () => (await linesOf(other)).length === 3, kSlow);
    // But the line that waits for the file that is lost.
    await eventually("all of it in the file", async () => (await verify(server)).stdout.includes("of which 1 are in no file"), kSlow);
    const all = await server.command("archive", "cat");
    assert.equal(all.code, 1);
    assert.ok(all.stderr.includes(file), all.stderr);
    assert.deepEqual(all.stdout.split("\n").filter(Boolean).map((line) => JSON.parse(line)).filter((line) => line.room === other).length, 3);
    writeFileSync(file, good);
    await eventually("the redaction of what is back", async () => !JSON.stringify(await linesOf(lost)).includes("regretted"), kSlow);
    await eventually("all lines in files", async () => (await inNoFile(server)) === 0, kSlow);
  }, oneLane);
});

test("verify finds an event that went elsewhere; on a folder without an archive it refuses", { timeout: 240_000 }, async () => {
  await fresh();
  await withServer({ args: ["--amqp", rabbit.url] }, async (server) => {
    const [ann] = people(server, "ann");
    const room = (await ann.createRoom())._id;
    const elsewhere = { dir: temporaryFolder(), env: server.env };
    const on = (folder, ...args) => run(kBinary, ["archive", ...args, "--data", folder]);
    for (const args of [["verify"], ["cat"]]) {
      const { code, stdout, stderr } = await on(elsewhere.dir, ...args);
      assert.deepEqual([code, stdout], [1, ""]);
      assert.match(stderr, /there is no archive in/);
    }
    const seqs = [];
    const sendTo = async (folder) => {
      const worker = await Worker.start(folder, "archive", options);
      const sent = await ann.send(room, "said");
      seqs.push(sent.seq);
      await eventually("its line", async () => (await on(folder.dir, "cat")).stdout.includes(sent._id), kSlow);
      await worker.stop();
    };
    await sendTo(server);
    await expectSound(server);
    await sendTo(elsewhere);
    await sendTo(server);
    const { code, stdout } = await verify(server);
    assert.equal(code, 1, stdout);
    assert.match(stdout, new RegExp(`^${room}: the event ${seqs[1]} is missing$`, "m"));
  });
});

// What somebody else publishes as an event of `room`, with what is wrong in it.
const rubbish = (room) => {
  const headers = { "cloudEvents:subject": room, "cloudEvents:time": "2026-11-26T10:00:00.000Z", seq: 7 };
  const body = JSON.stringify({ _id: "m1", text: "rubbish", created_at: headers["cloudEvents:time"] });
  const deep = `{"_id":"m1","deep":${"[".repeat(63)}${"]".repeat(63)}}`;
  const type = "message.created";
  return [
    { body: "", type, headers },
    { body: "[]", type, headers },
    { body: Buffer.from([0xff, 0xfe]), type, headers },
    { body: deep, type, headers },
    { body, type: "\u00ff", headers },
    ...["../../x", "..", "", "a b", "a".repeat(300)].map((subject) => ({ body, type, headers: { ...headers, "cloudEvents:subject": subject } })),
    ...["0", "-1", "9007199254740993", "x"].map((seq) => ({ body, type, headers: { ...headers, seq } })),
    ...["", "2026-11-26", "2026-11-26T10:00:00.000\u00ff"].map((time) => ({ body, type, headers: { ...headers, "cloudEvents:time": time } })),
  ];
};

test("what is no event of the server's goes to the dead letters", { timeout: 240_000 }, async () => {
  await withArchive(1, async (server) => {
    const [ann] = people(server, "ann");
    const room = (await ann.createRoom())._id;
    await ann.send(room, "before");
    const connection = await amqp.connect(rabbit.url);
    try {
      const channel = await connection.createConfirmChannel();
      for (const { body, type, headers } of rubbish(room)) channel.publish("tidings.events", "message.created", Buffer.from(body), { type, headers });
      await channel.waitForConfirms();
      await ann.send(room, "after");
      await eventually("what came behind it", async () => (await cat(server, "--room", room)).length === 2, kSlow);
      const dead = async () => {
        let all = 0;
        for (const lane of ["", ".0", ".1", ".2", ".3"]) all += (await channel.checkQueue(`tidings.worker.archive${lane}.dead`)).messageCount;
        return all;
      };
      await eventually("the dead letters", async () => (await dead()) === rubbish(room).length, kSlow);
    } finally {
      await connection.close();
    }
    assert.deepEqual((await cat(server)).map((line) => line.data.text), ["before", "after"]);
    await eventually("all lines in files", async () => (await inNoFile(server)) === 0, kSlow);
  });
});
