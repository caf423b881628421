// Running it: health, metrics, limits, the commands, verify, export and import, backup.
import assert from "node:assert/strict";
import { existsSync, lstatSync, mkdirSync, readFileSync, readdirSync, statSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Api, ok, refused, request } from "../lib/http.mjs";
import { mint } from "../lib/jwt.mjs";
import { Person, kImage, people, unique } from "../lib/people.mjs";
import { kBinary, run, temporaryFolder } from "../lib/server.mjs";
import { accepted, declined } from "../lib/socket.mjs";
import { sharedServer, test, withServer } from "../lib/testing.mjs";
import { eventually } from "../support/deadline.mjs";

const server = await sharedServer();

function expectSuccess({ code, stdout, stderr }, what) {
  assert.equal(code, 0, `${what}: exit code ${code}\n${stdout}\n${stderr}`);
  return stdout;
}

function expectFailure({ code, stdout, stderr }, what) {
  assert.notEqual(code, 0, `${what} should fail: ${stdout}`);
  assert.equal(typeof code, "number", `${what} ended by ${code}`);
  const lines = stderr.trim().split("\n");
  assert.equal(lines.length, 1, `${what}: one clear line, not\n${stderr}`);
  assert.ok(lines[0].length > 0, what);
}

test("health and readiness need no token", async () => {
  for (const path of ["/healthz", "/readyz"]) assert.equal((await request(`${server.url}${path}`, "GET")).status, 200);
});

test("the page, the documents", async () => {
  const page = await request(`${server.url}/`, "GET");
  assert.equal(page.status, 200);
  assert.match(page.headers["content-type"], /text\/html/);
  const api = await request(`${server.url}/openapi.json`, "GET");
  assert.equal(api.status, 200);
  assert.match(api.json.openapi, /^3\./);
  assert.ok(Object.keys(api.json.paths).some((path) => path.includes("messages")));
  const docs = await request(`${server.url}/docs`, "GET");
  assert.ok([200, 301, 302, 307, 308].includes(docs.status), `${docs.status}`);
});

test("every documented call is there, and no other", async () => {
  const [ann] = people(server, "ann");
  const { paths } = (await request(`${server.url}/openapi.json`, "GET")).json;
  const kMethods = ["get", "post", "put", "patch", "delete"];
  for (const [path, item] of Object.entries(paths)) {
    const url = `${server.url}${path.replace(/\{[^}]+\}/g, "nothing")}`;
    for (const method of kMethods) {
      const body = ["post", "put", "patch"].includes(method) ? {} : undefined;
      const answer = await request(url, method.toUpperCase(), { token: ann.token, body, keepAlive: false });
      const isCall = answer.status !== 405 && !/no such call|nothing is served/.test(answer.body);
      assert.equal(isCall, method in item, `${method} ${path} answers ${answer.status} ${answer.body.slice(0, 200)}`);
    }
  }
});

