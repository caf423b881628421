// A running server's system calls, by strace: what it asked of the kernel and in which order, or calls that fail.
//
//   const trace = await Trace.attach(server.pid, ["-e", "trace=fdatasync"]);
//   …
//   const lines = await trace.end();
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { eventually, within } from "../support/deadline.mjs";
import { temporaryFolder } from "./server.mjs";

export class Trace {
  #child;
  #file = join(temporaryFolder(), "trace");
  #said = "";

  static async attach(pid, options) {
    const trace = new Trace(pid, options);
    await eventually("strace at the server", () => {
      assert.equal(trace.#child.exitCode, null, `strace cannot watch here (package strace, rights to ptrace): ${trace.#said}`);
      return trace.#said.includes("attached");
    });
    return trace;
  }

  constructor(pid, options) {
    this.#child = spawn("strace", ["-f", "-s", "4096", "-y", "-o", this.#file, ...options, "-p", String(pid)], { stdio: ["ignore", "ignore", "pipe"] });
    this.#child.stderr.on("data", (text) => (this.#said += text));
    this.ended = new Promise((resolve, reject) => {
      this.#child.once("exit", resolve);
      this.#child.once("error", reject);
    });
    this.ended.catch(() => {});
    process.once("exit", () => this.#child.kill("SIGKILL"));
  }

  // The calls as strace writes them, one a line, in the order in which they ended: "PID call(…) = result".
  lines() {
    return readFileSync(this.#file, "utf8").split("\n");
  }

  // Lets go of the server.
  async end() {
    if (this.#child.exitCode === null) this.#child.kill("SIGINT");
    await within(this.ended, "end of strace");
    return this.lines();
  }
}
