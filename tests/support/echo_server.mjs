// The server under test as a child process: examples/socketio_echo, or the reference beside it.
//
//   const server = await EchoServer.start({ pingInterval: 300 });
//   … server.port, server.url, server.pid …
//   await server.stop();
//
// ECHO_BIN names another binary; ECHO_REFERENCE=1 takes tests/protocol/reference.mjs.
import { spawn } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { eventually, within } from "./deadline.mjs";

const kRoot = fileURLToPath(new URL("../..", import.meta.url));

export const isReference = process.env.ECHO_REFERENCE === "1";

// Heartbeat and connect limits that a test process cannot miss on a busy machine.
export const kRelaxed = { pingInterval: 25_000, pingTimeout: 20_000, connectTimeout: 45_000 };

const kFlags = {
  pingInterval: "--ping-interval",
  pingTimeout: "--ping-timeout",
  maxPayload: "--max-payload",
  connectTimeout: "--connect-timeout",
};

function command() {
  if (isReference) return [process.execPath, fileURLToPath(new URL("../protocol/reference.mjs", import.meta.url))];
  return [process.env.ECHO_BIN ?? `${kRoot}build/release/bin/socketio_echo`];
}

// Ports from 32768 on are given to outgoing connections, so one of them can be taken between look and bind.
async function freePort() {
  for (;;) {
    const port = 15_000 + Math.floor(Math.random() * 17_000);
    const probe = createServer();
    const free = await new Promise((resolve) => {
      probe.once("error", () => resolve(false));
      probe.listen(port, () => resolve(true));
    });
    if (free) {
      await new Promise((resolve) => probe.close(resolve));
      return port;
    }
  }
}

const running = new Set();
process.on("exit", () => {
  for (const server of running) server.kill("SIGKILL");
});

export class EchoServer {
  #child = null;
  #output = "";
  #exit = null;

  // `nofile` limits the file descriptors of the process.
  static async start(options = {}) {
    const server = new EchoServer(options);
    for (let attempt = 0; ; attempt++) {
      server.port = await freePort();
      try {
        await server.launch();
        return server;
      } catch (error) {
        if (attempt === 3) throw error;
      }
    }
  }

  constructor({ nofile, ...flags }) {
    this.nofile = nofile;
    this.flags = Object.entries(flags).flatMap(([name, value]) => [kFlags[name], String(value)]);
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  get pid() {
    return this.#child.pid;
  }

  // Starts the process on `port` and returns when it serves.
  async launch() {
    const limit = this.nofile ? ["prlimit", `--nofile=${this.nofile}:${this.nofile}`] : [];
    const [program, ...args] = [...limit, ...command(), "--port", String(this.port), ...this.flags];
    const child = spawn(program, args, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ASAN_OPTIONS: `quarantine_size_mb=8:${process.env.ASAN_OPTIONS ?? ""}` },
    });
    this.#child = child;
    this.#exit = null;
    running.add(this);
    const keep = (chunk) => (this.#output = (this.#output + chunk).slice(-16_384));
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    child.once("error", (error) => (this.#exit ??= error.message));
    child.once("exit", (code, signal) => {
      this.#exit ??= signal ?? `code ${code}`;
      running.delete(this);
    });
    await eventually("start of the server", async () => {
      this.#expectRunning();
      return this.#healthy();
    });
  }

  kill(signal) {
    if (this.#exit === null) this.#child.kill(signal);
  }

  // Asks the process to stop; a crash or a sanitizer's report on the way is an error.
  async stop(signal = "SIGTERM") {
    this.#expectRunning();
    const exited = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill(signal);
    try {
      await within(exited, `exit after ${signal}`);
    } catch (error) {
      this.#child.kill("SIGKILL");
      throw error;
    }
    const clean = [signal, "code 0", `code ${signal === "SIGTERM" ? 143 : 137}`];
    if (!clean.includes(this.#exit) || /Sanitizer|runtime error:/.test(this.#output)) this.#fail("stopped badly");
  }

  // The process runs and answers a request.
  async expectServing() {
    this.#expectRunning();
    await eventually("answer of /healthz", () => {
      this.#expectRunning();
      return this.#healthy();
    });
  }

  residentBytes() {
    const status = readFileSync(`/proc/${this.pid}/status`, "utf8");
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)[1]) * 1024;
  }

  openFiles() {
    return readdirSync(`/proc/${this.pid}/fd`).length;
  }

  // User and system time so far, in milliseconds (a kernel tick is 10 ms).
  cpuMilliseconds() {
    const fields = readFileSync(`/proc/${this.pid}/stat`, "utf8").split(") ")[1].split(" ");
    return (Number(fields[11]) + Number(fields[12])) * 10;
  }

  async #healthy() {
    try {
      const response = await fetch(`${this.url}/healthz`, { signal: AbortSignal.timeout(5_000) });
      await response.arrayBuffer();
      return response.status === 200;
    } catch {
      return false;
    }
  }

  #expectRunning() {
    if (this.#exit !== null) this.#fail("ended");
  }

  #fail(what) {
    throw new Error(`the server ${what} (${this.#exit})\n${this.#output}`);
  }
}