test("/metrics is well-formed Prometheus text and counts", async () => {
  const [ann] = people(server, "ann");
  const room = (await ann.createRoom())._id;
  const client = await ann.connect();
  await client.join(room);
  for (let i = 0; i < 5; i++) await client.send(room, { text: `m${i}` });
  const answer = await request(`${server.url}/metrics`, "GET");
  assert.equal(answer.status, 200);
  assert.match(answer.headers["content-type"], /^text\/plain/);
  const sample = /^[a-zA-Z_:][a-zA-Z0-9_:]*(\{([a-zA-Z_][a-zA-Z0-9_]*="([^"\\\n]|\\.)*",?)*\})? (NaN|[+-]?Inf|[-+0-9.eE]+)( -?[0-9]+)?$/;
  const lines = answer.body.split("\n").filter((line) => line !== "");
  assert.ok(lines.length > 10);
  for (const line of lines) assert.ok(line.startsWith("# HELP ") || line.startsWith("# TYPE ") || sample.test(line), line);
  for (const word of ["connections", "commit", "send"]) assert.match(answer.body, new RegExp(`^[a-z_:]*${word}`, "m"), word);
  assert.ok(!answer.body.includes(ann.id), "no user in the metrics");
});

test("unknown paths and methods", async () => {
  const [ann] = people(server, "ann");
  refused(await ann.api.get("/nothing/here"), 404);
  assert.equal((await request(`${server.url}/nothing`, "GET")).status, 404);
  refused(await ann.api.call("PUT", "/rooms", {}), [404, 405]);
  refused(await ann.api.call("DELETE", "/me"), [404, 405]);
});

test("the log: an object a line, each request under its id, no token and no text", async () => {
  await withServer({ env: { TIDINGS_LOG_LEVEL: "debug" } }, async (own) => {
    const [ann] = people(own, "ann");
    const room = (await ann.createRoom())._id;
    const text = unique("very-private");
    await ann.send(room, text);
    const client = await ann.connect();
    await client.send(room, { text });
    await ann.trySend(room, { text, images: "bad" });
    await request(`${own.url}/api/v1/me?token=${ann.token}`, "GET", { token: ann.token });
    const asked = [];
    for (const path of ["/rooms/nowhere", "/nothing", "/rooms/nowhere/events?after=0"]) {
      const answer = await ann.api.get(path);
      assert.ok(answer.status >= 400, path);
      asked.push({ request: answer.headers["x-request-id"], path: `/api/v1${path.split("?")[0]}`, status: answer.status });
    }
    await own.stop();
    // Standard output has one line for people.
    const lines = own.output.trim().split("\n").filter((line) => !line.startsWith("tidings: listening")).map((line) => JSON.parse(line));
    for (const { at, level, event } of lines) assert.ok(at && level && event, `${at} ${level} ${event}`);
    const requests = lines.filter(({ event }) => event === "request");
    assert.equal(new Set(requests.map((line) => line.request)).size, requests.length, "an id of its own");
    for (const { request: id, path, status } of asked) {
      const line = requests.find((found) => found.request === id);
      assert.deepEqual({ path: line?.path, status: line?.status, method: line?.method }, { path, status, method: "GET" });
      assert.ok(Number.isInteger(line.ms) && line.address === "127.0.0.1", JSON.stringify(line));
    }
    assert.ok(requests.some(({ path, status }) => path === "/socket.io/" && status === 101));
    assert.ok(!own.output.includes(text));
    assert.ok(!own.output.includes(ann.token.split(".")[2]));
  });
});

test("429 with Retry-After under the default limits; what was refused is not stored", { timeout: 120_000 }, async () => {
  await withServer({ env: { TIDINGS_RATE_LIMITS: undefined } }, async (own) => {
    const [ann, bob] = people(own, "ann", "bob");
    const room = (await ann.createRoom({ members: [bob.id] }))._id;
    let stored = 0;
    let refusedCount = 0;
    let retryAfter = 0;
    for (let round = 0; round < 60 && refusedCount === 0; round++) {
      for (const answer of await Promise.all(Array.from({ length: 50 }, (_, i) => ann.trySend(room, `m${round}.${i}`)))) {
        if (answer.status === 200) {
          stored++;
          continue;
        }
        refused(answer, 429, "rate_limited");
        assert.match(answer.headers["retry-after"] ?? "", /^[1-9][0-9]*$/);
        retryAfter = Number(answer.headers["retry-after"]);
        refusedCount++;
      }
    }
    assert.ok(refusedCount > 0, `${stored} sends were not limited`);
    assert.ok(stored > 0, "some pass");
    assert.ok(retryAfter <= 3_600);
    await eventually("the limit ends", async () => (await ann.api.get(`/rooms/${room}`)).status === 200, 60_000, 500);
    assert.equal((await ann.room(room)).head, 1 + stored);

    const client = await bob.connect();
    const acks = [];
    for (let round = 0; round < 60 && !acks.some(({ status }) => status === "error"); round++) {
      acks.push(...(await Promise.all(Array.from({ length: 50 }, (_, i) => client.ask("message:send", { roomId: room, text: `s${i}` })))));
    }
    const no = acks.filter(({ status }) => status === "error");
    assert.ok(no.length > 0, "sends by socket are limited too");
    for (const ack of no) declined(ack, "rate_limited");
    assert.ok(client.socket.connected, "a limit is no reason to close");
    const sent = acks.length - no.length;
    await eventually("the limit ends", async () => (await bob.api.get(`/rooms/${room}`)).status === 200, 60_000, 500);
    assert.equal((await bob.room(room)).head, 1 + stored + sent);
  });
});

test("oversized bodies are 413, other media types 415, malformed ones 400", async () => {
  const [ann] = people(server, "ann");
  const room = (await ann.createRoom())._id;
  const path = `/rooms/${room}/messages`;
  const post = (body, headers) => ann.api.call("POST", path, body, { headers, keepAlive: false });
  const large = await post(JSON.stringify({ text: "x".repeat(20_000_000) })).catch(() => null);
  if (large !== null) refused(large, 413, "too_large");
  refused(await post("text=x", { "content-type": "application/x-www-form-urlencoded" }), [400, 415]);
  refused(await post("<x/>", { "content-type": "text/xml" }), [400, 415]);
  for (const body of ["", "{", '{"text":"x"', "nonsense", '{"text":"x"}{', '{"text":"x",}', "{'text':'x'}", '{"text":"\u0001"}', '{"text":1e400}', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]), Buffer.concat([Buffer.from('{"text":"'), Buffer.from([0xc3, 0x28]), Buffer.from('"}')]), `${"[".repeat(100_000)}`, `{"text":${"[".repeat(100)}${"]".repeat(100)}}`]) {
    const answer = await post(body);
    refused(answer, [400, 422]);
  }
  assert.equal(await ann.head(room), 1);
  ok(await post(Buffer.from('{"text":"x"}'), { "content-type": "application/json; charset=utf-8" }));
});

