// Client programs in other languages: each connects to the echo server, checks, and prints a line for each check,
// "ok NAME" or "FAIL NAME: why". "restart" asks for the server to be restarted. Every line becomes a test here.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { after, before, it } from "node:test";
import { EchoServer, isReference, kRelaxed } from "../../support/echo_server.mjs";

const kLimit = 600_000;
// Not as relaxed as elsewhere: some of these clients notice that a server went away by a missing heartbeat only (the
// Java client after a close frame, the Python one while its sending half waits).
const kFlags = { ...kRelaxed, pingInterval: 2_000, pingTimeout: 15_000 };

// Defines a test that runs `command` with the server's URL and `transport` behind its arguments. `differs` maps the
// checks that fail against npm's server to the reason.
export function programTest(command, transport, differs = {}) {
  let server;
  before(async () => {
    server = await EchoServer.start(kFlags);
  });
  after(() => server?.stop());

  it(transport, { timeout: kLimit }, async (context) => {
    const [program, ...args] = [...command, server.url, transport];
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
    context.after(() => child.kill("SIGKILL"));
    let errors = "";
    child.stderr.on("data", (chunk) => (errors = (errors + chunk).slice(-8_192)));
    const exited = new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, signal) => resolve(signal ?? code));
    });
    exited.catch(() => {});
    let checks = 0;
    for await (const line of createInterface({ input: child.stdout })) {
      const [, verdict, name, why] = /^(ok|FAIL) ([^:]*)(?:: (.*))?$/.exec(line) ?? [];
      if (line === "restart") {
        await server.stop();
        await server.launch();
      } else if (verdict) {
        checks++;
        await context.test(name, () => expectVerdict(verdict, why, differs[name]));
      } else {
        context.diagnostic(line);
      }
    }
    assert.equal(await exited, 0, errors);
    assert.ok(checks > 0, "no checks were made");
  });
}

function expectVerdict(verdict, why, difference) {
  if (isReference && difference) {
    assert.equal(verdict, "FAIL", `npm's server passes now: drop the mark "${difference}"`);
  } else {
    assert.equal(verdict, "ok", why);
  }
}
