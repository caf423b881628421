// A RabbitMQ of a test's own, on free ports of 127.0.0.1, with its data, cookie and logs in a temporary folder.
//
//   const rabbit = await Rabbit.start();
//   … rabbit.url …
//   await rabbit.crash(); await rabbit.launch();     // kill -9, then again on the same ports and folder
//   await rabbit.dispose();
import { spawn } from "node:child_process";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import amqp from "amqplib";
import { eventually, within } from "../support/deadline.mjs";
import { freePort, run, temporaryFolder } from "./server.mjs";

export { amqp };

const kServer = "/usr/lib/rabbitmq/bin/rabbitmq-server";
const kStartMs = 180_000;

const running = new Set();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

// Whether something on `port` answers AMQP's greeting with a method frame.
function greets(port) {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(Buffer.from("AMQP\x00\x00\x09\x01", "latin1")));
    socket.once("data", (data) => {
      socket.destroy();
      resolve(data[0] === 1);
    });
    socket.once("error", () => resolve(false));
    socket.setTimeout(2_000, () => {
      socket.destroy();
      resolve(false);
    });
  });
}

export class Rabbit {
  #node = null;
  #mapper = null;

  static async start() {
    if (!existsSync(kServer)) throw new Error("RabbitMQ is missing: apt-get install rabbitmq-server");
    const rabbit = new Rabbit();
    rabbit.dir = temporaryFolder();
    [rabbit.port, rabbit.distribution, rabbit.mapper] = [await freePort(), await freePort(), await freePort()];
    writeFileSync(join(rabbit.dir, ".erlang.cookie"), "tidingstests");
    chmodSync(join(rabbit.dir, ".erlang.cookie"), 0o400);
    writeFileSync(join(rabbit.dir, "enabled_plugins"), "[].\n");
    writeFileSync(join(rabbit.dir, "env.conf"), "\n");
    writeFileSync(join(rabbit.dir, "rabbitmq.conf"), "disk_free_limit.absolute = 10MB\nlog.file.level = warning\n");
    rabbit.#mapper = rabbit.#spawn("epmd", ["-port", `${rabbit.mapper}`, "-address", "127.0.0.1"]);
    await rabbit.launch();
    return rabbit;
  }

  get url() {
    return `amqp://guest:guest@127.0.0.1:${this.port}`;
  }

  #environment() {
    return {
      ...process.env,
      HOME: this.dir,
      RABBITMQ_NODENAME: `tidings${this.port}@localhost`,
      RABBITMQ_NODE_IP_ADDRESS: "127.0.0.1",
      RABBITMQ_NODE_PORT: `${this.port}`,
      RABBITMQ_DIST_PORT: `${this.distribution}`,
      ERL_EPMD_PORT: `${this.mapper}`,
      ERL_EPMD_ADDRESS: "127.0.0.1",
      RABBITMQ_MNESIA_BASE: join(this.dir, "data"),
      RABBITMQ_LOG_BASE: join(this.dir, "log"),
      RABBITMQ_CONF_ENV_FILE: join(this.dir, "env.conf"),
      RABBITMQ_CONFIG_FILE: join(this.dir, "rabbitmq"),
      RABBITMQ_ENABLED_PLUGINS_FILE: join(this.dir, "enabled_plugins"),
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: "-kernel inet_dist_use_interface {127,0,0,1} -rabbit dead_letter_worker_publisher_confirm_timeout 5000",
      // The script then becomes the server instead of waiting for it, so that signals reach it.
      detached: "yes",
    };
  }

  #spawn(command, args) {
    const child = spawn(command, args, { stdio: "ignore", env: this.#environment() });
    running.add(child);
    child.ended = new Promise((resolve) => child.once("exit", resolve)).then(() => running.delete(child));
    return child;
  }

  async launch() {
    this.#node = this.#spawn(kServer, []);
    await eventually("RabbitMQ", () => greets(this.port), kStartMs, 50);
  }

  async crash() {
    this.#node.kill("SIGKILL");
    await within(this.#node.ended, "the end of RabbitMQ", 30_000);
  }

  pause() {
    this.#node.kill("SIGSTOP");
  }

  resume() {
    this.#node.kill("SIGCONT");
  }

  // The part of the machine's memory that it may use: 0 raises its memory alarm, and publishers are blocked.
  async allowMemory(part) {
    const call = ["-n", `tidings${this.port}@localhost`, "-a", `vm_memory_monitor set_vm_memory_high_watermark [${part.toFixed(1)}]`];
    const done = await run("/usr/lib/erlang/bin/erl_call", call, this.#environment());
    if (done.code !== 0) throw new Error(`erl_call: ${done.stderr}${done.stdout}`);
  }

  async dispose() {
    this.resume();
    await this.crash();
    this.#mapper.kill("SIGKILL");
    await within(this.#mapper.ended, "the end of epmd", 10_000);
  }
}