// ——— commands ———

test("unknown commands, flags and folders: not 0 and one clear line", async () => {
  expectFailure(await run(kBinary, ["no-such-command"]), "unknown command");
  expectFailure(await run(kBinary, ["verify", "--no-such-flag"]), "unknown flag");
  const nowhere = join(temporaryFolder(), "none");
  expectFailure(await run(kBinary, ["verify", "--data", nowhere]), "verify of nothing");
  for (const name of ["webhook", "archive", "analytics", "push"]) {
    const refused = await run(kBinary, ["worker", name, "--data", nowhere, "--amqp", "amqp://127.0.0.1:1"], { PATH: process.env.PATH, TIDINGS_PUSH_URL: "http://127.0.0.1:1/" });
    expectFailure(refused, `worker ${name} on nothing`);
    assert.match(refused.stderr, name === "archive" ? /there is no folder .*make it first/ : /there is no store in .*--data/);
  }
  assert.ok(!existsSync(nowhere), "and nothing is made");
  expectFailure(await run(kBinary, ["serve", "--data", "/proc/none", "--listen", "127.0.0.1:1"]), "a folder that cannot be");
  const file = join(temporaryFolder(), "file");
  writeFileSync(file, "x");
  expectFailure(await run(kBinary, ["serve", "--data", file, "--listen", "127.0.0.1:0"]), "a file for a folder");
});

