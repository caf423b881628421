// The kill test: writers and readers through the official client, kill -9 and restart at random moments.
//
//   node kill.mjs [--kills N] [--fault]
//
// --fault: the server acknowledges before it commits, and the run succeeds only if the check catches that.
// TIDINGS_TEST_SEED repeats a printed seed. The last line is "N passed, N failed".
import { parseArgs } from "node:util";
import { ok, request } from "../lib/http.mjs";
import { people } from "../lib/people.mjs";
import { Random, seedFor } from "../lib/random.mjs";
import { Tidings, kBinary, keepFolder } from "../lib/server.mjs";
import { eventually } from "../support/deadline.mjs";
import { holes, lost, misread, storedThoughRefused, storedTwice, unchanged } from "./check.mjs";
import { Reader } from "./reader.mjs";
import { Ledger, Writer } from "./writer.mjs";

const kWriters = 4;
const kWindow = 4;
const kFaultWindow = 16;
const kRooms = 3;
const kCatchUpMs = 60_000;

const { values } = parseArgs({ options: { kills: { type: "string" }, fault: { type: "boolean", default: false } } });
const fault = values.fault;
const kills = Number(values.kills ?? (fault ? 30 : 20));
if (!Number.isInteger(kills) || kills < 1) throw new Error(`--kills ${values.kills} is no number of kills`);

const random = new Random(seedFor("kill test"));
const faultBinary = process.env.TIDINGS_FAULT_BIN ?? new URL("../../build/dev/bin/tidings", import.meta.url).pathname;
const server = await Tidings.start(fault ? { binary: faultBinary, env: { TIDINGS_FAULT: "ack-before-commit" } } : { binary: kBinary });

const names = Array.from({ length: kWriters }, (_, i) => `writer${i}`);
const [owner, ...others] = people(server, "owner", ...names, "reader0", "reader1", "reader2", "reader3");
const members = others.map(({ id }) => id);
const rooms = [];
for (let i = 0; i < kRooms; i++) rooms.push((await owner.createRoom({ name: `room ${i}`, members }))._id);

const ledger = new Ledger();
const writers = others.slice(0, kWriters).map((person) => new Writer(server, person, rooms, random, ledger, fault ? kFaultWindow : kWindow));
const readers = [
  { name: "recovering websocket", recover: true, transports: ["websocket"] },
  { name: "recovering polling", recover: true, transports: ["polling"] },
  { name: "recovering upgraded", recover: true, transports: ["polling", "websocket"] },
  { name: "joining after", transports: ["websocket"] },
].map((settings, i) => new Reader(server, others[kWriters + i], rooms, settings));

// Kills at a random moment: some time after the restart, half of the times at the very next acknowledgement.
async function kill(n) {
  const atAck = fault || random.chance(0.5);
  const delay = random.between(100, 1_200);
  const enough = ledger.size + random.between(1, 40);
  const since = Date.now();
  await eventually("traffic before a kill", () => ledger.size > enough && Date.now() - since >= delay, kCatchUpMs, 5);
  const died = server.ended();
  if (atAck) ledger.onAck = () => server.signal("SIGKILL");
  else server.signal("SIGKILL");
  await died;
  ledger.onAck = () => {};
  const before = Date.now();
  await server.launch();
  console.log(`kill ${n} ${atAck ? "at an acknowledgement" : "at a random moment"}, ${ledger.size} acknowledged, ready again after ${Date.now() - before} ms`);
}

// The logs of all rooms, whole.
async function readLogs() {
  const logs = {};
  for (const room of rooms) logs[room] = await owner.log(room);
  return logs;
}

// What is wrong so far with what was acknowledged; used after each kill on the events past `from`.
const tail = Object.fromEntries(rooms.map((room) => [room, []]));
let checked = 0;
async function lostSoFar() {
  const acknowledged = ledger.acknowledged.slice(checked);
  checked = ledger.acknowledged.length;
  for (const room of rooms) tail[room].push(...(await owner.log(room, tail[room].at(-1)?.seq ?? 0)));
  return [...lost(acknowledged, tail), ...ledger.unexpected, ...readers.flatMap(({ troubles }) => troubles)];
}

function finish(results) {
  for (const writer of writers) writer.abandon();
  for (const reader of readers) reader.client.close();
  let failed = 0;
  for (const [what, lines] of results) {
    if (lines.length > 0) failed++;
    console.log(`${lines.length > 0 ? "FAIL" : "ok  "} ${what}`);
    for (const line of lines.slice(0, 8)) console.log(`       ${line}`);
    if (lines.length > 8) console.log(`       … ${lines.length} in all`);
  }
  if (failed > 0) {
    keepFolder(server.dir);
    console.log(`--- server\n${server.output.slice(-4_096)}\nthe data folder is kept: ${server.dir}`);
  }
  console.log(`${results.length - failed} passed, ${failed} failed`);
  return failed === 0;
}

