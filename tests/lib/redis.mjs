// A redis-server of a test's own, on a free port of 127.0.0.1, that writes nothing.
//
//   const redis = await Redis.start();
//   … redis.url …
//   await redis.dispose();
import { spawn } from "node:child_process";
import { connect } from "node:net";
import { eventually, within } from "../support/deadline.mjs";
import { freePort, temporaryFolder } from "./server.mjs";

const running = new Set();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

function answers(port) {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.write("PING\r\n"));
    socket.once("data", (data) => {
      socket.destroy();
      resolve(data.toString().startsWith("+PONG"));
    });
    socket.once("error", () => resolve(false));
  });
}

export class Redis {
  #child = null;
  #failure = null;

  static async start() {
    const redis = new Redis();
    redis.port = await freePort();
    const settings = { port: redis.port, bind: "127.0.0.1", save: "", appendonly: "no", dir: temporaryFolder() };
    const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, `${value}`]);
    redis.#child = spawn("redis-server", args, { stdio: "ignore" });
    running.add(redis.#child);
    redis.#child.once("error", (error) => (redis.#failure = error));
    redis.#child.ended = new Promise((resolve) => redis.#child.once("exit", resolve)).then(() => running.delete(redis.#child));
    await eventually("redis-server", () => {
      if (redis.#failure) throw new Error(`redis-server: ${redis.#failure.message}; apt-get install redis-server`);
      return answers(redis.port);
    });
    return redis;
  }

  get url() {
    return `redis://127.0.0.1:${this.port}`;
  }

  async dispose() {
    this.#child.kill("SIGKILL");
    await within(this.#child.ended, "the end of redis-server");
  }
}
