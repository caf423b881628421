// The chat server under test as a child process.
//
//   const server = await Tidings.start();            // own data folder, free port, limits off
//   … server.url, server.pid, server.dir …
//   await server.crash(); await server.launch();     // kill -9, then again on the same port and folder
//   await server.stop();                             // SIGTERM, must exit cleanly within 10 s
//   await server.dispose();                          // stop and remove the folder
//
// TIDINGS_BIN names another binary.
import { execFile, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { eventually, within } from "../support/deadline.mjs";
import { kSecret } from "./jwt.mjs";

const kRoot = fileURLToPath(new URL("../..", import.meta.url));
export const kBinary = process.env.TIDINGS_BIN ?? `${kRoot}build/release/bin/tidings`;
const kStartMs = 20_000;
const kExitMs = 10_000;
const kKeptOutput = 64 * 1024;

// Ports from 32768 on are given to outgoing connections, so one of them can be taken between look and bind.
export async function freePort() {
  for (;;) {
    const port = 15_000 + Math.floor(Math.random() * 17_000);
    const probe = createServer();
    const free = await new Promise((resolve) => {
      probe.once("error", () => resolve(false));
      probe.listen(port, "127.0.0.1", () => resolve(true));
    });
    if (free) {
      await new Promise((resolve) => probe.close(resolve));
      return port;
    }
  }
}

const running = new Set();
process.on("exit", () => {
  for (const server of running) server.signal("SIGKILL");
});

const folders = new Set();
process.on("exit", () => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

// Removed when this process ends, unless it is kept.
export function temporaryFolder() {
  const folder = mkdtempSync(join(tmpdir(), "tidings-e2e-"));
  folders.add(folder);
  return folder;
}

export function keepFolder(folder) {
  folders.delete(folder);
}

// What the servers of this process have said last, for a failed test.
export function serverOutput() {
  return [...running].map((server) => `--- server ${server.url}\n${server.output.slice(-4_096)}`).join("\n");
}

// The environment without the caller's own settings, so that only the test's count.
function environment(env) {
  const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("TIDINGS_")));
  return Object.fromEntries(Object.entries({ ...clean, ...env }).filter(([, value]) => value !== undefined));
}

export class Tidings {
  #child = null;
  #exit = null;
  #ended = null;
  #ownsDir;
  output = "";

  // `env` is merged over the usual settings, undefined takes one away; `args` are further flags of `serve`.
  static async start(options = {}) {
    const server = new Tidings(options);
    for (let attempt = 0; ; attempt++) {
      server.port = options.port ?? (await freePort());
      try {
        await server.launch();
        return server;
      } catch (error) {
        if (attempt === 3 || !/in use/i.test(server.output)) throw error;
      }
    }
  }

  // `probe(server)` tells readiness where GET /readyz cannot; `stderr` is a descriptor in place of what `output` keeps.
  constructor({ env = {}, args = [], dir = null, binary = kBinary, exitMs = kExitMs, scheme = "http", probe, stderr = "pipe" } = {}) {
    Object.assign(this, { scheme, probe, stderr });
    this.#ownsDir = dir === null;
    this.dir = dir ?? temporaryFolder();
    this.binary = binary;
    this.args = args;
    this.exitMs = exitMs;
    this.env = environment({ TIDINGS_JWT_SECRET: kSecret, TIDINGS_RATE_LIMITS: "off", ...env });
  }

  get url() {
    return `${this.scheme}://127.0.0.1:${this.port}`;
  }

  get pid() {
    return this.#child.pid;
  }

  get alive() {
    return this.#child !== null && this.#exit === null;
  }

  get exit() {
    return this.#exit;
  }

  // Starts the process on `port` and returns when it is ready.
  async launch() {
    this.spawn();
    await eventually(
      "readiness of the server",
      async () => {
        this.expectRunning();
        return this.ready();
      },
      kStartMs,
      10,
    );
  }

  // Starts the process without waiting for it.
  spawn() {
    const args = ["serve", "--data", this.dir, "--listen", `127.0.0.1:${this.port}`, ...this.args];
    const child = spawn(this.binary, args, { stdio: ["ignore", "pipe", this.stderr], env: this.env });
    this.#child = child;
    this.#exit = null;
    running.add(this);
    const keep = (chunk) => (this.output = (this.output + chunk).slice(-kKeptOutput));
    child.stdout.on("data", keep);
    child.stderr?.on("data", keep);
    this.#ended = new Promise((resolve) => {
      const end = (how) => {
        this.#exit ??= how;
        running.delete(this);
        resolve(this.#exit);
      };
      child.once("error", (error) => end(error.message));
      child.once("exit", (code, signal) => end(signal ?? `code ${code}`));
    });
  }

  ready() {
    if (this.probe) return this.probe(this).catch(() => false);
    return new Promise((resolve) => {
      const { get } = this.scheme === "https" ? https : http;
      const asked = get(`${this.url}/readyz`, { agent: false, timeout: 5_000, rejectUnauthorized: false }, (response) => {
        response.resume();
        response.once("end", () => resolve(response.statusCode === 200));
        response.once("error", () => resolve(false));
      });
      asked.once("timeout", () => asked.destroy());
      asked.once("error", () => resolve(false));
    });
  }

  signal(name) {
    if (this.alive) this.#child.kill(name);
  }

  // Resolves with how the process ended.
  ended(ms = kStartMs) {
    return within(this.#ended, "end of the server", ms);
  }

  // kill -9, and waits until the process is gone.
  async crash() {
    this.expectRunning();
    this.signal("SIGKILL");
    await this.ended();
  }

  // Asks the process to stop; a late, failed or unasked end is an error.
  async stop() {
    this.expectRunning();
    this.signal("SIGTERM");
    let how;
    try {
      how = await this.ended(this.exitMs);
    } catch (error) {
      this.signal("SIGKILL");
      throw error;
    }
    if (how !== "code 0") this.#fail("stopped badly");
  }

  async restart() {
    await this.stop();
    await this.launch();
  }

  async dispose() {
    try {
      if (this.alive) await this.stop();
    } finally {
      this.signal("SIGKILL");
      if (this.#ownsDir) rmSync(this.dir, { recursive: true, force: true });
    }
  }

  expectRunning() {
    if (!this.alive) this.#fail("is not running");
  }

  residentBytes() {
    const status = readFileSync(`/proc/${this.pid}/status`, "utf8");
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)[1]) * 1024;
  }

  // Runs `tidings …args --data DIR` and resolves with {code, stdout, stderr}, whatever the code.
  command(...args) {
    return run(this.binary, [...args, "--data", this.dir], this.env);
  }

  #fail(what) {
    throw new Error(`the server ${what} (${this.#exit})\n${this.output.slice(-8_192)}`);
  }
}

export function run(binary, args, env = environment({}), ms = 60_000) {
  return new Promise((resolve) => {
    const child = execFile(binary, args, { env, timeout: ms, maxBuffer: 256 << 20 }, (error, stdout, stderr) =>
      resolve({ code: error ? (error.code ?? error.signal ?? 1) : 0, stdout, stderr }),
    );
    child.stdin.end();
  });
}