test("a command line that makes no sense: exit code 2, what is wrong, and the help of the command that was meant", async () => {
  const wrong = [
    [[], "tidings: name a command; see tidings --help"],
    [["no-such-command"], "tidings: there is no command 'no-such-command' here; see tidings --help"],
    [["serve", "--port", "1"], "tidings: there is no flag '--port' here; see tidings serve --help"],
    [["verify", "more"], "tidings: there is no argument 'more' here; see tidings verify --help"],
    [["queue"], "tidings: name a command; see tidings queue --help"],
    [["queue", "lost"], "tidings: there is no command 'lost' here; see tidings queue --help"],
    [["queue", "peek"], "tidings: QUEUE is required; see tidings queue peek --help"],
    [["serve", "--listen"], "tidings: --listen takes one value; see tidings serve --help"],
    [["serve", "--data", "a", "--data", "b"], "tidings: --data takes one value; see tidings serve --help"],
  ];
  for (const [line, said] of wrong) {
    const { code, stderr } = await run(kBinary, line);
    assert.deepEqual({ code, said: stderr.trim() }, { code: 2, said }, line.join(" "));
  }
  const data = temporaryFolder();
  for (const [line, said] of [
    [["serve", "--listen", "nonsense"], /nonsense/],
    [["user", "add"], /^tidings: ID or --username is required; see tidings user add --help/],
    [["user", "add", "--name", "Ann"], /ID or --username is required/],
    [["worker", "webhook"], /--amqp URL.* is required; see tidings worker --help/],
    [["queue", "replay", "jobs", "--reason", "foo"], /--reason: foo not in .*; see tidings queue replay --help/],
    [["queue", "peek", "jobs", "--limit", "0"], /^tidings: --limit takes a whole number from 1 on, not '0'; see tidings queue peek --help/],
    [["queue", "purge", "jobs", "--limit", "many"], /^tidings: --limit takes a whole number from 1 on, not 'many'; see/],
    [["queue", "purge", "jobs"], /^tidings: name what to drop by --id, --reason or --limit, or say --all; see tidings queue purge --help/],
    [["queue", "purge", "jobs", "--all", "--id", "a"], /^tidings: --all goes with none of --id/],
    [["queue", "purge", "jobs", "--waiting"], /^tidings: what waits is dropped all of it: --waiting goes with --all/],
    [["queue", "purge", "jobs", "--waiting", "--limit", "1"], /--waiting goes with --all, and with no selection/],
  ]) {
    const { code, stderr } = await run(kBinary, [...line, "--data", data]);
    assert.equal(code, 2, `${line.join(" ")}: ${stderr}`);
    assert.match(stderr, said);
    assert.equal(stderr.trim().split("\n").length, 1, stderr);
  }
  // Not what was typed, but what is found.
  const environment = await run(kBinary, ["verify", "--data", data], { PATH: process.env.PATH, TIDINGS_LISTEN: "nonsense" });
  assert.equal(environment.code, 1, environment.stderr);
  assert.match(environment.stderr, /nonsense/);
});

// A line of bash, to which `tidings` is the command on the server's folder.
const shell = (own, line) =>
  run("bash", ["-c", `set -o pipefail; tidings() { ${kBinary} "$@" --data ${own.dir}; }; ${line}`], own.env);

test("output that is not taken whole is an error, whatever the command", async () => {
  await withServer({ env: { TIDINGS_WORKERS_INSIDE: "archive", TIDINGS_ARCHIVE_GATHER: "100ms" } }, async (own) => {
    const { ann } = await furnished(own);
    const room = (await ann.createRoom())._id;
    for (let i = 0; i < 100; i++) await ann.send(room, "x".repeat(900));
    await eventually("an archive", async () => (await own.command("archive", "cat")).stdout.length > 65_536);
    for (const command of ["archive cat", "user list", "queue list", "queue peek chat_messages --waiting --json", "export -", "verify", "config", "token bob"]) {
      const { code, stdout, stderr } = await shell(own, `tidings ${command} > /dev/full`);
      assert.equal(code, 1, `${command}: ${stderr}`);
      assert.match(stderr, /^tidings: .*standard output.*No space left on device.*\n$/, command);
      assert.equal(stdout, "");
    }
    // A whole line, and the end of the pipe.
    const { code, stdout } = await shell(own, "tidings user list | cat");
    assert.equal(code, 0);
    assert.match(stdout, /\n$/);
  });
});

