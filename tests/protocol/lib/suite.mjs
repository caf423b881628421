// What the test files share: servers that live as long as a suite, and tests in which npm's server is known to differ.
import assert from "node:assert/strict";
import { after, afterEach, before, it } from "node:test";
import { eventually, patience } from "../../support/deadline.mjs";
import { EchoServer, isReference } from "../../support/echo_server.mjs";
import { WebSocketPeer } from "./engine.mjs";

// Starts a server before the tests of the enclosing suite and stops it after them; each test ends with the proof that
// the server still serves others. `server.it` is the running EchoServer.
export function useServer(options = {}) {
  const holder = { it: null };
  before(async () => {
    holder.it = await EchoServer.start(options);
  });
  afterEach(() => expectServing(holder.it));
  after(() => holder.it?.stop());
  return holder;
}

// The server answers requests and echoes. A server with a strict heartbeat may close on a busy machine, so once is enough.
export async function expectServing(server) {
  await eventually("echo", async () => {
    await server.expectServing();
    try {
      const peer = await WebSocketPeer.open(server, "/engine.io/");
      peer.send("4still there?");
      assert.equal(await peer.nextMessage(), "4still there?");
      await peer.close();
      return true;
    } catch (error) {
      if (/^closed with/.test(error.message)) return false;
      throw error;
    }
  });
}

// A test that npm's server is known to fail for `reason`. On the reference it must fail: this shows that it can.
export function differs(name, reason, test) {
  if (!isReference) {
    it(name, test);
    return;
  }
  it(`${name} [npm differs: ${reason}]`, async (context) => {
    const { ms } = patience;
    patience.ms = 1_500;
    try {
      await assert.rejects(async () => test(context), `npm's server passes now: drop the mark "${reason}"`);
    } finally {
      patience.ms = ms;
    }
  });
}
