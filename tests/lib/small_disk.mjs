// A disk of a few MiB that a test can fill: a tmpfs in a mount namespace of its own, so that nothing is left behind
// however the test ends. Needs root, or a kernel that gives namespaces to users.
//
//   const disk = await SmallDisk.mount(16);
//   const server = await Tidings.start({ dir: disk.folder, binary: disk.program(kBinary) });
//   disk.fill();                       // to the last byte
//   disk.free();
//   disk.unmount();                    // after the server has ended
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { closeSync, fsyncSync, openSync, rmSync, statfsSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../support/deadline.mjs";
import { temporaryFolder } from "./server.mjs";

const kRoot = process.getuid() === 0;

export class SmallDisk {
  #keeper;
  #program;

  static async mount(mib) {
    const disk = new SmallDisk(mib);
    await disk.#mounted();
    return disk;
  }

  constructor(mib) {
    const work = temporaryFolder();
    this.point = join(work, "disk");
    this.folder = join(this.point, "data");
    this.#program = join(work, "inside");
    const script = `mkdir "$1" && mount -t tmpfs -o size=${mib}m,mode=755 small "$1" && echo mounted && exec cat`;
    // `cat` keeps the namespace until its input ends: with this process, at the latest.
    this.#keeper = spawn("unshare", [...(kRoot ? [] : ["--map-root-user"]), "--mount", "sh", "-c", script, "sh", this.point]);
    this.said = "";
    for (const stream of [this.#keeper.stdout, this.#keeper.stderr]) stream.on("data", (text) => (this.said += text));
  }

  async #mounted() {
    await eventually("mount of a small disk", () => {
      assert.equal(this.#keeper.exitCode, null, `no small disk can be mounted here (root, or user namespaces?): ${this.said}`);
      return this.said.includes("mounted");
    });
  }

  // A program that runs `binary` where the disk is mounted.
  program(binary) {
    const enter = `nsenter --target ${this.#keeper.pid} --mount ${kRoot ? "" : "--user --preserve-credentials "}--`;
    writeFileSync(this.#program, `#!/bin/sh\nexec ${enter} ${binary} "$@"\n`, { mode: 0o755 });
    return this.#program;
  }

  // A path on the disk, as it is seen from outside of the namespace.
  outside(path = "") {
    return join(`/proc/${this.#keeper.pid}/root`, this.point, path);
  }

  // Bytes that are free.
  room() {
    const { bavail, bsize } = statfsSync(this.outside());
    return bavail * bsize;
  }

  // Takes all the room, but for `left` bytes of it.
  fill(left = 0) {
    const file = openSync(this.outside("filler"), "a");
    try {
      for (let size = 1 << 20; size > 0; ) {
        const wanted = Math.min(size, this.room() - left);
        if (wanted <= 0) return;
        try {
          writeSync(file, Buffer.alloc(wanted, 1));
        } catch (error) {
          if (error.code !== "ENOSPC") throw error;
          size >>= 1;
        }
      }
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  }

  free() {
    rmSync(this.outside("filler"), { force: true });
  }

  unmount() {
    this.#keeper.stdin.end();
  }
}