test("export into a pipe whose reader leaves takes its copy along, and devices and links stay", async () => {
  await withServer({}, async (own) => {
    const { ann } = await furnished(own);
    const room = (await ann.createRoom())._id;
    for (let i = 0; i < 100; i++) await ann.send(room, "x".repeat(9_000));
    const { code, stdout } = await shell(own, "tidings export - | head -c 100");
    assert.deepEqual([code, stdout.length], [128 + 13, 100]);
    assert.deepEqual(readdirSync(own.dir).filter((name) => name.startsWith("copy-")), []);

    const place = temporaryFolder();
    expectSuccess(await run("mkfifo", [join(place, "pipe")]), "mkfifo");
    const piped = await shell(own, `cat ${place}/pipe > ${place}/read & tidings export ${place}/pipe && wait`);
    expectSuccess(piped, "export into a pipe");
    assert.match(piped.stdout, /^exported /);
    assert.ok(statSync(join(place, "pipe")).isFIFO());
    symlinkSync("target", join(place, "link"));
    expectSuccess(await own.command("export", join(place, "link")), "export along a link");
    assert.ok(lstatSync(join(place, "link")).isSymbolicLink());
    const counts = ["read", "target"].map((name) => readFileSync(join(place, name), "utf8").split("\n").length);
    assert.equal(counts[0], counts[1]);
    assert.ok(counts[0] > 100);
    expectFailure(await own.command("export", join(place, "link")), "over a file that a link leads to");
  });
});

test("a copy that a killed command leaves is removed while the server runs, and nothing else is", async () => {
  await withServer({}, async (own) => {
    const others = ["copy-of-mine", "copy-abcdefghijkm"];
    for (const name of ["copy-abcdefghijkl", ...others]) {
      mkdirSync(join(own.dir, name));
      writeFileSync(join(own.dir, name, "tidings.db"), "x");
    }
    for (const name of ["copy-abcdefghijkl", "copy-of-mine"]) utimesSync(join(own.dir, name), 0, 0);
    await eventually("the end of the lost copy", () => !existsSync(join(own.dir, "copy-abcdefghijkl")), 30_000, 100);
    for (const name of others) assert.ok(existsSync(join(own.dir, name)), `${name} is not lost`);
  });
});

test("token says when it makes the secret that it signs with", async () => {
  const data = join(temporaryFolder(), "new");
  const first = await run(kBinary, ["token", "ann", "--data", data]);
  assert.match(first.stderr, /had no secret and has one now/);
  assert.equal(first.stdout.trim().split(".").length, 3);
  assert.equal((await run(kBinary, ["token", "ann", "--data", data])).stderr, "");
});

test("a data folder that a command makes is its owner's alone", async () => {
  for (const command of [["token", "ann"], ["user", "add", "ann"]]) {
    const data = join(temporaryFolder(), "new");
    expectSuccess(await run(kBinary, [...command, "--data", data]), command.join(" "));
    assert.equal(statSync(data).mode & 0o777, 0o700, command.join(" "));
  }
});

test("a setting by flag, environment, file, default, in this order; secrets masked", async () => {
  const dir = temporaryFolder();
  const secret = "s".repeat(40);
  const file = join(dir, "tidings.toml");
  writeFileSync(file, 'recovery = "off"\n\n[auth]\nissuer = "from-the-file"\n');
  const config = async (env) => expectSuccess(await run(kBinary, ["config", "--config", file], { ...process.env, ...env }), "config");
  const shown = await config({ TIDINGS_JWT_SECRET: secret });
  assert.match(shown, /^recovery = "off"/m);
  assert.match(shown, /from-the-file/);
  assert.ok(!shown.includes(secret), "the secret is masked");
  const changed = await config({ TIDINGS_RECOVERY: "always" });
  assert.match(changed, /^recovery = "always"/m);
  assert.match(changed, /from-the-file/);
  expectFailure(await run(kBinary, ["config", "--config", file], { ...process.env, TIDINGS_RECOVERY: "sometimes" }), "a value that is none");
  expectFailure(await run(kBinary, ["config", "--config", join(dir, "none.toml")]), "a file that is not there");
  // A flag goes before the environment: this server listens where its flag says.
  await withServer({ env: { TIDINGS_LISTEN: "127.0.0.1:1", TIDINGS_DATA: "/nowhere" } }, async (own) => {
    assert.equal((await request(`${own.url}/healthz`, "GET")).status, 200);
  });
});

