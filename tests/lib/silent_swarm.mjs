// A process of its own that holds many connections which never say a word, so that its work does not disturb what the
// test measures.
//
//   const swarm = await SilentSwarm.start(server.port, { tcp: 5_000, websocket: 5_000 });
//   swarm.open; swarm.closed; await swarm.end();
//
// They come from 127.0.1.1, 127.0.1.2, …, 1,000 each: no limit by address stands in their way.
import { fork } from "node:child_process";
import { connect } from "node:net";
import { fileURLToPath } from "node:url";
import { eventually, within } from "../support/deadline.mjs";

const kPerAddress = 1_000;
const kOpening = 200;   // at one time, so that none waits in the server's backlog

// What each kind says before it falls silent: nothing, or the upgrade request of a socket that never sends CONNECT.
const kFirstWords = {
  tcp: "",
  websocket: "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
};

export class SilentSwarm {
  open = {};       // kind → connections that are open; a WebSocket's once it was upgraded
  closed = {};     // kind → those that the server has ended

  static async start(port, wanted, ms = 120_000) {
    const swarm = new SilentSwarm();
    swarm.child = fork(fileURLToPath(import.meta.url), [String(port), JSON.stringify(wanted)]);
    swarm.gone = new Promise((resolve) => swarm.child.once("exit", (code) => resolve((swarm.exit = code ?? "killed"))));
    swarm.child.on("message", (counts) => Object.assign(swarm, counts));
    process.once("exit", () => swarm.child.kill("SIGKILL"));
    const all = Object.entries(wanted);
    await eventually(
      "all connections of the swarm",
      () => {
        if (swarm.exit !== undefined) throw new Error(`the swarm ended: ${swarm.exit}`);
        return all.every(([kind, count]) => (swarm.open[kind] ?? 0) + (swarm.closed[kind] ?? 0) === count);
      },
      ms,
    );
    return swarm;
  }

  async end() {
    if (this.exit === undefined) this.child.send("end");
    await within(this.gone, "end of the swarm");
  }
}

async function opened(port, kind, address, counts) {
  const socket = connect({ port, host: "127.0.0.1", localAddress: address });
  let answer = "";
  await new Promise((resolve) => {
    let isOpen = false;
    const open = () => {
      isOpen = true;
      counts.open[kind]++;
      resolve();
    };
    socket.once("connect", () => (kFirstWords[kind] ? socket.write(kFirstWords[kind]) : open()));
    socket.on("data", (bytes) => {
      if (isOpen) return;
      answer += bytes;
      if (answer.startsWith("HTTP/1.1 101")) open();
      else throw new Error(`${kind}: refused: ${answer.slice(0, 200)}`);
    });
    socket.on("error", () => {});
    socket.once("close", () => {
      if (!isOpen) throw new Error(`${kind}: closed before it was open: ${answer.slice(0, 200)}`);
      counts.open[kind]--;
      counts.closed[kind]++;
    });
  });
}

async function hold(port, wanted) {
  const counts = { open: {}, closed: {} };
  const kinds = [];
  for (const [kind, count] of Object.entries(wanted)) {
    counts.open[kind] = counts.closed[kind] = 0;
    kinds.push(...Array(count).fill(kind));
  }
  process.on("message", () => process.exit(0));
  process.on("disconnect", () => process.exit(0));
  setInterval(() => process.send(counts), 50);
  for (let i = 0; i < kinds.length; i += kOpening) {
    await Promise.all(kinds.slice(i, i + kOpening).map((kind, n) => {
      return opened(port, kind, `127.0.1.${1 + Math.floor((i + n) / kPerAddress)}`, counts);
    }));
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await hold(Number(process.argv[2]), JSON.parse(process.argv[3]));
