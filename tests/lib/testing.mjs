// node:test with a deadline for each test, what the server said last beside a failure, and no sockets left open.
import nodeTest, { after } from "node:test";
import { closeClients } from "./socket.mjs";
import { Tidings, serverOutput } from "./server.mjs";

const kTestMs = 120_000;

export function test(name, options, body) {
  if (typeof options === "function") [options, body] = [{}, options];
  return nodeTest(name, { timeout: kTestMs, ...options }, async (t) => {
    try {
      await body(t);
    } catch (error) {
      error.stack = `${error.stack}\n${serverOutput()}`;
      throw error;
    } finally {
      closeClients();
    }
  });
}

// One server for the tests of a file.
export async function sharedServer(options) {
  const server = await Tidings.start(options);
  after(() => server.dispose());
  return server;
}

// A server for one test alone: `await withServer({…}, async (server) => …)`.
export async function withServer(options, body) {
  const server = await Tidings.start(options);
  try {
    return await body(server);
  } catch (error) {
    error.stack = `${error.stack}\n--- server\n${server.output.slice(-4_096)}`;
    throw error;
  } finally {
    closeClients();
    await server.dispose();
  }
}

// Resolves when the wall clock shows another millisecond, so that times of what follows differ.
export async function nextMillisecond() {
  const then = Date.now();
  while (Date.now() <= then + 1) await new Promise((resolve) => setTimeout(resolve, 1));
}