test("user add, list, suspend", async () => {
  const name = unique("cli");
  expectSuccess(await server.command("user", "add", name), "user add");
  assert.match(expectSuccess(await server.command("user", "list"), "user list"), new RegExp(name));
  expectFailure(await server.command("user", "suspend", unique("nobody")), "suspending nobody");
});

// Rooms with everything in them: {ann, bob, rooms, before: what both see}.
async function furnished(own) {
  const [ann, bob, cat] = people(own, "ann", "bob", "cat");
  const rooms = [
    (await ann.createRoom({ name: "first", members: [bob.id, cat.id] }))._id,
    (await ann.createRoom({ name: "second", kind: "public", members: [bob.id] }))._id,
    ok(await ann.api.post("/rooms", { name: "pair", kind: "direct", members: [bob.id] }), 201)._id,
  ];
  for (const room of rooms) {
    const sent = [];
    for (let i = 0; i < 10; i++) sent.push(await (i % 2 ? ann : bob).send(room, { text: `m${i} @${ann.id}`, clientMessageId: `${room}-${i}` }));
    await ann.send(room, { images: [kImage], replyTo: sent[2]._id });
    ok(await ann.edit(room, sent[1]._id, "edited"));
    ok(await ann.remove(room, sent[3]._id));
    ok(await bob.react(room, sent[5]._id, "👍"));
    await bob.read(room, 6);
    accepted(await (await ann.connect()).ask("room:read", { roomId: room, seq: 9 }));
  }
  ok(await cat.removeMember(rooms[0], cat.id));
  return { ann, bob, rooms };
}

async function everything({ ann, bob, rooms }, target) {
  const all = {};
  for (const who of [ann, bob]) {
    const seen = new Person(target, who.id);
    for (const room of rooms) {
      all[`${who.id} ${room}`] = [await seen.room(room), await seen.messages(room), await seen.log(room), await seen.members(room), await seen.listedRoom(room)];
    }
  }
  return all;
}

test("verify is clean, on a stopped store and while the server runs", async () => {
  await withServer({}, async (own) => {
    await furnished(own);
    expectSuccess(await own.command("verify"), "verify while it runs");
    await own.stop();
    expectSuccess(await own.command("verify"), "verify");
    await own.launch();
    await own.crash();
    expectSuccess(await own.command("verify"), "verify after a crash");
    await own.launch();
  });
});

test("verify finds damage", async () => {
  const dir = temporaryFolder();
  await withServer({ dir }, furnished);
  let damaged = 0;
  for (const name of readdirSync(dir)) {
    const file = join(dir, name);
    const bytes = readFileSync(file);
    // The letters of a message's text: plain UTF-8 in the store.
    for (let at = bytes.indexOf("m7 @"); at >= 0; at = bytes.indexOf("m7 @", at + 1)) {
      bytes[at + 1] = "8".charCodeAt(0);
      damaged++;
    }
    writeFileSync(file, bytes);
  }
  assert.ok(damaged > 0, `no text found in ${readdirSync(dir)}`);
  expectFailure(await run(kBinary, ["verify", "--data", dir]), "verify of a damaged store");
});

