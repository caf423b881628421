// Instances of `tidings worker NAME` as child processes, on a server's data folder.
//
//   const worker = await Worker.start(server, "webhook", { env: { … } });
//   await worker.crash(); await worker.launch();      // kill -9, and again
//   await worker.stop();                              // SIGTERM, must exit cleanly
import { spawn } from "node:child_process";
import { eventually, within } from "../support/deadline.mjs";
import { kBinary } from "./server.mjs";

const kKeptOutput = 64 * 1024;
const kStartMs = 60_000;
const kExitMs = 30_000;

const running = new Set();
process.on("exit", () => {
  for (const worker of running) worker.signal("SIGKILL");
});

export class Worker {
  #child = null;
  #ended = null;
  #exit = null;
  output = "";

  static async start(server, name, options) {
    const worker = new Worker(server, name, options);
    await worker.launch();
    return worker;
  }

  // `url` of the broker; `env` is merged over the server's.
  constructor(server, name, { url, env = {}, args = [] }) {
    Object.assign(this, { server, name, url, args });
    this.env = { ...server.env, ...env };
  }

  get alive() {
    return this.#child !== null && this.#exit === null;
  }

  get exit() {
    return this.#exit;
  }

  spawn() {
    const args = ["worker", this.name, "--amqp", this.url, "--data", this.server.dir, ...this.args];
    const child = spawn(kBinary, args, { stdio: ["ignore", "pipe", "pipe"], env: this.env });
    this.#child = child;
    this.#exit = null;
    this.output = "";
    running.add(this);
    const keep = (chunk) => (this.output = (this.output + chunk).slice(-kKeptOutput));
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
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

  async launch() {
    this.spawn();
    await eventually(
      `worker ${this.name}`,
      () => {
        if (!this.alive) throw new Error(`the worker ended (${this.#exit})\n${this.output}`);
        return this.output.includes(`worker ${this.name} works`);
      },
      kStartMs,
    );
  }

  signal(name) {
    if (this.alive) this.#child.kill(name);
  }

  ended(ms = kExitMs) {
    return within(this.#ended, `end of worker ${this.name}\n${this.output.slice(-4_096)}`, ms);
  }

  async crash() {
    this.signal("SIGKILL");
    await this.ended();
  }

  async stop() {
    this.signal("SIGTERM");
    const how = await this.ended();
    if (how !== "code 0") throw new Error(`the worker stopped badly (${how})\n${this.output.slice(-8_192)}`);
  }
}

// What the worker's lanes counted of the order: {early, missed, late}, by the server's metrics. The first look has them read.
export async function orderOf(server, name) {
  const figures = { early: "early_events", missed: "missed_events_total", late: "late_events_total" };
  return eventually(`metrics of worker ${name}`, async () => {
    const text = await (await fetch(`${server.url}/metrics`)).text();
    const of = (figure) => new RegExp(`^tidings_worker_${figure}\\{worker="${name}"\\} (\\d+)$`, "m").exec(text);
    if (of(figures.early) === null) return null;
    return Object.fromEntries(Object.entries(figures).map(([key, figure]) => [key, Number(of(figure)[1])]));
  });
}

// `await withWorkers(server, "webhook", 3, { url, env }, async (workers) => …)`: they are stopped at the end, whatever happens.
export async function withWorkers(server, name, count, options, body) {
  const workers = [];
  try {
    for (let i = 0; i < count; i++) workers.push(await Worker.start(server, name, options));
    return await body(workers);
  } catch (error) {
    for (const worker of workers) error.stack += `\n--- worker ${name} (${worker.exit ?? "runs"})\n${worker.output.slice(-4_096)}`;
    await Promise.all(workers.filter((worker) => worker.alive).map((worker) => worker.crash()));
    throw error;
  } finally {
    await Promise.all(workers.filter((worker) => worker.alive).map((worker) => worker.stop()));
  }
}