async function runFault() {
  for (let n = 1; n <= kills; n++) {
    await kill(n);
    const lines = await lostSoFar();
    if (lines.length > 0) {
      console.log(`caught after ${n} kills: ${lines[0]}`);
      return finish([["the planted early acknowledgement is caught", []]]);
    }
  }
  return finish([["the planted early acknowledgement is caught", [`not within ${kills} kills`]]]);
}

// Positions that were acknowledged: the reader counts as having seen up to there.
async function unreadPositions() {
  const lines = [];
  for (const [key, seq] of Object.entries(ledger.reads)) {
    const [user, room] = key.split(" ");
    const [message] = ok(await owner.api.get(`/rooms/${room}/messages?before=${seq + 1}&limit=1`)).messages;
    if (message && message.created_by !== user && !message.seen_by.includes(user)) lines.push(`${user} had read ${seq} of ${room}`);
  }
  return lines;
}

async function run() {
  const started = Date.now();
  for (let n = 1; n <= kills; n++) {
    await kill(n);
    const lines = await lostSoFar();
    if (lines.length > 0) return finish([[`every acknowledged message is there after kill ${n}`, lines]]);
  }
  for (const writer of writers) await writer.finish();
  const heads = {};
  for (const room of rooms) heads[room] = (await owner.send(room, "the end")).seq;
  const late = [];
  for (const reader of readers) await reader.caughtUp(heads, kCatchUpMs).catch((error) => late.push(error.message));
  const logs = await readLogs();
  const history = {};
  for (const room of rooms) history[room] = await owner.messages(room);

  const created = Object.fromEntries(rooms.map((room) => [room, logs[room].filter(({ type }) => type === "message.created")]));
  const disagreeing = rooms.filter((room) => JSON.stringify(history[room].map(({ _id, seq }) => [_id, seq])) !== JSON.stringify(created[room].map(({ seq, data }) => [data._id, seq])));
  const seen = Object.fromEntries(readers.map(({ name, seen }) => [name, seen]));
  const from = Object.fromEntries(readers.map(({ name, from }) => [name, from]));
  const results = [
    ["every acknowledged message is in the log once", lost(ledger.acknowledged, logs)],
    ["nothing is stored twice", storedTwice(logs)],
    ["nothing that was refused is stored", storedThoughRefused(ledger.refused, logs)],
    ["the logs have no hole", holes(logs)],
    ["the history is the log", disagreeing],
    ["acknowledged edits and deletes stay", unchanged(ledger.changes, logs)],
    ["acknowledged read positions stay", await unreadPositions()],
    ["every reader is at the end", late],
    ["every reader saw exactly the log, each number once and in order", misread(seen, from, logs)],
    ["recovery recovers after every kill", readers.filter(({ recover, recovered, fresh }) => recover && (recovered < kills / 2 || fresh > 1 + kills / 4)).map(({ name, recovered, fresh }) => `${name}: recovered ${recovered} times, fresh ${fresh} times`)],
    ["every answer is one that the contract allows", [...ledger.unexpected, ...readers.flatMap(({ troubles }) => troubles)]],
  ];
  const { status } = await request(`${server.url}/healthz`, "GET");
  results.push(["the server is healthy", status === 200 ? [] : [`/healthz answers ${status}`]]);
  await server.stop();
  const verify = await server.command("verify");
  results.push(["tidings verify is clean", verify.code === 0 ? [] : [`exit code ${verify.code}`, ...`${verify.stdout}${verify.stderr}`.split("\n")]]);
  const events = rooms.reduce((sum, room) => sum + logs[room].length, 0);
  console.log(`${kills} kills, ${ledger.size} acknowledged sends, ${events} events, ${Math.round((Date.now() - started) / 1_000)} s; ` +
    readers.map(({ name, recovered, fresh }) => `${name}: ${recovered} recovered, ${fresh} fresh`).join("; "));
  return finish(results);
}

let good = false;
try {
  good = await (fault ? runFault() : run());
} catch (error) {
  good = finish([["the run comes to its end", error.stack.split("\n")]]);
}
server.signal("SIGKILL");
if (server.alive) await server.ended();
if (good) await server.dispose();
process.exit(good ? 0 : 1);