test("export and import carry everything over", async () => {
  await withServer({}, async (own) => {
    const state = await furnished(own);
    const before = await everything(state, own);
    await own.stop();
    const file = join(temporaryFolder(), "export.jsonl");
    const stdout = expectSuccess(await own.command("export", file), "export");
    if (!existsSync(file)) writeFileSync(file, stdout);
    const dir = temporaryFolder();
    expectSuccess(await run(kBinary, ["import", file, "--data", dir], own.env), "import");
    expectSuccess(await run(kBinary, ["verify", "--data", dir], own.env), "verify of the import");
    await withServer({ dir }, async (other) => {
      assert.deepEqual(await everything(state, other), before);
      const { ann, rooms: [room] } = state;
      const seen = new Person(other, ann.id);
      refused(await seen.trySend(room, { text: "another", clientMessageId: `${room}-1` }), 409, "idempotency_conflict");
      await seen.send(room, "goes on");
    });
    await own.launch();
  });
});

test("import into a store that has something is refused", async () => {
  await withServer({}, async (own) => {
    await furnished(own);
    await own.stop();
    const file = join(temporaryFolder(), "export.jsonl");
    const stdout = expectSuccess(await own.command("export", file), "export");
    if (!existsSync(file)) writeFileSync(file, stdout);
    const { code } = await own.command("import", file);
    assert.notEqual(code, 0);
    expectSuccess(await own.command("verify"), "verify");
    await own.launch();
  });
});

test("backup while running, and the copy serves", async () => {
  await withServer({}, async (own) => {
    const state = await furnished(own);
    const before = await everything(state, own);
    const target = join(temporaryFolder(), "backup");
    let going = true;
    const { _id: busy } = await state.ann.createRoom({ name: "busy" });
    const traffic = (async () => {
      while (going) await state.ann.send(busy, "meanwhile");
    })();
    expectSuccess(await own.command("backup", target), "backup");
    going = false;
    await traffic;
    expectSuccess(await run(kBinary, ["verify", "--data", target], own.env), "verify of the backup");
    await withServer({ dir: target }, async (copy) => {
      assert.deepEqual(await everything(state, copy), before);
      ok(await new Api(copy, mint(state.ann.id)).post(`/rooms/${state.rooms[0]}/messages`, { text: "in the copy" }));
    });
    const again = await own.command("backup", target);
    assert.notEqual(again.code, 0, "a backup does not overwrite what is there");
  });
});

test("a folder with half a backup is no store, and the backup can be taken into it again", async () => {
  await withServer({}, async (own) => {
    const { ann, rooms: [room] } = await furnished(own);
    const target = join(temporaryFolder(), "backup");
    mkdirSync(target);
    writeFileSync(join(target, "tidings.db.part"), "what a backup that was killed has left");
    writeFileSync(join(target, "tidings.lock"), "");
    await assert.rejects(withServer({ dir: target }, async () => assert.fail("it started")), /unfinished copy.*take the backup into it again/s);
    assert.ok(!existsSync(join(target, "tidings.db")), "and no empty store is made");
    expectSuccess(await own.command("backup", target), "the backup again");
    await withServer({ dir: target }, async (copy) => assert.deepEqual(await new Person(copy, ann.id).messages(room), await ann.messages(room)));
  });
});

test("a store from a newer version, or a damaged one, is refused and not touched", async () => {
  const dir = temporaryFolder();
  await withServer({ dir }, async () => {});
  const files = readdirSync(dir).filter((name) => readFileSync(join(dir, name)).subarray(0, 15).toString() === "SQLite format 3");
  assert.ok(files.length > 0, `${readdirSync(dir)}`);
  for (const name of files) writeFileSync(join(dir, name), Buffer.alloc(8_192, "not a database "));
  await assert.rejects(withServer({ dir }, async () => assert.fail("it started")), /is not running/);
  for (const name of files) assert.ok(readFileSync(join(dir, name)).toString().startsWith("not a database"), "left as it was");
});
