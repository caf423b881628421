// An endpoint for webhooks, or a push gateway: keeps what it was sent, and answers as it is told.
//
//   const hook = await Hook.start();
//   … hook.url, hook.calls …
//   hook.answer = () => 503;               // a status, or {status, headers}, or null for none at all
import { createServer } from "node:http";
import { Webhook } from "standardwebhooks";
import { within } from "../support/deadline.mjs";
import { freePort } from "./server.mjs";

export { Webhook };

export class Hook {
  calls = [];
  answer = () => 200;

  static async start(port) {
    const hook = new Hook();
    hook.port = port ?? (await freePort());
    hook.sockets = new Set();
    hook.server = createServer((request, response) => {
      const chunks = [];
      request.on("data", (chunk) => chunks.push(chunk));
      request.on("end", () => {
        const body = Buffer.concat(chunks).toString("utf8");
        const call = { headers: request.headers, body, json: JSON.parse(body), at: Date.now() };
        const told = hook.answer(call);
        call.status = told?.status ?? told;
        hook.calls.push(call);
        if (told === null) return;
        response.writeHead(call.status, told.headers ?? {});
        response.end();
      });
      request.on("error", () => {});
    });
    hook.server.on("connection", (socket) => {
      hook.sockets.add(socket);
      socket.on("error", () => {});
      socket.once("close", () => hook.sockets.delete(socket));
    });
    await within(
      new Promise((resolve, reject) => {
        hook.server.once("error", reject);
        hook.server.listen(hook.port, "127.0.0.1", resolve);
      }),
      "an endpoint that listens",
    );
    return hook;
  }

  get url() {
    return `http://127.0.0.1:${this.port}/hook`;
  }

  // The calls that were answered by a success, repeats left out.
  get accepted() {
    const firsts = new Map();
    for (const call of this.calls) {
      const id = call.headers["webhook-id"] ?? call.headers["idempotency-key"];
      if (call.status >= 200 && call.status < 300 && !firsts.has(id)) firsts.set(id, call);
    }
    return [...firsts.values()];
  }

  async stop() {
    const closed = new Promise((resolve) => this.server.close(resolve));
    for (const socket of this.sockets) socket.destroy();
    await within(closed, "the end of an endpoint");
  }
}

export async function withHooks(count, body) {
  const hooks = [];
  try {
    for (let i = 0; i < count; i++) hooks.push(await Hook.start());
    return await body(...hooks);
  } finally {
    for (const hook of hooks) await hook.stop();
  }
}
